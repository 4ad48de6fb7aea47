"""A place in a list of tokens, and the few ways a parser moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ferryman.connectors.mysql_family.ddl.nodes import NameNode
from ferryman.connectors.mysql_family.ddl.tokens import Reader, Token, TokenKind, tokenize
from ferryman.foundation.errors import FerrymanError

T = TypeVar("T")


class Cursor:
    """Reads tokens from left to right."""

    def __init__(self, sql: str, reader: Reader | None = None) -> None:
        """Begin at the first token of a statement."""
        self.sql = sql
        self._tokens = tokenize(sql, reader)
        self._place = 0

    @property
    def token(self) -> Token:
        """The token ahead."""
        return self._tokens[self._place]

    @property
    def word(self) -> str:
        """The keyword ahead in upper case; empty if it is none."""
        return self.token.word

    @property
    def at_end(self) -> bool:
        """Whether nothing but a semicolon is ahead."""
        return self.token.kind is TokenKind.END or (
            self.is_mark(";") and self._tokens[self._place + 1].kind is TokenKind.END
        )

    def ahead(self, count: int) -> Token:
        """Return the token `count` places further on."""
        return self._tokens[min(self._place + count, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Return the token ahead and step over it."""
        token = self.token
        if token.kind is not TokenKind.END:
            self._place += 1
        return token

    def is_mark(self, text: str) -> bool:
        """Whether that sign is ahead."""
        return self.token.kind is TokenKind.MARK and self.token.text == text

    def mark(self, text: str) -> bool:
        """Step over a sign if it is ahead."""
        found = self.is_mark(text)
        if found:
            self._place += 1
        return found

    def sees(self, *words: str) -> bool:
        """Whether these keywords are ahead, in this order."""
        return all(self.ahead(place).word == word for place, word in enumerate(words))

    def words(self, *words: str) -> bool:
        """Step over these keywords if all are ahead, in this order."""
        found = self.sees(*words)
        if found:
            self._place += len(words)
        return found

    def any_word(self, *words: str) -> str:
        """Step over one of these keywords; returns it, or the empty text."""
        found = self.word if self.word in words else ""
        if found:
            self._place += 1
        return found

    def expect_mark(self, text: str) -> None:
        """Step over a sign that must be there."""
        if not self.mark(text):
            raise self.error(f"'{text}'")

    def expect_words(self, *words: str) -> None:
        """Step over keywords that must be there."""
        if not self.words(*words):
            raise self.error(" ".join(words))

    def error(self, wanted: str) -> FerrymanError:
        """Return the error for something else standing where `wanted` should."""
        token = self.token
        found = "the end" if token.kind is TokenKind.END else f"a {token.kind.value}"
        if token.kind in {TokenKind.WORD, TokenKind.MARK}:
            found = f"'{token.text}'"
        return FerrymanError(
            "ddl.syntax", f"expected {wanted} at character {token.start} of the statement, found {found}"
        )

    def identifier(self) -> str:
        """Read a name: a word, a name in backticks, or (ANSI_QUOTES) in double quotes."""
        token = self.token
        quoted = token.kind is TokenKind.STRING and self.sql[token.start] == '"'
        if token.kind in {TokenKind.WORD, TokenKind.NAME} or quoted:
            self._place += 1
            return token.text
        raise self.error("a name")

    @property
    def is_identifier(self) -> bool:
        """Whether a name is ahead (a keyword passes for one)."""
        token = self.token
        quoted = token.kind is TokenKind.STRING and self.sql[token.start] == '"'
        return token.kind in {TokenKind.WORD, TokenKind.NAME} or quoted

    def table_name(self) -> NameNode:
        """Read ``[database.]table``."""
        self.mark(".")
        first = self.identifier()
        return NameNode(first, self.identifier()) if self.mark(".") else NameNode(None, first)

    def column_name(self) -> str:
        """Read ``[[database.]table.]column`` and return the column."""
        name = self.identifier()
        while self.mark("."):
            name = self.identifier()
        return name

    def number(self) -> int:
        """Read a whole number."""
        if self.token.kind is not TokenKind.NUMBER or not self.token.text.isdigit():
            raise self.error("a number")
        return int(self.take().text)

    def string(self) -> str:
        """Read a string; literals beside each other are one."""
        parts: list[str] = []
        while self.ahead(0).kind is TokenKind.STRING:
            parts.append(self.take().text)
        if not parts:
            raise self.error("a string")
        return "".join(parts)

    def listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        """Read ``item, item, …``."""
        found = [item()]
        while self.mark(","):
            found.append(item())
        return tuple(found)

    def in_parentheses(self, item: Callable[[], T]) -> tuple[T, ...]:
        """Read ``(item, item, …)``."""
        self.expect_mark("(")
        found = self.listed(item)
        self.expect_mark(")")
        return found

    def parenthesised(self) -> str:
        """Step over ``( … )`` and return the text inside."""
        start = self.token.end
        self.expect_mark("(")
        depth = 1
        while True:
            token = self.take()
            if token.kind is TokenKind.END:
                raise self.error("')'")
            if token.kind is TokenKind.MARK and token.text in {"(", ")"}:
                depth += 1 if token.text == "(" else -1
            if depth == 0:
                return self.sql[start : token.start].strip()

    def rest(self) -> str:
        """Step over everything that is left and return its text."""
        start = self.token.start
        end = start
        while not self.at_end:
            end = self.take().end
        return self.sql[start:end].strip()

    def skip_until_comma(self) -> str:
        """Step over everything up to the next comma outside parentheses; returns the text."""
        start = end = self.token.start
        while not self.at_end and not self.is_mark(",") and not self.is_mark(")"):
            if self.is_mark("("):
                self.parenthesised()
                end = self._tokens[self._place - 1].end
            else:
                end = self.take().end
        return self.sql[start:end].strip()
