"""Rows of `information_schema`, asked for by the names every server has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.model.names import TableName

_FEW_DATABASES = 16
"""Up to so many databases are asked one by one: an equality lets MariaDB open just their tables."""
_SCHEMA_COLUMNS = {"CHECK_CONSTRAINTS": "CONSTRAINT_SCHEMA", "REFERENTIAL_CONSTRAINTS": "CONSTRAINT_SCHEMA"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the table it tells of, and the columns asked for (`None` where the server lacks one)."""

    table: TableName
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def text(self, name: str) -> str | None:
        """Return a column as text."""
        value = self.values[name]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else None if value is None else str(value)

    def raw(self, name: str) -> bytes | None:
        """Return a column as the bytes that came (UTF-8 where it came as text)."""
        value = self.values[name]
        return value if value is None or isinstance(value, bytes) else str(value).encode()

    def number(self, name: str) -> int:
        """Return a column as a whole number, 0 for NULL."""
        value = self.text(name)
        return int(value) if value else 0


_AS_IT_IS = {"COLUMN_DEFAULT": "CAST(COLUMN_DEFAULT AS BINARY)"}
"""OceanBase shows the bytes of a BINARY column's default, which are no text."""


class Catalog:
    """The part of `information_schema` that tells of some databases."""

    def __init__(self, connection: Connection, databases: Sequence[str]) -> None:
        """Look at these databases, spelled as the server does."""
        self.connection = connection
        self._databases = list(databases)
        self._known = _known_columns(connection)

    def has(self, view: str, column: str = "") -> bool:
        """Whether the server has that view (with that column)."""
        return view in self._known and (not column or column in self._known[view])

    def read(self, view: str, columns: Sequence[str]) -> Iterator[Row]:
        """Read some columns of a view, of all its rows that tell of our databases."""
        known = self._known.get(view, frozenset())
        schema = _SCHEMA_COLUMNS.get(view, "TABLE_SCHEMA")
        table = "TABLE_NAME" if "TABLE_NAME" in known else "NULL"
        wanted = ", ".join([schema, table, *(_AS_IT_IS.get(n, n) if n in known else "NULL" for n in columns)])
        mine = frozenset(self._databases)
        for where, args in self._conditions(schema):
            sql = f"SELECT {wanted} FROM information_schema.{view} WHERE {where}"
            for database, name, *values in self.connection.query(sql, args):
                if str(database) in mine:
                    yield Row(TableName(str(database), str(name)), dict(zip(columns, values, strict=True)))

    def _conditions(self, schema: str) -> Iterator[tuple[str, list[str]]]:
        if len(self._databases) <= _FEW_DATABASES:
            for database in self._databases:
                yield f"{schema} = %s", [database]
        else:
            yield f"{schema} IN ({', '.join(['%s'] * len(self._databases))})", self._databases


def _known_columns(connection: Connection) -> dict[str, frozenset[str]]:
    rows = connection.query(
        "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'"
    )
    known: dict[str, set[str]] = {}
    for view, column in rows:
        known.setdefault(str(view).upper(), set()).add(str(column).upper())
    return {view: frozenset(columns) for view, columns in known.items()}
