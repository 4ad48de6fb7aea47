"""Reference: how a value of a row event is read.

One `LogColumn` a column, made from the table map's wire type and metadata and the catalog's type, whose `read(data, place)` gives
(canonical bytes, next place). A reader may run past the event's end: the caller compares the place after a row's last
column with the end, which bounds all of them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ferryman.kernel import values
from ferryman.kernel.charsets import to_utf8
from ferryman.kernel.jsonb import json_text
from ferryman.model.types import BYTES_KINDS, CHARACTER_KINDS, ColumnType, Kind

Read = Callable[[bytes, int], tuple[bytes, int]]
Convert = Callable[[bytes], bytes]


class LogColumn(NamedTuple):
    """How a column's values lie in a row.

    Attributes:
        sized: Whether each value stands behind its size.
        size: Bytes of the value, or of its size when `sized`.
        convert: From the value's bytes to the canonical ones; `None` when they are these already.
        read: All of that in one.
    """

    sized: bool
    size: int
    convert: Convert | None
    read: Read


_INT24, _YEAR, _BIT, _JSON, _NEWDECIMAL = 9, 13, 16, 245, 246
_VARCHARS, _BLOBS, _STRING = (15, 141, 253), (140, 249, 250, 251, 252, 255), 254
COMPRESSED = frozenset({140, 141})
"""MariaDB's ``COMPRESSED`` columns, BLOB and VARCHAR: the log holds their values as they are stored."""
_ENUM, _SET = 247, 248
_TEMPORAL = {
    7: Kind.TIMESTAMP, 10: Kind.DATE, 11: Kind.TIME, 12: Kind.DATETIME, 14: Kind.DATE, 17: Kind.TIMESTAMP,
    18: Kind.DATETIME, 19: Kind.TIME,
}  # fmt: skip
_STRING_KINDS = (CHARACTER_KINDS | BYTES_KINDS | {Kind.JSON, Kind.UUID, Kind.INET4, Kind.INET6}) - {Kind.ENUM, Kind.SET}


def log_column(wire_type: int, metadata: int, type_: ColumnType) -> LogColumn | None:
    """Return how a column is read, or `None` when that kind is not logged as that wire type.

    Raises:
        KernelError: A character set without a codec (``log.unsupported_event``).
        ValueError: Impossible metadata.
    """
    kind = type_.kind
    if wire_type in _TEMPORAL:
        return _temporal(wire_type, metadata, type_.fraction) if _TEMPORAL[wire_type] is kind else None
    if wire_type in _VARCHARS or wire_type in _BLOBS or wire_type == _STRING:
        return _string(wire_type, metadata, type_) if kind in _STRING_KINDS else None
    simple = _SIMPLE.get((wire_type, kind))
    return simple(metadata, type_) if simple else None


def _integer(form: str) -> Callable[[int, ColumnType], LogColumn]:
    size = struct.calcsize(form)

    def reader(_: int, type_: ColumnType) -> LogColumn:
        unpack = struct.Struct(form.upper() if type_.unsigned else form).unpack_from

        def read(data: bytes, place: int) -> tuple[bytes, int]:
            return b"%d" % unpack(data, place)[0], place + size

        return LogColumn(False, size, lambda data: read(data, 0)[0], read)

    return reader


def _middle_integer(_: int, type_: ColumnType) -> LogColumn:
    signed = not type_.unsigned

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        return b"%d" % int.from_bytes(data[place : place + 3], "little", signed=signed), place + 3

    return LogColumn(False, 3, lambda data: read(data, 0)[0], read)


def _number(form: str, text: Callable[[float], bytes]) -> Callable[[int, ColumnType], LogColumn]:
    unpack, size = struct.Struct(form).unpack_from, struct.calcsize(form)

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        return text(unpack(data, place)[0]), place + size

    return lambda metadata, type_: LogColumn(False, size, lambda data: read(data, 0)[0], read)


def _fixed(size: int, convert: Convert) -> LogColumn:
    """Return a column of values of one size; a value cut off by the event's end is not converted."""

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        end = place + size
        if end > len(data):
            raise ValueError("past the end")
        return convert(data[place:end]), end

    return LogColumn(False, size, convert, read)


def _decimal(metadata: int, type_: ColumnType) -> LogColumn | None:
    precision, scale = metadata & 0xFF, metadata >> 8
    if scale != (type_.scale or 0) or not 1 <= precision <= 65 or scale > precision:
        return None
    size = values.packed_decimal_size(precision, scale)
    return _fixed(size, lambda packed: values.decimal_text(packed, precision, scale))


def _bit(metadata: int, type_: ColumnType) -> LogColumn | None:
    size = (metadata >> 8) + (1 if metadata & 0xFF else 0)
    return _fixed(size, values.bit_text) if 1 <= size <= 8 else None


def _year(_: int, type_: ColumnType) -> LogColumn:
    return _fixed(1, lambda data: values.year_text(data[0] + 1900 if data[0] else 0))


def _enum(metadata: int, type_: ColumnType) -> LogColumn | None:
    labels = [b"", *[label.encode() for label in type_.values]]
    size = metadata >> 8
    return _fixed(size, lambda data: labels[int.from_bytes(data, "little")]) if 1 <= size <= 2 else None


def _set(metadata: int, type_: ColumnType) -> LogColumn | None:
    labels = [label.encode() for label in type_.values]
    size = metadata >> 8
    return (
        _fixed(size, lambda data: values.set_text(int.from_bytes(data, "little"), labels)) if 1 <= size <= 8 else None
    )


def _json(metadata: int, type_: ColumnType) -> LogColumn:
    return _sized(metadata, json_text)


_SIMPLE: dict[tuple[int, Kind], Callable[[int, ColumnType], LogColumn | None]] = {
    (1, Kind.INTEGER): _integer("<b"),
    (2, Kind.INTEGER): _integer("<h"),
    (3, Kind.INTEGER): _integer("<i"),
    (8, Kind.INTEGER): _integer("<q"),
    (_INT24, Kind.INTEGER): _middle_integer,
    (4, Kind.FLOAT): _number("<f", values.single_text),
    (5, Kind.DOUBLE): _number("<d", values.double_text),
    (_NEWDECIMAL, Kind.DECIMAL): _decimal,
    (_BIT, Kind.BIT): _bit,
    (_YEAR, Kind.YEAR): _year,
    (_ENUM, Kind.ENUM): _enum,
    (_SET, Kind.SET): _set,
    (_JSON, Kind.JSON): _json,
}


def _temporal(wire_type: int, metadata: int, fraction: int) -> LogColumn | None:
    if wire_type in (17, 18, 19):
        if metadata != fraction:
            return None
        return _packed(wire_type, fraction)
    if fraction and wire_type not in (10, 14):
        return None  # MariaDB's own format before 5.6 fractions, whose size the log does not tell
    if wire_type == 7:
        return _fixed(4, lambda data: values.timestamp_text(int.from_bytes(data, "little"), 0, 0))
    if wire_type == 11:
        return _fixed(3, lambda data: values.old_time_text(int.from_bytes(data, "little", signed=True)))
    if wire_type == 12:
        return _fixed(8, lambda data: values.old_datetime_text(int.from_bytes(data, "little")))
    return _fixed(3, lambda data: values.small_date_text(int.from_bytes(data, "little")))


def _packed(wire_type: int, fraction: int) -> LogColumn:
    extra = values.packed_fraction_size(fraction)
    if wire_type == 17:
        return _fixed(4 + extra, lambda data: values.packed_timestamp_text(data, fraction))
    if wire_type == 18:
        return _fixed(5 + extra, lambda data: values.packed_datetime_text(data, fraction))
    return _fixed(3 + extra, lambda data: values.packed_time_text(data, fraction))


def _string(wire_type: int, metadata: int, type_: ColumnType) -> LogColumn:
    convert = _conversion(type_)
    if wire_type in COMPRESSED:
        convert = _after_inflating(convert)
    if wire_type in _BLOBS:
        return _sized(metadata, convert)
    length = metadata if wire_type in _VARCHARS else string_length(metadata)
    return _sized(1 if length < 256 else 2, convert)


def _after_inflating(convert: Convert | None) -> Convert:
    return (lambda data: convert(_inflated(data))) if convert else _inflated


def _inflated(data: bytes) -> bytes:
    """Undo MariaDB's column compression: a header byte (0: as it is), the length big-endian, a deflate stream."""
    if not data or data[0] == 0:
        return data[1:]
    header = data[0]
    if header >> 4 != 8:
        raise ValueError("unknown compression of a column")
    size_bytes = header & 7
    size = int.from_bytes(data[1 : 1 + size_bytes], "big")
    stream = zlib.decompressobj(-15 if header & 8 else 15)
    value = stream.decompress(data[1 + size_bytes :], size + 1)
    if len(value) != size or not stream.eof:
        raise ValueError("a compressed value of another size")
    return value


def string_length(metadata: int) -> int:
    """Return the greatest number of bytes of a STRING column, unfolded from its two metadata bytes."""
    first, second = metadata & 0xFF, metadata >> 8
    return (first & 0x30 ^ 0x30) << 4 | second


def _sized(size_bytes: int, convert: Convert | None) -> LogColumn:
    """Return a column of values behind their size."""
    if not 1 <= size_bytes <= 4:
        raise ValueError("impossible size")

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        start = place + size_bytes
        end = start + int.from_bytes(data[place:start], "little")
        if end > len(data):
            raise ValueError("past the end")
        return convert(data[start:end]) if convert else data[start:end], end

    def read_short(data: bytes, place: int) -> tuple[bytes, int]:
        start = place + 1
        end = start + data[place]
        return data[start:end], end

    return LogColumn(True, size_bytes, convert, read_short if size_bytes == 1 and convert is None else read)


_FIXED_BINARY: dict[Kind, tuple[int, Convert]] = {
    Kind.UUID: (16, values.uuid_text),
    Kind.INET4: (4, values.inet4_text),
    Kind.INET6: (16, values.inet6_text),
}


def _conversion(type_: ColumnType) -> Convert | None:
    kind, length = type_.kind, type_.length or 0
    if kind in _FIXED_BINARY:
        size, text = _FIXED_BINARY[kind]
        return lambda data: text(data.ljust(size, b"\0"))
    if kind is Kind.BINARY:
        return lambda data: data.ljust(length, b"\0")
    if kind in BYTES_KINDS:
        return None
    convert = to_utf8(type_.charset or "utf8mb4")
    if kind is not Kind.CHAR:
        return convert
    return _stripped(convert)


def _stripped(convert: Convert | None) -> Convert:
    if convert is None:
        return lambda data: data.rstrip(b" ")
    return lambda data: convert(data).rstrip(b" ")


def labels_agree(logged: Iterable[bytes], type_: ColumnType) -> bool:
    """Whether the labels of an ENUM or SET in the log are those of the catalog (I9)."""
    convert = to_utf8(type_.charset or "utf8mb4")
    texts = [convert(label) if convert else label for label in logged]
    return texts == [label.encode() for label in type_.values]
