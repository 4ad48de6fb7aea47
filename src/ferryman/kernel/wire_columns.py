"""Reference: how a value of the binary protocol is read, and how its canonical text is made.

A column's plan is a pair: `read(data, place) -> (raw, next place)`, called once a value, and `texts(raw values)`, called
once a column and feed, which is where most values become text. Reading may run past the packet's end: the caller
compares the place after the last column with the end of the packet.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from ferryman.kernel import values
from ferryman.model.batch import Value
from ferryman.model.types import ColumnType, Kind

Read = Callable[[bytes, int], tuple[Any, int]]
Texts = Callable[[list[Any]], list[Value]]
Column = tuple[Read, Texts]

_INTEGERS = {1: "b", 2: "h", 13: "H", 9: "i", 3: "i", 8: "q"}
"""Wire type → format; INT24 takes four bytes on the wire."""
_STRINGS = frozenset({0, 15, 16, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255})
_DATETIMES = frozenset({7, 10, 12, 14, 17, 18})
_TIMES = frozenset({11, 19})
_RAW_KINDS = frozenset(
    {Kind.VARCHAR, Kind.TEXT, Kind.ENUM, Kind.SET, Kind.VARBINARY, Kind.BLOB, Kind.JSON, Kind.GEOMETRY, Kind.BINARY,
     Kind.UUID, Kind.INET4, Kind.INET6, Kind.CHAR}
)  # fmt: skip


def column_for(wire_type: int, unsigned: bool, type_: ColumnType) -> Column | None:
    """Return the plan of a column, or `None` when that kind cannot come as that wire type."""
    if wire_type == 6:  # NULL: an expression without a value
        return _no_value, list
    if wire_type in _INTEGERS:
        return _integer_column(wire_type, unsigned, type_)
    if wire_type in (4, 5):
        return _float_column(wire_type, type_)
    if wire_type in _DATETIMES:
        return _datetime_column(type_)
    if wire_type in _TIMES:
        return (read_time(type_.fraction), list) if type_.kind is Kind.TIME else None
    if wire_type in _STRINGS:
        texts = _string_texts(wire_type, type_)
        return (read_string, texts) if texts else None
    return None


def _no_value(data: bytes, place: int) -> tuple[Any, int]:
    raise ValueError("a value in a column without type")


def _integer_column(wire_type: int, unsigned: bool, type_: ColumnType) -> Column | None:
    form = struct.Struct("<" + (_INTEGERS[wire_type].upper() if unsigned else _INTEGERS[wire_type]))
    if type_.kind is Kind.YEAR:
        return read_number(form), _each(values.year_text)
    if type_.kind is Kind.INTEGER or (type_.kind is Kind.DECIMAL and not type_.scale):
        return read_number(form), integer_texts
    return None


def _float_column(wire_type: int, type_: ColumnType) -> Column | None:
    form = struct.Struct("<f" if wire_type == 4 else "<d")
    if type_.kind is Kind.FLOAT:
        return read_number(form), _each(values.single_text if wire_type == 4 else values.single_of_double)
    if type_.kind is Kind.DOUBLE and wire_type == 5:
        return read_number(form), double_texts
    return None


def _datetime_column(type_: ColumnType) -> Column | None:
    if type_.kind is Kind.DATE:
        return read_date, list
    if type_.kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return read_datetime(type_.fraction), list
    return None


def read_number(form: struct.Struct) -> Read:
    """Return a reader of one fixed-size number."""
    unpack, size = form.unpack_from, form.size

    def read(data: bytes, place: int) -> tuple[Any, int]:
        return unpack(data, place)[0], place + size

    return read


def read_string(data: bytes, place: int) -> tuple[bytes, int]:
    """Read a length-encoded string."""
    length = data[place]
    place += 1
    if length > 250:
        size = _LENGTH_BYTES[length]
        length = int.from_bytes(data[place : place + size], "little")
        place += size
    end = place + length
    return data[place:end], end


_LENGTH_BYTES = {252: 2, 253: 3, 254: 8}
_DATE = struct.Struct("<HBB").unpack_from
_DATETIME = struct.Struct("<HBBBBB").unpack_from
_DATETIME_MICROS = struct.Struct("<HBBBBBI").unpack_from
_TIME = struct.Struct("<BIBBB").unpack_from
_TIME_MICROS = struct.Struct("<BIBBBI").unpack_from


def read_date(data: bytes, place: int) -> tuple[bytes, int]:
    """Read a DATE; a time of day that is not zero is refused, since it would be lost."""
    length = data[place]
    if length == 4:
        return values.date_text(*_DATE(data, place + 1)), place + 5
    if length == 0:
        return b"0000-00-00", place + 1
    if length not in (7, 11) or any(data[place + 5 : place + 1 + length]):
        raise ValueError("length of a date, or one with a time of day")
    return values.date_text(*_DATE(data, place + 1)), place + 1 + length


def read_datetime(fraction: int) -> Read:
    """Return a reader of DATETIME and TIMESTAMP values."""
    zeros = values.fraction_text(0, fraction)

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        length = data[place]
        if length == 7:
            year, month, day, hour, minute, second = _DATETIME(data, place + 1)
            return values.datetime_text(year, month, day, hour, minute, second, 0, fraction), place + 8
        if length == 11:
            year, month, day, hour, minute, second, micros = _DATETIME_MICROS(data, place + 1)
            return values.datetime_text(year, month, day, hour, minute, second, micros, fraction), place + 12
        if length == 4:
            return values.date_text(*_DATE(data, place + 1)) + b" 00:00:00" + zeros, place + 5
        if length == 0:
            return b"0000-00-00 00:00:00" + zeros, place + 1
        raise ValueError("length of a datetime")

    return read


def read_time(fraction: int) -> Read:
    """Return a reader of TIME values."""
    zero = b"00:00:00" + values.fraction_text(0, fraction)

    def read(data: bytes, place: int) -> tuple[bytes, int]:
        length = data[place]
        if length == 8:
            negative, days, hour, minute, second = _TIME(data, place + 1)
            micros = 0
        elif length == 12:
            negative, days, hour, minute, second, micros = _TIME_MICROS(data, place + 1)
        elif length == 0:
            return zero, place + 1
        else:
            raise ValueError("length of a time")
        if negative > 1 or hour > 23:
            raise ValueError("time out of range")
        return values.time_text(negative == 1, days * 24 + hour, minute, second, micros, fraction), place + 1 + length

    return read


def integer_texts(numbers: list[Any]) -> list[Value]:
    """Format integers, all at once where there is no NULL."""
    if None in numbers:
        return [None if number is None else b"%d" % number for number in numbers]
    return list(repr(numbers)[1:-1].encode().split(b", ")) if numbers else []


def double_texts(numbers: list[Any]) -> list[Value]:
    """Format doubles."""
    return [None if number is None else values.double_text(number) for number in numbers]


def _each(text: Callable[[Any], bytes]) -> Texts:
    return lambda raw: [None if value is None else text(value) for value in raw]


def _checked(pattern: bytes) -> Texts:
    """Return a check that every value is of that form: numbers are written into SQL without quotes."""
    whole = re.compile(rb"(?:" + pattern + rb"\n)*+", re.ASCII)

    def texts(raw: list[Any]) -> list[Value]:
        present = [value for value in raw if value is not None]
        joined = b"".join([value + b"\n" for value in present])
        # A line feed within a value would pass for two values.
        if not whole.fullmatch(joined) or joined.count(b"\n") != len(present):
            raise ValueError("not of the form of its kind")
        return raw

    return texts


def _stripped(raw: list[Any]) -> list[Value]:
    return [None if value is None else value.rstrip(b" ") for value in raw]


def _lowered(raw: list[Any]) -> list[Value]:
    return [None if value is None else value.lower() for value in raw]


def _padded(length: int, raw: list[Any]) -> list[Value]:
    return [None if value is None else value.ljust(length, b"\0") for value in raw]


def _without_zeros(check: Texts, raw: list[Any]) -> list[Value]:
    """Take the padding off a ZEROFILL decimal, which the server sends as text."""
    return check([None if value is None else _LEADING_ZEROS.sub(b"", value) for value in raw])


_LEADING_ZEROS = re.compile(rb"(?<=\A)0+(?=\d)|(?<=\A-)0+(?=\d)")


def _string_texts(wire_type: int, type_: ColumnType) -> Texts | None:
    kind = type_.kind
    if kind is Kind.BIT:
        return _each(partial(_bit, (type_.bits + 7) // 8)) if wire_type == 16 else _checked(rb"(?:0|[1-9]\d{0,19})")
    if kind in _RAW_KINDS:
        return _raw_texts(type_)
    return _number_texts(type_) if kind in _TEXT_FORMS else None


def _bit(size: int, value: bytes) -> bytes:
    if len(value) != size:
        raise ValueError("length of a BIT")
    return values.bit_text(value)


def _raw_texts(type_: ColumnType) -> Texts:
    if type_.kind is Kind.CHAR:
        return _stripped
    if type_.kind is Kind.BINARY and type_.length:
        return partial(_padded, type_.length)
    if type_.kind in (Kind.UUID, Kind.INET4, Kind.INET6):
        return _lowered
    return list


_DATE_FORM = rb"\d{4}-[01]\d-[0-3]\d"
_CLOCK_FORM = rb":[0-5]\d:[0-5]\d"
_TEXT_FORMS = {
    Kind.INTEGER: rb"(?:0|-?[1-9]\d{0,19})",
    Kind.DECIMAL: rb"-?(?:0|[1-9]\d{0,64})",
    Kind.YEAR: rb"\d{4}",
    Kind.DATE: _DATE_FORM,
    Kind.TIME: rb"-?\d{2,3}" + _CLOCK_FORM,
    Kind.DATETIME: _DATE_FORM + rb" [0-2]\d" + _CLOCK_FORM,
    Kind.TIMESTAMP: _DATE_FORM + rb" [0-2]\d" + _CLOCK_FORM,
}


def _number_texts(type_: ColumnType) -> Texts:
    """Numbers and times that come as text must be canonical already."""
    digits = (type_.scale or 0) if type_.kind is Kind.DECIMAL else type_.fraction
    tail = rb"\.\d{%d}" % digits if digits and type_.kind not in (Kind.INTEGER, Kind.YEAR, Kind.DATE) else b""
    check = _checked(_TEXT_FORMS[type_.kind] + tail)
    return partial(_without_zeros, check) if type_.kind is Kind.DECIMAL and type_.zerofill else check
