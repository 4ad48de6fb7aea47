"""Sessions of the target that are watched: how long which statement takes, on which table and key; never any value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ferryman.model.batch import Batch, Row
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.pipeline.apply.stages import COMMITTING, LEASE, WRITING, Stages
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease, TargetSession

T = TypeVar("T")
KEPT_SECONDS = 30.0
"""So long the slowest statement is remembered."""
_BOOKKEEPING = "_ferryman"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the target.

    Attributes:
        operation: ``insert``, ``replace``, ``delete``, ``update``, ``read``, ``lease``, ``commit``, ``checkpoint``.
        table: The target's table; ``_ferryman`` for bookkeeping.
        columns: The names of the key columns it goes by.
        rows: How many rows it names.
        began: By the clock of `Stages`.
    """

    operation: str
    table: str
    columns: tuple[str, ...]
    rows: int
    began: float


class Watch:
    """What the lanes do at the target. Thread-safe."""

    def __init__(self, stages: Stages) -> None:
        """Begin with idle lanes."""
        self.stages = stages
        self._lock = threading.Lock()
        self._running: dict[int, Statement] = {}
        self._slowest: tuple[float, float, Statement] | None = None

    def run(self, lane: int, stage: str, statement: Statement, act: Callable[[], T]) -> T:
        """Run a statement of a lane; lane 0 is the thread whose stages are counted."""
        self._running[lane] = statement
        try:
            return act()
        finally:
            now = self.stages.clock()
            self._running.pop(lane, None)
            if lane == 0:
                self.stages.add(stage, now - statement.began)
            self._remember(now, statement)

    def _remember(self, now: float, statement: Statement) -> None:
        seconds = now - statement.began
        with self._lock:
            slowest = self._slowest
            if slowest is None or seconds >= slowest[0] or now - slowest[1] > KEPT_SECONDS:
                self._slowest = (seconds, now, statement)

    def report(self) -> dict[str, Any] | None:
        """Return the statement under way that has taken longest, or else the slowest of the last half minute."""
        now = self.stages.clock()
        running = min(list(self._running.values()), key=lambda statement: statement.began, default=None)
        with self._lock:
            slowest = self._slowest
        if slowest is not None and now - slowest[1] > KEPT_SECONDS:
            slowest = None
        if running is not None and (slowest is None or now - running.began >= slowest[0]):
            return _document(running, now - running.began, running=True)
        return _document(slowest[2], slowest[0], running=False) if slowest is not None else None


def _document(statement: Statement, seconds: float, *, running: bool) -> dict[str, Any]:
    return {
        "operation": statement.operation,
        "table": statement.table,
        "key": list(statement.columns),
        "rows": statement.rows,
        "seconds": round(seconds, 3),
        "running": running,
    }


class WatchedSession:
    """A session of one lane, watched (`ferryman.spi.target.TargetSession`)."""

    def __init__(self, session: TargetSession, lane: int, watch: Watch) -> None:
        """Wrap a session."""
        self._session = session
        self._lane = lane
        self._watch = watch

    def begin(self, lease: Lease) -> None:
        """Begin a transaction and lock the lease row."""
        self._keep(LEASE, "lease", lambda: self._session.begin(lease))

    def commit(self) -> None:
        """Commit."""
        self._keep(COMMITTING, "commit", self._session.commit)

    def rollback(self) -> None:
        """Roll back."""
        self._session.rollback()

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Insert rows."""
        self._write("insert", table, batch.row_count, lambda: self._session.insert(table, columns, batch))

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows over others."""
        self._write("replace", table, batch.row_count, lambda: self._session.replace(table, columns, batch))

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        """Delete rows by key."""
        return self._write("delete", table, len(keys), lambda: self._session.delete_keys(table, key, keys), key)

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        """Set key columns."""
        return self._write("update", table, len(old), lambda: self._session.update_keys(table, key, old, new), key)

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete one row equal to `row`."""
        return self._write("delete", table, 1, lambda: self._session.delete_row(table, columns, row), columns)

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite one row equal to `before`."""
        return self._write("update", table, 1, lambda: self._session.update_row(table, columns, before, after), columns)

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        """Read rows by key."""
        return self._write("read", table, len(keys), lambda: self._session.rows_by_key(table, key, keys, columns), key)

    def truncate(self, table: Table) -> None:
        """Empty the table."""
        self._write("delete", table, 0, lambda: self._session.truncate(table))

    def savepoint(self) -> None:
        """Set the place that `undo` goes back to."""
        self._keep(WRITING, "savepoint", self._session.savepoint)

    def undo(self) -> None:
        """Undo what was written since."""
        self._keep(WRITING, "savepoint", self._session.undo)

    def begin_part(self) -> None:
        """Set the place that `undo_part` goes back to."""
        self._keep(WRITING, "savepoint", self._session.begin_part)

    def undo_part(self) -> None:
        """Undo what was written since."""
        self._keep(WRITING, "savepoint", self._session.undo_part)

    def save_letter(self, project: str, letter: DeadLetter) -> None:
        """Write a dead letter."""
        self._keep(WRITING, "dead letter", lambda: self._session.save_letter(project, letter))

    def settle_letters(self, project: str, numbers: Sequence[int], state: LetterState) -> None:
        """Change the state of dead letters."""
        self._keep(WRITING, "dead letter", lambda: self._session.settle_letters(project, numbers, state))

    def save_checkpoint(self, project: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint."""
        self._keep(COMMITTING, "checkpoint", lambda: self._session.save_checkpoint(project, checkpoint))

    def mark_chunk(self, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
        """Record a finished chunk."""
        self._keep(WRITING, "chunk", lambda: self._session.mark_chunk(project, table, chunk, rows))

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _write(
        self, operation: str, table: Table, rows: int, act: Callable[[], T], key: Sequence[str] | None = None
    ) -> T:
        columns = tuple(key) if key is not None else table.row_key.columns if table.row_key is not None else ()
        statement = Statement(operation, str(table.name), columns, rows, self._watch.stages.clock())
        return self._watch.run(self._lane, WRITING, statement, act)

    def _keep(self, stage: str, operation: str, act: Callable[[], T]) -> T:
        statement = Statement(operation, _BOOKKEEPING, (), 0, self._watch.stages.clock())
        return self._watch.run(self._lane, stage, statement, act)
