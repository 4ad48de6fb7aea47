"""Arithmetic of the MySQL family on whole and decimal numbers, as far as it is exact.

Whole numbers are 64 bits wide, unsigned where either side is; a result that does not fit is an error there, and here, too.
Source: MySQL manual, "Arithmetic Operators", "Out-of-Range and Overflow Handling".
"""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable
from typing import Any

from ferryman.model.batch import Row
from ferryman.pipeline.rules.operands import Family, Operand, unreadable
from ferryman.pipeline.rules.refusal import refused

_MOST_DIGITS, _MOST_SCALE = 65, 30
_CONTEXT = decimal.Context(prec=2 * _MOST_DIGITS + 5)


def computed(sign: str, left: Operand, right: Operand) -> Operand:
    """Return ``left sign right``."""
    sql = f"({left.sql} {sign} {right.sql})"
    if Family.NULL in (left.family, right.family):
        raise refused(f"{sql} is always NULL")
    if not left.family is right.family is Family.NUMBER:
        raise refused(f"{sql}: only numbers are computed with")
    if left.whole and right.whole:
        return _whole(sign, sql, left, right)
    if sign in ("%", "DIV"):
        raise refused(f"{sql}: {sign} is known for whole numbers only")
    return _decimal(sign, sql, left, right)


def _whole(sign: str, sql: str, left: Operand, right: Operand) -> Operand:
    unsigned = left.unsigned if sign == "%" else left.unsigned or right.unsigned
    least, most = (0, (1 << 64) - 1) if unsigned else (-(1 << 63), (1 << 63) - 1)
    compute = _WHOLE[sign]

    def read(row: Row) -> Any:
        one, other = left.read(row), right.read(row)
        if one is None or other is None:
            return None
        value = compute(one, other)
        if value is not None and not least <= value <= most:
            raise unreadable(f"a result out of range ({sql})")
        return value

    return Operand(sql=sql, read=read, family=Family.NUMBER, unsigned=unsigned, whole=True, digits=20)


def _remainder(one: int, other: int) -> int | None:
    if other == 0:
        return None
    found = abs(one) % abs(other)
    return -found if one < 0 else found


def _quotient(one: int, other: int) -> int | None:
    if other == 0:
        return None
    found = abs(one) // abs(other)
    return -found if (one < 0) != (other < 0) else found


_WHOLE: dict[str, Callable[[int, int], int | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": _remainder,
    "DIV": _quotient,
}
_DECIMAL: dict[str, Callable[[decimal.Decimal, decimal.Decimal], decimal.Decimal]] = {
    "+": _CONTEXT.add,
    "-": _CONTEXT.subtract,
    "*": _CONTEXT.multiply,
}


def _decimal(sign: str, sql: str, left: Operand, right: Operand) -> Operand:
    if sign == "*":
        scale, digits = left.exact + right.exact, left.digits + right.digits
    else:
        scale = max(left.exact, right.exact)
        digits = max(left.digits - left.exact, right.digits - right.exact) + scale + 1
    if scale > _MOST_SCALE or digits > _MOST_DIGITS:
        raise refused(f"{sql} has more digits than servers compute with exactly")
    compute = _DECIMAL[sign]

    def read(row: Row) -> Any:
        one, other = left.read(row), right.read(row)
        if one is None or other is None:
            return None
        return compute(decimal.Decimal(one), decimal.Decimal(other))

    return Operand(sql=sql, read=read, family=Family.NUMBER, exact=scale, digits=digits)
