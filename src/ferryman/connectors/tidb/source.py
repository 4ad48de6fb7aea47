"""A TiDB to read from (`ferryman.spi.source.Source`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.connectors.tidb.catalog import kept_apart
from ferryman.connectors.tidb.moments import MomentReader, at_moment
from ferryman.connectors.tidb.tso import current_tso, position_of, tso_at, tso_of
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog, Source, TableReader

_SYSTEM = ("metrics_schema.*", "tidb_cdc.*", "lightning_task_info.*")
"""Databases that TiDB and its tools keep for themselves, beside those of the whole family."""


class TiDbSource(FamilySource):
    """Opens a connection for each call and each reader; with a moment, one more that keeps it from collection."""

    def __init__(self, endpoint: Endpoint, moment: Position | None = None) -> None:
        """Make a source; connects later. With `moment`, readers show that one."""
        super().__init__(endpoint)
        self._position = moment
        self._keeper: Connection | None = None
        self._lock = threading.Lock()

    def at(self, position: Position) -> Source:
        """Return the source whose readers show every table as it was at `position`."""
        return TiDbSource(self._endpoint, position)

    def following(self, captured: Callable[[], Position | None]) -> FamilySource:
        """Return this: a TSO is the cluster's, whichever of its servers is asked."""
        del captured
        return self

    def read_schema(self, selection: Selection) -> Schema:
        """Read the catalog of the selected objects, and what is TiDB's own about them."""
        schema = super().read_schema(replace(selection, exclude=(*selection.exclude, *_SYSTEM)))
        with self._connect() as connection:
            return kept_apart(connection, schema)

    def reader(self) -> TableReader:
        """Open a reader."""
        return Reader(self._connect) if self._position is None else self._reader_at(self._position)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment, and that moment: the one of `at`, else now."""
        position = self._position or self.current_position()
        return self._reader_at(position), position

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position] | None:
        """Open a reader of the table as it was at `held`: no lock, and no other moment to wait for."""
        del table
        return self._reader_at(held), held

    def _reader_at(self, position: Position) -> TableReader:
        tso = tso_of(position)
        self._keep(tso)
        return MomentReader(lambda: at_moment(self._connect(), tso), tso)

    def _keep(self, tso: int) -> None:
        """Hold a session at the moment of `at` from the first reader to the last, whatever comes between them."""
        if self._position is None:
            return
        with self._lock:
            if self._keeper is None or not self._keeper.is_open:
                self._keeper = at_moment(self._connect(), tso)

    def current_position(self) -> Position:
        """Return this moment; every later commit lies behind it."""
        with self._connect() as connection:
            return position_of(current_tso(connection))

    def position_at(self, unix_seconds: int) -> Position:
        """Return that second's position, or this moment when it is still to come."""
        return min(position_of(tso_at(unix_seconds)), self.current_position())

    def check_name(self, text: str) -> None:
        """Refuse: ``source.no_log``."""
        raise no_log(self._endpoint)

    def position_named(self, text: str) -> Position:
        """Refuse: ``source.no_log``."""
        raise no_log(self._endpoint)

    def log_bytes_behind(self, position: Position) -> int | None:
        """Return `None`: the server has no log with a length."""
        del position
        return None

    def log_name(self) -> tuple[str, str] | None:
        """Return `None`: there is no log to share."""
        return None

    def log_kept_seconds(self) -> float | None:
        """Return `None`: there is no log."""
        return None

    def keep_log(self, project: str, selection: Selection) -> Position:
        """Refuse: ``source.no_log``."""
        raise no_log(self._endpoint)

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Refuse: ``source.no_log``."""
        raise no_log(self._endpoint)

    def in_commit_order(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> RecordLog:
        """Return the log: there is nothing prepared in it."""
        return log

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Refuse: ``source.no_log``."""
        raise no_log(self._endpoint)

    def close(self) -> None:
        """Let the moment go."""
        with self._lock:
            keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def _connect(self) -> Connection:
        connection = open_connection(self._endpoint)
        if connection.server.flavor == "tidb":
            return connection
        connection.close()
        raise FerrymanError(
            "usage.bad_url",
            f"{connection.where} is no TiDB: {connection.server.text}",
            hint="write mysql:// or oceanbase:// in front of it",
        )


def no_log(endpoint: Endpoint) -> FerrymanError:
    """Return the refusal to follow changes."""
    return FerrymanError(
        "source.no_log",
        f"{endpoint} has no log that is read here: TiDB writes no binary log",
        hint="choose --types schema,full,verify",
    )
