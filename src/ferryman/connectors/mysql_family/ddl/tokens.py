"""Cuts SQL of the MySQL family into tokens: quoted names, strings, numbers, versioned comments.

Sources: MySQL 8.0 reference manual §9.1, §9.7; MariaDB KB "Comment Syntax", "Identifier Names".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError


class TokenKind(enum.Enum):
    """What a token is."""

    WORD = "word"
    """An identifier or keyword without quotes."""
    NAME = "name"
    """An identifier in backticks; `text` is without them."""
    STRING = "string"
    """A string literal; `text` is its value."""
    NUMBER = "number"
    BITS = "bits"
    """``b'101'`` or ``0b101``; `text` holds the digits."""
    HEX = "hex"
    """``x'41'`` or ``0x41``; `text` holds the digits."""
    VARIABLE = "variable"
    """``@name`` or ``@@name``."""
    MARK = "mark"
    """An operator or a punctuation sign."""
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its place ``[start, end)`` in the statement."""

    kind: TokenKind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword in upper case; empty for anything that cannot be one."""
        return self.text.upper() if self.kind is TokenKind.WORD else ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Which versioned comments the server executes: ``/*!NNNNN …*/`` up to `version`, ``/*M! …*/`` on MariaDB."""

    mariadb: bool = True
    version: int = 999_999

    def executes(self, mark: str) -> bool:
        """Whether the text inside a comment that begins with `mark` (``/*!40101``, ``/*M!100100``) is code.

        MariaDB takes ``/*!50700`` … ``/*!99999`` for features it does not share with MySQL, and skips them.
        """
        digits = mark.lstrip("/*M!")
        number = int(digits) if digits else 0
        if "M" in mark:
            return self.mariadb and number <= self.version
        if self.mariadb and 50_700 <= number <= 99_999:
            return False
        return number <= self.version


_SPACE = re.compile(r"\s+")
_OPEN = re.compile(r"/\*M?!(?:\d{5,6})?")
_LINE_COMMENT = re.compile(r"(?:#|--(?=[\s\x00-\x1f]|$))[^\n]*")
_BITS = re.compile(r"[bB]'([01]*)'|0b([01]+)(?![\w$])")
_HEX = re.compile(r"[xX]'([0-9A-Fa-f]*)'|0x([0-9A-Fa-f]+)(?![\w$])")
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w$\u0080-\uffff])")
_WORD = re.compile(r"[\w$\u0080-\U0010ffff]+")
_VARIABLE = re.compile(r"@{1,2}(?:`(?:[^`]|``)*`|[\w.$]+)?")
_MARK = re.compile(r"<=>|<<|>>|<=|>=|<>|!=|:=|&&|\|\||->>|->|.", re.DOTALL)
_INTRODUCER = re.compile(r"[nN](?=')|_[A-Za-z0-9]+(?=\s*['\"])")
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def tokenize(sql: str, reader: Reader | None = None) -> list[Token]:
    """Cut a statement into tokens, the last one of kind END.

    Raises:
        FerrymanError: ``ddl.syntax``: a string, name or comment does not end.
    """
    tokens = list(_Scanner(sql, reader or Reader()).tokens())
    tokens.append(Token(TokenKind.END, "", len(sql), len(sql)))
    return tokens


class _Scanner:
    def __init__(self, sql: str, reader: Reader) -> None:
        self._sql = sql
        self._reader = reader
        self._place = 0
        self._inside = 0

    def tokens(self) -> Iterator[Token]:
        while self._place < len(self._sql):
            if self._skip():
                continue
            token = self._quoted() or self._plain()
            self._place = token.end
            yield token

    def _skip(self) -> bool:
        """Step over blanks, comments and the borders of executed comments."""
        match = _SPACE.match(self._sql, self._place) or _LINE_COMMENT.match(self._sql, self._place)
        if match:
            self._place = match.end()
            return True
        if self._inside and self._sql.startswith("*/", self._place):
            self._inside -= 1
            self._place += 2
            return True
        return self._sql.startswith("/*", self._place) and self._skip_comment()

    def _skip_comment(self) -> bool:
        opened = _OPEN.match(self._sql, self._place)
        if opened and self._reader.executes(opened.group()):
            self._inside += 1
            self._place = opened.end()
            return True
        end = self._sql.find("*/", self._place + 2)
        if end < 0:
            raise FerrymanError("ddl.syntax", f"a comment does not end in the statement at character {self._place}")
        self._place = end + 2
        return True

    def _quoted(self) -> Token | None:
        sign = self._sql[self._place]
        if sign == "`":
            return self._until(sign, TokenKind.NAME, escapes=False)
        if sign in "'\"":
            return self._until(sign, TokenKind.STRING, escapes=True)
        if (introducer := _INTRODUCER.match(self._sql, self._place)) is not None:
            start = self._place
            self._place = _space_end(self._sql, introducer.end())
            token = self._until(self._sql[self._place], TokenKind.STRING, escapes=True)
            return Token(token.kind, token.text, start, token.end)
        return None

    def _until(self, sign: str, kind: TokenKind, *, escapes: bool) -> Token:
        out: list[str] = []
        place = self._place + 1
        while place < len(self._sql):
            char = self._sql[place]
            if char == "\\" and escapes and place + 1 < len(self._sql):
                following = self._sql[place + 1]
                out.append(_ESCAPES.get(following, following))
                place += 2
            elif char != sign:
                out.append(char)
                place += 1
            elif self._sql.startswith(sign, place + 1):
                out.append(sign)
                place += 2
            else:
                return Token(kind, "".join(out), self._place, place + 1)
        raise FerrymanError("ddl.syntax", f"a {kind.value} does not end in the statement, at character {self._place}")

    def _plain(self) -> Token:
        for kind, pattern in _PLAIN:
            if match := pattern.match(self._sql, self._place):
                text = next((group for group in match.groups() if group is not None), match.group())
                return Token(kind, text, match.start(), match.end())
        raise FerrymanError("ddl.syntax", f"unreadable character at {self._place} of the statement")


_PLAIN = (
    (TokenKind.BITS, _BITS),
    (TokenKind.HEX, _HEX),
    (TokenKind.NUMBER, _NUMBER),
    (TokenKind.WORD, _WORD),
    (TokenKind.VARIABLE, _VARIABLE),
    (TokenKind.MARK, _MARK),
)


def _space_end(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
