"""Columns that number themselves: behind rows written with their numbers, the target's next number must follow them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ferryman.connectors.postgresql.quoting import quote_table, quote_text
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.schema import Table

_MOST = (1 << 63) - 1


class Numbers:
    """The greatest numbers written in the open transaction."""

    def __init__(self) -> None:
        """Begin with none."""
        self._greatest: dict[tuple[TableName, str], int] = {}

    def see(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Note rows that are written."""
        for name, data in zip(columns, batch.columns, strict=True):
            column = table.column(name)
            if column.auto_increment:
                highest = max((int(value) for value in data.values() if value is not None), default=0)
                at = (table.name, column.name)
                self._greatest[at] = max(self._greatest.get(at, 0), highest)

    def forget(self) -> None:
        """The transaction is undone or over."""
        self._greatest.clear()

    def statements(self) -> list[str]:
        """Return what moves the sequences on, never back: whoever moves one holds a lock until the commit."""
        out = []
        for (table, column), greatest in sorted(self._greatest.items()):
            if not 0 < greatest <= _MOST:
                continue
            sequence = f"pg_get_serial_sequence({quote_text(quote_table(table))}, {quote_text(column)})::regclass"
            out.append(f"SELECT pg_advisory_xact_lock({_lock(table, column)})")
            out.append(
                f"SELECT setval(s, {greatest}) FROM (SELECT {sequence} AS s) AS t"
                f" WHERE s IS NOT NULL AND coalesce(pg_sequence_last_value(s), 0) < {greatest}"
            )
        return out


def _lock(table: TableName, column: str) -> int:
    digest = hashlib.sha256(repr((table.database, table.table, column)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
