"""Batches: rows of one table as columnar bytes, the only form in which rows travel.

Per column: `row_count + 1` offsets into `data`, where the canonical bytes of the values lie one behind the other (see
`ferryman.model.types`), and a bitmap in which bit ``row % 8`` of byte ``row // 8`` says NULL (a NULL takes no bytes in
`data`). The native kernel fills the same three buffers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

type_code = "Q"
"""Offsets are unsigned 64-bit integers in machine order."""

Value = bytes | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ColumnData:
    """The values of one column.

    Attributes:
        offsets: `row_count + 1` unsigned 64-bit places in `data`; the first is 0, the last is ``len(data)``.
        data: Canonical bytes of all values, one behind the other.
        nulls: Bitmap of ``(row_count + 7) // 8`` bytes; a set bit means NULL.
    """

    offsets: array[int]
    data: bytes
    nulls: bytes

    @classmethod
    def of(cls, values: Sequence[Value]) -> ColumnData:
        """Pack values, shape ``(n,)``."""
        offsets = array(type_code, bytes(8 * (len(values) + 1)))
        nulls = bytearray((len(values) + 7) // 8)
        place = 0
        for row, value in enumerate(values):
            if value is None:
                nulls[row >> 3] |= 1 << (row & 7)
            else:
                place += len(value)
            offsets[row + 1] = place
        return cls(offsets, b"".join([value for value in values if value is not None]), bytes(nulls))

    def values(self) -> list[Value]:
        """Unpack to a list of canonical bytes, `None` for NULL."""
        data, offsets, nulls = self.data, self.offsets, self.nulls
        out: list[Value] = [data[start:end] for start, end in pairwise(offsets)]
        if any(nulls):
            for row in range(len(out)):
                if nulls[row >> 3] >> (row & 7) & 1:
                    out[row] = None
        return out


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table: `row_count` rows, one `ColumnData` a column."""

    row_count: int
    columns: tuple[ColumnData, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], width: int) -> Batch:
        """Pack rows, each a tuple of `width` canonical values."""
        kept = list(rows)
        by_column: Iterable[Sequence[Value]] = zip(*kept, strict=True) if kept else ((),) * width
        return cls(len(kept), tuple(ColumnData.of(values) for values in by_column))

    def rows(self) -> Iterator[Row]:
        """Unpack to tuples of canonical values, in order."""
        if not self.columns:
            return iter([()] * self.row_count)
        return zip(*(column.values() for column in self.columns), strict=True)

    def project(self, indexes: Sequence[int]) -> Batch:
        """Return the batch with just these columns, in this order; shares the buffers."""
        return Batch(self.row_count, tuple(self.columns[index] for index in indexes))

    @property
    def byte_size(self) -> int:
        """Bytes of all values, without offsets and bitmaps."""
        return sum([len(column.data) for column in self.columns])  # a list: most batches of a log are small
