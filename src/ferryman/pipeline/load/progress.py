"""How far the load is: rows and bytes a table, durable ones only."""

from __future__ import annotations

import threading
from collections.abc import Iterable
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

    def settle(self) -> None:
        if self.planned and not self.open_chunks and self.state != "failed":
            self.state, self.total = "done", self.rows


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
    """Counters of all tables; thread-safe."""

    def __init__(self, jobs: Iterable[TableJob]) -> None:
        self._lock = threading.Lock()
        self._tables = {job.name: _TableState(job.source.row_estimate) for job in jobs}
        self._rate = Rate()

    @property
    def names(self) -> frozenset[TableName]:
        """Every table, by the source's name when the load began."""
        return frozenset(self._tables)

    def add(self, table: TableName, rows: int, size: int = 0) -> None:
        """Count rows of a table (negative: take back)."""
        with self._lock:
            state = self._tables[table]
            state.rows += rows
            state.bytes += size

    def estimate(self, table: TableName, rows: int) -> None:
        """Correct the guess of a table's rows."""
        with self._lock:
            self._tables[table].total = rows

    def chunk_opened(self, table: TableName) -> None:
        """A chunk has been planned."""
        with self._lock:
            state = self._tables[table]
            state.open_chunks += 1
            state.state = "running"

    def chunk_done(self, table: TableName) -> None:
        """A chunk is durable."""
        with self._lock:
            state = self._tables[table]
            state.open_chunks -= 1
            state.settle()

    def planned(self, table: TableName) -> None:
        """No further chunks will come."""
        with self._lock:
            state = self._tables[table]
            state.planned = True
            state.settle()

    def failed(self, table: TableName, message: str) -> None:
        """The table could not be copied."""
        with self._lock:
            self._tables[table].state, self._tables[table].message = "failed", message

    def remark(self, table: TableName, message: str) -> None:
        """Say something about a table."""
        with self._lock:
            self._tables[table].message = message

    def tables(self) -> list[TableProgress]:
        """Return every table as it stands."""
        with self._lock:
            return [
                TableProgress(
                    table=str(name),
                    rows=state.rows,
                    rows_total=max(state.total, state.rows),
                    bytes=state.bytes,
                    state=state.state,
                    message=state.message,
                )
                for name, state in self._tables.items()
            ]

    def step(self, tables: list[TableProgress], *, finished: bool = False) -> StepProgress:
        """Return the totals; call from one thread (it samples the rate)."""
        rows = sum(table.rows for table in tables)
        total = sum(table.rows_total for table in tables)
        size = sum(table.bytes for table in tables)
        rows_per_second, bytes_per_second = self._rate.sample(rows, size)
        return StepProgress(
            percent=100 if finished else min(99, 100 * rows // total if total else 0),
            rows=rows,
            rows_total=total,
            bytes=size,
            rows_per_second=rows_per_second,
            bytes_per_second=bytes_per_second,
        )
