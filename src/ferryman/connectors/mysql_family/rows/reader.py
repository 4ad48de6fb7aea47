"""Rows of tables, read over the binary protocol: by key range, by key, or all of them (`ferryman.spi.source.TableReader`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.quoting import quote, quote_list, quote_table
from ferryman.connectors.mysql_family.rows.literals import after as key_after
from ferryman.connectors.mysql_family.rows.literals import columns_of, key_conditions, up_to
from ferryman.connectors.mysql_family.rows.wire import read_all, read_rows
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.schema import Column, Index, Table
from ferryman.model.types import Kind
from ferryman.spi.source import Chunk

KEYS_A_QUERY = 500
QUERY_BYTES = 1 << 20
_DENSE = 0.5
"""From this share of taken numbers on, an integer key is split by arithmetic: a chunk has at most twice its rows."""


class Reader:
    """Reads over one connection, which is opened when first needed and again after it broke."""

    def __init__(
        self, connect: Callable[[], Connection], connection: Connection | None = None, *, as_of: int | None = None
    ) -> None:
        """Make a reader.

        Args:
            connect: Opens a connection.
            connection: One in an open snapshot: all reads use it, and none other takes its place when it breaks.
            as_of: OceanBase: `read` shows tables as they were at this SCN.
        """
        self._connect = connect
        self._connection = connection
        self._pinned = connection is not None
        self._as_of = as_of

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
        """Read rows; see `ferryman.spi.source.TableReader.read`."""
        wanted = columns_of(table, columns)
        key = row_key(table) if chunk is not None or limit is not None or ordered else None
        sql = select(wanted, table, key, chunk or Chunk(), where, limit, ordered=ordered, as_of=self._as_of)
        types = [column.type for column in wanted]
        with self._told(table, self._as_of):
            yield from read_rows(self._open(), sql, types, batch_bytes=batch_bytes, table=str(table.name))

    def rows_by_key(
        self, table: Table, columns: Sequence[str], keys: Sequence[Row], *, where: str | None = None
    ) -> Batch:
        """Read the rows of these `row_key` values."""
        return self.rows_by(table, columns, row_key(table).columns, keys, where=where)

    def rows_by(
        self,
        table: Table,
        columns: Sequence[str],
        by: Sequence[str],
        values: Sequence[Row],
        *,
        where: str | None = None,
    ) -> Batch:
        """Read the rows whose `by` columns equal one of `values`."""
        with self._told(table):
            return rows_by_key(self._open(), table, by, values, columns, where)

    def count_estimate(self, table: Table) -> int:
        """Return the server's guess of the number of rows."""
        connection = self._open()
        rows = connection.query(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema=%s AND table_name=%s",
            (table.name.database, table.name.table),
            table=str(table.name),
        )
        guess = int(rows[0][0] or 0) if rows else 0
        if guess or connection.server.flavor != "oceanbase":
            return guess
        return _planned_rows(connection, table)

    def key_range(self, table: Table) -> tuple[Row, Row] | None:
        """Return the least and the greatest row key now."""
        least = self._seek(table, None, 0)
        greatest = self._seek(table, None, 0, descending=True)
        return (least, greatest) if least is not None and greatest is not None else None

    def split_points(self, table: Table, chunk_rows: int, *, after: Row | None = None) -> Iterator[Row]:
        """Yield chunk ends in key order: by arithmetic on a dense integer key, by seeking on any other."""
        step = self._integer_step(table, chunk_rows)
        if step is None:
            yield from self._sought_points(table, chunk_rows, after)
            return
        width, least, greatest = step
        start = least - 1 if after is None else int(after[0] or b"0")
        for end in range(start + width, greatest, width):
            yield (b"%d" % end,)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()

    def _told(self, table: Table, as_of: int | None = None) -> AbstractContextManager[None]:
        """Stand around every read of rows; those who show one moment say here what it means that it is gone.

        Args:
            table: What is read.
            as_of: The SCN this very read looks back to.
        """
        del table, as_of
        return nullcontext()

    def _open(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            if self._pinned:
                raise FerrymanError("endpoint.connection_lost", "the connection that held the snapshot is gone")
            self._connection = self._connect()
        return self._connection

    def _sought_points(self, table: Table, chunk_rows: int, start: Row | None) -> Iterator[Row]:
        while (found := self._seek(table, start, chunk_rows - 1)) is not None:
            yield found
            start = found

    def _seek(self, table: Table, start: Row | None, skip: int, *, descending: bool = False) -> Row | None:
        """Return the key `skip` rows behind the first one after `start`, or `None`."""
        key = row_key(table)
        columns = columns_of(table, key.columns)
        direction = " DESC" if descending else ""
        order = ",".join(quote(column.name) + direction for column in columns)
        where = b" WHERE " + key_after(columns, start) if start is not None else b""
        head = f"SELECT {quote_list(key.columns)} FROM {quote_table(table.name)}{_force(key)}"
        sql = head.encode() + where + f" ORDER BY {order} LIMIT {skip},1".encode()
        with self._told(table):
            found = read_all(self._open(), sql, [column.type for column in columns], table=str(table.name))
        return next(found.rows(), None)

    def _integer_step(self, table: Table, chunk_rows: int) -> tuple[int, int, int] | None:
        """Return ``(width of a chunk, least, greatest)`` when the key is one integer column that is dense enough."""
        key = row_key(table)
        if len(key.columns) != 1 or table.column(key.columns[0]).type.kind is not Kind.INTEGER:
            return None
        found = self.key_range(table)
        if found is None:
            return None
        least, greatest = int(found[0][0] or b"0"), int(found[1][0] or b"0")
        density = self.count_estimate(table) / (greatest - least + 1)
        if density < _DENSE:
            return None
        return max(1, int(chunk_rows / min(density, 1.0))), least, greatest


def row_key(table: Table) -> Index:
    """Return the table's row key; asking for it where there is none is a defect of the caller."""
    key = table.row_key
    if key is None:
        raise FerrymanError("internal.error", f"{table.name} has no key to read it by")
    return key


def select(
    columns: Sequence[Column],
    table: Table,
    key: Index | None,
    chunk: Chunk,
    where: str | None,
    limit: int | None,
    *,
    ordered: bool,
    as_of: int | None = None,
) -> bytes:
    """Return the SELECT of some columns in a key range; `as_of` an SCN of OceanBase, where it shall look back."""
    sql = [f"SELECT {quote_list(c.name for c in columns)} FROM {quote_table(table.name)}".encode()]
    if as_of is not None:
        sql.append(f" AS OF SNAPSHOT {as_of}".encode())
    if key is None:
        return b"".join(sql) + (_filter([], where))
    key_columns = columns_of(table, key.columns)
    if as_of is None:  # a flashback read takes no index hint
        sql.append(_force(key).encode())
    bounds = [key_after(key_columns, chunk.start)] if chunk.start is not None else []
    bounds += [up_to(key_columns, chunk.end)] if chunk.end is not None else []
    sql.append(_filter(bounds, where))
    if ordered or limit is not None:
        sql.append(f" ORDER BY {quote_list(key.columns)}".encode())
    if limit is not None:
        sql.append(b" LIMIT %d" % limit)
    return b"".join(sql)


def rows_by_key(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    keys: Sequence[Row],
    columns: Sequence[str],
    where: str | None = None,
) -> Batch:
    """Read the rows whose `key` columns equal one of `keys`, in as many queries as their size asks for."""
    wanted = columns_of(table, columns)
    types = [column.type for column in wanted]
    head = f"SELECT {quote_list(c.name for c in wanted)} FROM {quote_table(table.name)}".encode()
    conditions = key_conditions(columns_of(table, key), keys, rows=KEYS_A_QUERY, max_bytes=QUERY_BYTES)
    queries = (head + _filter([condition], where) for condition in conditions)
    found = [read_all(connection, query, types, table=str(table.name)) for query in queries]
    if len(found) == 1:
        return found[0]
    return Batch.of((row for batch in found for row in batch.rows()), len(wanted))


def _force(key: Index) -> str:
    """Hold the optimizer to the key: with a wrong guess it would read the whole table for each chunk."""
    return "" if key.invisible else f" FORCE INDEX ({quote('PRIMARY' if key.primary else key.name)})"


def _filter(bounds: Sequence[bytes], where: str | None) -> bytes:
    # The line break ends a comment in the user's condition.
    parts = [*bounds, *([f"({where}\n)".encode()] if where else [])]
    return b" WHERE " + b" AND ".join(parts) if parts else b""


def _planned_rows(connection: Connection, table: Table) -> int:
    """Ask OceanBase's planner, which looks into the storage; its catalog knows nothing before statistics are gathered."""
    rows = connection.query(f"EXPLAIN FORMAT=JSON SELECT * FROM {quote_table(table.name)}", table=str(table.name))
    plan = json.loads("\n".join(str(row[0]) for row in rows))
    return int(plan.get("EST.ROWS", 0))
