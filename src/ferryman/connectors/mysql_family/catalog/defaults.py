"""Defaults in one spelling: servers show the same default as ``1.5``, ``'1.50'`` or ``current_timestamp()``."""

from __future__ import annotations

import contextlib
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from ferryman.model.schema import Default, DefaultKind
from ferryman.model.types import ColumnType, Kind

_NOW = re.compile(
    r"\(*\s*(?:current_timestamp|now|localtime|localtimestamp)\s*(?:\(\s*(\d?)\s*\))?\s*\)*", re.IGNORECASE
)
_HEX = re.compile(r"x'((?:[0-9a-f]{2})*)'", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[-/.:](\d{1,2})[-/.:](\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d*))?)?")
_DIGITS = re.compile(r"(\d{4}|\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)(?:\.(\d*))?)?")
_TIME = re.compile(r"(-?)(\d{1,3}):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d*))?")


def now_text(text: str) -> str | None:
    """Return ``current_timestamp`` or ``current_timestamp(n)`` for any spelling of it, `None` for another expression."""
    match = _NOW.fullmatch(text.strip())
    if match is None:
        return None
    digits = match[1]
    return f"current_timestamp({digits})" if digits and digits != "0" else "current_timestamp"


def expression_default(text: str) -> Default:
    """Make a default that is SQL, in one spelling where it is the time."""
    return Default(kind=DefaultKind.EXPRESSION, text=now_text(text) or stripped(text))


def literal_default(type_: ColumnType, text: str) -> Default:
    """Make a default that is a constant of that type."""
    return Default(kind=DefaultKind.LITERAL, text=canonical_literal(type_, text))


def binary_default(type_: ColumnType, raw: bytes) -> Default:
    """Make a default that is a constant of bytes: kept as text where it is text, else as SQL in hexadecimal digits."""
    try:
        return literal_default(type_, raw.decode())
    except UnicodeDecodeError:
        kept = raw.rstrip(b"\0") if type_.kind is Kind.BINARY else raw
        return Default(kind=DefaultKind.EXPRESSION, text=f"x'{kept.hex()}'")


def hex_bytes(expression: str) -> bytes | None:
    """Return the bytes of ``x'…'``, `None` for any other expression."""
    match = _HEX.fullmatch(expression)
    return bytes.fromhex(match[1]) if match else None


def stripped(expression: str) -> str:
    """Take parentheses off that enclose the whole expression."""
    text = expression.strip()
    while text.startswith("(") and text.endswith(")") and _encloses(text):
        text = text[1:-1].strip()
    return text


def _encloses(text: str) -> bool:
    depth, sign = 0, ""
    for place, char in enumerate(text):
        if sign:
            sign = "" if char == sign else sign
        elif char in "'\"`":
            sign = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0 and place < len(text) - 1:
                return False
    return depth == 0


def canonical_literal(type_: ColumnType, text: str) -> str:
    """Return a constant as the server keeps it: ``1.5`` in DECIMAL(10,2) is ``1.50``, ``2020-1-2`` is ``2020-01-02``."""
    if type_.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE}:
        return _number(type_, text)
    if type_.kind in {Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP}:
        return _date(type_, text)
    if type_.kind is Kind.TIME:
        return _time(type_, text)
    if type_.kind is Kind.YEAR:
        return _year(text)
    if type_.kind is Kind.BINARY:
        return text.rstrip("\0")
    if type_.kind in {Kind.ENUM, Kind.SET}:
        return _label(type_, text)
    return text


def _number(type_: ColumnType, text: str) -> str:
    try:
        value = Decimal({"true": "1", "false": "0"}.get(text.strip().lower(), text.strip()))
    except InvalidOperation:
        return text
    if type_.kind in {Kind.FLOAT, Kind.DOUBLE}:
        return repr(float(value)).removesuffix(".0")
    scale = type_.scale or 0 if type_.kind is Kind.DECIMAL else 0
    with localcontext() as context, contextlib.suppress(InvalidOperation):
        context.prec = 130
        return f"{value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP):f}"
    return text


def _fraction(type_: ColumnType, digits: str | None) -> str:
    return "." + (digits or "").ljust(type_.fraction, "0")[: type_.fraction] if type_.fraction else ""


def _date(type_: ColumnType, text: str) -> str:
    if text.isdigit() and int(text) == 0:
        text = "0000-00-00"
    match = _DATE.fullmatch(text.strip()) or _DIGITS.fullmatch(text.strip())
    if match is None:
        return text
    day = f"{_full_year(match[1], match.string)}-{int(match[2]):02}-{int(match[3]):02}"
    if type_.kind is Kind.DATE:
        return day
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    return f"{day} {hour:02}:{minute:02}:{second:02}{_fraction(type_, match[7])}"


def _full_year(digits: str, date: str) -> str:
    """Return a year in four digits; two digits mean 1970 to 2069, but in a date that is all zero."""
    if len(digits) > 2 or not date.strip("0-:/. T"):
        return digits.zfill(4)
    return str(int(digits) + (2000 if int(digits) < 70 else 1900))


def _time(type_: ColumnType, text: str) -> str:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return "00:00:00" + _fraction(type_, "") if text.strip() == "0" else text
    return f"{match[1]}{int(match[2]):02}:{int(match[3]):02}:{int(match[4] or 0):02}{_fraction(type_, match[5])}"


def _year(text: str) -> str:
    if not text.isdigit() or len(text) == 4:
        return text
    number = int(text)
    return "0000" if number == 0 and len(text) < 2 else str(number + (2000 if number < 70 else 1900))


def _label(type_: ColumnType, text: str) -> str:
    """ENUM and SET take their default's labels in any case and in any order."""
    known = {label.casefold(): label for label in type_.values}
    if type_.kind is Kind.ENUM:
        return known.get(text.casefold(), text)
    chosen = {part.casefold() for part in text.split(",")} if text else set()
    return ",".join(label for label in type_.values if label.casefold() in chosen) if chosen <= set(known) else text
