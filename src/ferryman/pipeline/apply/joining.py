"""Tables that join a project while it runs: brought up by another project, taken over at one place of the log.

The other project (its *guest*) has schema, load and apply of its own for the tables. To hand over, apply stands still
behind a whole window, at a place P; the guest ends at a place C at or behind P; apply goes on to exactly C, where no
window reaches across, and there writes the guest's tables (as the guest's checkpoint has them, I9) into its own
checkpoint, in one transaction (I2). The guest has applied their changes up to C, and we apply those behind C: each once.

Whatever dies on the way finds the same notes again, and the guest's checkpoint stays in the target until we have said
that its tables are ours (I8). `docs/objects.md` has it all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.apply.window import Part
from ferryman.spi.task import TaskContext, selection_of

HOLD_NOTE = "objects.hold"
HELD_NOTE = "objects.held"
JOIN_NOTE = "objects.join"
JOINED_NOTE = "objects.joined"


class Host(Protocol):
    """What tables join: an applier."""

    @property
    def checkpoint(self) -> Checkpoint:
        """As it stands in the target."""
        ...

    def move_to(self, border: Position) -> None:
        """Move the checkpoint over a stretch of the log that holds nothing for us."""
        ...

    def join(self, schema: Schema) -> None:
        """Take tables over at the checkpoint's place."""
        ...


class Junction(Protocol):
    """Where tables join, if they do."""

    @property
    def place(self) -> Position | None:
        """The place of the log that no window may reach across, until it has been reached."""
        ...

    def look(self) -> None:
        """Read what is wanted now."""
        ...

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether apply must stand still where it is; said to others before this returns true."""
        ...

    def passed_by(self, item: Part | SchemaStatement) -> bool:
        """Whether an item lies behind the place where tables join: then the host has been moved there instead."""
        ...

    def arrive(self) -> bool:
        """Join the tables if the host stands at their place; returns whether it has been done."""
        ...


class _NoJunction:
    """Nobody joins."""

    place: Position | None = None

    def look(self) -> None:
        """Nothing is wanted."""

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Never."""
        del checkpoint
        return False

    def passed_by(self, item: Part | SchemaStatement) -> bool:
        """Never."""
        del item
        return False

    def arrive(self) -> bool:
        """Never."""
        return False


NO_JUNCTION: Junction = _NoJunction()


@dataclass(frozen=True, slots=True)
class _Guest:
    """A project at its end.

    Attributes:
        record: Which change of objects this is.
        place: Up to where the guest has applied the changes of its tables.
        schema: Its tables as they are there.
        selection: What we move with them.
    """

    record: str
    place: Position
    schema: Schema
    selection: Selection


class Joining:
    """The junction of a task: reads the notes of control, writes its own."""

    def __init__(self, context: TaskContext, checkpoint_of: Callable[[str], Checkpoint | None]) -> None:
        """Make a junction; `checkpoint_of` reads the checkpoint of a project in the target."""
        self._context = context
        self._checkpoint_of = checkpoint_of
        self._hold: str | None = None
        self._held: str | None = None
        self._guest: _Guest | None = None
        self._joined: set[str] = set()
        self._host: Host | None = None
        self.look()

    def bind(self, host: Host) -> None:
        """Say who takes the tables."""
        self._host = host

    @property
    def place(self) -> Position | None:
        """Where the guest stands, until its tables are ours."""
        return self._guest.place if self._guest is not None and self._guest.record not in self._joined else None

    def look(self) -> None:
        """Read the notes ``objects.hold`` and ``objects.join``."""
        hold = self._context.note(HOLD_NOTE)
        self._hold = str(hold["record"]) if hold else None
        join = self._context.note(JOIN_NOTE)
        if join is None:
            self._guest = None
        elif self._guest is None or self._guest.record != join["record"]:
            self._guest = self._find(join)

    def _find(self, join: dict[str, Any]) -> _Guest | None:
        checkpoint = self._checkpoint_of(str(join["project"]))
        if checkpoint is not None:
            selection = from_json(Selection, join["selection"])
            return _Guest(str(join["record"]), checkpoint.position, checkpoint.schema, selection)
        if self._context.note(JOIN_NOTE) is None:
            return None  # control has finished the change between our two looks
        raise FerrymanError("internal.error", f"project {join['project']} has left no checkpoint to join at")

    def selection_at(self, checkpoint: Checkpoint) -> Selection:
        """Return what is moved behind a checkpoint, and find out whether the guest's tables are in it already.

        The guest is looked at before the note of the selection: control writes that one and removes the guest at once.
        """
        selection = selection_of(self._context)
        guest = self._guest
        if guest is None or checkpoint.position < guest.place:
            return selection
        ours = {table.name for table in checkpoint.schema.tables}
        if checkpoint.position == guest.place and any(table.name not in ours for table in guest.schema.tables):
            return selection
        self._say_joined(guest)
        return guest.selection

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Stand still once told to, behind a whole window, until it is known where the guest ends."""
        if self._hold is None or self._guest is not None or checkpoint.intent is not None:
            return False
        if self._held != self._hold:
            self._context.set_note(HELD_NOTE, {"record": self._hold, "position": to_json(checkpoint.position)})
            self._held = self._hold
        return True

    def passed_by(self, item: Part | SchemaStatement) -> bool:
        """Move the host to the place instead of an item behind it: what lies between is nothing of ours."""
        place = self.place
        end = item.position if isinstance(item, SchemaStatement) else item.end
        if place is None or end <= place or self._host is None:
            return False
        if isinstance(item, Part) and any(placed.position <= place for placed in item.changes):
            raise FerrymanError("internal.error", f"a window reaches across {place}, where tables are to join")
        self._host.move_to(place)
        return True

    def arrive(self) -> bool:
        """Join at the very place."""
        guest, host = self._guest, self._host
        if guest is None or host is None or self.place is None or host.checkpoint.position < guest.place:
            return False
        if host.checkpoint.position > guest.place:
            raise FerrymanError("internal.error", f"{guest.place}, where tables were to join, has been passed")
        host.join(guest.schema)
        self._say_joined(guest)
        names = ", ".join(str(table.name) for table in guest.schema.tables[:20])
        self._context.event("info", f"joined: {names}", position=str(guest.place))
        return True

    def _say_joined(self, guest: _Guest) -> None:
        if guest.record not in self._joined:
            self._context.set_note(JOINED_NOTE, {"record": guest.record})
            self._joined.add(guest.record)


def followed(checkpoint: Checkpoint, selection: Selection) -> Checkpoint:
    """Leave out of a checkpoint the tables that are moved no more."""
    gone = [table.name for table in checkpoint.schema.tables if not selection.follows(table.name)]
    schema = checkpoint.schema
    for name in gone:
        schema = schema.without_table(name)
    return replace(checkpoint, schema=schema) if gone else checkpoint
