"""Canonical values as Avro: the type of a column, and its encoder (Avro 1.12, binary encoding).

A value that its type cannot hold (``0000-00-00`` as a day, ``NaN`` as a decimal) is refused, never changed (I5); with
``times=text`` dates and times travel as their text, which holds all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import ColumnData
from ferryman.model.schema import Column
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind
from ferryman.serializers import times
from ferryman.serializers.values import bit_bytes

Encode = Callable[[bytes], bytes]

NULL = b"\x00"
"""The first branch of a union with null."""
THERE = b"\x02"
"""The second one."""


def long(number: int) -> bytes:
    """Return an int or long: zigzag, then seven bits a byte, lowest first."""
    rest = (number << 1) ^ (number >> 63)
    if rest < _SHORT:
        return _KNOWN[rest]
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def _varint(rest: int) -> bytes:
    return bytes([rest]) if rest < 0x80 else bytes([rest & 0x7F | 0x80, rest >> 7])


_SHORT = 1 << 14
_KNOWN = [_varint(number) for number in range(_SHORT)]


def text(value: bytes) -> bytes:
    """Return bytes or a string: its length before it."""
    return long(len(value)) + value


def _number(value: bytes) -> bytes:
    return long(int(value))


def _decimal(value: bytes) -> bytes:
    number = int(value.replace(b".", b"", 1))
    return text(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def _float(value: bytes) -> bytes:
    return struct.pack("<f", float(value))


def _double(value: bytes) -> bytes:
    return struct.pack("<d", float(value))


def _day(value: bytes) -> bytes:
    found = times.days(value)
    if found is None:
        raise ValueError
    return long(found)


def _moment(value: bytes) -> bytes:
    found = times.seconds(value)
    if found is None:
        raise ValueError
    return long(found * 1_000_000 + int((value[20:] or b"0").ljust(6, b"0")))


def _hours(value: bytes) -> bytes:
    return long(int(times.microseconds(value)))


_TIMES: dict[Kind, tuple[Any, Encode]] = {
    Kind.DATE: ({"type": "int", "logicalType": "date"}, _day),
    Kind.TIME: ({"type": "long", "connect.version": 1, "connect.name": "io.debezium.time.MicroTime"}, _hours),
    Kind.DATETIME: ({"type": "long", "logicalType": "local-timestamp-micros"}, _moment),
    Kind.TIMESTAMP: ({"type": "long", "logicalType": "timestamp-micros"}, _moment),
}
_OTHERS: dict[Kind, tuple[Any, Encode]] = {
    Kind.FLOAT: ("float", _float),
    Kind.DOUBLE: ("double", _double),
    Kind.YEAR: ("int", _number),
    Kind.JSON: ({"type": "string", "connect.version": 1, "connect.name": "io.debezium.data.Json"}, text),
    Kind.UUID: ({"type": "string", "logicalType": "uuid"}, text),
}


def avro_of(kind: ColumnType, *, as_text: bool) -> tuple[Any, Encode]:
    """Return the Avro type of a column, and what encodes one value; whatever has no type of its own is a string."""
    if kind.kind in _TIMES:
        return ("string", text) if as_text else _TIMES[kind.kind]
    if kind.kind is Kind.INTEGER:
        return _integer(kind)
    if kind.kind is Kind.DECIMAL and kind.precision is not None:
        return {**_DECIMAL, "precision": kind.precision, "scale": kind.scale or 0}, _decimal
    if kind.kind is Kind.BIT:
        return "bytes", lambda value: text(bit_bytes(value, kind.bits))
    if kind.kind in BYTES_KINDS:
        return "bytes", text
    return _OTHERS.get(kind.kind, ("string", text))


_DECIMAL = {"type": "bytes", "logicalType": "decimal"}


def _integer(kind: ColumnType) -> tuple[Any, Encode]:
    if kind.bits == 64 and kind.unsigned:
        return {**_DECIMAL, "precision": 20, "scale": 0}, _decimal
    return ("long" if kind.bits + kind.unsigned > 32 else "int"), _number


def encoded(column: Column, encode: Encode, data: ColumnData, *, optional: bool) -> list[bytes]:
    """Return a column's values; ``sink.value_unfit`` for one that the type cannot hold."""
    values = data.values()
    try:
        if optional:
            return [NULL if value is None else THERE + encode(value) for value in values]
        return [encode(value) for value in values]  # type: ignore[arg-type]  # a key has no NULL
    except (ValueError, OverflowError):
        raise FerrymanError(
            "sink.value_unfit", f"column {column.name!r} holds a value that Avro's type for it cannot hold"
        ) from None
