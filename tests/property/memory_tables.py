"""A small database engine in memory: unique keys, collations, foreign keys with their actions. For tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ferryman.foundation.errors import DuplicateKeyError
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.names import TableName
from ferryman.model.schema import ReferenceAction, Schema, Table
from ferryman.model.types import CHARACTER_KINDS


def equal_form(table: Table, column: str, value: Value) -> Value:
    """What the server compares: text of a `_ci` collation without case and trailing blanks."""
    type_ = table.column(column).type
    if value is None or type_.kind not in CHARACTER_KINDS:
        return value
    value = value.rstrip(b" ")
    return value.decode().casefold().encode() if (type_.collation or "").endswith("_ci") else value


class MemoryTable:
    """Rows of one table, each a tuple of all its columns."""

    def __init__(self, table: Table, rows: Iterable[Row] = ()):
        self.table = table
        self.names = [column.name for column in table.columns]
        self.rows = list(rows)

    def copy(self) -> MemoryTable:
        return MemoryTable(self.table, self.rows)

    def values(self, row: Row, columns: Sequence[str]) -> Row:
        return tuple(row[self.names.index(name)] for name in columns)

    def form(self, row: Row, columns: Sequence[str]) -> Row:
        return self.form_of(columns, self.values(row, columns))

    def form_of(self, columns: Sequence[str], values: Row) -> Row:
        return tuple(equal_form(self.table, name, value) for name, value in zip(columns, values, strict=True))

    def in_the_way(self, row: Row, *, but: Row | None = None) -> list[Row]:
        """Rows that hold one of the unique values of `row`."""
        found = []
        for index in self.table.unique_keys:
            form = self.form(row, index.columns)
            if None in form:
                continue
            found += [r for r in self.rows if r is not but and r not in found and self.form(r, index.columns) == form]
        return found

    def insert(self, row: Row) -> None:
        if self.in_the_way(row):
            raise DuplicateKeyError("target.duplicate_key", f"duplicate in {self.table.name}")
        self.rows.append(row)

    def replace(self, row: Row) -> None:
        for other in self.in_the_way(row):
            self.rows.remove(other)
        self.rows.append(row)

    def matching(self, columns: Sequence[str], keys: Iterable[Row]) -> list[Row]:
        """Rows whose columns equal one of `keys`, as the server compares."""
        forms = {self.form_of(columns, key) for key in keys if None not in key}
        return [row for row in self.rows if self.form(row, columns) in forms]

    def remove(self, row: Row) -> None:
        """Remove this very row."""
        place = next(i for i, each in enumerate(self.rows) if each is row)
        del self.rows[place]

    def change(self, row: Row, columns: Sequence[str], values: Row) -> Row:
        """Set columns of this very row."""
        new = list(row)
        for name, value in zip(columns, values, strict=True):
            new[self.names.index(name)] = value
        changed = tuple(new)
        if self.in_the_way(changed, but=row):
            raise DuplicateKeyError("target.duplicate_key", f"duplicate in {self.table.name}")
        place = next(i for i, each in enumerate(self.rows) if each is row)
        self.rows[place] = changed
        return changed

    def bag(self) -> Counter[Row]:
        return Counter(self.rows)

    def by_key(self) -> dict[Row, Row]:
        key = self.table.row_key
        assert key is not None
        return {self.values(row, key.columns): row for row in self.rows}


class ForeignKeyError(Exception):
    """The source refuses the statement."""


class MemoryTables:
    """Tables with foreign keys that act, as InnoDB's do: nobody is told of their effects."""

    def __init__(self, schema: Schema):
        self.schema = schema
        self.tables = {table.name: MemoryTable(table) for table in schema.tables}

    def snapshot(self) -> dict[TableName, list[Row]]:
        return {name: list(table.rows) for name, table in self.tables.items()}

    def restore(self, snapshot: dict[TableName, list[Row]]) -> None:
        for name, rows in snapshot.items():
            self.tables[name].rows = list(rows)

    def _references(self, parent: TableName):
        for child in self.schema.tables:
            for key in child.foreign_keys:
                if key.parent == parent:
                    yield self.tables[child.name], key

    def insert(self, name: TableName, row: Row) -> None:
        self._check_parents(name, row)
        self.tables[name].insert(row)

    def _check_parents(self, name: TableName, row: Row) -> None:
        table = self.tables[name]
        for key in table.table.foreign_keys:
            values = table.values(row, key.columns)
            parent = self.tables[key.parent]
            own = key.parent == name and table.values(row, key.parent_columns) == values
            if None not in values and not own and not parent.matching(key.parent_columns, [values]):
                raise ForeignKeyError

    def delete(self, name: TableName, row: Row) -> None:
        table = self.tables[name]
        table.remove(row)
        for child, key in self._references(name):
            old = table.values(row, key.parent_columns)
            for each in list(child.matching(key.columns, [old])):
                if not any(each is r for r in child.rows):
                    continue
                if key.on_delete is ReferenceAction.CASCADE:
                    self.delete(child.table.name, each)
                elif key.on_delete is ReferenceAction.SET_NULL:
                    self._cascade_update(child.table.name, each, key.columns, (None,) * len(key.columns))
                else:
                    raise ForeignKeyError

    def update(self, name: TableName, row: Row, new: Row) -> None:
        changed = [c for c, a, b in zip(self.tables[name].names, row, new, strict=True) if a != b]
        for key in self.tables[name].table.foreign_keys:
            if set(key.columns) & set(changed):
                self._check_parents(name, new)
        self._cascade_update(name, row, changed, self.tables[name].values(new, changed))

    def _cascade_update(self, name: TableName, row: Row, columns: Sequence[str], values: Row, depth: int = 0) -> None:
        if depth > 10:
            raise ForeignKeyError
        table = self.tables[name]
        new = table.change(row, columns, values)
        for child, key in self._references(name):
            old, now = table.values(row, key.parent_columns), table.values(new, key.parent_columns)
            if old == now:
                continue
            for each in list(child.matching(key.columns, [old])):
                if key.on_update is ReferenceAction.CASCADE:
                    self._cascade_update(child.table.name, each, key.columns, now, depth + 1)
                elif key.on_update is ReferenceAction.SET_NULL:
                    self._cascade_update(child.table.name, each, key.columns, (None,) * len(now), depth + 1)
                else:
                    raise ForeignKeyError


class MemoryReader:
    """Reads the rows there are at the moment of each call."""

    def __init__(self, tables: dict[TableName, MemoryTable]):
        self.tables = tables

    def read(self, table: Table, columns: Sequence[str]):
        found = self.tables[table.name]
        for row in list(found.rows):
            yield Batch.of([found.values(row, columns)], len(columns))

    def rows_by(
        self,
        table: Table,
        columns: Sequence[str],
        by: Sequence[str],
        values: Sequence[Row],
        *,
        where: str | None = None,
    ) -> Batch:
        assert where is None
        found = self.tables[table.name]
        return Batch.of([found.values(row, columns) for row in found.matching(by, values)], len(columns))

    def close(self) -> None:
        pass
