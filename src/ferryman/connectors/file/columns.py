"""Rows as Arrow tables: the type of a column, and its values by their canonical text.

Exact or refused (I5): numbers, days and moments are parsed by Arrow's own strict readers, which take nothing they would
have to change. ``times=text`` keeps dates and times as their text, which holds all of them (``0000-00-00``).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import ColumnData
from ferryman.model.schema import Column
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind

_TEXT = pa.large_string()
_WIDEST = 76
"""Digits of Arrow's widest decimal."""
_TIMES = {
    Kind.DATE: pa.date32(),
    Kind.DATETIME: pa.timestamp("us"),
    Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
    Kind.TIME: pa.int64(),
}
_OTHERS = {Kind.FLOAT: pa.float32(), Kind.DOUBLE: pa.float64(), Kind.YEAR: pa.int16()}


def type_of(kind: ColumnType, *, times_as_text: bool) -> pa.DataType:
    """Return the Arrow type of a column; whatever has none of its own is text."""
    if kind.kind in _TIMES:
        return _TEXT if times_as_text else _TIMES[kind.kind]
    if kind.kind is Kind.INTEGER:
        return _integer(kind)
    if kind.kind is Kind.DECIMAL and kind.precision is not None and kind.precision <= _WIDEST:
        make = pa.decimal128 if kind.precision <= 38 else pa.decimal256
        return make(kind.precision, kind.scale or 0)
    if kind.kind in BYTES_KINDS or kind.kind is Kind.BIT:
        return pa.large_binary()
    return _OTHERS.get(kind.kind, _TEXT)


def _integer(kind: ColumnType) -> pa.DataType:
    if kind.bits == 1:
        return pa.bool_()
    bits = next((width for width in (8, 16, 32) if kind.bits <= width), 64) if kind.bits else 64
    return getattr(pa, f"{'u' if kind.unsigned else ''}int{bits}")()


def array_of(column: Column, data: ColumnData, *, times_as_text: bool) -> pa.Array:
    """Return a column's values; ``sink.value_unfit`` for one that its type cannot hold."""
    wanted = type_of(column.type, times_as_text=times_as_text)
    try:
        if column.type.kind in _READERS and wanted != _TEXT:
            return _READERS[column.type.kind](column.type, data)
        return _cast(_buffers(data, wanted), wanted)
    except (pa.ArrowInvalid, ValueError, OverflowError):
        raise FerrymanError(
            "sink.value_unfit",
            f"column {column.name!r} holds a value that Parquet's type for it ({wanted}) cannot hold",
        ) from None


def _buffers(data: ColumnData, wanted: pa.DataType) -> pa.Array:
    """Take the buffers as they are; Arrow's bitmap tells what is there, ours what is not."""
    kind = wanted if pa.types.is_large_binary(wanted) else _TEXT
    there = bytes(byte ^ 0xFF for byte in data.nulls) if any(data.nulls) else None
    offsets = data.offsets if isinstance(data.offsets, array) else array("Q", data.offsets)
    buffers = [pa.py_buffer(there) if there is not None else None, pa.py_buffer(offsets), pa.py_buffer(data.data)]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers)


def _cast(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    if texts.type == wanted:
        return texts
    if pa.types.is_timestamp(wanted):
        return texts.cast(pa.timestamp("us")).cast(wanted)
    if pa.types.is_float32(wanted):  # the canonical text names a single by way of a double
        return texts.cast(pa.float64()).cast(wanted, safe=False)
    return texts.cast(wanted)


def _bits(kind: ColumnType, data: ColumnData) -> pa.Array:
    size = (max(kind.bits, 1) + 7) // 8
    values = [None if value is None else int(value).to_bytes(size, "big") for value in data.values()]
    return pa.array(values, pa.large_binary())


def _microseconds(_kind: ColumnType, data: ColumnData) -> pa.Array:
    return pa.array([None if value is None else _clock(value) for value in data.values()], pa.int64())


def _clock(value: bytes) -> int:
    """Return a TIME, which may be negative or longer than a day, as microseconds."""
    sign, text = (-1, value[1:]) if value[:1] == b"-" else (1, value)
    clock, _, fraction = text.partition(b".")
    hours, minutes, seconds = map(int, clock.split(b":"))
    return sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int(fraction.ljust(6, b"0")))


_READERS: dict[Kind, Callable[[ColumnType, ColumnData], pa.Array]] = {Kind.BIT: _bits, Kind.TIME: _microseconds}


def interleaved(before: pa.Array, after: pa.Array, order: list[int]) -> Any:
    """Return rows of two images in an order: numbers below ``len(before)`` are of the first, the others of the second."""
    return pc.take(pa.concat_arrays([before, after]), pa.array(order, pa.int64()))
