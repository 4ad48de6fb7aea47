"""Partition clauses: taken from ``SHOW CREATE TABLE`` and from DDL into one spelling, and changed there.

`Table.partitions` keeps the text behind ``PARTITION BY``; what engines add (``ENGINE = InnoDB``) is left out, blanks are
single, keywords in upper case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name, quoted_text
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.tokens import Token, TokenKind, tokenize

_CLAUSE = re.compile(r"^\s*(?:/\*!\d+\s*)?\s*PARTITION BY\s", re.IGNORECASE | re.MULTILINE)
_KEYWORDS = frozenset(
    {
        "ALGORITHM", "AND", "AS", "BY", "COLUMNS", "DEFAULT", "DIRECTORY", "HASH", "IN", "INTERVAL", "KEY", "LESS",
        "LINEAR", "LIST", "MAXVALUE", "NULL", "PARTITION", "PARTITIONS", "RANGE", "SUBPARTITION", "SUBPARTITIONS",
        "THAN", "VALUES",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Partitioning:
    """A partition clause cut into its head (``RANGE (`id`)``) and its partitions, name → text."""

    head: str
    parts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.head} ({', '.join(text for _, text in self.parts)})" if self.parts else self.head


def partitions_of(shown: str) -> str | None:
    """Return the partition clause of a ``SHOW CREATE TABLE``, or `None`."""
    matches = list(_CLAUSE.finditer(shown))
    if not matches:
        return None
    text = shown[matches[-1].end() :].rstrip()
    return canonical_partitions(text.removesuffix("*/"))


def canonical_partitions(text: str) -> str:
    """Return a partition clause in one spelling."""
    return str(parse_partitions(text))


def parse_partitions(text: str) -> Partitioning:
    """Cut a partition clause."""
    cursor = Cursor(text)
    head: list[str] = []
    while not cursor.at_end and not (cursor.is_mark("(") and cursor.ahead(1).word == "PARTITION"):
        head.append(_spelled(_take_piece(cursor)))
    parts = parse_parts(cursor) if not cursor.at_end else ()
    return Partitioning(_joined(head), parts)


def parse_parts(cursor: Cursor) -> tuple[tuple[str, str], ...]:
    """Read ``(PARTITION name …, …)``."""
    return cursor.in_parentheses(lambda: _parse_part(cursor))


def _parse_part(cursor: Cursor) -> tuple[str, str]:
    cursor.expect_words("PARTITION")
    name = cursor.identifier()
    pieces = [f"PARTITION {quoted_name(name)}"]
    while not (cursor.at_end or cursor.is_mark(",") or cursor.is_mark(")")):
        if cursor.any_word("ENGINE", "STORAGE", "TABLESPACE", "NODEGROUP", "MAX_ROWS", "MIN_ROWS", "COMMENT"):
            cursor.words("ENGINE")
            cursor.mark("=")
            cursor.take()
        elif cursor.any_word("DATA", "INDEX"):
            cursor.expect_words("DIRECTORY")
            cursor.mark("=")
            cursor.take()
        else:
            pieces.append(_spelled(_take_piece(cursor)))
    return name, _joined(pieces)


def _take_piece(cursor: Cursor) -> list[Token]:
    """Take one token, or everything between parentheses."""
    if not cursor.is_mark("("):
        return [cursor.take()]
    tokens, depth = [], 0
    while True:
        token = cursor.take()
        tokens.append(token)
        if token.kind is TokenKind.MARK and token.text in "()":
            depth += 1 if token.text == "(" else -1
        if depth == 0 or token.kind is TokenKind.END:
            return tokens


def _spelled(tokens: list[Token]) -> str:
    return _joined(
        [_token_text(token, following) for token, following in zip(tokens, [*tokens[1:], None], strict=True)]
    )


def _token_text(token: Token, following: Token | None) -> str:
    if token.kind is TokenKind.STRING:
        return quoted_text(token.text)
    if token.kind is TokenKind.NAME:
        return quoted_name(token.text)
    if token.kind is not TokenKind.WORD:
        return token.text
    if token.word in _KEYWORDS:
        return token.word
    called = following is not None and following.text == "("
    return token.text.lower() if called else quoted_name(token.text)


def _joined(pieces: list[str]) -> str:
    """Join with single blanks, none inside of parentheses or before a comma."""
    out = ""
    for piece in pieces:
        tight = not out or out.endswith("(") or piece[:1] in {")", ","}
        call = piece.startswith("(") and re.search(r"[a-z_0-9]$", out) is not None
        out += piece if tight or call else " " + piece
    return out


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of an expression, without the end."""
    return tokenize(text)[:-1]
