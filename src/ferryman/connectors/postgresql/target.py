"""A PostgreSQL database to write to (`ferryman.spi.target.Target`); what other systems call a database is a schema here."""

from __future__ import annotations

import time

import psycopg

from ferryman.connectors.postgresql.catalog.reading import read_schema
from ferryman.connectors.postgresql.connection import Connection, open_connection
from ferryman.connectors.postgresql.rows import bookkeeping, letters
from ferryman.connectors.postgresql.rows.reader import Reader
from ferryman.connectors.postgresql.rows.session import Session
from ferryman.connectors.postgresql.rows.snapshot import open_moment
from ferryman.foundation.errors import FerrymanError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import Chunk, TableReader
from ferryman.spi.target import TargetSession

LEASE_PATIENCE_SECONDS = 600.0
"""How long a new holder waits for the last transaction of the one before; the server ends an idle one after 300 s."""

_KEPT_BY_DDL = frozenset({"endpoint.connection_lost", "target.privilege", "target.full", "endpoint.unreachable"})


class PostgreSqlTarget:
    """Opens a connection for each call and each session."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make a target; connects later."""
        self._endpoint = endpoint

    def check(self) -> None:
        """Connect and log in."""
        self._connect().close()

    def prepare(self) -> None:
        """Make the `_ferryman` schema where it is missing."""
        with self._connect() as connection:
            bookkeeping.make_tables(connection)

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

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        """Become the holder of a task's lease rows, however many lock waits that takes."""
        deadline = time.monotonic() + LEASE_PATIENCE_SECONDS
        while True:
            try:
                with self._connect(writer=True) as connection:
                    bookkeeping.raise_epoch(connection, task, epoch, lanes)
                return
            except FerrymanError as error:
                if error.code != "target.deadlock" or time.monotonic() > deadline:
                    raise

    def load_checkpoint(self, project: str) -> Checkpoint | None:
        """Read the project's checkpoint."""
        with self._connect() as connection:
            return bookkeeping.load_checkpoint(connection, project)

    def finished_chunks(self, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
        """Read the finished chunks of each source table."""
        with self._connect() as connection:
            return bookkeeping.finished_chunks(connection, project)

    def dead_letters(
        self, project: str, *, after: int = 0, limit: int = 1000, open_only: bool = False
    ) -> list[DeadLetter]:
        """Read dead letters."""
        with self._connect() as connection:
            return letters.read(connection, project, after=after, limit=limit, open_only=open_only)

    def last_letter(self, project: str) -> int:
        """Return the number of the project's last dead letter."""
        with self._connect() as connection:
            return letters.last(connection, project)

    def forget(self, project: str) -> None:
        """Remove every trace of a project from `_ferryman`."""
        with self._connect(writer=True) as connection:
            bookkeeping.forget(connection, project)

    def run_ddl(self, sql: str) -> None:
        """Run DDL; several statements in one text are one transaction."""
        with self._connect() as connection:
            try:
                connection.run(sql)
            except FerrymanError as error:
                if error.code in _KEPT_BY_DDL:
                    raise
                raise _ddl_failed(connection, error) from error

    def close(self) -> None:
        """Release what is held: nothing."""

    def _connect(self, *, writer: bool = False) -> Connection:
        return open_connection(self._endpoint, role="target", writer=writer)


def _ddl_failed(connection: Connection, error: FerrymanError) -> FerrymanError:
    """A refused statement is shown as the server refused it: it holds no row."""
    cause = error.__cause__
    text = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    state = error.context.get("sqlstate", "")
    message = f"{connection.where}: {text or error.message} (SQLSTATE {state})"
    return FerrymanError("target.ddl_failed", message, context={"sqlstate": state})
