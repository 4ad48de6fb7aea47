"""Three-valued logic over rows: conditions as functions that return true, false, or `None` for unknown."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.model.batch import Row

Verdict = bool | None
Test = Callable[[Row], Verdict]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as the source is told it, and as it is tested here."""

    sql: str
    test: Test


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def constant(value: bool) -> Condition:
    """Return TRUE or FALSE."""
    return Condition("(1=1)" if value else "(1=0)", lambda _row: value)


def negated(inner: Condition) -> Condition:
    """Return NOT."""

    def test(row: Row) -> Verdict:
        found = inner.test(row)
        return None if found is None else not found

    return Condition(f"(NOT {inner.sql})", test)


def joined(word: str, parts: Sequence[Condition]) -> Condition:
    """Return AND or OR of all parts."""
    ends = word == "OR"  # what decides at once
    tests = [part.test for part in parts]

    def test(row: Row) -> Verdict:
        found: Verdict = not ends
        for each in tests:
            verdict = each(row)
            if verdict is ends:
                return ends
            if verdict is None:
                found = None
        return found

    return Condition("(" + f" {word} ".join(part.sql for part in parts) + ")", test)


def exclusive(one: Condition, other: Condition) -> Condition:
    """Return XOR."""

    def test(row: Row) -> Verdict:
        first, second = one.test(row), other.test(row)
        return None if first is None or second is None else first != second

    return Condition(f"({one.sql} XOR {other.sql})", test)


def is_truth(inner: Condition, wanted: bool) -> Condition:
    """Return IS TRUE or IS FALSE, which is never unknown."""
    word = "TRUE" if wanted else "FALSE"
    return Condition(f"({inner.sql} IS {word})", lambda row: inner.test(row) is wanted)


def compared(
    sql: str, compare: Callable[[Any, Any], bool], left: Callable[[Row], Any], right: Callable[[Row], Any]
) -> Condition:
    """Return a comparison: unknown where either side is NULL."""

    def test(row: Row) -> Verdict:
        one, other = left(row), right(row)
        return None if one is None or other is None else compare(one, other)

    return Condition(sql, test)


def same(sql: str, left: Callable[[Row], Any], right: Callable[[Row], Any]) -> Condition:
    """Return ``<=>``: equal, or both NULL."""

    def test(row: Row) -> Verdict:
        one, other = left(row), right(row)
        return one is other if one is None or other is None else one == other

    return Condition(sql, test)


def among(sql: str, read: Callable[[Row], Any], values: Sequence[Any]) -> Condition:
    """Return IN: unknown where the value, or one of the list that does not decide, is NULL."""
    known = frozenset(value for value in values if value is not None)
    otherwise: Verdict = None if None in values else False

    def test(row: Row) -> Verdict:
        value = read(row)
        if value is None:
            return None
        return True if value in known else otherwise

    return Condition(sql, test)


def like(sql: str, read: Callable[[Row], Any], pattern: str) -> Condition:
    """Return LIKE with a pattern of ``%`` and ``_``, character by character."""
    parts = [".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern]
    matcher = re.compile("".join(parts), re.DOTALL)

    def test(row: Row) -> Verdict:
        value = read(row)
        return None if value is None else matcher.fullmatch(value.decode("utf-8", "replace")) is not None

    return Condition(sql, test)
