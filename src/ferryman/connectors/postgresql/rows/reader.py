"""Rows of tables, read by COPY: by key range, by key, or all of them (`ferryman.spi.source.TableReader`)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from psycopg.pq.abc import PGresult

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.quoting import quote, quote_list, quote_table
from ferryman.connectors.postgresql.rows.literals import after as key_after
from ferryman.connectors.postgresql.rows.literals import columns_of, key_arrays, key_condition, up_to
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import TextForm, canonical_value, decode_copy, text_form
from ferryman.model.batch import Batch, Row
from ferryman.model.schema import Column, Index, Table
from ferryman.model.types import Kind
from ferryman.spi.source import Chunk

KEYS_A_QUERY = 1000
_DENSE = 0.5
"""From this share of taken numbers on, an integer key is split by arithmetic: a chunk has at most twice its rows."""


class Reader:
    """Reads over one connection, which is opened when first needed and again after it broke."""

    def __init__(self, connect: Callable[[], Connection], connection: Connection | None = None) -> None:
        """Make a reader.

        Args:
            connect: Opens a connection.
            connection: One in an open snapshot: all reads use it, and none other takes its place when it breaks.
        """
        self._connect = connect
        self._connection = connection
        self._pinned = connection is not None

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
        sql = select(wanted, table, key, chunk or Chunk(), where, limit, ordered=ordered)
        forms = [text_form(column.type) for column in wanted]
        rows = self._open().copy_out(f"COPY ({sql}) TO STDOUT", table=str(table.name))
        with contextlib.closing(rows):
            for lines in _gathered(rows, batch_bytes):
                yield decode_copy(lines, forms)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], keys: Sequence[Row], *, where: str | None = None
    ) -> Batch:
        """Read the rows of these `row_key` values."""
        return rows_by_key(self._open(), table, row_key(table).columns, keys, columns, where)

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
        return rows_by_key(self._open(), table, by, values, columns, where)

    def count_estimate(self, table: Table) -> int:
        """Return the planner's guess of the number of rows: it looks at the table's size now."""
        rows = self._open().query(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {source_of(table)}", table=str(table.name))
        plan = rows[0][0] if not isinstance(rows[0][0], str) else json.loads(rows[0][0])
        return int(plan[0]["Plan"]["Plan Rows"])

    def key_range(self, table: Table) -> tuple[Row, Row] | None:
        """Return the least and the greatest row key now."""
        least = self._seek(table, None, 0)
        greatest = self._seek(table, None, 0, descending=True)
        return (least, greatest) if least is not None and greatest is not None else None

    def split_points(self, table: Table, chunk_rows: int, *, after: Row | None = None) -> Iterator[Row]:
        """Yield chunk ends in key order: by arithmetic on a dense integer key, by seeking on any other."""
        step = self._integer_step(table, chunk_rows)
        if step is None:
            while (found := self._seek(table, after, chunk_rows - 1)) is not None:
                yield found
                after = found
            return
        width, least, greatest = step
        start = least - 1 if after is None else int(after[0] or b"0")
        for end in range(start + width, greatest, width):
            yield (b"%d" % end,)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            if self._pinned:
                raise FerrymanError("endpoint.connection_lost", "the connection that held the snapshot is gone")
            self._connection = self._connect()
        return self._connection

    def _seek(self, table: Table, start: Row | None, skip: int, *, descending: bool = False) -> Row | None:
        """Return the key `skip` rows behind the first one after `start`, or `None`."""
        columns = columns_of(table, row_key(table).columns)
        where = f" WHERE {key_after(columns, start)}" if start is not None else ""
        order = ",".join(quote(column.name) + (" DESC" if descending else "") for column in columns)
        names = quote_list(column.name for column in columns)
        sql = f"SELECT {names} FROM {source_of(table)}{where} ORDER BY {order} LIMIT 1 OFFSET {skip}"
        result = self._open().run_with(sql, [], table=str(table.name))
        return next(rows_of(result, [text_form(column.type) for column in columns]), None)

    def _integer_step(self, table: Table, chunk_rows: int) -> tuple[int, int, int] | None:
        """Return ``(width of a chunk, least, greatest)`` when the key is one integer column that is dense enough."""
        key = row_key(table)
        if len(key.columns) != 1 or not _is_whole(table.column(key.columns[0])):
            return None
        found = self.key_range(table)
        if found is None:
            return None
        least, greatest = int(found[0][0] or b"0"), int(found[1][0] or b"0")
        density = self.count_estimate(table) / (greatest - least + 1)
        if density < _DENSE:
            return None
        return max(1, int(chunk_rows / min(density, 1.0))), least, greatest


def _is_whole(column: Column) -> bool:
    kind = column.type.kind
    return (kind is Kind.INTEGER and column.type.bits > 1) or (kind is Kind.DECIMAL and column.type.scale == 0)


def row_key(table: Table) -> Index:
    """Return the table's row key; asking for it where there is none is a defect of the caller."""
    key = table.row_key
    if key is None:
        raise FerrymanError("internal.error", f"{table.name} has no key to read it by")
    return key


def source_of(table: Table) -> str:
    """Return what to select from: the table alone, but for a partitioned one, whose rows are all in its partitions."""
    return quote_table(table.name) if table.partitions else f"ONLY {quote_table(table.name)}"


def select(
    columns: Sequence[Column],
    table: Table,
    key: Index | None,
    chunk: Chunk,
    where: str | None,
    limit: int | None,
    *,
    ordered: bool,
) -> str:
    """Return the SELECT of some columns in a key range."""
    sql = f"SELECT {quote_list(column.name for column in columns)} FROM {source_of(table)}"
    if key is None:
        return sql + _filter([], where)
    key_columns = columns_of(table, key.columns)
    bounds = [key_after(key_columns, chunk.start)] if chunk.start is not None else []
    bounds += [up_to(key_columns, chunk.end)] if chunk.end is not None else []
    sql += _filter(bounds, where)
    if ordered or limit is not None:
        sql += f" ORDER BY {quote_list(key.columns)}"
    return sql + (f" LIMIT {limit}" if limit is not None else "")


def rows_by_key(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    keys: Sequence[Row],
    columns: Sequence[str],
    where: str | None = None,
) -> Batch:
    """Read the rows whose `key` columns equal one of `keys`, in as many queries as their number asks for."""
    wanted, by = columns_of(table, columns), columns_of(table, key)
    forms = [text_form(column.type) for column in wanted]
    sql = f"SELECT {quote_list(column.name for column in wanted)} FROM {source_of(table)}"
    sql += _filter([key_condition(by)], where)
    rows: list[Row] = []
    for arrays in key_arrays(by, keys, KEYS_A_QUERY):
        rows.extend(rows_of(connection.run_with(sql, arrays, table=str(table.name)), forms))
    return Batch.of(rows, len(wanted))


def rows_of(result: PGresult, forms: Sequence[TextForm]) -> Iterator[Row]:
    """Yield the rows of a result in text form as canonical values."""
    for row in range(result.ntuples):
        values = (result.get_value(row, place) for place in range(len(forms)))
        yield tuple(
            None if value is None else canonical_value(bytes(value), form)
            for value, form in zip(values, forms, strict=True)
        )


def _gathered(rows: Iterable[bytes], batch_bytes: int) -> Iterator[bytes]:
    """Join rows to pieces of about so many bytes."""
    kept: list[bytes] = []
    size = 0
    for row in rows:
        if kept and size + len(row) > batch_bytes:
            yield b"".join(kept)
            kept, size = [], 0
        kept.append(row)
        size += len(row)
    if kept:
        yield b"".join(kept)


def _filter(bounds: Sequence[str], where: str | None) -> str:
    # The line break ends a comment in the user's condition.
    parts = [*bounds, *([f"({where}\n)"] if where else [])]
    return " WHERE " + " AND ".join(parts) if parts else ""
