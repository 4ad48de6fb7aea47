"""SQL that makes one row of the target equal, as text for people."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from ferryman.kernel import MisfitError, literal, server_value, text_form
from ferryman.model.batch import Row, Value
from ferryman.model.schema import Table
from ferryman.model.types import BYTES_KINDS, CHARACTER_KINDS, ColumnType, Kind
from ferryman.pipeline.verify.pair import Pair

Quote = Callable[[str], str]

PREAMBLE = "SET NAMES utf8mb4; SET time_zone='+00:00'; SET foreign_key_checks=0;\n"
"""What the statements need of the session; deletes go first, so that a key in another spelling makes room."""

STANDARD_PREAMBLE = "SET TimeZone = 'UTC'; SET session_replication_role = replica;\n"
"""The same for PostgreSQL."""

MOST_BYTES = 1 << 20
"""A greater statement is left out: `repair.apply` reads the row from the source instead."""


def sql_value(value: Value, kind: Kind) -> str:
    """Return a value as a literal; bytes as ``X'…'``."""
    if value is None:
        return "NULL"
    if kind in BYTES_KINDS:
        return f"X'{value.hex().upper()}'"
    return literal(value, kind).decode("utf-8", "backslashreplace")


class Corrections:
    """Writes the statements of one pair in the target's dialect."""

    def __init__(self, pair: Pair, quote: Quote) -> None:
        self._pair = pair
        self._quote = quote
        table: Table = pair.target.table
        self._name = f"{quote(table.name.database)}.{quote(table.name.table)}"
        self._types = [table.column(name).type for name in pair.target.columns]
        generated = {column.name for column in table.columns if column.generated is not None}
        self._written = [index for index, name in enumerate(pair.target.columns) if name not in generated]

    def write(self, row: Row, *, verb: str = "REPLACE", count: int = 1) -> str:
        """Return the statement that writes the source's row, `count` times."""
        columns = ", ".join(self._quote(self._pair.target.columns[index]) for index in self._written)
        values = ", ".join(self._value(index, row[index]) for index in self._written)
        return _bounded(f"{verb} INTO {self._name} ({columns}) VALUES {', '.join([f'({values})'] * count)};")

    def delete_key(self, key: Row) -> str:
        """Return the statement that deletes the target's row with a key."""
        return _bounded(f"DELETE FROM {self._name} WHERE {self._condition(self._pair.key, key)};")

    def delete_rows(self, row: Row, count: int) -> str:
        """Return the statement that deletes `count` rows equal to `row`."""
        indexes = range(len(self._pair.target.columns))
        return _bounded(f"DELETE FROM {self._name} WHERE {self._condition(indexes, row)} LIMIT {count};")

    def _value(self, index: int, value: Value) -> str:
        return sql_value(value, self._types[index].kind)

    def _condition(self, indexes: Sequence[int], values: Sequence[Value]) -> str:
        pairs = zip(indexes, values, strict=True)
        return " AND ".join(self._equals(index, value) for index, value in pairs)

    def _equals(self, index: int, value: Value) -> str:
        name, kind = self._quote(self._pair.target.columns[index]), self._types[index]
        if value is None:
            return f"{name} IS NULL"
        if kind.kind in CHARACTER_KINDS and not self._pair.key:
            # A collation takes other bytes for equal; a unique key cannot hold two such rows, a bag can.
            return f"CAST(CONVERT({name} USING utf8mb4) AS BINARY) = X'{value.hex().upper()}'"
        return f"{self._compared(name, kind)} = {self._literal(value, kind)}"

    def _compared(self, name: str, kind: ColumnType) -> str:
        """FLOAT equals its shortest text only as text."""
        return f"CONCAT({name})" if kind.kind is Kind.FLOAT else name

    def _literal(self, value: bytes, kind: ColumnType) -> str:
        return sql_value(value, Kind.TEXT if kind.kind is Kind.FLOAT else kind.kind)


class StandardCorrections(Corrections):
    """Writes the statements for a target that quotes names in double quotes: PostgreSQL."""

    def write(self, row: Row, *, verb: str = "REPLACE", count: int = 1) -> str:
        """Return the statement that writes the source's row, `count` times."""
        names = [self._quote(self._pair.target.columns[index]) for index in self._written]
        values = ", ".join(self._value(index, row[index]) for index in self._written)
        every = ", ".join([f"({values})"] * count)
        clash = self._on_conflict() if verb == "REPLACE" else ""
        return _bounded(f"INSERT INTO {self._name} ({', '.join(names)}) VALUES {every}{clash};")

    def _on_conflict(self) -> str:
        columns = self._pair.target.columns
        key = ", ".join(self._quote(columns[index]) for index in self._pair.key)
        others = [self._quote(columns[index]) for index in self._written if index not in self._pair.key]
        action = f"UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in others)}" if others else "NOTHING"
        return f" ON CONFLICT ({key}) DO {action}"

    def delete_rows(self, row: Row, count: int) -> str:
        """Return the statement that deletes `count` rows equal to `row`."""
        condition = self._condition(range(len(self._pair.target.columns)), row)
        chosen = f"SELECT ctid FROM {self._name} WHERE {condition} LIMIT {count}"
        return _bounded(f"DELETE FROM {self._name} WHERE ctid IN ({chosen});")

    def _value(self, index: int, value: Value) -> str:
        return _standard_literal(value, self._types[index])

    def _equals(self, index: int, value: Value) -> str:
        name, type_ = self._quote(self._pair.target.columns[index]), self._types[index]
        if value is None:
            return f"{name} IS NULL"
        text = _standard_literal(value, type_)
        if type_.kind is Kind.JSON:
            return f"{name}::jsonb = {text}::jsonb"
        if type_.kind in _FLOATS:  # 0 = -0, but they are two values
            return f"({name} = {text} AND {name}::text LIKE '{'-%' if value.startswith(b'-') else '%'}')"
        return f"{name} = {text}"


_FLOATS = frozenset({Kind.FLOAT, Kind.DOUBLE})


def _standard_literal(value: Value, type_: ColumnType) -> str:
    if value is None:
        return "NULL"
    with contextlib.suppress(MisfitError):  # shown as it is at the source: the target refuses it, and says so
        value = server_value(value, text_form(type_))
    return "'" + value.decode("utf-8", "backslashreplace").replace("'", "''") + "'"


def corrections_of(pair: Pair, quote: Quote) -> Corrections:
    """Return the writer for a target, told by its way with names: the MySQL family's is the backtick."""
    return (StandardCorrections if quote("a") == '"a"' else Corrections)(pair, quote)


def preamble_of(statements: Sequence[str]) -> str:
    """Return what a script's statements need of the session."""
    standard = any(text.startswith(('INSERT INTO "', 'DELETE FROM "')) for text in statements)
    return STANDARD_PREAMBLE if standard else PREAMBLE


def _bounded(statement: str) -> str:
    return statement if len(statement) <= MOST_BYTES else ""
