"""A PostgreSQL database to read from (`ferryman.spi.source.Source`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from ferryman.connectors.postgresql import busy
from ferryman.connectors.postgresql.catalog.reading import read_schema
from ferryman.connectors.postgresql.connection import Connection, open_connection
from ferryman.connectors.postgresql.log import slot as slots
from ferryman.connectors.postgresql.log import stream as streams
from ferryman.connectors.postgresql.log.changes import PgOutputDecoder
from ferryman.connectors.postgresql.log.identity import require_identity
from ferryman.connectors.postgresql.log.lookups import Lookups
from ferryman.connectors.postgresql.log.position import lsn_of, lsn_position
from ferryman.connectors.postgresql.precheck.counting import count_values
from ferryman.connectors.postgresql.rows.reader import Reader
from ferryman.connectors.postgresql.rows.snapshot import open_snapshot
from ferryman.foundation.errors import FerrymanError
from ferryman.model.misfits import Question
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.counting import Counts
from ferryman.spi.source import LogDecoder, LogRecord, SourceLoad, TableReader

_NOW = "SELECT pg_current_wal_insert_lsn()::text, extract(epoch FROM clock_timestamp())::float8"


class PostgresSource:
    """Opens a connection for each call and each reader."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make a source; connects later."""
        self._endpoint = endpoint
        self._published: tuple[str, set[TableName]] | None = None

    def check(self) -> None:
        """Connect and log in."""
        self._connect().close()

    def read_schema(self, selection: Selection) -> Schema:
        """Read the catalog of the selected objects."""
        with self._connect() as connection:
            schema = read_schema(connection, selection)
            self._publish_new(connection, schema)
        return schema

    def reader(self) -> TableReader:
        """Open a reader."""
        return Reader(self._connect)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment, and the log position of that moment."""
        connection, position = open_snapshot(self._endpoint, tables)
        return Reader(self._connect, connection), position

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position]:
        """Open a reader of one moment and return its place in the log."""
        del held
        return self.consistent_reader([table.name])

    def current_position(self) -> Position:
        """Return the end of the log now: behind every commit that anybody can see."""
        with self._connect() as connection:
            lsn, seconds = connection.query(_NOW)[0]
        return lsn_position(lsn_of(str(lsn)), time=float(seconds))

    def position_at(self, unix_seconds: int) -> Position:
        """Refuse: a slot keeps the log from its making on, and no earlier place can be had."""
        raise FerrymanError(
            "position.purged",
            f"{self._endpoint} keeps its log for a project only from the project's start on, not from Unix second"
            f" {unix_seconds}",
            hint="begin with a load, or at the present",
        )

    def log_bytes_behind(self, position: Position) -> int | None:
        """Return how many bytes of WAL lie behind `position`, those of other databases among them."""
        return max(0, self.current_position().order[0] - position.order[0])

    def watch_load(self) -> AbstractContextManager[Callable[[], SourceLoad | None]]:
        """Open a connection for asking how busy the server is (`ferryman.spi.source.WatchedSource`)."""
        return busy.watched(self._connect)

    def keep_log(self, project: str, selection: Selection) -> Position:
        """Make a publication and a replication slot for the selected tables; returns where the slot begins.

        Raises:
            FerrymanError: As of `log.slot.create`, and ``source.replica_identity``: a table cannot be published as it is.
        """
        with self._connect() as connection:
            names = [table.name for table in read_schema(connection, selection).tables]
            require_identity(connection, names)
        position = slots.create(self._endpoint, project, names)
        self._published = slots.slot_name(project), set(names)
        return replace(position, time=self.current_position().time)

    def release_log(self, project: str) -> None:
        """Drop slot and publication of a project."""
        slots.drop(self._endpoint, slots.slot_name(project))

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Stream the log from `start` without end."""
        return streams.stream(self._endpoint, start, durable)

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder of the log's records."""
        return PgOutputDecoder(table_at, includes, Lookups(self._connect, self.reader))

    def count_values(
        self, table: Table, questions: Sequence[Question], *, where: str | None, rows: int | None, seconds: float
    ) -> Counts:
        """Count the values of a table that would not fit (`ferryman.spi.counting.CountingSource`)."""
        with self._connect() as connection:
            return count_values(connection, table, questions, where=where, rows=rows, seconds=seconds)

    def close(self) -> None:
        """Release what is held: nothing."""

    def _connect(self) -> Connection:
        return open_connection(self._endpoint)

    def _publish_new(self, connection: Connection, schema: Schema) -> None:
        """Publish tables made since the slot was: what is in them now is read later than this."""
        if self._published is None:
            return
        publication, known = self._published
        fresh = [table.name for table in schema.tables if table.name not in known]
        if fresh:
            require_identity(connection, fresh)
            slots.publish(connection, publication, fresh)
            known.update(fresh)
