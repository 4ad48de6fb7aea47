"""A source in memory: random tables, random transactions, and the log they leave. For tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory_tables import ForeignKeyError, MemoryReader, MemoryTables

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem, Operation, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, ForeignKey, Index, KeyPart, ReferenceAction, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.spi.source import LogRecord

INT = ColumnType(kind=Kind.INTEGER, bits=32)
TEXT = ColumnType(kind=Kind.VARCHAR, length=10, charset="utf8mb4", collation="utf8mb4_general_ci")
EXACT = ColumnType(kind=Kind.VARCHAR, length=10, charset="utf8mb4", collation="utf8mb4_bin")
NUMBERS: tuple[Value, ...] = tuple(b"%d" % n for n in range(7))
WORDS: tuple[Value, ...] = (b"a", b"A", b"a ", b"b", b"B", b"cc", b"CC", "ä".encode(), "ß".encode(), b"s")


def place(number: int) -> Position:
    return Position(kind="memory", token={"n": str(number)}, order=(number,), time=float(number))


def table(name: str, columns: dict[str, ColumnType], *keys: str, nullable: str = "", fks=()) -> Table:
    """A table; the first of `keys` is the primary key unless it begins with ``?``; keys are ``a,b``."""
    indexes = []
    for number, key in enumerate(keys):
        primary = number == 0 and not key.startswith("?")
        parts = tuple(KeyPart(column=column) for column in key.lstrip("?").split(","))
        indexes.append(Index(name="PRIMARY" if primary else f"k{number}", parts=parts, unique=True, primary=primary))
    return Table(
        name=TableName("s", name),
        columns=tuple(Column(name=n, type=t, nullable=n in nullable.split()) for n, t in columns.items()),
        indexes=tuple(indexes),
        foreign_keys=tuple(fks),
    )


def reference(columns: str, parent: str, parent_columns: str, on_delete: ReferenceAction, on_update: ReferenceAction):
    return ForeignKey(
        name=f"fk_{columns}_{parent}",
        columns=tuple(columns.split(",")),
        parent=TableName("s", parent),
        parent_columns=tuple(parent_columns.split(",")),
        on_delete=on_delete,
        on_update=on_update,
    )


def hard_pair(rng: random.Random) -> tuple[ReferenceAction, ReferenceAction]:
    """Actions for columns that take no NULL."""
    choices = [ReferenceAction.CASCADE, ReferenceAction.CASCADE, ReferenceAction.RESTRICT]
    return rng.choice(choices), rng.choice(choices)


def random_schema(rng: random.Random) -> Schema:
    """Some of: plain, several unique keys, text keys, composite keys, no key, trees of foreign keys."""
    acting = [ReferenceAction.CASCADE, ReferenceAction.CASCADE, ReferenceAction.SET_NULL, ReferenceAction.RESTRICT]
    down, up = rng.choice(acting), rng.choice(acting)
    hard = [ReferenceAction.CASCADE, ReferenceAction.RESTRICT]  # the column is part of a key: no NULL
    groups = [
        [table("plain", {"id": INT, "v": INT}, "id")],
        [table("uniq", {"id": INT, "u": INT, "w": TEXT, "v": INT}, "id", "u", "w", nullable="u w v")],
        [table("word", {"k": TEXT, "u": INT, "v": INT}, "k", "u", nullable="u v")],
        [table("exact", {"k": EXACT, "v": INT}, "k", nullable="v")],
        [table("pair", {"a": INT, "b": INT, "c": INT, "v": INT}, "a,b", "b,c", nullable="c v")],
        [table("bag", {"v": INT, "w": TEXT}, nullable="v w")],
        [table("half", {"u": INT, "v": INT}, "?u", nullable="u v")],
        [
            table("parent", {"id": INT, "code": INT, "v": INT}, "id", "code", nullable="v"),
            table(
                "child",
                {"id": INT, "pid": INT, "pcode": INT, "u": INT},
                "id",
                "u",
                nullable="pid pcode u",
                fks=[reference("pid", "parent", "id", down, up), reference("pcode", "parent", "code", up, down)],
            ),
            table(
                "grand",
                {"cid": INT, "n": INT, "v": INT},
                "cid,n",
                nullable="v",
                fks=[reference("cid", "child", "id", rng.choice(hard), rng.choice(hard))],
            ),
            table(
                "dust",
                {"cid": INT, "v": INT},
                nullable="cid v",
                fks=[reference("cid", "child", "id", rng.choice(acting), rng.choice(acting))],
            ),
            table(
                "loose",
                {"pid": INT, "v": INT},
                nullable="pid v",
                fks=[reference("pid", "parent", "id", rng.choice(acting), rng.choice(acting))],
            ),
        ],
        [
            table("top", {"id": INT, "v": INT}, "id", nullable="v"),
            table(
                "middle", {"id": INT, "v": INT}, "id", nullable="v", fks=[reference("id", "top", "id", *hard_pair(rng))]
            ),
            table(
                "bottom",
                {"id": INT, "mid": INT},
                "id",
                nullable="mid",
                fks=[reference("mid", "middle", "id", rng.choice(acting), rng.choice(acting))],
            ),
        ],
        [
            table(
                "tree",
                {"id": INT, "up": INT},
                "id",
                nullable="up",
                fks=[reference("up", "tree", "id", rng.choice(acting), ReferenceAction.RESTRICT)],
            )
        ],
    ]
    if rng.random() < 0.4:  # foreign keys only: what they do stays out of the log
        groups = [group for group in groups if any(each.foreign_keys for each in group)]
    chosen = rng.sample(groups, rng.randint(1, min(3, len(groups))))
    return Schema(tables=tuple(each for group in chosen for each in group))


class MemorySource:
    """Random transactions and their log.

    Attributes:
        records: The log; record `n` lies behind ``place(n)`` and before ``place(n + 1)``.
        items: What record `n` decodes to.
        past: The tables' rows at ``place(n)``, effects of half a transaction included.
        moving_keys: Whether columns that others refer to may change.
        ddl: Whether columns may be added.
        shows_one_moment: Whether a snapshot at a known place can be had.
    """

    def __init__(self, rng: random.Random, schema: Schema):
        self.rng = rng
        self.first_schema = schema
        self.database = MemoryTables(schema)
        self.records: list[LogRecord] = []
        self.items: list[list[LogItem]] = []
        self.moving_keys = True
        self.ddl = False
        self.shows_one_moment = rng.random() < 0.6 or any(each.name.table == "dust" for each in schema.tables)
        self.past: list[dict[TableName, list[Row]]] = []
        for _ in range(rng.randrange(60)):
            self._attempt(self._random_insert)
        self.past = [self.database.snapshot()]

    @property
    def position(self) -> Position:
        return place(len(self.records))

    def between(self, number: int) -> bool:
        """Whether ``place(number)`` lies between two transactions."""
        return number == 0 or self.records[number - 1].boundary

    def reader(self) -> MemoryReader:
        return MemoryReader(self.database.tables)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[MemoryReader, Position]:
        if not self.shows_one_moment:
            raise FerrymanError("source.no_snapshot", "by chance")
        return MemoryReader({name: table.copy() for name, table in self.database.tables.items()}), self.position

    def read_schema(self, selection: Selection) -> Schema:
        return Schema(tables=tuple(each for each in self.database.schema.tables if selection.includes(each.name)))

    def current_position(self) -> Position:
        return self.position

    def transact(self) -> None:
        """Run one transaction and log it."""
        if self.ddl and self.rng.random() < 0.03:
            self._add_column()
            return
        before, logged = self.database.snapshot(), len(self.records)
        self._log([Begin(position=self.position, transaction_id="t")])
        for _ in range(self.rng.choice([1, 1, 2, 4, 12])):
            self._attempt(self.rng.choice([self._insert, self._insert, self._delete, self._update, self._swap]))
        if self.rng.random() < 0.05:  # ROLLBACK: nothing of it is logged
            self._undo(before, logged)
            return
        self._log([Commit(position=place(len(self.records) + 1))], boundary=True)

    def _attempt(self, operation: Callable[[], None]) -> None:
        """Run a statement; one that fails changes nothing."""
        before, logged = self.database.snapshot(), len(self.records)
        try:
            operation()
        except (DuplicateKeyError, ForeignKeyError):
            self._undo(before, logged)

    def _undo(self, before: dict[TableName, list[Row]], logged: int) -> None:
        self.database.restore(before)
        del self.records[logged:], self.items[logged:], self.past[logged + 1 :]

    def _log(self, items: list[LogItem], *, boundary: bool = False) -> None:
        self.items.append(items)
        number = len(self.records)
        self.records.append(LogRecord(payload=b"%d" % number, position=place(number + 1), boundary=boundary))
        self.past.append(self.database.snapshot())

    def _log_rows(self, name: TableName, before: list[Row] | None, after: list[Row] | None) -> None:
        names = self.database.tables[name].names
        kind = Operation.INSERT if before is None else Operation.DELETE if after is None else Operation.UPDATE
        images = [Batch.of(rows, len(names)) if rows is not None else None for rows in (before, after)]
        change = ChangeBatch(table=name, operation=kind, columns=tuple(names), before=images[0], after=images[1])
        if before or after:
            self._log([change])

    def _some_table(self) -> TableName:
        return self.rng.choice(self.database.schema.tables).name

    def _some_value(self, column: Column) -> Value:
        if column.nullable and self.rng.random() < 0.25:
            return None
        return self.rng.choice(WORDS if column.type.kind is Kind.VARCHAR else NUMBERS)

    def _random_insert(self) -> list[tuple[TableName, Row]]:
        name = self._some_table()
        row = tuple(self._some_value(column) for column in self.database.tables[name].table.columns)
        self.database.insert(name, row)
        return [(name, row)]

    def _insert(self) -> None:
        name, count = self._some_table(), self.rng.choice([1, 1, 3])
        rows = []
        for _ in range(count):
            row = tuple(self._some_value(column) for column in self.database.tables[name].table.columns)
            self.database.insert(name, row)
            rows.append(row)
        self._log_rows(name, None, rows)

    def _delete(self) -> None:
        name, gone = self._some_table(), []
        for _ in range(self.rng.choice([1, 1, 2])):
            if self.database.tables[name].rows:
                row = self.rng.choice(self.database.tables[name].rows)
                self.database.delete(name, row)
                gone.append(row)
        self._log_rows(name, gone, None)

    def _may_change(self, name: TableName) -> list[int]:
        """Columns that may change: those others refer to only when `moving_keys`."""
        referred = {
            column
            for each in self.database.schema.tables
            for key in each.foreign_keys
            if key.parent == name
            for column in key.parent_columns
        }
        names = self.database.tables[name].names
        return [i for i, column in enumerate(names) if self.moving_keys or column not in referred]

    def _update(self) -> None:
        name = self._some_table()
        found = self.database.tables[name]
        old, new = [], []
        for _ in range(self.rng.choice([1, 1, 2])):
            if not found.rows or not (places := self._may_change(name)):
                continue
            row = self.rng.choice(found.rows)
            changed = list(row)
            for index in self.rng.sample(places, self.rng.randint(1, len(places))):
                changed[index] = self._some_value(found.table.columns[index])
            self.database.update(name, row, tuple(changed))
            old.append(row)
            new.append(tuple(changed))
        self._log_rows(name, old, new)

    def _swap(self) -> None:
        """Exchange the values of one column between two rows by way of a third value: a chain of updates."""
        name = self._some_table()
        found = self.database.tables[name]
        places = self._may_change(name)
        if len(found.rows) < 2 or not places:
            return
        one, other = self.rng.sample(found.rows, 2)
        index = self.rng.choice(places)
        words = found.table.columns[index].type.kind is Kind.VARCHAR
        first, second = one[index], other[index]
        between: Value = b"zz" if words else b"99"
        steps = [(one, between), (other, first), (None, second)]
        for row, value in steps:
            current = row if row is not None else self._at(one, index, between)
            new = self._at(current, index, value)
            if not any(each is current or each == current for each in found.rows):
                return
            current = next(each for each in found.rows if each == current)
            self.database.update(name, current, new)
            self._log_rows(name, [current], [new])

    @staticmethod
    def _at(row: Row, index: int, value: Value) -> Row:
        return (*row[:index], value, *row[index + 1 :])

    def _add_column(self) -> None:
        name = self._some_table()
        column = f"x{len(self.records)}"
        schema = added(self.database.schema, name, column)
        self.database.schema = schema
        found = self.database.tables[name]
        found.table = schema.table(name)
        found.names.append(column)
        found.rows = [(*row, None) for row in found.rows]
        sql = f"add {name.table} {column}"
        statement = SchemaStatement(sql=sql, database="s", position=place(len(self.records) + 1))
        self._log([statement], boundary=True)


def added(schema: Schema, name: TableName, column: str) -> Schema:
    """The schema with one more column."""
    before = schema.table(name)
    assert before is not None
    return schema.with_table(replace(before, columns=(*before.columns, Column(name=column, type=INT))))
