r"""Statements written under an SQL mode in which quotes and operators mean something else, in the words of the default mode.

A QUERY event names the mode of its session. Read without it, ``"t"`` is a string instead of a name (ANSI_QUOTES), ``'a\n'``
has a line feed instead of a backslash (NO_BACKSLASH_ESCAPES), ``a || b`` is a truth value (PIPES_AS_CONCAT), and REAL
is a DOUBLE (REAL_AS_FLOAT): other names, other defaults, other values, without any error (I5).

Source: MySQL 8.0 reference manual §7.1.11; the bits are those of MySQL and MariaDB alike.
"""

from __future__ import annotations

import re

REAL_AS_FLOAT = 1 << 0
PIPES_AS_CONCAT = 1 << 1
ANSI_QUOTES = 1 << 2
NO_BACKSLASH_ESCAPES = 1 << 20
_MATTERS = REAL_AS_FLOAT | PIPES_AS_CONCAT | ANSI_QUOTES | NO_BACKSLASH_ESCAPES

_COMMENT = r"/\*(?!M?!).*?(?:\*/|\Z)|(?:#|--(?=[\s\x00-\x1f]|\Z))[^\n]*|`(?:[^`]|``)*`"
_ESCAPED = r"{0}(?:[^{0}\\]|\\.|{0}{0})*{0}"
_PLAIN = r"{0}(?:[^{0}]|{0}{0})*{0}"
_OTHERS = r"\|\||(?<![\w$@.])REAL(?![\w$])"


def in_default_mode(sql: str, mode: int) -> str:
    """Return the statement as a session with neither of these modes would write it.

    Where that cannot be said (``||`` has another place among the operators) the mode's name takes the operator's place: whoever
    reads the statement as SQL refuses it, and tells why.
    """
    if not mode & _MATTERS:
        return sql
    return _pieces(mode).sub(lambda found: _rewritten(found.group(), mode), sql)


def _pieces(mode: int) -> re.Pattern[str]:
    """Return what finds comments, quoted things and the words that change, first come first served."""
    text = _PLAIN if mode & NO_BACKSLASH_ESCAPES else _ESCAPED
    double = _PLAIN if mode & ANSI_QUOTES else text
    return re.compile(
        f"{_COMMENT}|{text.format(chr(39))}|{double.format(chr(34))}|{_OTHERS}", re.DOTALL | re.IGNORECASE
    )


def _rewritten(piece: str, mode: int) -> str:
    if piece[0] == '"' and mode & ANSI_QUOTES:
        name = piece[1:-1].replace('""', '"').replace("`", "``")
        return f"`{name}`"
    if piece[0] in "'\"":
        return piece.replace("\\", "\\\\") if mode & NO_BACKSLASH_ESCAPES else piece
    if piece == "||":
        return " PIPES_AS_CONCAT " if mode & PIPES_AS_CONCAT else piece
    return "FLOAT" if piece.upper() == "REAL" and mode & REAL_AS_FLOAT else piece
