"""Column types of PostgreSQL: from the catalog's words to `ColumnType` and back.

Types without a kind of their own (arrays, ranges, network addresses, `interval` …) are `Kind.TEXT` under their own name:
their canonical value is the text that the server prints and reads.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ferryman.model.types import ColumnType, Kind

CHARSET = "UTF8"
"""Our sessions' encoding, whatever the database's own is."""

BOOLEAN_BITS = 1
"""`boolean` is an INTEGER of one bit: canonical ``0`` and ``1``."""

CLOCK_SPAN = "interval hour to second"
"""The `interval` that stands for a MySQL TIME: hours, however many, minutes and seconds."""

_PLAIN: dict[str, tuple[Kind, int]] = {
    "boolean": (Kind.INTEGER, BOOLEAN_BITS), "smallint": (Kind.INTEGER, 16), "integer": (Kind.INTEGER, 32),
    "bigint": (Kind.INTEGER, 64), "real": (Kind.FLOAT, 0), "double precision": (Kind.DOUBLE, 0), "date": (Kind.DATE, 0),
    "uuid": (Kind.UUID, 0), "json": (Kind.JSON, 0), "jsonb": (Kind.JSON, 0), "bytea": (Kind.BLOB, 0),
    "text": (Kind.TEXT, 0),
}  # fmt: skip
_CLOCKS = {
    "time without time zone": Kind.TIME,
    "timestamp without time zone": Kind.DATETIME,
    "timestamp with time zone": Kind.TIMESTAMP,
    CLOCK_SPAN: Kind.TIME,
}
_FRACTION = 6
"""Digits of a fraction where none are said."""
_WORDS = re.compile(r"([a-z\" ]+?)(?:\((-?\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?")


def column_type(native: str, *, labels: tuple[str, ...] = (), collation: str | None = None) -> ColumnType:
    """Build the type of a column.

    Args:
        native: What ``format_type`` says: ``numeric(10,2)``, ``timestamp(6) with time zone``.
        labels: Of an enumeration, or of the one that an array is made of, in order.
        collation: Full name, e.g. ``pg_catalog.default``; `None` for types that have none.
    """
    if labels and native.endswith("[]"):
        return replace(_as_text(native, collation), values=labels)
    if labels:
        return ColumnType(kind=Kind.ENUM, native=native, values=labels, charset=CHARSET, collation=collation)
    match = _WORDS.fullmatch(native)
    if match is None:
        return _as_text(native, collation)
    name, first, second = match[1] + (match[4] or ""), _number(match[2]), _number(match[3])
    return _known(native, name, first, second, collation) or _as_text(native, collation)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _known(native: str, name: str, first: int | None, second: int | None, collation: str | None) -> ColumnType | None:
    if name == "text":
        return _as_text(native, collation)
    if (plain := _PLAIN.get(name)) is not None:
        return ColumnType(kind=plain[0], native=native, bits=plain[1])
    if (clock := _CLOCKS.get(name)) is not None:
        return ColumnType(kind=clock, native=native, fraction=_FRACTION if first is None else first)
    if name == "numeric" and (first is None or 0 <= (second or 0) <= first):
        return ColumnType(
            kind=Kind.DECIMAL, native=native, precision=first, scale=None if first is None else second or 0
        )
    if name == "bit" and (first or 1) <= 64:
        return ColumnType(kind=Kind.BIT, native=native, bits=first or 1)
    if name in {"character varying", "character"}:
        kind = Kind.CHAR if name == "character" else Kind.VARCHAR
        length = first if first is not None or kind is Kind.VARCHAR else 1
        return ColumnType(kind=kind, native=native, length=length, charset=CHARSET, collation=collation)
    return None


def _as_text(native: str, collation: str | None) -> ColumnType:
    return ColumnType(kind=Kind.TEXT, native=native, charset=CHARSET, collation=collation)
