"""Transforms: what becomes of a column's values, and of its type at the target. Each is a function of the value alone.

So the same value becomes the same bytes, whether it came by the load or by the log, and verification can compare them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from ferryman.foundation.errors import UsageError
from ferryman.model.batch import ColumnData, Value
from ferryman.model.changes import UNKNOWN_VALUE
from ferryman.model.schema import Column
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind

_MASK = re.compile(r"mask\(\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\)")
_CONSTANT = re.compile(r"constant\((.*)\)", re.DOTALL)
_MASKED = "*"
_MASKABLE = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT})
_NO_HASH = frozenset({Kind.JSON, Kind.GEOMETRY, Kind.FLOAT, Kind.DOUBLE, Kind.UNKNOWN})
"""Kinds in which equal values may be other bytes: their hashes would differ."""
HASH_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Transform:
    """What becomes of one column.

    Attributes:
        column: The column as the target shall have it.
        change: Makes the new value of one that is not NULL; `None` makes NULL of all.
        always: The value of every row, NULL or not; only where `change` is `None` and it is not.
        distinct: Whether different values stay different.
    """

    column: Column
    change: Callable[[bytes], bytes] | None
    always: Value = None
    distinct: bool = False

    def column_data(self, data: ColumnData) -> ColumnData:
        """Transform a column of a batch."""
        return ColumnData.of([self.value(value) for value in data.values()])

    def value(self, value: Value) -> Value:
        """Transform one value; what the log does not know stays unknown."""
        if value == UNKNOWN_VALUE and self.column.type.kind in CHARACTER_KINDS:
            return value
        if self.change is None:
            return self.always
        return None if value is None else self.change(value)


def transform_of(how: str, column: Column, key: bytes) -> Transform:
    """Read what shall become of a column.

    Args:
        how: ``mask(FIRST,LAST)``, ``hash``, ``null`` or ``constant(VALUE)``.
        column: The source's column.
        key: Keys hashes.

    Raises:
        UsageError: ``usage.wrong_option``: unknown, or not possible with the column's type.
    """
    how = how.strip()
    if (found := _MASK.fullmatch(how)) is not None:
        return _mask(column, int(found[1]), int(found[2]))
    if (found := _CONSTANT.fullmatch(how)) is not None:
        return _constant(column, found[1])
    if how == "hash":
        return _hash(column, key)
    if how == "null":
        return _null(column)
    raise _wrong(f"{how!r} is none of mask(FIRST,LAST), hash, null, constant(VALUE)")


def _mask(column: Column, first: int, last: int) -> Transform:
    if column.type.kind not in _MASKABLE:
        raise _wrong(f"mask is for characters, not for {column.type.native or column.type.kind.value}")

    def masked(value: bytes) -> bytes:
        text = value.decode("utf-8", "replace")
        if len(text) <= first + last:  # too short to hide anything behind its ends
            return (_MASKED * len(text)).encode()
        return (text[:first] + _MASKED * (len(text) - first - last) + text[len(text) - last :]).encode()

    return Transform(_plain(column), masked)


def _hash(column: Column, key: bytes) -> Transform:
    if column.type.kind in _NO_HASH:
        raise _wrong(f"hash is not for {column.type.native or column.type.kind.value}: equal values may differ in form")
    if not key:
        raise _wrong("hash needs a key", "set FERRYMAN_HASH_KEY, or hash_key of the project")

    def hashed(value: bytes) -> bytes:
        return hmac.digest(key, value, hashlib.sha256).hex().encode()

    kind = ColumnType(
        kind=Kind.VARCHAR,
        native=f"varchar({HASH_CHARACTERS})",
        length=HASH_CHARACTERS,
        charset="utf8mb4",
        collation="utf8mb4_bin",
    )
    return Transform(dataclasses.replace(_plain(column), type=kind, default=None), hashed, distinct=True)


def _null(column: Column) -> Transform:
    if not column.nullable:
        raise _wrong("null is for columns that may be NULL")
    return Transform(dataclasses.replace(_plain(column), default=None), None)


def _constant(column: Column, text: str) -> Transform:
    type_ = column.type
    if type_.kind in _MASKABLE:
        size = len(text.encode()) if type_.kind is Kind.TEXT else len(text)
        if (type_.length is not None and size > type_.length) or (text.endswith(" ") and type_.kind is Kind.CHAR):
            raise _wrong("the constant does not fit the column")
        return Transform(_plain(column), None, text.encode())
    if type_.kind is Kind.INTEGER and re.fullmatch(r"0|-?[1-9]\d{0,19}", text):
        least, most = (0, 1 << type_.bits) if type_.unsigned else (-(1 << type_.bits - 1), 1 << type_.bits - 1)
        if least <= int(text) < most:
            return Transform(_plain(column), None, text.encode())
    raise _wrong("the constant does not fit the column; constants are for characters and whole numbers")


def _plain(column: Column) -> Column:
    return dataclasses.replace(column, auto_increment=False, on_update=None)


def _wrong(message: str, hint: str = "") -> UsageError:
    return UsageError("usage.wrong_option", message, hint=hint)
