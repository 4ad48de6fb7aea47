"""What drives along the log needs of whatever takes the changes: a database (`applier`), or a sink (`publish`)."""

from __future__ import annotations

from typing import Any, Protocol

from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.position import Position
from ferryman.pipeline.apply.statement import Outcome
from ferryman.pipeline.apply.window import Part


class Replay(Protocol):
    """Takes one log, from its checkpoint on."""

    @property
    def checkpoint(self) -> Checkpoint:
        """As it stands where changes go."""
        ...

    @property
    def fence(self) -> Position | None:
        """From where on the target is consistent; `None` while that is not known."""
        ...

    @property
    def consistent(self) -> bool:
        """Whether the checkpoint has passed the fence."""
        ...

    def settle(self) -> int:
        """Read again what the log did not say; returns rows written."""
        ...

    def prepare(self, part: Part) -> Any:
        """Do what can be done of a part before it is its turn: in another thread, touching no server."""
        ...

    def apply(self, part: Part, prepared: Any = None) -> None:
        """Take a part of the log, and commit the checkpoint with it; `prepared` is what `prepare` made of it, if it did."""
        ...

    def run(self, statement: SchemaStatement) -> Outcome:
        """Take a schema statement."""
        ...

    def move_to(self, border: Position) -> None:
        """Move the checkpoint over a stretch of the log that holds nothing for us."""
        ...
