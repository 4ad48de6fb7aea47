"""A database of the MySQL family to read from (`ferryman.spi.source.Source`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import copy

from ferryman.connectors.mysql_family import busy
from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.log import binlog, named, seconds
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.connectors.mysql_family.log.identity import is_elsewhere
from ferryman.connectors.mysql_family.log.position import era_of, in_era
from ferryman.connectors.mysql_family.log.prepared import CommitOrder
from ferryman.connectors.mysql_family.precheck.counting import count_values
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.rows.snapshot import open_snapshot
from ferryman.foundation.errors import FerrymanError
from ferryman.model.misfits import Question
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.counting import Counts
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog, SourceLoad, TableReader


class FamilySource:
    """Opens a connection for each call and each reader."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make a source; connects later."""
        self._endpoint = endpoint
        self._captured: Callable[[], Position | None] = lambda: None

    def following(self, captured: Callable[[], Position | None]) -> FamilySource:
        """Return the source that tells its places as they lie behind those of the servers before."""
        source = copy(self)
        source._captured = captured
        return source

    def check(self) -> None:
        """Connect and log in."""
        self._connect().close()

    def read_schema(self, selection: Selection) -> Schema:
        """Read the catalog of the selected objects."""
        with self._connect() as connection:
            return read_schema(connection, selection)

    def reader(self) -> TableReader:
        """Open a reader."""
        return Reader(self._connect)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment, and the log position of that moment."""
        connection, position = open_snapshot(self._endpoint, tables)
        return Reader(self._connect, connection), self._placed(connection, position)

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position] | None:
        """Open a reader of one moment and return its place in the log; only MariaDB tells both without a lock."""
        del held
        with self._connect() as connection:
            if connection.server.flavor != "mariadb":
                return None
        return self.consistent_reader([table.name])

    def current_position(self) -> Position:
        """Return the end of the log now."""
        with self._connect() as connection:
            return self._placed(connection, binlog.current_position(connection))

    def _placed(self, connection: Connection, position: Position) -> Position:
        """Return a place in this server's files as one of the log that is being captured (ADR 0115).

        Raises:
            FerrymanError: ``endpoint.connection_lost``: it is another server, to which capture has not come yet.
        """
        captured = self._captured()
        if captured is None or captured.kind != position.kind:
            return position
        if is_elsewhere(connection, captured):
            raise FerrymanError(
                "endpoint.connection_lost", f"capture has not come to the log of {connection.where} yet ({captured})"
            )
        return in_era(position, era_of(captured))

    def position_at(self, unix_seconds: int) -> Position:
        """Return the last position at or before that second."""
        return seconds.position_at(self._endpoint, unix_seconds)

    def check_name(self, text: str) -> None:
        """See whether the log may have a place (`ferryman.spi.source.NamingSource`)."""
        with self._connect() as connection:
            named.check_place(connection, text)

    def position_named(self, text: str) -> Position:
        """Return the place that ``file:offset`` or GTIDs name (`ferryman.spi.source.NamingSource`)."""
        return named.position_named(self._endpoint, text)

    def log_bytes_behind(self, position: Position) -> int | None:
        """Return how many bytes the server's log has behind `position`."""
        with self._connect() as connection:
            return binlog.bytes_behind(connection, position)

    def watch_load(self) -> AbstractContextManager[Callable[[], SourceLoad | None]]:
        """Open a connection for asking how busy the server is (`ferryman.spi.source.WatchedSource`)."""
        return busy.watched(self._connect)

    def keep_log(self, project: str, selection: Selection) -> Position:
        """Return the end of the log now: the server keeps its log for as long as it is configured to."""
        return self.current_position()

    def log_name(self) -> tuple[str, str] | None:
        """Return where the server's binary log is, and who reads it: the same bytes for every project."""
        end = self._endpoint
        way = [end.options.get(name, "") for name in ("unix_socket", "ssh_host", "ssh_port")]
        return "/".join([end.scheme, end.host, str(end.port), *way]), end.username

    def log_kept_seconds(self) -> float | None:
        """Return how long the server keeps its binary log; `None`: for ever."""
        with self._connect() as connection:
            return binlog.kept_seconds(connection)

    def release_log(self, project: str) -> None:
        """Do nothing: nothing was made."""

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Stream the log from `start` without end; nothing is acknowledged."""
        return binlog.stream(self._endpoint, start)

    def in_commit_order(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> RecordLog:
        """Return the log with XA transactions where they are committed (`ferryman.spi.source.PostponingSource`)."""
        return CommitOrder(log, start, reopen)

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder of the log's records."""
        return BinlogDecoder(table_at, includes, self._moments)

    def count_values(
        self, table: Table, questions: Sequence[Question], *, where: str | None, rows: int | None, seconds: float
    ) -> Counts:
        """Count the values of a table that would not fit (`ferryman.spi.counting.CountingSource`)."""
        with self._connect() as connection:
            return count_values(connection, table, questions, where=where, rows=rows, seconds=seconds)

    def _moments(self, zone: str, texts: Sequence[str]) -> list[str | None]:
        """Say in UTC what these moments of a time zone are (`log.zones`)."""
        with self._connect() as connection:
            rows = [connection.query("SELECT CONVERT_TZ(%s, %s, '+00:00')", (text, zone)) for text in texts]
        return [None if row[0][0] is None else str(row[0][0]).removesuffix(".000000") for row in rows]

    def close(self) -> None:
        """Release what is held: nothing."""

    def _connect(self) -> Connection:
        return open_connection(self._endpoint)
