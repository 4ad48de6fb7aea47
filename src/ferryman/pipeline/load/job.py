"""What is copied of one table: which columns are read, which are written, and what stands in for a dropped one."""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Schema, Table
from ferryman.spi.dialect import SchemaPlan

MOST_ROWS = 8 * 1250
"""Rows written at a time; a multiple of 8, so that NULL bitmaps are cut at bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """One table to copy.

    Attributes:
        name: The source's name when the load began: marks and notes are kept under it.
        source: The table as the catalog shows it, behind its rules; it may have been renamed since.
        target: The table it goes to.
        reads: Source columns, in reading order.
        writes: Target columns: one for each of `reads`, then one for each of `fills`.
        fills: Values of target columns whose source column has been dropped since.
    """

    name: TableName
    source: Table
    target: Table
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    fills: tuple[Value, ...] = ()

    @property
    def keyed(self) -> bool:
        """Whether a key names each row; without one the table is copied exactly once from one snapshot."""
        return self.source.row_key is not None

    @property
    def key(self) -> tuple[str, ...]:
        """Source columns of the row key."""
        return self.source.row_key.columns if self.source.row_key else ()

    def filled(self, batch: Batch) -> Batch:
        """Return a batch of `reads` as one of `writes`."""
        if not self.fills:
            return batch
        constants = (ColumnData.of([value] * batch.row_count) for value in self.fills)
        return Batch(batch.row_count, (*batch.columns, *constants))


def jobs_of(schema: Schema, plan: SchemaPlan) -> list[TableJob]:
    """Return the jobs of a project, the greatest table first.

    Raises:
        FerrymanError: ``load.column_missing``, ``load.target_key_missing``, ``load.table_missing``.
    """
    tables = sorted(schema.tables, key=lambda t: (t.byte_estimate, t.row_estimate), reverse=True)
    return [job_of(table, plan) for table in tables]


def job_of(table: Table, plan: SchemaPlan) -> TableJob:
    """Return the job of one table."""
    target = plan.tables.get(table.name)
    if target is None:
        raise FerrymanError("load.table_missing", f"no table at the target for {table.name}")
    pairs = column_pairs(table, target)
    _require_key(table, target)
    return TableJob(
        name=table.name,
        source=table,
        target=target,
        reads=tuple(read for read, _ in pairs),
        writes=tuple(write for _, write in pairs),
    )


def column_pairs(table: Table, target: Table) -> list[tuple[str, str]]:
    """Pair each column the target stores with the source's of the same name.

    A column generated at the source and plain at the target is copied like any other.
    """
    known = {column.name.casefold(): column for column in table.columns}
    pairs = [
        (known[column.name.casefold()].name, column.name)
        for column in target.written_columns
        if column.name.casefold() in known
    ]
    there = {column.name.casefold() for column in target.columns}
    missing = [column.name for column in table.written_columns if column.name.casefold() not in there]
    if missing:
        raise FerrymanError("load.column_missing", f"{target.name} at the target lacks columns: {', '.join(missing)}")
    return pairs


def _require_key(table: Table, target: Table) -> None:
    """A chunk copied twice is made whole by the target's key: without it rows would double (I8)."""
    key = table.row_key
    if key is None:
        return
    wanted = {name.casefold() for name in key.columns}
    if any(index.is_plain and {c.casefold() for c in index.columns} == wanted for index in target.unique_keys):
        return
    columns = ", ".join(key.columns)
    raise FerrymanError("load.target_key_missing", f"{target.name} at the target lacks the unique key ({columns})")


def without_columns(job: TableJob, gone: Sequence[str], renamed: dict[str, str], table: Table) -> TableJob:
    """Return the job with columns `gone` filled in, and others read under new names."""
    kept = [(read, write) for read, write in zip(job.reads, job.writes, strict=False) if read not in gone]
    lost = [write for read, write in zip(job.reads, job.writes, strict=False) if read in gone]
    earlier = job.writes[len(job.reads) :]
    return dataclasses.replace(
        job,
        source=table,
        reads=tuple(renamed.get(read, read) for read, _ in kept),
        writes=(*(write for _, write in kept), *earlier, *lost),
        fills=(*job.fills, *(placeholder(job.target.column(write)) for write in lost)),
    )


_ZEROS: dict[str, bytes] = {
    "date": b"1970-01-01",
    "datetime": b"1970-01-01 00:00:00",
    "timestamp": b"1970-01-02 00:00:00",
    "time": b"00:00:00",
    "year": b"1970",
    "json": b"null",
    "uuid": b"00000000-0000-0000-0000-000000000000",
    "inet4": b"0.0.0.0",
    "inet6": b"::",
    "geometry": bytes.fromhex("000000000101000000" + "00" * 16),
}
_NUMBERS = {"integer", "decimal", "float", "double", "bit"}


def placeholder(column: Column) -> Value:
    """Return a value any row may have in a column that the log is about to drop."""
    kind = column.type.kind.value
    if column.nullable:
        return None
    if kind in _NUMBERS:
        return b"0"
    if kind == "enum" and column.type.values:
        return column.type.values[0].encode()
    if kind == "binary":
        return bytes(column.type.length or 0)
    zero = _ZEROS.get(kind, b"")
    if kind in {"datetime", "timestamp", "time"} and column.type.fraction:
        zero += b"." + b"0" * column.type.fraction
    return zero


def slices(batch: Batch, most_rows: int = MOST_ROWS) -> Iterator[Batch]:
    """Cut a batch of very many rows into parts of `most_rows` (a multiple of 8): transactions stay bounded."""
    if batch.row_count <= most_rows:
        yield batch
        return
    for start in range(0, batch.row_count, most_rows):
        end = min(start + most_rows, batch.row_count)
        yield Batch(end - start, tuple(_slice(column, start, end) for column in batch.columns))


def _slice(column: ColumnData, start: int, end: int) -> ColumnData:
    first, last = column.offsets[start], column.offsets[end]
    offsets = array("Q", [place - first for place in column.offsets[start : end + 1]])
    return ColumnData(offsets, column.data[first:last], column.nulls[start // 8 : (end + 7) // 8])
