"""Full synchronization: the load step, writing into a sink as if it were a database that only takes inserts.

A chunk's messages and its mark are one commit where the sink is exactly once: a load that is killed repeats nothing.
Elsewhere the chunks under way come again, at most one a stream.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, NoReturn, cast

from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.memory import share_arenas
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.pipeline.load.step import Load
from ferryman.pipeline.plan import source_of
from ferryman.pipeline.publish.marks import Marks
from ferryman.pipeline.publish.topics import ensure, router_of, sink_of
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.spi.connector import connector_for
from ferryman.spi.sink import GatheringWriter, Origin, RowEvent, Sink, SinkWriter
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease, Target, TargetSession
from ferryman.spi.task import TaskContext

_CHUNK = "chunk/"
FIRST_EPOCH = 1


def run(context: TaskContext) -> None:
    """Publish all rows that are not yet there, then note the position at the end of the load."""
    share_arenas()
    ensure(context)
    real = source_of(context)
    with closing(ruled_source(real, rules_of(context.spec))) as source, closing(sink_of(context)) as sink:
        target = RowsTarget(context, sink)
        try:
            Load(context, source, cast("Target", target)).run()
            target.show()
        finally:
            target.close()


class RowsTarget:
    """What the load step needs of a target: sessions, fencing, chunk marks."""

    def __init__(self, context: TaskContext, sink: Sink) -> None:
        self.context = context
        self.router = router_of(context, sink)
        self.exactly_once = sink.exactly_once
        self.origin = Origin(position=None, seconds=0.0, database_type=connector_for(context.spec.source).oms_type)
        self._sink = sink
        self.marks = Marks(context, sink)
        self._writers: dict[int, SinkWriter] = {}
        self._holder = "", 0
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the place for the marks."""
        self._sink.prepare()

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        """Take all lanes over (I7), at once: each waits for its answer.

        The task's first holder has nobody to shut out: its lanes are opened as they are used, while rows are being read.
        """
        self.close()
        self._holder = task, epoch
        if epoch == FIRST_EPOCH:
            return
        with ThreadPoolExecutor(lanes) as pool:
            opening = [pool.submit(self._sink.writer, task, epoch, lane) for lane in range(lanes)]
        self._writers = {lane: one.result() for lane, one in enumerate(opening) if one.exception() is None}
        for one in opening:
            one.result()

    def finished_chunks(self, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
        """Return the chunks that are marked."""
        found: dict[TableName, list[tuple[Chunk, int]]] = {}
        for name, mark in self.marks.all().items():
            if name.startswith(_CHUNK):
                table, chunk = _read_mark(name)
                found.setdefault(table, []).append((chunk, int(mark["rows"])))
        return found

    def writer(self, lane: int) -> SinkWriter:
        """Return the writer of a lane; a lane is used by one thread."""
        with self._lock:
            found = self._writers.get(lane)
        if found is None:
            found = self._sink.writer(*self._holder, lane)
            with self._lock:
                self._writers[lane] = found
        return found

    def show(self) -> None:
        """Show everything to readers, where writers gather."""
        for writer in self._writers.values():
            if isinstance(writer, GatheringWriter):
                writer.show(everything=True)

    def reader(self) -> _NoRows:
        """Return a reader that finds nothing: a sink is never asked for its rows."""
        return _NoRows()

    def session(self) -> TargetSession:
        """Open a session."""
        return cast("TargetSession", RowsSession(self))

    def close(self) -> None:
        """Close the writers."""
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            writer.close()


class _NoRows:
    """An empty table, whichever is asked for."""

    def read(self, *_arguments: Any, **_options: Any) -> Iterator[Batch]:
        """Read nothing."""
        return iter(())

    def close(self) -> None:
        """Nothing is held."""


class RowsSession:
    """A session of the load: inserts become messages, a chunk's mark commits them."""

    def __init__(self, target: RowsTarget) -> None:
        self._target = target
        self._lease: Lease | None = None
        self._writer: SinkWriter | None = None
        self._marks: dict[str, Any] = {}

    def begin(self, lease: Lease) -> None:
        """Begin, unless the chunk's transaction is still open.

        The lane is opened with its first message: that takes long once, and would be taken for the way to the target.
        """
        self._lease = lease

    def _begun(self) -> SinkWriter:
        if self._writer is None:
            assert self._lease is not None
            writer = self._target.writer(self._lease.lane)
            writer.begin()
            self._writer = writer
        return self._writer

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Publish rows."""
        event = RowEvent(
            name=table.name,
            table=table,
            operation=Operation.INSERT,
            columns=tuple(table.column(name) for name in columns),
            before=None,
            after=batch,
            origin=self._target.origin,
        )
        if batch.row_count:
            self._begun().publish(self._target.router.rows(event))

    replace = insert

    def truncate(self, table: Table) -> None:
        """Nothing: a message cannot be taken back; what an open transaction holds is given up by `rollback`."""

    def mark_chunk(self, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
        """Mark a chunk at the next commit."""
        self._marks[mark_name(table, chunk)] = {"rows": rows}

    def commit(self) -> None:
        """Commit; where messages and marks commit together, only with the chunk's mark."""
        if not self._marks and (self._writer is None or self._target.exactly_once):
            return
        self._target.marks.commit(self._begun(), self._marks)
        self._writer, self._marks = None, {}

    def rollback(self) -> None:
        """Give up what is open; never raises."""
        writer, self._writer, self._marks = self._writer, None, {}
        if writer is not None:
            writer.rollback()

    def rows_by_key(self, *_arguments: Any) -> NoReturn:
        """Refuse: a sink holds no rows."""
        raise FerrymanError("internal.error", "a sink was asked for rows")

    def close(self) -> None:
        """Give up what is open."""
        self.rollback()


def mark_name(table: TableName, chunk: Chunk) -> str:
    """Return the name of a chunk's mark."""
    bounds = [_hex(bound) for bound in (chunk.start, chunk.end)]
    return _CHUNK + json.dumps([table.database, table.table, *bounds], separators=(",", ":"))


def _read_mark(name: str) -> tuple[TableName, Chunk]:
    database, table, start, end = json.loads(name.removeprefix(_CHUNK))
    return TableName(database, table), Chunk(_row(start), _row(end))


def _hex(bound: Row | None) -> list[str | None] | None:
    return None if bound is None else [None if part is None else part.hex() for part in bound]


def _row(bound: Sequence[str | None] | None) -> Row | None:
    return None if bound is None else tuple(None if part is None else bytes.fromhex(part) for part in bound)
