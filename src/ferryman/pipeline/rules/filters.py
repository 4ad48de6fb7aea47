"""Row filters: a condition in a subset of SQL, read once; what it means is then the same at the source and here.

The tree is written anew for the source, with every bracket, so that no mode of a session reads it in another way. What has
no exact meaning here is refused, with the words that are refused (docs/rules.md lists the subset).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ferryman.foundation.errors import UsageError
from ferryman.model.schema import Column, Table
from ferryman.pipeline.rules import logic
from ferryman.pipeline.rules.arithmetic import computed
from ferryman.pipeline.rules.comparing import between, comparison, in_list, like, null_safe
from ferryman.pipeline.rules.logic import Condition
from ferryman.pipeline.rules.operands import (
    Family,
    Operand,
    bytes_operand,
    column_operand,
    null_operand,
    number_operand,
    text_operand,
)
from ferryman.pipeline.rules.refusal import column_missing, refused

_MOST_CHARACTERS = 8192
_COMPARISONS = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Mod": "%", "IntDiv": "DIV"}


@dataclass(frozen=True, slots=True)
class Server:
    """The source, as far as filters are told it.

    Attributes:
        quote: Quotes an identifier.
        postgres: Whether it reads PostgreSQL's SQL; else MySQL's.
    """

    quote: Callable[[str], str]
    postgres: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of one table.

    Attributes:
        columns: The columns it looks at; rows are given to `passes` as tuples of their values.
        condition: What it says.
    """

    columns: tuple[Column, ...]
    condition: Condition

    def passes(self, row: tuple[bytes | None, ...]) -> bool:
        """Whether a row moves: unknown is no."""
        return self.condition.test(row) is True


def filter_of(text: str, table: Table, server: Server) -> Filter:
    """Read a filter of a table.

    Raises:
        UsageError: ``rules.filter_refused`` (outside the subset, with the words and why), ``rules.column_missing``.
    """
    try:
        reading = _Reading(table, server)
        condition = reading.condition(_tree(text))
    except UsageError as error:
        message = f"the row filter of {table.name} ({text}): {error.message}"
        raise UsageError(error.code, message, hint=error.hint, context={"table": str(table.name)}) from None
    return Filter(tuple(reading.columns), condition)


@cache
def _tree(text: str) -> Any:
    import sqlglot  # costs half a second, and most projects filter nothing
    from sqlglot.errors import SqlglotError

    if len(text) > _MOST_CHARACTERS:
        raise refused(f"it is longer than {_MOST_CHARACTERS} characters")
    if "\\" in text:
        raise refused("it holds a backslash, which servers read in different ways")
    try:
        tokens = sqlglot.tokenize(text, read="mysql")
        trees = sqlglot.parse(text, read="mysql")
    except (SqlglotError, RecursionError) as error:
        raise refused(f"it cannot be read: {str(error).splitlines()[0]}") from None
    if any(token.comments for token in tokens):
        raise refused("it holds a comment (or --, which is read as one)")
    if any(token.text == "||" for token in tokens):
        raise refused("|| is OR to some servers and joins texts for others; write OR")
    if len(trees) != 1 or trees[0] is None:
        raise refused("it is not one condition")

    return trees[0]


class _Reading:
    """Reads one tree against one table; notes the columns used."""

    def __init__(self, table: Table, server: Server) -> None:
        self._table = table
        self._server = server
        self.columns: list[Column] = []

    def condition(self, node: Any) -> Condition:
        """Read a node as a condition."""
        name = type(node).__name__
        if (read := _CONDITIONS.get(name)) is not None:
            return read(self, node)
        if name in _COMPARISONS:
            return comparison(_COMPARISONS[name], self.operand(node.this), self.operand(node.expression))
        return self._truth(node)

    def _truth(self, node: Any) -> Condition:
        """Read a number as a condition: zero is false."""
        operand = self.operand(node)
        if operand.family is Family.NULL and not self._server.postgres:
            return Condition("NULL", lambda _row: None)
        if not operand.whole or self._server.postgres:  # of a decimal, MySQL looks at the whole part only, or does not
            raise refused(f"{_shown(node)} is no condition")
        return comparison("<>", operand, number_operand("0"))

    def paren(self, node: Any) -> Condition:
        """Read brackets."""
        return self.condition(node.this)

    def truth(self, node: Any) -> Condition:
        """Read TRUE or FALSE."""
        return logic.constant(bool(node.this))

    def negated(self, node: Any) -> Condition:
        """Read NOT."""
        return logic.negated(self.condition(node.this))

    def joined(self, node: Any) -> Condition:
        """Read AND or OR; long chains lean to the left and are read flat."""
        kind, parts = type(node), []
        while type(node) is kind:
            parts.append(node.expression)
            node = node.this
        conditions = [self.condition(part) for part in (node, *reversed(parts))]
        return logic.joined(kind.__name__.upper(), conditions)

    def exclusive(self, node: Any) -> Condition:
        """Read XOR."""
        if self._server.postgres:
            raise refused("the source has no XOR")
        return logic.exclusive(self.condition(node.this), self.condition(node.expression))

    def is_(self, node: Any) -> Condition:
        """Read IS NULL, IS TRUE, IS FALSE."""
        kind = type(node.expression).__name__
        if kind == "Boolean":
            return logic.is_truth(self.condition(node.this), bool(node.expression.this))
        if kind != "Null" or type(node.this).__name__ != "Column":
            raise refused(f"{_shown(node)}: IS is known with a column and NULL, a condition and TRUE or FALSE")
        column, sql, place = self._used(node.this)
        if not column.nullable:  # MySQL takes a zero date of such a column for NULL
            return logic.constant(value=False)
        return Condition(f"({sql} IS NULL)", lambda row: row[place] is None)

    def null_safe(self, node: Any) -> Condition:
        """Read ``<=>``."""
        return null_safe(self.operand(node.this), self.operand(node.expression), postgres=self._server.postgres)

    def between(self, node: Any) -> Condition:
        """Read BETWEEN."""
        return between(self.operand(node.this), self.operand(node.args["low"]), self.operand(node.args["high"]))

    def in_(self, node: Any) -> Condition:
        """Read IN with a list of literals."""
        if not node.expressions or node.args.get("query") is not None:
            raise refused(f"{_shown(node)}: IN is known with a list of literals")
        return in_list(self.operand(node.this), [self.operand(each) for each in node.expressions])

    def like(self, node: Any) -> Condition:
        """Read LIKE, NOT LIKE."""
        found = like(self.operand(node.this), self.operand(node.expression))
        return logic.negated(found) if node.args.get("negate") else found

    # Values ---------------------------------------------------------------------------------------------------------

    def operand(self, node: Any) -> Operand:
        """Read a node as a value."""
        name = type(node).__name__
        if (read := _VALUES.get(name)) is not None:
            return read(self, node)
        if name in _ARITHMETIC:
            if self._server.postgres:
                raise refused(f"{_shown(node)}: PostgreSQL's numbers overflow otherwise; compute nothing in the filter")
            return computed(_ARITHMETIC[name], self.operand(node.this), self.operand(node.expression))
        raise refused(f"{_shown(node)} is outside the subset of SQL that is understood")

    def brackets(self, node: Any) -> Operand:
        """Read a value in brackets."""
        return self.operand(node.this)

    def column(self, node: Any) -> Operand:
        """Read a column."""
        column, sql, place = self._used(node)
        return column_operand(column.name, sql, column.type, place)

    def collated(self, node: Any) -> Operand:
        """Read a column with a collation of its own."""
        if type(node.this).__name__ != "Column" or self._server.postgres:
            raise refused(f"{_shown(node)}: COLLATE is known behind a column of the MySQL family")
        column, sql, place = self._used(node.this)
        collation = node.expression.name
        return column_operand(column.name, f"{sql} COLLATE {collation}", column.type, place, collation=collation)

    def literal(self, node: Any) -> Operand:
        """Read a number or a string."""
        if not node.is_string:
            return number_operand(node.this)
        if "\0" in node.this:
            raise refused("it holds a NUL")
        return text_operand(node.this, "'" + node.this.replace("'", "''") + "'")

    def negative(self, node: Any) -> Operand:
        """Read a negative number."""
        if type(node.this).__name__ != "Literal" or node.this.is_string:
            raise refused(f"{_shown(node)}: a minus is known before a number only")
        return number_operand(node.this.this, negative=True)

    def hexadecimal(self, node: Any) -> Operand:
        """Read ``x'6162'``."""
        if self._server.postgres or len(node.this) % 2:
            raise refused(f"{_shown(node)}: hexadecimal literals are whole bytes, for the MySQL family")
        # seekdb 1.4 reads an empty one behind a parenthesis as the three characters x''
        return bytes_operand(bytes.fromhex(node.this), f"x'{node.this}'" if node.this else "_binary''")

    def null(self, _node: Any) -> Operand:
        """Read NULL."""
        return null_operand()

    def truth_number(self, node: Any) -> Operand:
        """Read TRUE or FALSE as a number, which it is in the MySQL family."""
        if self._server.postgres:
            raise refused("TRUE and FALSE are no numbers at the source")
        return number_operand("1" if node.this else "0")

    def _used(self, node: Any) -> tuple[Column, str, int]:
        """Return a column, its SQL, and its place among those used."""
        if node.table and node.table.casefold() != self._table.name.table.casefold():
            raise refused(f"{_shown(node)} is a column of another table")
        try:
            column = self._table.column(node.name)
        except KeyError:
            raise column_missing(self._table.name, node.name) from None
        if column.generated is not None:
            raise refused(f"{column.name} is generated; name the columns it is made of")
        if column not in self.columns:
            self.columns.append(column)
        return column, self._server.quote(column.name), self.columns.index(column)


def _shown(node: Any) -> str:
    return str(node.sql(dialect="mysql"))[:100]


_CONDITIONS: dict[str, Callable[[_Reading, Any], Condition]] = {
    "Paren": _Reading.paren,
    "Boolean": _Reading.truth,
    "Not": _Reading.negated,
    "And": _Reading.joined,
    "Or": _Reading.joined,
    "Xor": _Reading.exclusive,
    "Is": _Reading.is_,
    "NullSafeEQ": _Reading.null_safe,
    "Between": _Reading.between,
    "In": _Reading.in_,
    "Like": _Reading.like,
}
_VALUES: dict[str, Callable[[_Reading, Any], Operand]] = {
    "Paren": _Reading.brackets,
    "Column": _Reading.column,
    "Collate": _Reading.collated,
    "Literal": _Reading.literal,
    "Neg": _Reading.negative,
    "HexString": _Reading.hexadecimal,
    "Null": _Reading.null,
    "Boolean": _Reading.truth_number,
}
