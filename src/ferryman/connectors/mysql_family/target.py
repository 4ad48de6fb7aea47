"""A database of the MySQL family to write to (`ferryman.spi.target.Target`)."""

from __future__ import annotations

import time

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.errors import CODE_OF, text_of
from ferryman.connectors.mysql_family.rows import bookkeeping
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.rows.session import Session
from ferryman.connectors.mysql_family.rows.snapshot import open_moment
from ferryman.connectors.sql_family.target import KEPT_BY_DDL, SqlTarget
from ferryman.foundation.errors import AlreadySoError, FerrymanError
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import TableReader
from ferryman.spi.target import TargetSession

_SCHEMA_TRY_AGAIN = 5627
"""OceanBase's OB_SCHEMA_EAGAIN: its schema service is behind, and nothing has been done."""
_TRIES = 20


def _execute_patiently(connection: Connection, sql: str) -> None:
    for left in reversed(range(_TRIES)):
        try:
            connection.execute(sql)
        except FerrymanError as error:
            if error.context.get("errno") != _SCHEMA_TRY_AGAIN or not left:
                raise
            time.sleep(0.5)
        else:
            return


_ALREADY_SO = frozenset({1050, 1051, 1060, 1061, 1068, 1091, 1507, 1517, 1826, 3821, 3822})
"""Errors of statements that say: a table, column, key, partition or constraint is there already, or is not there."""


class FamilyTarget(SqlTarget[Connection]):
    """Opens a connection for each call and each session."""

    words = bookkeeping.WORDS

    def read_schema(self, selection: Selection) -> Schema:
        """Read the target's catalog."""
        with self._connect() as connection:
            return read_schema(connection, selection)

    def reader(self) -> TableReader:
        """Open a reader."""
        return Reader(self._connect)

    def snapshot_reader(self, table: Table) -> TableReader:
        """Open a reader whose reads all see this moment."""
        return Reader(self._connect, open_moment(self._connect(), table.name))

    def session(self) -> TargetSession:
        """Open a session for writing."""
        return Session(self._connect(writer=True))

    def run_ddl(self, sql: str) -> None:
        """Run one DDL statement; foreign keys may name tables that come later."""
        with self._connect(writer=True) as connection:
            try:
                _execute_patiently(connection, sql)
            except FerrymanError as error:
                errno = int(str(error.context.get("errno", 0)))
                if error.code in KEPT_BY_DDL and CODE_OF.get(errno) == error.code:
                    raise
                cause = error.__cause__
                text = text_of(cause) if cause is not None else error.message
                kind = AlreadySoError if errno in _ALREADY_SO else FerrymanError
                message = f"{connection.where}: {text} (error {errno})"
                raise kind("target.ddl_failed", message, context={"errno": errno}) from error

    def _connect(self, *, writer: bool = False) -> Connection:
        return open_connection(self._endpoint, role="target", writer=writer)

    def _make_tables(self, connection: Connection) -> None:
        bookkeeping.make_tables(connection)
