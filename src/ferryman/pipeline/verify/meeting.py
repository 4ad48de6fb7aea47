"""Both sides at one place of the log, while everything goes on: what no sequence of looks at moving rows can prove.

A row, or the number of equal rows of a table without a key, may change to and fro between two looks at each side, and
show the same difference again and again where there is none. So the verdict on what moves is reached where nothing does:

1. Apply is asked to stand still (note ``verify.meet``); it does so behind a whole window and says at which place H.
2. A snapshot of the source is opened, without a lock; its place P in the log is known, and is at or behind H.
3. Apply goes on to exactly P. There a snapshot of the target is opened, and apply is let go: it stood still for less
   than a second, however long the snapshots are read from then on.
4. The checkpoint in the target is read *after* its snapshot was opened. Checkpoints only rise (I2): if it is P, with no
   window begun, the snapshot shows every change up to P and none behind it. Else the meeting has failed, and is repeated.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.rules.source import unruled_source
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers, Stopped
from ferryman.spi.source import SnapshotSource, Source, TableReader
from ferryman.spi.target import Target
from ferryman.spi.task import MEET_NOTE, MET_NOTE, TaskContext

T = TypeVar("T")

TRIES = 3
POLL_SECONDS = 0.05
NO_SNAPSHOT = frozenset({"source.no_snapshot", "source.privilege", "source.slot_busy", "target.no_snapshot"})
"""Errors that say that a side cannot be seen at one moment."""


class MeetingPoint:
    """Arranges meetings, one at a time. Thread-safe."""

    def __init__(self, context: TaskContext, source: Source, target: Target, patience_seconds: float) -> None:
        """Arrange nothing yet; apply, which looks once a second and between windows only, is waited for so long."""
        self._context = context
        self._source = source
        self._target = target
        self._patience_seconds = patience_seconds
        self._possible = isinstance(unruled_source(source), SnapshotSource)
        self._lock = threading.Lock()
        self._unseen: set[TableName] = set()
        """Tables that cannot be seen at one moment on one of the sides."""

    @contextmanager
    def readers(self, pair: Pair) -> Iterator[Readers | None]:
        """Yield readers of a table as both sides were at one place of the log; `None` where that cannot be had.

        Raises:
            FerrymanError: What an endpoint raised.
            Stopped: The task shall end.
        """
        with ExitStack() as stack:
            opened: Readers | None = None
            tries = TRIES
            while self._possible and tries and opened is None and pair.name not in self._unseen:
                tries -= 1
                opened = self._meet(pair, stack)
            yield opened

    def _meet(self, pair: Pair, stack: ExitStack) -> Readers | None:
        with self._lock, self._asked() as asked:
            held = asked.wait(lambda position: True)
            if held is None:
                self._unseen.add(pair.name)  # apply is busy with something long
                return None
            found = self._open(lambda: self._snapshot(pair, held))
            if found is None:
                self._unseen.add(pair.name)
                return None
            source, place = found
            stack.enter_context(closing(source))
            asked.move_to(place)
            if asked.wait(lambda position: position >= place) is None:
                return None
            target = self._open(lambda: self._target.snapshot_reader(pair.target.table))
            if target is None:
                self._unseen.add(pair.name)
                return None
            stack.enter_context(closing(target))
            if not self._stood_at(place):
                return None
        return Readers(_Opened(source), _Opened(target), self._context.stop_requested)

    def _snapshot(self, pair: Pair, held: Position) -> tuple[TableReader, Position] | None:
        """Open a snapshot of the source at or behind `held`; one that is too early is opened anew."""
        if not isinstance(self._source, SnapshotSource):
            return None
        for _ in range(TRIES):
            found = self._source.snapshot(pair.source.table, held)
            if found is None or found[1] >= held:
                return found
            found[0].close()
        return None

    def _open(self, action: Callable[[], T | None]) -> T | None:
        try:
            return action()
        except FerrymanError as error:
            if error.code not in NO_SNAPSHOT:
                raise
            return None

    def _stood_at(self, place: Position) -> bool:
        checkpoint = self._target.load_checkpoint(self._context.project_id)
        return checkpoint is not None and checkpoint.intent is None and checkpoint.position == place

    @contextmanager
    def _asked(self) -> Iterator[_Asked]:
        asked = _Asked(self._context, uuid.uuid4().hex, time.monotonic() + self._patience_seconds)
        asked.move_to(None)
        try:
            yield asked
        finally:
            self._context.set_note(MEET_NOTE, None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A meeting that apply has been asked for."""

    context: TaskContext
    id: str
    deadline: float

    def move_to(self, place: Position | None) -> None:
        """Say where to stand still; `None`: wherever apply is."""
        self.context.set_note(MEET_NOTE, {"id": self.id, "place": place and to_json(place)})

    def wait(self, is_there: Callable[[Position], bool]) -> Position | None:
        """Return where apply stands, once it stands at the right place; `None` when it does not come to that."""
        while time.monotonic() < self.deadline:
            met = self.context.note(MET_NOTE)
            if met is not None and met["id"] == self.id:
                if met["over"]:
                    return None
                position: Position = from_json(Position, met["position"])
                if is_there(position):
                    return position
            if self.context.wait(POLL_SECONDS):
                raise Stopped
        return None


@dataclass(frozen=True, slots=True)
class _Opened:
    """Stands for an endpoint of which one reader is open."""

    opened: TableReader

    def reader(self) -> TableReader:
        """Return it."""
        return self.opened
