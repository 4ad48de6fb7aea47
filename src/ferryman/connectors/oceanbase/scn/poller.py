"""The log that OceanBase does not have: windows of changes, found by polling (docs/oceanbase-source.md)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.oceanbase.scn.bags import BagChanges, WholeTable
from ferryman.connectors.oceanbase.scn.history import DatedStatement, History, history_for
from ferryman.connectors.oceanbase.scn.keyed import KeyedChanges
from ferryman.connectors.oceanbase.scn.moments import (
    DEFAULT_RETENTION_SECONDS,
    begin_snapshot,
    current_scn,
    retention_seconds,
)
from ferryman.connectors.oceanbase.scn.pace import Pace
from ferryman.connectors.oceanbase.scn.place import Place, first_place
from ferryman.connectors.oceanbase.scn.records import END, Statement, encode_statement
from ferryman.connectors.oceanbase.scn.window import HistoryLostError, SchemaMovedError, Window
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import LogRecord

LOOK_SECONDS = 0.2
WARN_EVERY_SECONDS = 60.0
MOST_RESTARTS = 20
"""So often in a row a window may begin again before that is an error."""


@dataclass(slots=True)
class _Poll:
    """What one poll has done, for the progress."""

    began: float
    tables: int = 0
    rows: int = 0


class Poller:
    """Polls one source from a place on; one thread.

    What is handed out amid a window and then cannot be finished (a table's history is gone, the schema has changed
    meanwhile) is taken back: the next record says that it breaks off.
    """

    def __init__(self, connect: Callable[[], Connection], selection: Selection, start: Place) -> None:
        """Make a poller; connects when iterated."""
        self._connect = connect
        self._selection = selection
        self._place = self._border = start
        self._connections: list[Connection] = []
        self._schema: Schema | None = None
        self._schema_version = -1
        self._counts: dict[TableName, int] = {}
        self._lost: dict[TableName, str] = {}
        self._anew: set[TableName] = set()
        self._broken = False
        self._pace = Pace(DEFAULT_RETENTION_SECONDS)
        self._warned = -WARN_EVERY_SECONDS

    def records(self) -> Iterator[LogRecord | None]:
        """Poll for ever; yields `None` while it rests."""
        self._past, self._snapshot = self._open(), self._open()
        self._history: History = history_for(self._past, self._selection, self._border.ddl)
        self._pace = Pace(retention_seconds(self._past))
        restarts = 0
        while True:
            poll = _Poll(time.monotonic())
            if warning := self._age_warning():
                yield self._pulse(warning=warning)
            try:
                yield from self._poll(poll)
            except (HistoryLostError, SchemaMovedError) as error:
                restarts += 1
                self._begin_again(error, restarts)
                continue
            restarts = 0
            yield self._pulse(remark=self._remark(poll))
            yield from self._rest(poll)

    def close(self) -> None:
        """Close the connections; never raises."""
        for connection in self._connections:
            connection.abort()

    def _open(self) -> Connection:
        connection = self._connect()
        self._connections.append(connection)
        return connection

    def _begin_again(self, error: HistoryLostError | SchemaMovedError, restarts: int) -> None:
        if restarts > MOST_RESTARTS:
            raise FerrymanError("source.table_changed", f"the schema does not come to rest: {error}") from error
        if isinstance(error, HistoryLostError):
            self._lost[error.table] = error.reason
        time.sleep(min(0.05 * restarts, 1.0))
        self._broken = self._broken or self._place != self._border
        self._place = self._border
        self._schema_version = -1
        self._counts.clear()
        if not self._snapshot.is_open:
            self._snapshot = self._open()
        if not self._past.is_open:
            self._past = self._open()
            self._history = history_for(self._past, self._selection, self._border.ddl)

    # Records ------------------------------------------------------------------------------------------------------

    def _record(
        self, payload: bytes, place: Place, *, boundary: bool, warning: str = "", remark: str = ""
    ) -> LogRecord:
        breaks_off, self._broken = self._broken, False
        self._place = place
        if boundary:
            self._border = place
        return LogRecord(
            payload=payload,
            position=place.position(),
            boundary=boundary,
            breaks_off=breaks_off,
            warning=warning,
            remark=remark,
        )

    def _pulse(self, *, warning: str = "", remark: str = "") -> LogRecord:
        """Everything up to the last window's end has been seen."""
        return self._record(b"", self._border, boundary=True, warning=warning, remark=remark)

    def _remark(self, poll: _Poll) -> str:
        cost = time.monotonic() - poll.began
        pause = self._pace.pause_after(cost)
        return f"{poll.tables} tables polled in {cost:.2f} s, {poll.rows} rows changed, next poll in {pause:.1f} s"

    def _rest(self, poll: _Poll) -> Iterator[None]:
        now = time.monotonic()
        self._pace = Pace(retention_seconds(self._past))
        wake = now + self._pace.pause_after(now - poll.began)
        yield None
        while (left := wake - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
            yield None

    # A poll -------------------------------------------------------------------------------------------------------

    def _poll(self, poll: _Poll) -> Iterator[LogRecord]:
        version = self._history.version()
        if version != self._schema_version:
            yield from self._follow_schema(version)
        schema = self._schema
        assert schema is not None
        window = self._begin_window(schema, version)
        try:
            for table in schema.tables:
                yield from self._changes(window, table, poll)
        finally:
            with contextlib.suppress(FerrymanError):  # what went wrong is told by what is raised already
                self._snapshot.execute("ROLLBACK")
        self._require_rest(version)
        self._lost.clear()
        self._anew.clear()
        yield self._record(END, first_place(window.now, version), boundary=True)

    def _begin_window(self, schema: Schema, version: int) -> Window:
        try:
            now = begin_snapshot(self._snapshot, schema.tables[0].name) if schema.tables else current_scn(self._past)
        except FerrymanError as error:
            if error.code != "source.table_changed":
                raise
            raise SchemaMovedError(error.message) from error
        self._require_rest(version)
        return Window(self._border.scn, now, self._snapshot, self._past)

    def _require_rest(self, version: int) -> None:
        """See that nothing that concerns us has changed in the schema since it was read."""
        now = self._history.version()
        if now == version:
            return
        if self._history.statements(version, now) or self._history.read_anew(version, now):
            raise SchemaMovedError("a schema statement ran meanwhile")

    def _changes(self, window: Window, table: Table, poll: _Poll) -> Iterator[LogRecord]:
        finder = self._finder(window, table)
        for payload in finder.payloads():
            yield self._record(payload, self._place.next(), boundary=False)
        self._counts[table.name] = finder.count
        poll.tables += 1
        poll.rows += finder.changed

    def _finder(self, window: Window, table: Table) -> KeyedChanges | BagChanges | WholeTable:
        count = self._counts.pop(table.name, None)
        if table.name in self._anew:
            return WholeTable(window, table)
        kind = KeyedChanges if table.row_key is not None else BagChanges
        return kind(window, table, count)

    # The schema ---------------------------------------------------------------------------------------------------

    def _follow_schema(self, version: int) -> Iterator[LogRecord]:
        """Hand out the schema statements since the last window, and empty the tables that must be read anew."""
        since, done = self._border.since, self._border.ddl
        statements = self._history.statements(done, version) if version != done else []
        for statement in statements:
            yield self._statement(statement)
        anew = self._history.read_anew(since, version) if version != since else set()
        if self._schema is None or statements or anew or self._lost:
            self._schema = self._read_schema(version)
            self._counts.clear()
        self._schema_version = version
        self._anew = anew | self._lost.keys()
        yield from self._emptied(version)

    def _statement(self, statement: DatedStatement) -> LogRecord:
        place = self._place.next(ddl=statement.version)
        return self._record(encode_statement(Statement(statement.sql, statement.database)), place, boundary=True)

    def _read_schema(self, version: int) -> Schema:
        schema = read_schema(self._past, self._selection)
        self._require_rest(version)
        return schema

    def _emptied(self, version: int) -> Iterator[LogRecord]:
        assert self._schema is not None
        for table in self._schema.tables:
            if table.name in self._anew:
                statement = Statement(f"TRUNCATE TABLE {quote_table(table.name)}", table.name.database)
                place = self._place.next(ddl=version, again=True)
                reason = self._lost.get(table.name, "a schema statement made it or built it anew")
                warning = f"{table.name} is read anew from its first row: {reason}"
                yield self._record(encode_statement(statement), place, boundary=True, warning=warning)

    def _age_warning(self) -> str:
        """Return what to say when history is about to run out, now and then."""
        warning = self._pace.warning(time.time() - self._border.seconds)
        if not warning or time.monotonic() - self._warned < WARN_EVERY_SECONDS:
            return ""
        self._warned = time.monotonic()
        return warning
