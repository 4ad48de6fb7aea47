"""What the types of columns hold at most: numbers, lengths."""

from __future__ import annotations

from ferryman.model.types import ColumnType, Kind

_LONG = 4_294_967_295


def number_bounds(type_: ColumnType) -> tuple[int, int] | None:
    """Return the least and the greatest whole number of an INTEGER or DECIMAL; `None` where there is no limit."""
    if type_.kind is Kind.INTEGER and type_.bits == 1:
        return 0, 1
    if type_.kind is Kind.INTEGER:
        return (0, (1 << type_.bits) - 1) if type_.unsigned else (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1)
    if type_.kind is Kind.DECIMAL and type_.precision is not None:
        most: int = 10 ** (type_.precision - (type_.scale or 0)) - 1
        return (0 if type_.unsigned else -most), most
    return None


def digits(type_: ColumnType) -> int | None:
    """Return the digits after the point of a DECIMAL, INTEGER or clock; `None` for any number of them."""
    if type_.kind is Kind.DECIMAL:
        return None if type_.precision is None else type_.scale or 0
    return 0 if type_.kind is Kind.INTEGER else type_.fraction


def most_characters(type_: ColumnType) -> int | None:
    """Return how many characters a text has at most; `None` for no limit worth asking about."""
    if type_.kind in {Kind.CHAR, Kind.VARCHAR}:
        return type_.length
    return None if type_.length is None or type_.length >= _LONG else type_.length


def most_bytes(type_: ColumnType) -> int | None:
    """Return how many bytes a text or bytes take at most; a character takes up to four."""
    if type_.length is None or type_.length >= _LONG:
        return None
    return 4 * type_.length if type_.kind in {Kind.CHAR, Kind.VARCHAR} else type_.length
