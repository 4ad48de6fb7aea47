"""Comparisons: of like with like only, so that no server converts a value on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ferryman.model.batch import Row
from ferryman.pipeline.rules import logic
from ferryman.pipeline.rules.logic import COMPARISONS, Condition
from ferryman.pipeline.rules.operands import Family, Operand, Read, as_family
from ferryman.pipeline.rules.refusal import refused
from ferryman.pipeline.rules.texts import TextForm

_ORDERING = frozenset({"<", "<=", ">", ">="})
_HINT = "compare it under a binary collation: column COLLATE utf8mb4_bin = 'text'"


def comparison(sign: str, left: Operand, right: Operand) -> Condition:
    """Return a comparison."""
    sql = f"({left.sql} {sign} {right.sql})"
    one, other = _matched(sql, left, right)
    if Family.NULL in (one.family, other.family):
        return Condition(sql, lambda _row: None)
    if one.family is Family.TEXT:
        return _text_comparison(sign, sql, one, other)
    return logic.compared(sql, COMPARISONS[sign], one.read, other.read)


def null_safe(left: Operand, right: Operand, *, postgres: bool) -> Condition:
    """Return ``<=>``."""
    sql = f"({left.sql} {'IS NOT DISTINCT FROM' if postgres else '<=>'} {right.sql})"
    one, other = _matched(sql, left, right)
    if one.family is Family.TEXT and other.family is Family.TEXT:
        form = _form(sql, one, other)
        return logic.same(sql, _brought(form, one.read), _brought(form, other.read))
    return logic.same(sql, one.read, other.read)


def between(value: Operand, low: Operand, high: Operand) -> Condition:
    """Return BETWEEN, which is two comparisons."""
    return logic.joined("AND", [comparison(">=", value, low), comparison("<=", value, high)])


def in_list(value: Operand, items: Sequence[Operand]) -> Condition:
    """Return IN."""
    sql = f"({value.sql} IN ({', '.join(item.sql for item in items)}))"
    if value.is_literal or not all(item.is_literal for item in items):
        raise refused(f"{sql}: IN is known with a column (or what is computed from one) and a list of literals")
    found = [_matched(sql, value, item)[1] for item in items]
    if value.family is Family.NUMBER and not all(_plain_number(value, item) for item in found):
        return logic.joined("OR", [comparison("=", value, item) for item in found])
    read: Read = value.read
    values: list[Any] = [None if item.family is Family.NULL else item.literal for item in found]
    if value.family is Family.TEXT:
        forms = [_form(sql, value, item) for item in found if item.family is Family.TEXT]
        form = forms[0] if forms else value.text
        assert form is not None
        read = _brought(form, value.read)
        values = [None if each is None else form.brought(str(each).encode()) for each in values]
    return logic.among(sql, read, values)


def _plain_number(value: Operand, item: Operand) -> bool:
    """Whether IN means ``=`` to every server; some compare signed with unsigned numbers, or with decimals, otherwise."""
    if item.family is Family.NULL:
        return True
    least = 0 if value.unsigned else -(1 << 63)
    return item.whole and value.whole and least <= item.literal < 1 << 63


def like(value: Operand, pattern: Operand) -> Condition:
    """Return LIKE."""
    sql = f"({value.sql} LIKE {pattern.sql})"
    if value.family is not Family.TEXT or value.text is None or not pattern.is_literal:
        raise refused(f"{sql}: LIKE is known with a column of characters and a literal")
    if pattern.family is not Family.TEXT:
        raise refused(f"{sql}: the pattern is no text")
    form = _form(sql, value, pattern)
    if not form.matches:
        raise refused(f"{sql}: how the source's collation matches cannot be told here; {_HINT}")
    return logic.like(sql, value.read, str(pattern.literal))


def _matched(sql: str, left: Operand, right: Operand) -> tuple[Operand, Operand]:
    """Return both sides as values of one family."""
    one, other = as_family(left, right), as_family(right, left)
    families = {one.family, other.family} - {Family.NULL}
    if len(families) > 1:
        raise refused(f"{sql} compares {' with '.join(sorted(family.value for family in families))}")
    return one, other


def _form(sql: str, left: Operand, right: Operand) -> TextForm:
    """Return how two texts compare."""
    forms = [side.text for side in (left, right) if side.text is not None]
    if not forms:
        raise refused(f"{sql} compares two literals")
    if len({form.key for form in forms}) > 1 or (len(forms) > 1 and forms[0].folds):
        raise refused(f"{sql} compares columns of different collations")
    for side in (left, right):
        if side.is_literal and not forms[0].takes(str(side.literal)):
            raise refused(f"{sql}: the literal has characters whose comparison cannot be told here")
    return forms[0]


def _text_comparison(sign: str, sql: str, left: Operand, right: Operand) -> Condition:
    form = _form(sql, left, right)
    if sign not in _ORDERING:
        return logic.compared(sql, COMPARISONS[sign], _brought(form, left.read), _brought(form, right.read))
    if not form.orders:
        raise refused(f"{sql}: the order of the source's collation cannot be told here; {_HINT}")
    compare = _padded(COMPARISONS[sign]) if form.pads else COMPARISONS[sign]
    return logic.compared(sql, compare, left.read, right.read)


def _brought(form: TextForm, read: Read) -> Read:
    def brought(row: Row) -> Any:
        value = read(row)
        return None if value is None else form.brought(value)

    return brought


def _padded(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison in which the shorter side goes on with blanks."""

    def test(one: bytes, other: bytes) -> bool:
        width = max(len(one), len(other))
        return compare(one.ljust(width), other.ljust(width))

    return test
