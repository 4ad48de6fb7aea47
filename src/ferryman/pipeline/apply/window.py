"""Windows: the log cut at transaction borders into what is applied at once (algorithms.md §5, §10)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, LogItem, Pulse, Rollback, Savepoint, SchemaStatement
from ferryman.model.position import Position
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog

_MAX_BYTES = 32 << 20
_LOOK_SECONDS = 0.25
"""So long at most the log is read before its reader may look at other things."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A change, the place behind its record, and what the source calls its transaction."""

    change: ChangeBatch
    position: Position
    transaction: str = ""


@dataclass(frozen=True, slots=True)
class Border:
    """The end of a transaction: behind how many changes of its part, the place, and what the source calls it."""

    changes: int
    position: Position
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is applied at once: a window, or a part of one whose single transaction is larger than memory.

    Attributes:
        start: Everything up to here is applied.
        end: The place behind the last change.
        whole: Whether `end` lies between two transactions, so that the checkpoint may go there.
        changes: In log order.
        borders: Where transactions end that changed something, in order.
    """

    start: Position
    end: Position
    whole: bool
    changes: Sequence[Placed]
    borders: Sequence[Border] = ()

    @property
    def row_count(self) -> int:
        """Changed rows."""
        return sum(placed.change.row_count for placed in self.changes)


@dataclass(slots=True)
class _Pile:
    """Changes with their size, and the ends of transactions among them."""

    changes: list[Placed] = field(default_factory=list)
    borders: list[Border] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0

    def add(self, placed: Placed) -> None:
        change = placed.change
        self.changes.append(placed)
        self.rows += change.row_count
        self.bytes += change.byte_size

    def take(self, other: _Pile) -> None:
        self.changes.extend(other.changes)
        self.rows += other.rows
        self.bytes += other.bytes

    def cut_back(self, count: int) -> _Pile:
        """Return a pile of the first `count` changes."""
        kept = _Pile()
        for placed in self.changes[:count]:
            kept.add(placed)
        return kept


class Cutter:
    """Cuts one log into windows.

    Attributes:
        seen: When the source was last known to be alive, Unix seconds.
        drained: Whether `next` last returned because the log had nothing more; not, because it had read for long enough.
        split: Whether the last schema statement handed out stood amid a transaction.
        handed_rows: Rows handed out of a transaction in parts that is not over; 0 between transactions.
        handed_bytes: Their bytes.
    """

    def __init__(
        self,
        log: RecordLog,
        decoder: LogDecoder,
        start: Position,
        *,
        window_changes: int,
        concerns: Callable[[SchemaStatement], bool],
        fence: Callable[[], Position | None] = lambda: None,
        junction: Callable[[], Position | None] = lambda: None,
        meeting: Callable[[], Position | None] = lambda: None,
    ) -> None:
        """Make a cutter.

        Args:
            log: Delivers the records behind `start`.
            decoder: Decodes them.
            start: The checkpoint's position.
            window_changes: Most changes in a window; a greater transaction is cut into parts of this size.
            concerns: Whether a schema statement touches what is moved; others cost nothing.
            fence: A place (the load's end) that no window reaches across.
            junction: Another one: where tables join.
            meeting: Another one: where verification looks at both sides.
        """
        self._log = log
        self._decoder = decoder
        self._window_changes = window_changes
        self._concerns = concerns
        self._fences = (fence, junction, meeting)
        self._applied = start
        self._forced_end: Position | None = None
        self._ready, self._open = _Pile(), _Pile()
        self._transaction = ""
        self._savepoints: dict[str, int] = {}
        """Of the open transaction: how many changes of `_open` came before each."""
        self._held: SchemaStatement | None = None
        self._again: LogRecord | None = None
        """Was decoded up to a schema statement that comes before it; decoded anew behind that."""
        self._border = self._last = start
        self.seen = start.time
        self.drained = self.split = False
        self.handed_rows = self.handed_bytes = 0

    def resume(self, applied: Position, end: Position) -> None:
        """Cut the first part as it was cut before a crash: ``applied < record <= end``."""
        self._applied = applied
        if end > applied:
            self._forced_end = end

    @property
    def border(self) -> Position:
        """The last place between two transactions that has been read."""
        return self._border

    @property
    def idle_border(self) -> Position | None:
        """The last place between two transactions, if nothing before it waits and nothing behind it is applied."""
        if self._forced_end is not None or self._held is not None or self._ready.changes:
            return None
        return self._border if self._applied <= self._border else None

    def next(self, timeout: float) -> Part | SchemaStatement | None:
        """Return the next part or schema statement; `None` when nothing is to be applied within `timeout` seconds.

        Whole transactions are handed out as soon as nothing more waits in the log: when caught up, a window is as
        small as its transaction; when behind, it grows to its limit.
        """
        if self._held is not None:
            return self._release()
        deadline = time.monotonic() + _LOOK_SECONDS
        while True:
            hurry = self._ready.changes and self._forced_end is None
            record, self._again = self._again or self._log.poll(0.0 if hurry else timeout), None
            self.drained = record is None
            if record is not None and (cut := self._take(record)) is not None:
                return cut
            if record is None or time.monotonic() > deadline:
                return self._cut_ready() if self._ready.changes and self._forced_end is None else None

    def _take(self, record: LogRecord) -> Part | SchemaStatement | None:
        """Take a record; returns what is full with it."""
        items = self._decode(record)
        if not items and not record.boundary and self._forced_end is None and self._open.rows < self._window_changes:
            self._last = record.position  # one of the many that say nothing by themselves
            return None
        statement = self._sort(record, items)
        if statement is not None and statement.position < record.position:
            self._again = record
            return self._cut_before(statement)
        if statement is not None and self._concerns(statement):
            return self._cut_before(statement)
        self._last = record.position
        ends = record.boundary and self._ends_window(record.position)
        if record.boundary:
            self._close(record.position)
        if self._forced_end is not None:
            return self._cut_forced(record)
        if ends:  # a transaction in parts, or the load: even with nothing more to apply, the checkpoint moves
            return self._cut_ready()
        if not self._is_full():
            return None
        return self._cut_ready() if self._ready.changes else self._cut_open(record)

    def _ends_window(self, border: Position) -> bool:
        """Whether a transaction in parts, or the load, ends at the border that is about to be passed."""
        if border < self._applied:
            return False  # after a crash, inside what is applied already
        places = [place for fence in self._fences if (place := fence()) is not None]
        return self._border < self._applied or any(self._border < place <= border for place in places)

    def _is_full(self) -> bool:
        rows, size = self._ready.rows + self._open.rows, self._ready.bytes + self._open.bytes
        return rows >= self._window_changes or size >= _MAX_BYTES

    def _decode(self, record: LogRecord) -> list[LogItem]:
        if not record.payload:
            return [Pulse(position=record.position)]
        try:
            return self._decoder.decode(record)
        except FerrymanError as error:
            error.context.setdefault("position", str(record.position))
            raise

    def _sort(self, record: LogRecord, items: Sequence[LogItem]) -> SchemaStatement | None:
        statement = None
        for item in items:
            if isinstance(item, ChangeBatch):
                if self._applied < record.position:  # else: it is in already, by a part before the crash
                    self._open.add(Placed(item, record.position, self._transaction))
            elif isinstance(item, Begin):
                self._transaction = item.transaction_id
            elif isinstance(item, SchemaStatement):
                statement = item
            elif isinstance(item, Pulse):
                self._see(item.position)
            elif isinstance(item, Savepoint):
                self._mark(item, record)
            elif isinstance(item, Rollback):
                self._undo(item)
        if record.boundary:
            self._see(record.position)
        return statement

    def _see(self, place: Position) -> None:
        """The source was alive then; a clock that went ahead says nothing of the time until it is that late here."""
        self.seen = max(self.seen, min(place.time, time.time()))

    def _mark(self, savepoint: Savepoint, record: LogRecord) -> None:
        if record.position > self._applied:
            self._savepoints[savepoint.name] = len(self._open.changes)

    def _undo(self, rollback: Rollback) -> None:
        """Forget changes that were rolled back; those that have been handed out cannot be taken back."""
        count = self._savepoints.get(rollback.savepoint, -1) if rollback.savepoint is not None else 0
        if count < 0 or (rollback.savepoint is None and self._applied > self._border):
            raise _handed_out(rollback)
        self._open = self._open.cut_back(count)
        self._savepoints = {name: before for name, before in self._savepoints.items() if before <= count}

    def _close(self, border: Position) -> None:
        """The open transaction is whole."""
        self._savepoints = {}
        ends = self._open.changes or self._border < self._applied
        self._ready.take(self._open)
        if ends:
            self._ready.borders.append(Border(len(self._ready.changes), border, self._transaction))
        self._open = _Pile()
        self._border = border
        self.handed_rows = self.handed_bytes = 0

    def _cut_ready(self) -> Part:
        pile, self._ready = self._ready, _Pile()
        return self._cut(pile, self._border, whole=True)

    def _cut_open(self, record: LogRecord) -> Part:
        """One transaction alone is larger than a window: hand out what has been read of it."""
        pile, self._open, self._savepoints = self._open, _Pile(), {}
        self.handed_rows += pile.rows
        self.handed_bytes += pile.bytes
        return self._cut(pile, record.position, whole=False)

    def _cut(self, pile: _Pile, end: Position, *, whole: bool) -> Part:
        part = Part(start=self._applied, end=end, whole=whole, changes=pile.changes, borders=pile.borders)
        self._applied = end
        return part

    def _cut_before(self, statement: SchemaStatement) -> Part | SchemaStatement:
        """A schema statement is a window of its own; what is before it goes first, up to the border before it.

        Where schema statements take part in transactions, one may stand amid a transaction: then that is cut in two.
        """
        self.split = bool(self._open.changes) or self._applied > self._border
        if self._open.changes:
            self._close(self._last)
        self._held = statement
        self._forced_end = None
        return self._cut_ready() if self._ready.changes else self._release()

    def _release(self) -> SchemaStatement:
        assert self._held is not None
        statement, self._held = self._held, None
        self._applied = self._border = self._last = statement.position
        return statement

    def _cut_forced(self, record: LogRecord) -> Part | None:
        if self._forced_end is None or record.position < self._forced_end:
            return None
        self._forced_end = None
        if record.boundary:
            return self._cut_ready()
        self._ready.take(self._open)
        self._open, self._savepoints = _Pile(), {}
        pile, self._ready = self._ready, _Pile()
        return self._cut(pile, record.position, whole=False)


def _handed_out(rollback: Rollback) -> FerrymanError:
    what = f"rolled back to its savepoint {rollback.savepoint}" if rollback.savepoint else "rolled back"
    return FerrymanError(
        "log.unsupported_event",
        f"a transaction that ends before {rollback.position} was {what} after more changes than a window holds",
        hint="load the tables again (--fresh); keep temporary tables out of transactions so large that are rolled back",
        context={"position": str(rollback.position)},
    )
