"""Statements that write rows, as text: no connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferryman.connectors.postgresql.quoting import quote, quote_list, quote_table
from ferryman.connectors.postgresql.rows.literals import array_text, bare_type, columns_of, literal
from ferryman.model.batch import Row, Value
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import BYTES_KINDS, CHARACTER_KINDS, Kind

KEYS_A_STATEMENT = 5_000
_WORDS = frozenset({"text", "character varying"})


def copy_into(table: Table, columns: Sequence[str]) -> str:
    """Return the COPY that takes rows."""
    names = quote_list(column.name for column in columns_of(table, columns))
    return f"COPY {quote_table(table.name)} ({names}) FROM STDIN"


def insert(table: Table, columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the INSERT of a few rows."""
    wanted = columns_of(table, columns)
    values = ", ".join(f"({', '.join(map(_literal, row, wanted))})" for row in rows)
    return f"INSERT INTO {quote_table(table.name)} ({quote_list(c.name for c in wanted)}) VALUES {values}"


def _literal(value: Value, column: Column) -> str:
    return literal(value, column.type)


class UniqueValues:
    """The values that a unique index holds for given rows, as a condition and its array parameters."""

    def __init__(self, table: Table, index: Index, columns: Sequence[str]) -> None:
        """Look at an index; `columns` name the values of the rows."""
        places = {name.casefold(): place for place, name in enumerate(columns)}
        self.known = all(part.column is not None and part.column.casefold() in places for part in index.parts)
        """Whether the index's values can be told from the rows."""
        self._parts = [(part, table.column(part.column)) for part in index.parts if part.column] if self.known else []
        self._places = [places[(part.column or "").casefold()] for part, _ in self._parts]

    @property
    def condition(self) -> str:
        """Return the condition that a row holds one of the values given as ``$1`` …, one array a part."""
        names = [_shown(part, column) for part, column in self._parts]
        arrays = [f"${place}::{bare_type(column.type)}[]" for place, (_, column) in enumerate(self._parts, 1)]
        if len(names) == 1:
            return f"{names[0]} = ANY({arrays[0]})"
        return f"({', '.join(names)}) IN (SELECT * FROM unnest({', '.join(arrays)}))"

    def arrays(self, rows: Sequence[Row]) -> list[bytes]:
        """Return the parameters; empty when no row holds a value (a NULL equals nothing)."""
        found = dict.fromkeys(self._value(row) for row in rows)
        values = [value for value in found if None not in value]
        if not values:
            return []
        return [
            array_text(each, column.type)
            for each, (_, column) in zip(zip(*values, strict=True), self._parts, strict=True)
        ]

    def _value(self, row: Row) -> Row:
        return tuple(
            _prefixed(row[place], part, column) for place, (part, column) in zip(self._places, self._parts, strict=True)
        )


def _shown(part: KeyPart, column: Column) -> str:
    if part.prefix is None:
        return quote(column.name)
    if column.type.kind in BYTES_KINDS:
        return f"substring({quote(column.name)} from 1 for {part.prefix})"
    return f'"left"({quote(column.name)}, {part.prefix})'


def _prefixed(value: Value, part: KeyPart, column: Column) -> Value:
    if value is None or part.prefix is None:
        return value
    if column.type.kind in BYTES_KINDS:
        return value[: part.prefix]
    return value.decode("utf-8", "surrogateescape")[: part.prefix].encode("utf-8", "surrogateescape")


def update_keys(table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> Iterator[str]:
    """Yield UPDATE statements of key columns, in the order given."""
    columns = columns_of(table, key)
    for before, after in zip(old, new, strict=True):
        if None in before:
            continue
        values: Sequence[Value] = after if after is not None else (None,) * len(columns)
        matches = " AND ".join(f"{quote(c.name)} = {_literal(v, c)}" for c, v in zip(columns, before, strict=True))
        yield f"UPDATE {quote_table(table.name)} SET {_assignments(columns, values)} WHERE {matches}"


def _assignments(columns: Sequence[Column], values: Sequence[Value]) -> str:
    return ", ".join(f"{quote(c.name)} = {_literal(v, c)}" for c, v in zip(columns, values, strict=True))


def delete_row(table: Table, columns: Sequence[str], row: Row) -> str:
    """Return the DELETE of one row equal to `row`."""
    return f"DELETE FROM {quote_table(table.name)} WHERE {_one_row(table, columns_of(table, columns), row)}"


def update_row(table: Table, columns: Sequence[str], before: Row, after: Row) -> str:
    """Return the UPDATE of one row equal to `before`."""
    wanted = columns_of(table, columns)
    name = quote_table(table.name)
    return f"UPDATE {name} SET {_assignments(wanted, after)} WHERE {_one_row(table, wanted, before)}"


def _one_row(table: Table, columns: Sequence[Column], row: Row) -> str:
    """Pick one of the equal rows by its place; in another partition, that place may be another row's."""
    same = " AND ".join(same_value(column, value) for column, value in zip(columns, row, strict=True))
    found = f"SELECT ctid, tableoid FROM {quote_table(table.name)} WHERE {same} LIMIT 1"
    return f"(ctid, tableoid) = ({found})"


def same_value(column: Column, value: Value) -> str:
    """Return the condition that a column holds exactly this value, byte for byte."""
    name, kind = quote(column.name), column.type.kind
    if value is None:
        return f"{name} IS NULL"
    text = _literal(value, column)
    if kind in {Kind.FLOAT, Kind.DOUBLE}:  # 0 = -0, but they are two values
        send = "float4send" if kind is Kind.FLOAT else "float8send"
        return f"({name} = {text} AND {send}({name}) = {send}({text}::{bare_type(column.type)}))"
    if kind is Kind.JSON:
        return f"{name}::jsonb = {text}::jsonb"
    if kind in CHARACTER_KINDS and bare_type(column.type) not in _WORDS:
        return f"{name}::text = {text}"
    if kind in CHARACTER_KINDS:
        return f'{name} COLLATE pg_catalog."C" = {text}'
    return f"{name} = {text}"
