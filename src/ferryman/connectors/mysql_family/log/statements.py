"""What kind of statement a QUERY event holds, told from its first words."""

from __future__ import annotations

import enum
import re


class StatementKind(enum.Enum):
    """What a logged statement is for us."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    ROLLBACK_TO = "rollback to"
    SAVEPOINT = "savepoint"
    XA_START = "xa start"
    XA_COMMIT = "xa commit"
    SCHEMA = "schema"
    """CREATE, ALTER, DROP, RENAME, TRUNCATE of something a project may move."""
    ROWS = "rows"
    """Changes rows: the log is by statement."""
    ROUTINE = "routine"
    """Calls something that may change rows."""
    OTHER = "other"
    """Changes nothing that a project moves: accounts, temporary tables, FLUSH, ANALYZE …"""


_COMMENT = re.compile(r"/\*(?!M?!).*?(?:\*/|\Z)|(?:#|--\s)[^\n]*(?:\n|\Z)|/\*M?!\d*|\*/", re.DOTALL)
_FOR_STATEMENT = re.compile(r"\s*SET\s+STATEMENT\b.*?\sFOR\s+", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+|`|\S")
_HEAD = 2000
"""Characters looked at for the first words."""

_BY_TWO = {
    ("XA", "START"): StatementKind.XA_START,
    ("XA", "BEGIN"): StatementKind.XA_START,
    ("XA", "COMMIT"): StatementKind.XA_COMMIT,
    ("START", "TRANSACTION"): StatementKind.BEGIN,
}
_BY_ONE = {
    "BEGIN": StatementKind.BEGIN,
    "COMMIT": StatementKind.COMMIT,
    "ROLLBACK": StatementKind.ROLLBACK,
    "SAVEPOINT": StatementKind.SAVEPOINT,
    **dict.fromkeys(("INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD", "WITH"), StatementKind.ROWS),
    **dict.fromkeys(("CALL", "SELECT", "DO", "EXECUTE"), StatementKind.ROUTINE),
}
_SCHEMA_VERBS = frozenset({"CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"})
_NOT_MOVED = frozenset({"USER", "ROLE", "SERVER", "TEMPORARY", "RESOURCE", "LOGFILE", "TABLESPACE", "INSTANCE"})
_BETWEEN = frozenset({"OR", "REPLACE", "UNDO", "ONLINE", "OFFLINE", "IGNORE"})
_SEQUENCE_CALL = re.compile(r"\s*SELECT\s+(?:NEXTVAL|SETVAL|LASTVAL|NEXT\s+VALUE|PREVIOUS\s+VALUE)\b", re.IGNORECASE)


def without_prefix(sql: str) -> str:
    """Return a statement without MariaDB's ``SET STATEMENT variable=value FOR``."""
    found = _FOR_STATEMENT.match(sql)
    return sql[found.end() :] if found else sql


def statement_kind(sql: str) -> StatementKind:
    """Tell what kind of statement this is."""
    words = _first_words(without_prefix(sql))
    if not words:
        return StatementKind.OTHER
    if words[0] in _SCHEMA_VERBS:
        return _schema_kind(words)
    if words[0] == "ROLLBACK" and "TO" in words[1:3]:  # ROLLBACK [WORK] TO
        return StatementKind.ROLLBACK_TO
    kind = _BY_TWO.get((words[0], words[1] if len(words) > 1 else "")) or _BY_ONE.get(words[0], StatementKind.OTHER)
    if kind is StatementKind.ROUTINE and _SEQUENCE_CALL.match(sql):
        return StatementKind.OTHER
    return kind


def is_transaction_start(sql: str) -> bool:
    """Whether rows and an XID follow a statement that is no BEGIN (MySQL 8.0.21: ``CREATE TABLE … START TRANSACTION``)."""
    return sql.rstrip().upper().endswith("START TRANSACTION")


def _first_words(sql: str) -> list[str]:
    head = _COMMENT.sub(" ", sql[:_HEAD])
    return [word.upper() for word in _WORD.findall(head.lstrip(" \t\r\n("))[:8]]


def _schema_kind(words: list[str]) -> StatementKind:
    what = next((word for word in words[1:] if word not in _BETWEEN), "")
    return StatementKind.OTHER if what in _NOT_MOVED else StatementKind.SCHEMA
