"""Which changes of a column's type give existing rows the same values in PostgreSQL as at the source: those that widen it."""

from __future__ import annotations

from collections.abc import Mapping

from ferryman.connectors.postgresql.dialect.columns import native_type
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind

_TEXTS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT})
_BYTES = frozenset({Kind.VARBINARY, Kind.BLOB})
_CLOCKS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})


def unlike_values(before: Table, after: Table, renamed: Mapping[str, str]) -> list[str]:
    """Say which columns change to a type whose values PostgreSQL would not compute as the source does."""
    there = {column.name.casefold(): column for column in before.columns}
    out = []
    for column in after.columns:
        old = there.get(renamed.get(column.name, column.name).casefold())
        if old is None or column.generated is not None or _is_alike(old, column):
            continue
        out.append(
            f"column {column.name}: {old.type.native} becomes {column.type.native}, which changes existing values"
        )
    return out


def _is_alike(old: Column, new: Column) -> bool:
    one, other = old.type, new.type
    if native_type(one) == native_type(other) and one.kind is other.kind and one.values == other.values:
        return one.unsigned == other.unsigned or not other.unsigned
    return _is_wider_number(one, other) or _is_wider_text(one, other) or _is_wider_rest(one, other)


def _is_wider_number(one: ColumnType, other: ColumnType) -> bool:
    if one.kind is Kind.INTEGER and other.kind in {Kind.INTEGER, Kind.DECIMAL}:
        least, most = _range(one)
        low, high = _range(other) if other.kind is Kind.INTEGER else _decimal_range(other)
        return low <= least and most <= high
    if one.kind is Kind.DECIMAL and other.kind is Kind.DECIMAL:
        scale = (other.scale or 0) - (one.scale or 0)
        return scale >= 0 and (other.precision or 0) - (one.precision or 0) >= scale
    return one.kind is Kind.FLOAT and other.kind is Kind.DOUBLE


def _range(type_: ColumnType) -> tuple[int, int]:
    if type_.unsigned:
        return 0, (1 << type_.bits) - 1
    return -(1 << (type_.bits - 1)), (1 << (type_.bits - 1)) - 1


def _decimal_range(type_: ColumnType) -> tuple[int, int]:
    most: int = 10 ** ((type_.precision or 0) - (type_.scale or 0)) - 1
    return (0 if type_.unsigned else -most), most


def _is_wider_text(one: ColumnType, other: ColumnType) -> bool:
    if one.kind in _TEXTS and other.kind in _TEXTS:
        # A CHAR keeps no blanks at the end: a text that becomes one loses them.
        keeps = other.kind is not Kind.CHAR or one.kind is Kind.CHAR
        return keeps and (other.kind is Kind.TEXT or (other.length or 0) >= (one.length or 0)) and _fits(one, other)
    if one.kind in {Kind.ENUM, Kind.SET} and other.kind is one.kind:
        return other.values[: len(one.values)] == one.values
    return one.kind in _BYTES and other.kind in _BYTES and (other.length or 0) >= (one.length or 0)


def _fits(one: ColumnType, other: ColumnType) -> bool:
    """A TEXT's length counts bytes: it must be one that takes every value of the old type."""
    if one.kind is Kind.TEXT:
        return other.kind is Kind.TEXT and (other.length or 0) >= (one.length or 0)
    return other.kind is not Kind.TEXT or (other.length or 0) >= 4 * (one.length or 0)


def _is_wider_rest(one: ColumnType, other: ColumnType) -> bool:
    if one.kind is not other.kind:
        return False
    if one.kind in _CLOCKS:
        return other.fraction >= one.fraction
    return one.kind is Kind.BIT and one.bits == other.bits
