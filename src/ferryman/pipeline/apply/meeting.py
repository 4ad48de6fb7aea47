"""Apply stands still at one place of the log, for a moment, so that verification can see both sides at that place.

Verification asks for a halt; apply stops behind a whole window and says where. Verification opens a snapshot of the
source at or behind that place and names the snapshot's place; apply goes on to exactly there and stops again, until the
snapshot of the target is open. That it stood still is proved by the checkpoint in the target, not by what is said here.

A halt ends by itself after `MOST_SECONDS`: whoever asked may have died.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.apply.window import Part
from ferryman.spi.task import MEET_NOTE, MET_NOTE, TaskContext

MOST_SECONDS = 10.0
"""So long apply stands still for one meeting at most."""


class Halt(Protocol):
    """Where apply has to stand still, if it has to."""

    @property
    def place(self) -> Position | None:
        """The place no window may reach across, if one is known."""
        ...

    def look(self) -> None:
        """See what is asked for now."""
        ...

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether apply must stand still where it is."""
        ...

    def lies_before(self, item: Part | SchemaStatement) -> bool:
        """Whether the place lies before an item, so that apply has to stand still first."""
        ...


class _NoHalt:
    """Nobody asks."""

    place: Position | None = None

    def look(self) -> None:
        """Nothing is asked for."""

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Never."""
        del checkpoint
        return False

    def lies_before(self, item: Part | SchemaStatement) -> bool:
        """Never."""
        del item
        return False


NO_HALT: Halt = _NoHalt()


@dataclass(frozen=True, slots=True)
class _Wish:
    """A meeting that is asked for; `place` is `None` until it is known."""

    id: str
    place: Position | None


class Meeting:
    """Reads the note ``verify.meet``, writes ``verify.met``. One thread."""

    def __init__(self, context: TaskContext, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a meeting."""
        self._context = context
        self._clock = clock
        self._wish: _Wish | None = None
        self._begun: float | None = None
        self._said: tuple[str, Position] | None = None
        met = context.note(MET_NOTE)
        self._over = str(met["id"]) if met and met["over"] else ""

    def look(self) -> None:
        """See what is asked for now."""
        asked = self._context.note(MEET_NOTE)
        wish = None if asked is None else _Wish(str(asked["id"]), _place(asked["place"]))
        if wish is None or wish.id == self._over:
            self._wish = self._begun = None
            return
        if self._wish is None or self._wish.id != wish.id:
            self._begun = None
        self._wish = wish

    @property
    def place(self) -> Position | None:
        """The place no window may reach across, if one is known."""
        return self._wish.place if self._wish is not None else None

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether apply must stand still where it is."""
        wish = self._wish
        if wish is None or checkpoint.intent is not None:
            return False
        self._begun = self._clock() if self._begun is None else self._begun
        if self._clock() - self._begun > MOST_SECONDS:
            self._give_up()
            return False
        if wish.place is not None and checkpoint.position < wish.place:
            return False
        if self._said != (wish.id, checkpoint.position):
            self._say(wish.id, checkpoint.position, over=False)
        return True

    def lies_before(self, item: Part | SchemaStatement) -> bool:
        """Whether the place lies before an item, so that apply has to stand still first."""
        if (place := self.place) is None:
            return False
        if isinstance(item, SchemaStatement):
            return item.position > place
        if item.end <= place:
            return False
        if any(placed.position <= place for placed in item.changes):
            self._give_up()  # the window was cut before the place was known: another meeting will do
            return False
        return True

    def _give_up(self) -> None:
        assert self._wish is not None
        self._over = self._wish.id
        self._say(self._over, None, over=True)
        self._wish = self._begun = None

    def _say(self, meeting: str, position: Position | None, *, over: bool) -> None:
        document = {"id": meeting, "position": position and to_json(position), "over": over}
        self._context.set_note(MET_NOTE, document)
        self._said = None if position is None else (meeting, position)


def _place(document: object) -> Position | None:
    return None if document is None else from_json(Position, document)
