"""Where transactions begin and end in a stream of binlog events.

Sources: MySQL internals manual, "Binlog Event Group"; MariaDB KB "Gtid_Event" (flag FL_STANDALONE).
"""

from __future__ import annotations

from ferryman.connectors.mysql_family.log.events import (
    EXECUTE_LOAD_QUERY,
    FORMAT_DESCRIPTION,
    GTIDS,
    HEADER_LENGTH,
    MARIADB_GTID,
    QUERY,
    QUERY_COMPRESSED,
    TRANSACTION_PAYLOAD,
    XA_PREPARE,
    XID,
    parse_gtid,
    parse_query,
)
from ferryman.connectors.mysql_family.log.statements import StatementKind, is_transaction_start, statement_kind

_ENDS = frozenset({XID, XA_PREPARE, TRANSACTION_PAYLOAD})
_STARTS = frozenset({StatementKind.BEGIN, StatementKind.XA_START})
_ENDING_STATEMENTS = frozenset({StatementKind.COMMIT, StatementKind.ROLLBACK})
_PARTS_OF_A_STATEMENT = frozenset({5, 13, 14, 9, 17})
"""INTVAR, RAND, USER_VAR, APPEND_BLOCK, BEGIN_LOAD_QUERY: a statement follows."""


class GroupTracker:
    """Follows the events of one log, from a transaction border on."""

    def __init__(self) -> None:
        """Begin outside any transaction."""
        self._open = False
        """Between BEGIN (or a MariaDB GTID that stands for it) and its end."""
        self._headed = False
        """Behind a GTID whose statement has not come yet."""

    @property
    def is_between(self) -> bool:
        """Whether the last event ended at a transaction border."""
        return not self._open and not self._headed

    def pass_event(self, event_type: int, payload: bytes) -> bool:
        """Take the next event in; returns whether a transaction border lies behind it."""
        if event_type in GTIDS:
            self._pass_gtid(event_type, payload)
        elif event_type == FORMAT_DESCRIPTION or event_type in _ENDS:
            # A server that died left half a transaction at the end of a file: a new file begins, it never was.
            self._open = self._headed = False
        elif event_type in (QUERY, QUERY_COMPRESSED):
            self._pass_query(event_type, payload)
        elif event_type == EXECUTE_LOAD_QUERY:
            self._headed = False
        elif event_type in _PARTS_OF_A_STATEMENT:
            return False
        return self.is_between

    def _pass_gtid(self, event_type: int, payload: bytes) -> None:
        head = parse_gtid(event_type, payload[HEADER_LENGTH:], 0) if event_type == MARIADB_GTID else None
        self._open = head is not None and not head.standalone
        self._headed = not self._open

    def _pass_query(self, event_type: int, payload: bytes) -> None:
        self._headed = False
        query = parse_query(payload[HEADER_LENGTH:], compressed=event_type == QUERY_COMPRESSED)
        text = query.sql.decode("latin-1") if len(query.sql) < 4096 else query.sql[:2048].decode("latin-1")
        kind = statement_kind(text)
        if kind in _STARTS:
            self._open = True
        elif kind in _ENDING_STATEMENTS:
            self._open = False
        elif not self._open and kind is StatementKind.SCHEMA:
            self._open = is_transaction_start(query.sql[-64:].decode("latin-1"))
