"""Column types: the small set that every dialect maps to and from, and the canonical text of each kind.

**Canonical values.** Everywhere between source and target a value is `bytes`, or `None` for NULL. The same value gives
the same bytes whether it came by the load (binary protocol) or by the log (binlog):

======================  =======================================================================================
kind                    canonical bytes
======================  =======================================================================================
INTEGER, YEAR           decimal ASCII: ``-12``, ``18446744073709551615``; YEAR four digits, ``0000`` for zero
DECIMAL                 decimal ASCII with exactly `scale` digits after the point and no leading zeros but one: ``-0.50``
FLOAT                   shortest decimal that, read as a double and rounded to single, gives the same bits; `repr` layout
DOUBLE                  shortest decimal that reads back to the same bits, in the layout of Python's `repr` without a
                        trailing ``.0``: ``1``, ``0.1``, ``1e+16``, ``-0``
BIT                     unsigned decimal ASCII of the big-endian bits
DATE                    ``YYYY-MM-DD`` (zero and partly zero dates kept: ``0000-00-00``, ``2020-00-10``)
TIME                    ``[-]HH:MM:SS[.f…]`` with at least two hour digits and exactly `fraction` digits: ``-838:59:59``
DATETIME, TIMESTAMP     ``YYYY-MM-DD HH:MM:SS[.f…]`` with exactly `fraction` digits; TIMESTAMP in UTC
CHAR, VARCHAR, TEXT     UTF-8 of the characters (CHAR without its padding blanks)
ENUM                    UTF-8 of the label; empty for the error value (index 0)
SET                     UTF-8 of the chosen labels joined by commas, in the order of the definition
BINARY                  the bytes, padded with NUL to `length`
VARBINARY, BLOB         the bytes
JSON                    UTF-8 text; equal means equal as JSON (objects are unordered, I5)
GEOMETRY                the server's own internal bytes: 4 bytes SRID, then WKB
UUID, INET4, INET6      the text form, lower case
======================  =======================================================================================
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What sort of values a column holds."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    BIT = "bit"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    YEAR = "year"
    CHAR = "char"
    VARCHAR = "varchar"
    TEXT = "text"
    ENUM = "enum"
    SET = "set"
    BINARY = "binary"
    VARBINARY = "varbinary"
    BLOB = "blob"
    JSON = "json"
    GEOMETRY = "geometry"
    UUID = "uuid"
    INET4 = "inet4"
    INET6 = "inet6"
    UNKNOWN = "unknown"
    """A type no dialect of ours knows: the schema step refuses it, by name."""


NUMERIC_KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE, Kind.BIT, Kind.YEAR})
"""Kinds whose canonical text is a number literal in every SQL dialect."""

BYTES_KINDS = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB, Kind.GEOMETRY})
"""Kinds whose canonical form is raw bytes, not text."""

CHARACTER_KINDS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT, Kind.ENUM, Kind.SET})
"""Kinds that have a character set and a collation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """The type of a column.

    Attributes:
        kind: What sort of values.
        native: The source's own words, e.g. ``int(10) unsigned zerofill``.
        bits: Storage width of INTEGER (8, 16, 24, 32, 64) or declared width of BIT (1..64).
        unsigned: INTEGER, DECIMAL, FLOAT, DOUBLE without a sign.
        length: CHAR and VARCHAR in characters; BINARY and VARBINARY in bytes; TEXT and BLOB: the greatest number of
            bytes (255, 65535, 16777215, 4294967295).
        precision: DECIMAL: digits in all, 1..65.
        scale: DECIMAL: digits after the point, 0..38.
        fraction: TIME, DATETIME, TIMESTAMP: digits of fractional seconds, 0..6.
        charset: Character set in the server's spelling, for `CHARACTER_KINDS`.
        collation: Collation in the server's spelling, for `CHARACTER_KINDS`.
        values: ENUM and SET labels in definition order.
        zerofill: INTEGER or DECIMAL shown padded with zeros (the value itself is not padded).
        geometry: GEOMETRY: the declared sub-type, e.g. ``point``.
        extension: The extension of the server that brings the type (PostgreSQL: ``citext``, ``hstore``, ``vector`` …).
    """

    kind: Kind
    native: str = ""
    bits: int = 0
    unsigned: bool = False
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    fraction: int = 0
    charset: str | None = None
    collation: str | None = None
    values: tuple[str, ...] = ()
    zerofill: bool = False
    geometry: str | None = None
    extension: str | None = None
