"""Operands of a row filter: columns and literals, with what is known of how a server compares them."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row, Value
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.rules.refusal import refused
from ferryman.pipeline.rules.texts import TextForm, form_of

Read = Callable[[Row], Any]


class Family(enum.Enum):
    """What may be compared with what."""

    NUMBER = "number"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    MOMENT = "date and time"
    ZONED = "timestamp"
    NULL = "NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One value of a comparison.

    Attributes:
        sql: Its text in the source's SQL.
        read: Returns its value from the row of used columns, ready to be compared; `None` for NULL.
        family: What it may be compared with.
        text: TEXT: how the server compares it; `None` for a literal.
        literal: A literal's own value.
        is_literal: Whether it is one.
        exact: NUMBER: digits after the point.
        digits: NUMBER: most digits in all.
        unsigned: NUMBER: a whole number that is never negative.
        whole: NUMBER: an integer, not a decimal.
    """

    sql: str
    read: Read
    family: Family
    text: TextForm | None = None
    literal: Any = None
    is_literal: bool = False
    exact: int = 0
    digits: int = 0
    unsigned: bool = False
    whole: bool = False


_MOMENTS = {Kind.DATE: Family.DATE, Kind.DATETIME: Family.MOMENT, Kind.TIMESTAMP: Family.ZONED}
_RAW = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB})
_WIDTHS = {Family.DATE: (10,), Family.MOMENT: (19, 21, 22, 23, 24, 25, 26), Family.ZONED: (19, 21, 22, 23, 24, 25, 26)}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,6})?)?")
_INTEGER_DIGITS = {8: 3, 16: 5, 24: 8, 32: 10, 64: 20}
_FIRST, _LAST = "1970-01-02", "2038-01-18"
"""TIMESTAMP literals are compared as times of the server's range; outside it servers differ."""


def column_operand(name: str, sql: str, type_: ColumnType, place: int, *, collation: str | None = None) -> Operand:
    """Return a column as an operand; refuses kinds that cannot be compared exactly here."""
    if type_.kind in (Kind.INTEGER, Kind.DECIMAL):
        return _number(sql, type_, place)
    if type_.kind in _MOMENTS:
        family = _MOMENTS[type_.kind]
        return Operand(sql=sql, read=_moments(name, place, family), family=family)
    if type_.kind in _RAW:
        return Operand(sql=sql, read=lambda row: row[place], family=Family.BYTES)
    if (form := form_of(type_, collation)) is not None:
        return Operand(sql=sql, read=lambda row: row[place], family=Family.TEXT, text=form)
    raise refused(f"a column of type {type_.native or type_.kind.value} ({name}) cannot be compared")


def _number(sql: str, type_: ColumnType, place: int) -> Operand:
    if type_.kind is Kind.INTEGER:
        return Operand(
            sql=sql,
            read=_reading(place, int),
            family=Family.NUMBER,
            unsigned=type_.unsigned,
            whole=True,
            digits=_INTEGER_DIGITS.get(type_.bits, 20),
        )
    scale = type_.scale or 0
    return Operand(
        sql=sql, read=_reading(place, _decimal), family=Family.NUMBER, exact=scale, digits=type_.precision or 65
    )


def _reading(place: int, convert: Callable[[bytes], Any]) -> Read:
    def read(row: Row) -> Any:
        value = row[place]
        return None if value is None else convert(value)

    return read


def _decimal(value: bytes) -> Decimal:
    number = Decimal(value.decode("ascii"))
    if not number.is_finite():
        raise unreadable("a number that is none")
    return number


def _moments(name: str, place: int, family: Family) -> Read:
    widths = _WIDTHS[family]

    def read(row: Row) -> Any:
        value = row[place]
        if value is None:
            return None
        if len(value) not in widths or not value[:4].isdigit():
            raise unreadable(f"a value of {name} that is no {family.value}")
        return padded(value)

    return read


def padded(value: bytes) -> bytes:
    """Return a date, or date and time, with a time and six digits behind the second: such texts order as times do."""
    if len(value) == 10:
        return value + b" 00:00:00.000000"
    return (value + b".").ljust(26, b"0") if len(value) == 19 else value.ljust(26, b"0")


def null_operand() -> Operand:
    """Return the literal NULL."""
    return Operand(sql="NULL", read=lambda _row: None, family=Family.NULL, is_literal=True)


def number_operand(text: str, *, negative: bool = False) -> Operand:
    """Return a whole or decimal number; ``1e3`` is none, since servers compute with doubles then."""
    if not re.fullmatch(r"\d*\.?\d+|\d+\.", text) or len(text) > 60:
        raise refused(f"the number {text} is not written with digits and a point")
    shown = f"-{text}" if negative else text
    try:
        value: Any = int(shown) if "." not in shown else Decimal(shown)
    except InvalidOperation:
        raise refused(f"{shown} is no number") from None
    whole = isinstance(value, int) and -(1 << 63) <= value < 1 << 64
    scale = len(text.partition(".")[2])
    return Operand(
        sql=f"({shown})" if negative else shown,
        read=lambda _row: value,
        family=Family.NUMBER,
        literal=value,
        is_literal=True,
        exact=scale,
        digits=max(1, len(text.replace(".", "").lstrip("0"))),
        unsigned=whole and value >= 1 << 63,
        whole=whole,
    )


def text_operand(text: str, quoted: str) -> Operand:
    """Return a string literal; what it means is told by what it is compared with."""
    raw = text.encode()
    return Operand(sql=quoted, read=lambda _row: raw, family=Family.TEXT, literal=text, is_literal=True)


def bytes_operand(value: bytes, sql: str) -> Operand:
    """Return a hexadecimal literal."""
    return Operand(sql=sql, read=lambda _row: value, family=Family.BYTES, literal=value, is_literal=True)


def as_family(literal: Operand, other: Operand) -> Operand:
    """Return a string literal as what it is compared with: a date, a date and time."""
    if not literal.is_literal or literal.family is not Family.TEXT or other.family is Family.TEXT:
        return literal
    text = str(literal.literal)
    if other.family is Family.BYTES:
        raise refused(f"'{text}' is compared with bytes; write them as x'6162'")
    if other.family is Family.DATE:
        _check_moment(text, _DATE)
        return _retyped(literal, Family.DATE, padded(text.encode()))
    if other.family in (Family.MOMENT, Family.ZONED):
        _check_moment(text, _MOMENT)
        if other.family is Family.ZONED and not _FIRST <= text < _LAST:
            raise refused(f"'{text}' is not a time from {_FIRST} to {_LAST} (UTC), as TIMESTAMP holds")
        return _retyped(literal, other.family, padded(text.encode()))
    return literal


def _retyped(literal: Operand, family: Family, value: Value) -> Operand:
    return Operand(sql=literal.sql, read=lambda _row: value, family=family, literal=value, is_literal=True)


def _check_moment(text: str, form: re.Pattern[str]) -> None:
    try:
        if not form.fullmatch(text):
            raise ValueError(text)
        (date if len(text) == 10 else datetime).fromisoformat(text[:19])
    except ValueError:
        what = "YYYY-MM-DD" if form is _DATE else "YYYY-MM-DD HH:MM:SS, with at most six digits behind the second"
        raise refused(f"'{text}' is no date in the form {what}") from None


def unreadable(what: str) -> FerrymanError:
    """Make the error for a row whose verdict cannot be told here."""
    return FerrymanError("rules.value_refused", f"a row filter meets {what}: whether the row moves cannot be told")
