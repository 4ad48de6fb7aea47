"""A source and a target in memory, with transactions, leases and faults, for tests of load and verify."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError, LeaseLostError
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Column, Index, KeyPart, Schema, Table
from ferryman.model.serial import to_json
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind
from ferryman.spi.dialect import SchemaPlan
from ferryman.spi.source import Chunk


class Killed(BaseException):
    """The process dies here."""


def make_table(
    name: str,
    columns: dict[str, Kind],
    key: Sequence[str] = (),
    *,
    unique: Sequence[Sequence[str]] = (),
    collation: str | None = None,
    database: str = "shop",
) -> Table:
    indexes = []
    if key:
        indexes.append(Index(name="PRIMARY", parts=tuple(KeyPart(column=c) for c in key), unique=True, primary=True))
    for number, names in enumerate(unique):
        indexes.append(Index(name=f"u{number}", parts=tuple(KeyPart(column=c) for c in names), unique=True))
    made = tuple(
        Column(
            name=column,
            type=ColumnType(kind=kind, native=kind.value, collation=collation if kind in CHARACTER_KINDS else None),
            nullable=column not in key,
        )
        for column, kind in columns.items()
    )
    return Table(name=TableName(database, name), columns=made, indexes=tuple(indexes))


def folded(column: Column, value: Value) -> Any:
    """What the server compares: numbers by value, text by its collation."""
    if value is None:
        return (0, b"")
    if column.type.kind is Kind.INTEGER:
        return (1, int(value))
    if column.type.kind is Kind.DECIMAL:
        return (1, Decimal(value.decode()))
    if column.type.kind in CHARACTER_KINDS and (column.type.collation or "").endswith("_ci"):
        return (1, value.decode().casefold().rstrip(" ").encode())
    return (1, value)


class MemoryDatabase:
    """Tables as lists of rows; `fault(event)` may raise at any named event."""

    def __init__(self, *tables: Table) -> None:
        self.lock = threading.RLock()
        self.tables: dict[TableName, Table] = {table.name: table for table in tables}
        self.rows: dict[TableName, list[Row]] = {table.name: [] for table in tables}
        self.log_end = 1
        self.fault: Callable[[str], None] = lambda event: None
        self.leases: dict[str, int] = {}
        self.marks: dict[str, dict[TableName, dict[Chunk, int]]] = {}
        self.reads: list[tuple[TableName, Chunk | None]] = []
        self.lanes: dict[tuple[str, int], threading.Lock] = {}

    def fill(self, table: Table, rows: Sequence[Row]) -> None:
        with self.lock:
            self.rows[table.name] = [tuple(row) for row in rows]

    def position(self) -> Position:
        return Position(kind="binlog", token={"file": "b.1", "offset": str(self.log_end)}, order=(1, self.log_end))

    def change(self, table: Table, change: Callable[[list[Row]], None]) -> None:
        """Commit a change: the log grows."""
        with self.lock:
            change(self.rows[table.name])
            self.log_end += 1

    def snapshot(self, name: TableName) -> list[Row]:
        with self.lock:
            return list(self.rows[name])


class MemoryReader:
    """Reads a database, or a fixed copy of it."""

    def __init__(self, database: MemoryDatabase, frozen: dict[TableName, list[Row]] | None = None) -> None:
        self.database = database
        self.frozen = frozen
        self.closed = False

    def _rows(self, table: Table) -> tuple[Table, list[Row]]:
        with self.database.lock:
            now = self.database.tables.get(table.name)
            if now is None:
                raise FerrymanError("source.table_changed", f"{table.name} is gone")
            rows = self.frozen[table.name] if self.frozen is not None else self.database.rows[table.name]
            return now, list(rows)

    def _key(self, table: Table, row: Row) -> tuple[Any, ...]:
        assert table.row_key is not None, "reading by key needs a key"
        names = [column.name for column in table.columns]
        return tuple(folded(table.column(c), row[names.index(c)]) for c in table.row_key.columns)

    def _bound(self, table: Table, bound: Row) -> tuple[Any, ...]:
        assert table.row_key is not None
        return tuple(folded(table.column(c), v) for c, v in zip(table.row_key.columns, bound, strict=True))

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        chunk: Chunk | None = None,
        limit: int | None = None,
        where: str | None = None,
        batch_bytes: int = 1 << 20,
        ordered: bool = False,
    ) -> Iterator[Batch]:
        self.database.fault("read")
        self.database.reads.append((table.name, chunk))
        now, rows = self._rows(table)
        if chunk is not None:
            if chunk.start is not None:
                rows = [row for row in rows if self._key(now, row) > self._bound(now, chunk.start)]
            if chunk.end is not None:
                rows = [row for row in rows if self._key(now, row) <= self._bound(now, chunk.end)]
        if where is not None:
            rows = [row for row in rows if condition(now, row, where)]
        if now.row_key and (ordered or limit):
            rows.sort(key=lambda row: self._key(now, row))
        rows = rows[:limit] if limit else rows
        places = self._places(now, columns)
        for start in range(0, len(rows), 7):
            self.database.fault("batch")
            part = rows[start : start + 7]
            yield Batch.of([tuple(row[p] for p in places) for row in part], len(places))

    def _places(self, table: Table, columns: Sequence[str]) -> list[int]:
        names = [column.name for column in table.columns]
        missing = [column for column in columns if column not in names]
        if missing:
            raise FerrymanError("source.table_changed", f"{table.name} lacks {missing}")
        return [names.index(column) for column in columns]

    def rows_by_key(
        self, table: Table, columns: Sequence[str], keys: Sequence[Row], *, where: str | None = None
    ) -> Batch:
        self.database.fault("rows_by_key")
        now, rows = self._rows(table)
        rows = [row for row in rows if where is None or condition(now, row, where)]
        wanted = {self._bound(now, key) for key in keys}
        places = self._places(now, columns)
        found = [tuple(row[p] for p in places) for row in rows if self._key(now, row) in wanted]
        return Batch.of(found, len(places))

    def count_estimate(self, table: Table) -> int:
        return len(self._rows(table)[1])

    def key_range(self, table: Table) -> tuple[Row, Row] | None:
        raise NotImplementedError

    def split_points(self, table: Table, chunk_rows: int, *, after: Row | None = None) -> Iterator[Row]:
        now, rows = self._rows(table)
        rows.sort(key=lambda row: self._key(now, row))
        if after is not None:
            rows = [row for row in rows if self._key(now, row) > self._bound(now, after)]
        assert now.row_key is not None
        places = self._places(now, now.row_key.columns)
        for place in range(chunk_rows - 1, len(rows) - 1, chunk_rows):
            self.database.fault("plan")
            yield tuple(rows[place][p] for p in places)

    def close(self) -> None:
        self.closed = True


def condition(table: Table, row: Row, where: str) -> bool:
    """A filter of the tests: ``column < number``; or SQL that ends in ``keys:[[hex, …], …]``."""
    name, number = where.strip("()").replace("`", "").split(" < ")
    names = [column.name for column in table.columns]
    value = row[names.index(name)]
    return value is not None and int(value) < int(number)


class MemorySource:
    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database

    def check(self) -> None: ...

    def read_schema(self, selection: Any) -> Schema:
        with self.database.lock:
            return Schema(tables=tuple(t for n, t in self.database.tables.items() if selection.includes(n)))

    def reader(self) -> MemoryReader:
        self.database.fault("connect")
        return MemoryReader(self.database)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[MemoryReader, Position]:
        self.database.fault("connect")
        with self.database.lock:
            return MemoryReader(
                self.database, {n: list(r) for n, r in self.database.rows.items()}
            ), self.database.position()

    def current_position(self) -> Position:
        return self.database.position()

    def keep_log(self, project: str, selection: Any) -> Position:
        return self.current_position()

    def close(self) -> None: ...


class MemorySession:
    """Undo by copy: one transaction keeps the rows of each table it touched as they were."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database
        self.undo: dict[TableName, list[Row]] | None = None
        self.marked: list[tuple[str, TableName, Chunk, int]] = []
        self.lane: threading.Lock | None = None

    def begin(self, lease: Any) -> None:
        assert self.undo is None, "a transaction is open"
        self.database.fault("begin")
        with self.database.lock:
            lock = self.database.lanes.setdefault((lease.task, lease.lane), threading.Lock())
        lock.acquire()
        self.lane = lock
        if self.database.leases.get(lease.task) != lease.epoch:
            self.rollback()
            raise LeaseLostError("lease.lost", "another holder")
        self.undo, self.marked = {}, []

    def commit(self) -> None:
        assert self.undo is not None, "no transaction"
        self.database.fault("commit")
        with self.database.lock:
            for project, table, chunk, rows in self.marked:
                self.database.marks.setdefault(project, {}).setdefault(table, {})[chunk] = rows
            self.undo = None
        self._release()
        self.database.fault("committed")

    def rollback(self) -> None:
        with self.database.lock:
            for name, rows in (self.undo or {}).items():
                self._undo(name, rows)
            self.undo = None
        self._release()

    def _undo(self, name: TableName, ours: list[Row]) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        if self.lane is not None:
            self.lane.release()
            self.lane = None

    def close(self) -> None:
        self.rollback()


class JournalSession(MemorySession):
    """Keeps what it added and removed, so that lanes may work on one table at a time."""

    def _touch(self, name: TableName) -> list[Row]:
        assert self.undo is not None, "no transaction"
        return self.undo.setdefault(name, [])

    def _undo(self, name: TableName, ours: list[Row]) -> None:
        rows = self.database.rows[name]
        for sign, row in reversed(ours):  # type: ignore[misc]
            if sign == b"+":
                rows.remove(row)  # type: ignore[arg-type]
            else:
                rows.append(row)  # type: ignore[arg-type]

    def _add(self, table: Table, row: Row) -> None:
        self._touch(table.name).append((b"+", row))  # type: ignore[arg-type]
        self.database.rows[table.name].append(row)

    def _remove(self, table: Table, row: Row) -> None:
        self._touch(table.name).append((b"-", row))  # type: ignore[arg-type]
        self.database.rows[table.name].remove(row)

    def _whole(self, table: Table, columns: Sequence[str], row: Row) -> Row:
        given = dict(zip(columns, row, strict=True))
        return tuple(given.get(column.name) for column in table.columns)

    def _in_the_way(self, table: Table, row: Row) -> list[Row]:
        names = [column.name for column in table.columns]
        found: list[Row] = []
        for index in table.unique_keys:
            places = [names.index(c) for c in index.columns]
            if any(row[p] is None for p in places):
                continue
            wanted = [folded(table.columns[p], row[p]) for p in places]
            for other in self.database.rows[table.name]:
                if [folded(table.columns[p], other[p]) for p in places] == wanted and other not in found:
                    found.append(other)
        return found

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        self.database.fault("insert")
        with self.database.lock:
            for row in batch.rows():
                whole = self._whole(table, columns, row)
                if self._in_the_way(table, whole):
                    raise DuplicateKeyError("target.duplicate_key", f"{table.name}: taken")
                self._add(table, whole)

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        self.database.fault("replace")
        with self.database.lock:
            for row in batch.rows():
                whole = self._whole(table, columns, row)
                for other in self._in_the_way(table, whole):
                    self._remove(table, other)
                self._add(table, whole)

    def truncate(self, table: Table) -> None:
        with self.database.lock:
            for row in list(self.database.rows[table.name]):
                self._remove(table, row)

    def _matching(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> list[Row]:
        names = [column.name for column in table.columns]
        places = [names.index(c) for c in key]
        wanted = {tuple(folded(table.columns[p], v) for p, v in zip(places, k, strict=True)) for k in keys}
        rows = self.database.rows[table.name]
        return [row for row in rows if tuple(folded(table.columns[p], row[p]) for p in places) in wanted]

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        assert self.undo is not None
        names = [column.name for column in table.columns]
        places = [names.index(c) for c in columns]
        with self.database.lock:
            found = [tuple(row[p] for p in places) for row in self._matching(table, key, keys)]
        return Batch.of(found, len(places))

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        with self.database.lock:
            found = self._matching(table, key, keys)
            for row in found:
                self._remove(table, row)
            return len(found)

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        with self.database.lock:
            whole = self._whole(table, columns, row)
            if whole not in self.database.rows[table.name]:
                return 0
            self._remove(table, whole)
            return 1

    def mark_chunk(self, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
        assert self.undo is not None
        self.marked.append((project, table, chunk, rows))


class MemoryTarget:
    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database

    def check(self) -> None: ...

    def prepare(self) -> None: ...

    def read_schema(self, selection: Any) -> Schema:
        with self.database.lock:
            return Schema(tables=tuple(t for n, t in self.database.tables.items() if selection.includes(n)))

    def reader(self) -> MemoryReader:
        self.database.fault("connect")
        return MemoryReader(self.database)

    def session(self) -> JournalSession:
        self.database.fault("connect")
        return JournalSession(self.database)

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        if self.database.leases.get(task, 0) > epoch:
            raise LeaseLostError("lease.lost", "a higher epoch stands there")
        self.database.leases[task] = epoch

    def finished_chunks(self, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
        with self.database.lock:
            return {name: list(marks.items()) for name, marks in self.database.marks.get(project, {}).items()}

    def forget(self, project: str) -> None:
        self.database.marks.pop(project, None)

    def close(self) -> None: ...


class MemoryContext:
    """A task's surroundings; notes go through JSON, as in the metadb."""

    def __init__(self, spec: ProjectSpec, step: StepName, notes: dict[str, str] | None = None, epoch: int = 1) -> None:
        self.project_id = "np_1"
        self.spec = spec
        self.step = step
        self.epoch = epoch
        self.data_dir = Path()
        self.notes = {} if notes is None else notes
        self.stopping = threading.Event()
        self.progress: Any = None
        self.table_progress: dict[str, Any] = {}
        self.mismatches: dict[str, list[Any]] = {}
        self.events: list[tuple[str, str]] = []
        self.dead = False
        self.on_wait: Callable[[], None] = lambda: None

    def stop_requested(self) -> bool:
        return self.stopping.is_set()

    def wait(self, seconds: float) -> bool:
        self.on_wait()
        return self.stopping.wait(min(seconds, 0.01))

    def report(self, progress: Any, tables: Sequence[Any] = ()) -> None:
        self.progress = progress
        self.table_progress.update({table.table: table for table in tables})

    def record_mismatches(self, table: str, mismatches: Sequence[Any]) -> None:
        self.mismatches[table] = list(mismatches)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.events.append((level, message))

    def note(self, name: str) -> Any:
        return json.loads(self.notes[name]) if name in self.notes else None

    def set_note(self, name: str, document: Any) -> None:
        if self.dead:
            raise Killed
        self.notes[name] = json.dumps(document)


def spec_of(
    steps: Sequence[StepName] = (StepName.CAPTURE, StepName.LOAD, StepName.APPLY), **changes: Any
) -> ProjectSpec:
    spec = ProjectSpec(
        name="p", source=Endpoint(scheme="mysql"), target=Endpoint(scheme="oceanbase"), steps=tuple(steps)
    )
    return replace(spec, **changes)


def plan_of(source: MemoryDatabase, target: MemoryDatabase) -> SchemaPlan:
    return SchemaPlan(tables={name: target.tables[name] for name in source.tables if name in target.tables})


def note_plan(context: MemoryContext, source: MemoryDatabase, plan: SchemaPlan) -> None:
    context.set_note("schema.source", to_json(Schema(tables=tuple(source.tables.values()))))
    context.set_note("schema.plan", to_json(plan))
