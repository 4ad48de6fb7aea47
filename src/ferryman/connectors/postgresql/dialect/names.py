"""Names at the target: PostgreSQL cuts them at 63 bytes, and names of indexes belong to the schema, not to the table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ferryman.connectors.postgresql.quoting import NAME_BYTES
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Index, Table

_DIGITS = 8


def bounded(name: str) -> str:
    """Return a name of at most 63 bytes: a longer one is cut, and told apart by a digest of all of it."""
    data = name.encode()
    if len(data) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    return f"{data[: NAME_BYTES - _DIGITS - 1].decode('utf-8', 'ignore')}_{digest}"


def index_name(table: str, index: Index) -> str:
    """Return the name of an index (or primary key) of a table of that name."""
    if index.primary:
        return bounded(f"{table}_pkey")
    if index.definition:
        return bounded(index.name)
    return bounded(f"{table}_{index.name}_{'key' if index.unique else 'idx'}")


def sequence_name(table: str, column: str) -> str:
    """Return the name of the sequence that numbers a column which cannot number itself."""
    return bounded(f"{table}_{column}_seq")


def refuse_long_names(tables: Iterable[Table]) -> None:
    """Raise ``schema.name_too_long`` for schemas, tables and columns the server would cut in silence."""
    long: list[str] = []
    for table in tables:
        if _is_long(table.name.database) or _is_long(table.name.table):
            long.append(str(table.name))
        long += [f"{table.name}.{column.name}" for column in table.columns if _is_long(column.name)]
    if long:
        raise FerrymanError("schema.name_too_long", f"PostgreSQL takes 63 bytes in a name: {_listed(long)}")


def _is_long(name: str) -> bool:
    return len(name.encode()) > NAME_BYTES


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
