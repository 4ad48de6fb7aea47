"""Expressions of the MySQL family in PostgreSQL's words: only those that mean the very same, else none at all.

What the servers compute alike: sums, differences and products of numbers, comparisons and logic over numbers, and
constants. Everything else (text, whose comparisons depend on collations; division; functions) is not translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ferryman.connectors.mysql_family.catalog.defaults import now_text
from ferryman.connectors.postgresql.quoting import quote
from ferryman.model.schema import Column
from ferryman.model.types import Kind

Columns = Mapping[str, Column]
"""A table's columns by their case-folded names."""

_EXACT = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.YEAR})
_TODAY = re.compile(r"\(*\s*(?:curdate\(\)|current_date(?:\(\))?)\s*\)*", re.IGNORECASE)
_UUID = re.compile(r"\(*\s*uuid\(\)\s*\)*", re.IGNORECASE)


def now_default(text: str) -> str | None:
    """Return a default that is the time, the day or a new UUID."""
    if (now := now_text(text)) is not None:
        return now.upper()
    if _TODAY.fullmatch(text):
        return "CURRENT_DATE"
    return "(gen_random_uuid())::text" if _UUID.fullmatch(text) else None


def translated(expression: str, columns: Columns, *, condition: bool = False) -> str | None:
    """Return an expression in PostgreSQL's words, `None` when it cannot be said exactly.

    Args:
        expression: In the source's dialect.
        columns: What names stand for.
        condition: It is a condition (of a CHECK), not a value.
    """
    import sqlglot  # costs half a second, and most schemas need none
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(f"SELECT {expression}", read="mysql")
    except SqlglotError:
        return None
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.find(exp.From):
        return None
    writer = _Writer(columns, chained=condition)
    return writer.condition(tree.expressions[0]) if condition else writer.number(tree.expressions[0])


class _Writer:
    def __init__(self, columns: Columns, *, chained: bool) -> None:
        """Make a writer; `chained`: generated columns may be used."""
        from sqlglot import exp

        self._columns = columns
        self._chained = chained
        self._arithmetic: dict[type[Any], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
        self._comparisons: dict[type[Any], str] = {
            exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
        }  # fmt: skip
        self._logic: dict[type[Any], str] = {exp.And: "AND", exp.Or: "OR"}
        self._others: dict[type[Any], Callable[[Any], str | None]] = {
            exp.Not: lambda node: self._joined("NOT {}", self.condition(node.this)),
            exp.Between: lambda node: self._joined(
                "{} BETWEEN {} AND {}", *map(self.number, (node.this, node.args["low"], node.args["high"]))
            ),
            exp.Is: self._is,
            exp.In: self._in,
        }

    def number(self, node: Any) -> str | None:
        """Return a value: a number computed exactly, or a single constant."""
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self._joined("({})", self.number(node.this))
        if isinstance(node, exp.Neg):
            return self._joined("(- {})", self.number(node.this))
        if isinstance(node, exp.Literal):
            return str(node.this) if not node.is_string else None
        if isinstance(node, exp.Column):
            return self._column(node)
        sign = self._arithmetic.get(type(node))
        return self._joined(f"({{}} {sign} {{}})", self.number(node.left), self.number(node.right)) if sign else None

    def condition(self, node: Any) -> str | None:
        """Return a condition."""
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self._joined("({})", self.condition(node.this))
        if (word := self._logic.get(type(node))) is not None:
            return self._joined(f"({{}} {word} {{}})", self.condition(node.left), self.condition(node.right))
        if (sign := self._comparisons.get(type(node))) is not None:
            return self._joined(f"({{}} {sign} {{}})", self.number(node.left), self.number(node.right))
        other = self._others.get(type(node))
        return other(node) if other is not None else None

    def _column(self, node: Any) -> str | None:
        column = self._columns.get(node.name.casefold())
        if column is None or column.type.kind not in _EXACT or (column.generated is not None and not self._chained):
            return None
        # As numeric nothing overflows that the source computes in 64 bits or in decimals.
        return f"{quote(column.name)}::numeric"

    def _is(self, node: Any) -> str | None:
        from sqlglot import exp

        if not isinstance(node.expression, exp.Null) or not isinstance(node.this, exp.Column):
            return None
        column = self._columns.get(node.this.name.casefold())
        return f"({quote(column.name)} IS NULL)" if column is not None else None

    def _in(self, node: Any) -> str | None:
        if not node.expressions:
            return None
        values = [self.number(each) for each in node.expressions]
        return self._joined("({} IN (" + ", ".join(["{}"] * len(values)) + "))", self.number(node.this), *values)

    def _joined(self, form: str, *parts: str | None) -> str | None:
        return None if None in parts else form.format(*parts)
