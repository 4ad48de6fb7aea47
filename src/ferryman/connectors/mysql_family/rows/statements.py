"""Statements that write rows: pure text, no connection.

Those of many rows are made in one buffer, used again and again, behind room for the packet's head; so they go to the
socket without having been copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.mysql_family.rows.literals import columns_of, key_conditions, name_of, same_row
from ferryman.kernel import RowText, literal
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.schema import Column, Table

STATEMENT_BYTES = 4_000_000
"""Greatest length of a statement of many rows: OceanBase refuses from about 7.5 MB on, whatever max_allowed_packet says."""

KEYS_A_STATEMENT = 500


PACKET_HEAD = b"\0\0\0\0\x03"
"""Room for a packet's length and number; then COM_QUERY."""


@dataclass(frozen=True, slots=True)
class RowWriter:
    """Makes statements of many rows.

    Each is yielded as a packet: `PACKET_HEAD` and the text. It is valid until the next one is asked for, and must have
    been released by then.

    Attributes:
        text: The buffer.
        max_bytes: Greatest length of a statement of more than one row.
    """

    text: RowText
    max_bytes: int

    def insert(self, table: Table, columns: Sequence[str], batch: Batch, prefix: bytes = b"") -> Iterator[memoryview]:
        """Yield INSERT statements, `prefix` before each."""
        return self._rows(prefix + b"INSERT", table, columns, batch, b"")

    def replace(self, table: Table, columns: Sequence[str], batch: Batch, prefix: bytes = b"") -> Iterator[memoryview]:
        """Yield REPLACE statements: rows that hold any of the unique values go first."""
        return self._rows(prefix + b"REPLACE", table, columns, batch, b"")

    def upsert(self, table: Table, columns: Sequence[str], batch: Batch) -> Iterator[memoryview]:
        """Yield INSERT … ON DUPLICATE KEY UPDATE of all columns, the key's too (equal keys may have other bytes).

        Only for tables with a single unique key: with more it rewrites the *other* row (algorithms.md §3). OceanBase
        does it twice as fast as REPLACE.
        """
        names = [name_of(column) for column in columns_of(table, columns)]
        suffix = b" ON DUPLICATE KEY UPDATE " + b",".join(b"%s=VALUES(%s)" % (name, name) for name in names)
        return self._rows(b"INSERT", table, columns, batch, suffix)

    def _rows(
        self, verb: bytes, table: Table, columns: Sequence[str], batch: Batch, suffix: bytes
    ) -> Iterator[memoryview]:
        wanted = columns_of(table, columns)
        head = b"%s INTO %s (%s) VALUES " % (verb, _name(table), b",".join(map(name_of, wanted)))
        kinds = [column.type.kind for column in wanted]
        room = self.max_bytes - len(head) - len(suffix)
        start = 0
        while start < batch.row_count:
            self.text.begin(PACKET_HEAD + head)
            start = self.text.insert_values(batch, kinds, start, room)
            self.text.add(suffix)
            with memoryview(self.text) as packet:
                yield packet
        self.text.begin(b"")  # a buffer made for a giant row is given back at once


def upsert_is_replace(table: Table, columns: Sequence[str]) -> bool:
    """Whether `upsert` leaves the same rows as `replace`: one unique key, and every column is given."""
    given = {name.casefold() for name in columns}
    return len(table.unique_keys) == 1 and all(c.name.casefold() in given for c in table.written_columns)


def delete_keys(table: Table, key: Sequence[str], keys: Sequence[Row], max_bytes: int) -> Iterator[bytes]:
    """Yield DELETE statements by key."""
    head = b"DELETE FROM %s WHERE " % _name(table)
    conditions = key_conditions(columns_of(table, key), keys, rows=KEYS_A_STATEMENT, max_bytes=max_bytes)
    return (head + condition for condition in conditions)


def update_keys(
    table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None], max_bytes: int
) -> Iterator[bytes]:
    """Yield UPDATE statements of key columns, in the order given; neighbours set to NULL share a statement."""
    columns = columns_of(table, key)
    start = 0
    for end in range(1, len(old) + 1):
        if end < len(old) and new[start] is None and new[end] is None:
            continue
        head = b"UPDATE %s SET %s WHERE " % (_name(table), _assignments(columns, new[start]))
        for condition in key_conditions(columns, old[start:end], rows=KEYS_A_STATEMENT, max_bytes=max_bytes):
            yield head + condition
        start = end


def delete_row(table: Table, columns: Sequence[str], row: Row, *, native_json: bool) -> bytes:
    """Return the DELETE of one row equal to `row`."""
    condition = same_row(columns_of(table, columns), row, native_json=native_json)
    return b"DELETE FROM %s WHERE %s LIMIT 1" % (_name(table), condition)


def update_row(table: Table, columns: Sequence[str], before: Row, after: Row, *, native_json: bool) -> bytes:
    """Return the UPDATE of one row equal to `before`."""
    wanted = columns_of(table, columns)
    condition = same_row(wanted, before, native_json=native_json)
    return b"UPDATE %s SET %s WHERE %s LIMIT 1" % (_name(table), _assignments(wanted, after), condition)


def _assignments(columns: Sequence[Column], row: Row | None) -> bytes:
    values: Sequence[Value] = row if row is not None else (None,) * len(columns)
    return b",".join(
        b"%s=%s" % (name_of(column), literal(value, column.type.kind))
        for column, value in zip(columns, values, strict=True)
    )


def _name(table: Table) -> bytes:
    return quote_table(table.name).encode()
