"""A PostgreSQL database to write to (`ferryman.spi.target.Target`); what other systems call a database is a schema here."""

from __future__ import annotations

import psycopg

from ferryman.connectors.postgresql.catalog.reading import read_schema
from ferryman.connectors.postgresql.connection import Connection, open_connection
from ferryman.connectors.postgresql.rows import bookkeeping
from ferryman.connectors.postgresql.rows.reader import Reader
from ferryman.connectors.postgresql.rows.session import Session
from ferryman.connectors.postgresql.rows.snapshot import open_moment
from ferryman.connectors.sql_family.target import KEPT_BY_DDL, SqlTarget
from ferryman.foundation.errors import AlreadySoError, FerrymanError
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import TableReader
from ferryman.spi.target import TargetSession

_ALREADY_SO = frozenset({"42P07", "42P01", "42701", "42703", "42710", "42704", "42P16"})
"""States of statements that say: a table, column, index or constraint is there already, or is not there."""


class PostgreSqlTarget(SqlTarget[Connection]):
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
        """Run DDL; several statements in one text are one transaction."""
        with self._connect() as connection:
            try:
                connection.run(sql)
            except FerrymanError as error:
                if error.code in KEPT_BY_DDL:
                    raise
                raise _ddl_failed(connection, error) from error

    def _connect(self, *, writer: bool = False) -> Connection:
        return open_connection(self._endpoint, role="target", writer=writer)

    def _make_tables(self, connection: Connection) -> None:
        bookkeeping.make_tables(connection)


def _ddl_failed(connection: Connection, error: FerrymanError) -> FerrymanError:
    """A refused statement is shown as the server refused it: it holds no row.

    Whoever makes a relation while another session makes one of that name waits for it, and then finds its name taken in
    the catalog, as a unique value that is there.
    """
    cause = error.__cause__
    text = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    state = error.context.get("sqlstate", "")
    message = f"{connection.where}: {text or error.message} (SQLSTATE {state})"
    taken = isinstance(cause, psycopg.Error) and cause.diag.table_name == "pg_class"
    kind = AlreadySoError if state in _ALREADY_SO or taken else FerrymanError
    return kind("target.ddl_failed", message, context={"sqlstate": state})
