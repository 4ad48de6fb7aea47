"""OceanBase (MySQL mode) to read from, by itself: no log service, no binlog (`ferryman.spi.source.Source`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.connectors.oceanbase.flashback import BorderReader, FlashbackReader, Moment
from ferryman.connectors.oceanbase.scn.decoder import ScnDecoder
from ferryman.connectors.oceanbase.scn.history import DdlLog, history_of
from ferryman.connectors.oceanbase.scn.moments import current_scn, retention_seconds
from ferryman.connectors.oceanbase.scn.place import first_place, place_of, scn_of
from ferryman.connectors.oceanbase.scn.poller import Poller
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog, Source, TableReader


class OceanBaseSource(FamilySource):
    """Opens a connection for each call and each reader; polls over two."""

    def __init__(self, endpoint: Endpoint, selection: Selection | None = None, moment: Position | None = None) -> None:
        """Make a source; connects later.

        Args:
            endpoint: Where.
            selection: What `log` follows; `None` for everything.
            moment: Readers show this moment; `None` for rows as they are.
        """
        super().__init__(endpoint)
        self._selection = selection or Selection()
        self._position = moment
        self._moment = Moment(place_of(moment).scn) if moment is not None else None

    def selecting(self, selection: Selection) -> Source:
        """Return the source whose log holds the changes of these objects."""
        return OceanBaseSource(self._endpoint, selection, self._position)

    def at(self, position: Position) -> Source:
        """Return the source whose readers show every table as it was at `position`."""
        return OceanBaseSource(self._endpoint, self._selection, position)

    def reader(self) -> TableReader:
        """Open a reader."""
        if self._moment is None:
            return Reader(self._connect)
        return FlashbackReader(self._connect, self._moment)

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment, and that moment: the one of `at`, else now.

        A log's windows begin and end where it chose. Only at such a border can a table without a key be joined to it;
        the moment of `at` is where the log starts.
        """
        position = self._position or self.current_position()
        return BorderReader(self._connect, as_of=place_of(position).scn), position

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position] | None:
        """Open a reader of the table as it was at `held`, whole tables only: those without a key are read so."""
        return None if table.row_key else (BorderReader(self._connect, as_of=place_of(held).scn), held)

    def current_position(self) -> Position:
        """Return this moment; every later commit, and every later schema statement, lies behind it."""
        with self._connect() as connection:
            version = history_of(connection, self._selection).version()
            return first_place(current_scn(connection), version).position()

    def position_at(self, unix_seconds: int) -> Position:
        """Return that second's position; ``position.purged`` when history does not reach back so far."""
        with self._connect() as connection:
            now = current_scn(connection)
            scn = min(scn_of(unix_seconds), now)
            kept = retention_seconds(connection)
            if now - scn > scn_of(kept):
                raise FerrymanError(
                    "position.purged",
                    f"{connection.where} keeps history for {kept} s (undo_retention): not back to {unix_seconds}",
                )
            return first_place(scn, self._version_at(connection, unix_seconds)).position()

    def check_name(self, text: str) -> None:
        """Refuse: what is polled has moments, and no places with names."""
        hint = "begin at a Unix second, or follow the Binlog Service (obbinlog://)"
        raise UsageError("position.invalid", f"OceanBase without a log has no place {text!r}", hint=hint)

    def position_named(self, text: str) -> Position:
        """Refuse, as above."""
        self.check_name(text)
        raise AssertionError("unreachable")

    def _version_at(self, connection: Connection, unix_seconds: int) -> int:
        history = history_of(connection, self._selection)
        if isinstance(history, DdlLog):
            return history.version_at(unix_seconds * 1_000_000)
        return history.version()

    def log_bytes_behind(self, position: Position) -> int | None:
        """Return `None`: what is polled has no length."""
        return None

    def log_name(self) -> tuple[str, str] | None:
        """Return `None`: what is polled is what one project selects, at moments of its own."""
        return None

    def log_kept_seconds(self) -> float | None:
        """Return `None`: there is no log; what history has lost is read anew."""
        return None

    def keep_log(self, project: str, selection: Selection) -> Position:
        """Return this moment: history is kept for `undo_retention`, whoever asks."""
        return OceanBaseSource(self._endpoint, selection).current_position()

    @contextlib.contextmanager
    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> Iterator[Iterator[LogRecord | None]]:
        """Find changes from `start` on, without end; nothing is acknowledged."""
        poller = Poller(self._connect, self._selection, place_of(start))
        try:
            yield poller.records()
        finally:
            poller.close()

    def in_commit_order(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> RecordLog:
        """Return the log: what is found by reading is committed."""
        return log

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder of the log's records."""
        return ScnDecoder(table_at, includes)
