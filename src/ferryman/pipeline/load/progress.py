"""How far the load is: rows and bytes a table, durable ones only."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ferryman.foundation.rate import Rate
from ferryman.model.names import TableName
from ferryman.model.project import StepProgress, TableProgress
from ferryman.pipeline.load.job import TableJob


@dataclass(slots=True)
class _TableState:
    total: int
    rows: int = 0
    bytes: int = 0
    open_chunks: int = 0
    planned: bool = False
    state: str = "waiting"
    message: str = ""

    @property
    def figures(self) -> tuple[int, int, int]:
        return self.rows, max(self.total, self.rows), self.bytes

    def settle(self) -> None:
        if self.planned and not self.open_chunks and self.state != "failed":
            self.state, self.total = "done", self.rows

    def shown(self, name: TableName) -> TableProgress:
        rows, total, size = self.figures
        return TableProgress(
            table=str(name), rows=rows, rows_total=total, bytes=size, state=self.state, message=self.message
        )


class Attempt:
    """Rows of one try at a chunk; taken back when the try fails, since they will be copied again."""

    def __init__(self, progress: Progress, table: TableName) -> None:
        self._progress = progress
        self._table = table
        self.rows = 0
        self._bytes = 0

    def add(self, rows: int, size: int) -> None:
        """Count committed rows."""
        self.rows += rows
        self._bytes += size
        self._progress.add(self._table, rows, size)

    def abandon(self) -> None:
        """Take back what was counted."""
        self._progress.add(self._table, -self.rows, -self._bytes)
        self.rows = self._bytes = 0


class Progress:
    """Counters of all tables; thread-safe.

    Totals are kept, and it is known which tables have changed: a report costs what has happened, however many tables
    there are.
    """

    def __init__(self, jobs: Iterable[TableJob]) -> None:
        self._lock = threading.Lock()
        self._tables = {job.name: _TableState(job.source.row_estimate) for job in jobs}
        self._changed = dict.fromkeys(self._tables)  # in order: what is reported first, is shown first
        figures = [state.figures for state in self._tables.values()]
        self._totals = [sum(column) for column in zip(*figures, strict=True)] or [0, 0, 0]
        self._rate = Rate()

    @property
    def names(self) -> frozenset[TableName]:
        """Every table, by the source's name when the load began."""
        return frozenset(self._tables)

    def add(self, table: TableName, rows: int, size: int = 0) -> None:
        """Count rows of a table (negative: take back)."""
        with self._changing(table) as state:
            state.rows += rows
            state.bytes += size

    def estimate(self, table: TableName, rows: int) -> None:
        """Correct the guess of a table's rows."""
        with self._changing(table) as state:
            state.total = rows

    def chunk_opened(self, table: TableName) -> None:
        """A chunk has been planned."""
        with self._changing(table) as state:
            state.open_chunks += 1
            state.state = "running"

    def chunk_done(self, table: TableName) -> None:
        """A chunk is durable."""
        with self._changing(table) as state:
            state.open_chunks -= 1
            state.settle()

    def planned(self, table: TableName) -> None:
        """No further chunks will come."""
        with self._changing(table) as state:
            state.planned = True
            state.settle()

    def failed(self, table: TableName, message: str) -> None:
        """The table could not be copied."""
        with self._changing(table) as state:
            state.state, state.message = "failed", message

    def remark(self, table: TableName, message: str) -> None:
        """Say something about a table."""
        with self._changing(table) as state:
            state.message = message

    @contextmanager
    def _changing(self, table: TableName) -> Iterator[_TableState]:
        with self._lock:
            state = self._tables[table]
            before = state.figures
            yield state
            self._changed[table] = None
            self._totals = [t + now - was for t, now, was in zip(self._totals, state.figures, before, strict=True)]

    def changes(self) -> list[TableProgress]:
        """Return the tables that have changed since this was last asked, at first all of them."""
        with self._lock:
            changed, self._changed = self._changed, {}
            return [self._tables[name].shown(name) for name in changed]

    def step(self, *, finished: bool = False) -> StepProgress:
        """Return the totals; call from one thread (it samples the rate)."""
        with self._lock:
            rows, total, size = self._totals
        rows_per_second, bytes_per_second = self._rate.sample(rows, size)
        return StepProgress(
            percent=100 if finished else min(99, 100 * rows // total if total else 0),
            rows=rows,
            rows_total=total,
            bytes=size,
            rows_per_second=rows_per_second,
            bytes_per_second=bytes_per_second,
        )
