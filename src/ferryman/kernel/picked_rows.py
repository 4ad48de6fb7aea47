"""Rows of batches by their places: the specification of the native `_picked_rows`.

A *pick* names a row of one of several batches: ``batch << 32 | row``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from ferryman.model.batch import Batch, ColumnData, Row, Value

PICK_BITS = 32


def gather(batches: Sequence[Batch], picks: Sequence[int]) -> Batch:
    """Return a batch of the picked rows, in the order of the picks.

    Raises:
        IndexError: A pick names no row.
        ValueError: The batches are not of the same width.
    """
    width = len(batches[0].columns) if batches else 0
    if any(len(batch.columns) != width for batch in batches):
        raise ValueError("batches of one width")
    places = [(pick >> PICK_BITS, pick & (1 << PICK_BITS) - 1) for pick in picks]
    for number, row in places:
        if not (0 <= number < len(batches) and row < batches[number].row_count):
            raise IndexError("a pick that names no row")
    columns = (
        ColumnData.of([_value(batches[number].columns[index], row) for number, row in places]) for index in range(width)
    )
    return Batch(len(picks), tuple(columns))


def _value(column: ColumnData, row: int) -> Value:
    if column.nulls[row >> 3] >> (row & 7) & 1:
        return None
    return column.data[column.offsets[row] : column.offsets[row + 1]]


def row_tuples(batch: Batch, places: Sequence[int]) -> list[Row]:
    """Return the values of some columns, row by row."""
    if not places:
        return list(repeat((), batch.row_count))
    return list(zip(*[batch.columns[place].values() for place in places], strict=True))
