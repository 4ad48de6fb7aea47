"""What logged statements mean for the tables a project moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pymysql.charset import charset_by_id

from ferryman.connectors.mysql_family.ddl.nodes import NameNode, Statement
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind, tokenize
from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.modes import in_default_mode
from ferryman.connectors.mysql_family.log.statements import StatementKind, statement_kind, without_prefix
from ferryman.connectors.mysql_family.log.zones import Ask, IsTimestamp, in_utc, no_answer
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel.charsets import to_utf8
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.model.selection import SYSTEM_DATABASES
from ferryman.model.types import Kind

_CHARSETS: Any = charset_by_id
"""Collation id → PyMySQL's record of it, whose attributes its stubs do not know."""
MARK = "/* ferryman: two-way */"
"""In a schema statement that Ferryman ran in two-way use."""
_NAMES = (TokenKind.WORD, TokenKind.NAME)
_LOAD_PART = 13
"""Bytes of an EXECUTE_LOAD_QUERY between its post-header and its status variables."""


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """A statement as text, with the session's default database."""

    kind: StatementKind
    sql: str
    database: str


class QueryReader:
    """Reads QUERY events of one log."""

    def __init__(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool], ask: Ask = no_answer
    ) -> None:
        """Make a reader; arguments as in `Source.decoder`, and who knows the source's time zones."""
        self._table_at = table_at
        self._includes = includes
        self._ask = ask

    def read(self, event_type: int, body: bytes) -> LoggedQuery:
        """Read one; text is converted by the client's character set, bytes that are none are replaced."""
        skipped = _LOAD_PART if event_type == events.EXECUTE_LOAD_QUERY else 0
        query = events.parse_query(body, compressed=event_type == events.QUERY_COMPRESSED, skipped=skipped)
        sql = without_prefix(in_default_mode(to_text(query.sql, query.client_collation), query.sql_mode))
        kind = statement_kind(sql)
        if kind is StatementKind.SCHEMA:
            sql = in_utc(sql, query.time_zone, self._timestamps(query.database), self._ask)
        return LoggedQuery(kind, sql, query.database)

    def _timestamps(self, database: str) -> IsTimestamp:
        def is_timestamp(statement: Statement, column: str) -> bool:
            node = getattr(statement, "name", None)
            if not isinstance(node, NameNode):
                return False
            name = TableName(node.database or database, node.table)
            table = self._table_at(name) or self._table_at(TableName(name.database.lower(), name.table.lower()))
            columns = table.columns if table is not None else ()
            return any(c.name.casefold() == column.casefold() and c.type.kind is Kind.TIMESTAMP for c in columns)

        return is_timestamp

    def table_changed(self, query: LoggedQuery) -> str | None:
        """Return a wanted table that a statement (which is no DDL) may change, or `None`.

        Any name in it counts, and a call of a routine counts for its whole database: better to stop once too often.
        """
        if query.kind is StatementKind.ROUTINE:
            return f"{query.database}.*" if query.database.casefold() not in SYSTEM_DATABASES | {""} else None
        if query.kind is not StatementKind.ROWS:
            return None
        try:
            return next((str(name) for name in _names_in(query) if self._is_wanted(name)), None)
        except FerrymanError:
            return f"{query.database}.*"  # not readable, so it may be any

    def _is_wanted(self, name: TableName) -> bool:
        return (
            name.database.casefold() not in SYSTEM_DATABASES
            and self._includes(name)
            and self._table_at(name) is not None
        )


def savepoint_name(query: LoggedQuery) -> str:
    """Return the name in ``SAVEPOINT name`` or ``ROLLBACK TO SAVEPOINT name``; servers compare them without case."""
    names = [token.text for token in tokenize(query.sql) if token.kind in _NAMES]
    return names[-1].casefold() if names else ""


def _names_in(query: LoggedQuery) -> Iterator[TableName]:
    """Yield everything in a statement that may be a table's name."""
    tokens = tokenize(query.sql)
    for place, token in enumerate(tokens):
        if token.kind not in _NAMES:
            continue
        yield TableName(query.database, token.text)
        if tokens[place + 1].text == "." and tokens[place + 2].kind in _NAMES:
            yield TableName(token.text, tokens[place + 2].text)


def to_text(sql: bytes, collation: int) -> str:
    """Return a statement as text; `collation` names the client's character set (0: not known, taken as UTF-8)."""
    try:
        name = _CHARSETS(collation).name if collation else "utf8mb4"
    except KeyError:  # MariaDB's newest collations, all of them of UTF-8
        name = "utf8mb4"
    try:
        convert = to_utf8(name)
        return (convert(sql) if convert else sql).decode("utf-8", "replace")
    except (FerrymanError, UnicodeDecodeError):
        return sql.decode("utf-8", "replace")
