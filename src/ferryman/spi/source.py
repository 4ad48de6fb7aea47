"""What a source offers: its catalog, its rows, its log.

Every method may be called again after a failure. Sources are thread-safe: each call that reads opens or borrows a
connection of its own. Session settings (time zone UTC, utf8mb4, timeouts) are the connector's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ferryman.model.batch import Batch, Row
from ferryman.model.changes import LogItem
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection


@dataclass(frozen=True, slots=True)
class Chunk:
    """A half-open range of a table by its row key: `start < key <= end`, either side open when `None`.

    Bounds are canonical values of the key's columns, in key order.
    """

    start: Row | None = None
    end: Row | None = None


class TableReader(Protocol):
    """Reads rows of tables over one connection; one thread at a time."""

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        chunk: Chunk | None = None,
        limit: int | None = None,
        where: str | None = None,
        batch_bytes: int = 1 << 20,
        ordered: bool = False,
    ) -> Iterator[Batch]:
        """Read rows as canonical batches over the binary protocol.

        Args:
            table: The table as the catalog shows it (its types drive the decoding).
            columns: Which columns, in which order.
            chunk: A key range; the table must have a `row_key`. `None` reads all rows.
            limit: At most so many rows, the first in key order.
            where: A row filter in the source's SQL.
            batch_bytes: A batch ends at about this size; a greater row is a batch of its own.
            ordered: Whether rows must come in key order (implied by `limit`).

        Raises:
            FerrymanError: ``source.table_changed`` (a column or the table is gone), ``endpoint.connection_lost``.
        """
        ...

    def rows_by_key(
        self, table: Table, columns: Sequence[str], keys: Sequence[Row], *, where: str | None = None
    ) -> Batch:
        """Read the rows of these `row_key` values (that pass `where`); absent ones are left out; any order."""
        ...

    def rows_by(
        self,
        table: Table,
        columns: Sequence[str],
        by: Sequence[str],
        values: Sequence[Row],
        *,
        where: str | None = None,
    ) -> Batch:
        """Read all rows (that pass `where`) whose `by` columns, any columns, equal one of `values`; any order."""
        ...

    def count_estimate(self, table: Table) -> int:
        """Return the server's guess of the number of rows; free of charge."""
        ...

    def key_range(self, table: Table) -> tuple[Row, Row] | None:
        """Return the least and the greatest row key now, or `None` when the table is empty."""
        ...

    def split_points(self, table: Table, chunk_rows: int, *, after: Row | None = None) -> Iterator[Row]:
        """Yield chunk ends in key order, about `chunk_rows` rows apart, without reading rows where it can be helped.

        With `after`, only ends behind that key (in the server's order): a plan that was broken off goes on there.
        """
        ...

    def close(self) -> None:
        """End the connection; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One raw piece of the source's log, as the log store keeps it.

    Attributes:
        payload: The source's own bytes (MySQL family: one binlog event with header, without checksum). Empty for a
            pulse: the source is idle and alive at ``position.time``, nothing lies behind `position` yet.
        position: The place *behind* this piece; capture can start again there only if `boundary`. Its order rises
            strictly from record to record, but for pulses, which repeat the one before.
        boundary: Whether `position` lies between two transactions.
        breaks_off: What came since the last border never happened: the server died amid a transaction. Only capture
            sees this; the log store drops that part, so that its readers get whole transactions only.
        warning: What the operator should know; becomes an event. Not kept.
        remark: What the source says of its own work (the cost of a poll), for the progress. Not kept.
    """

    payload: bytes
    position: Position
    boundary: bool
    breaks_off: bool = False
    warning: str = ""
    remark: str = ""


class LogDecoder(Protocol):
    """Turns raw records into items; keeps state (table maps, the open transaction). One thread."""

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Decode the next record; tables outside the selection are dropped early.

        A schema statement whose position lies *before* the record's comes alone: the record must be decoded with the
        schema behind the statement, so it is given to `decode` once more when that has been applied.

        Raises:
            FerrymanError: ``log.partial_image``, ``log.unsupported_event``, ``log.schema_mismatch``, ``log.corrupt``.
        """
        ...


class Source(Protocol):
    """A database to read from."""

    def check(self) -> None:
        """Connect and log in; raises ``endpoint.unreachable`` or ``endpoint.access_denied``."""
        ...

    def read_schema(self, selection: Selection) -> Schema:
        """Read the catalog of the selected objects."""
        ...

    def reader(self) -> TableReader:
        """Open a reader."""
        ...

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment, and the log position of that moment.

        MariaDB: ``START TRANSACTION WITH CONSISTENT SNAPSHOT`` and its ``binlog_snapshot_file/position``; MySQL: a
        momentary read lock of just these tables.
        """
        ...

    def current_position(self) -> Position:
        """Return the end of the log now; every later commit lies behind it."""
        ...

    def position_at(self, unix_seconds: int) -> Position:
        """Return the last position at or before that second; ``position.purged`` when the log no longer has it."""
        ...

    def keep_log(self, project: str, selection: Selection) -> Position:
        """Make the server keep its log for a project from now on; returns the place from which it does.

        For servers that keep it anyway this is `current_position`. Called once, before the catalog is read; called
        again it begins anew. What is made at the server is named after `project` and goes with `release_log`.

        Raises:
            FerrymanError: ``source.privilege``, ``source.no_log``, ``source.replica_identity``, ``source.slot_busy``.
        """
        ...

    def release_log(self, project: str) -> None:
        """Remove what `keep_log` has made at the server; nothing there is no error."""
        ...

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Stream the log from `start` without end.

        `durable` says up to where the reader has kept the log for good: a server that keeps it for us alone may then
        remove what lies before (I1). Without it nothing is acknowledged.

        An idle source yields a pulse (a record with an empty payload) about once a second, a silent one `None`. A pulse
        of a log in which others' changes are left out may have a place behind the record before it.
        The iterator reconnects nothing: it raises ``endpoint.connection_lost``, and ``position.purged`` when the server
        no longer has `start`.
        """
        ...

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder.

        Args:
            table_at: The schema at the position of the record being decoded (I9), asked at each table map.
            includes: Whether changes of a table are wanted.
        """
        ...

    def close(self) -> None:
        """Release what is held; never raises."""
        ...


@runtime_checkable
class PolledSource(Protocol):
    """What a source offers besides when it has no log of its own and finds changes by reading."""

    def selecting(self, selection: Selection) -> Source:
        """Return the source whose `log` holds the changes of these objects: it must know what to poll."""
        ...


class RecordLog(Protocol):
    """A log that is read record by record."""

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None` when none comes in time."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


@runtime_checkable
class PostponingSource(Protocol):
    """What a source offers besides when its log holds transactions before they are committed (XA)."""

    def in_commit_order(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> RecordLog:
        """Return a log whose transactions come where they are committed.

        Args:
            log: As it was stored, read from `start` on.
            start: A place that a record of such a log had; it tells which transactions are open there.
            reopen: Opens the stored log at an earlier place.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceLoad:
    """How busy a source is.

    Attributes:
        running: Statements that run there now, ours among them, but not the one that asks.
        lag_seconds: How far it is behind its own source, if it is a replica that knows.
    """

    running: int
    lag_seconds: float | None = None


@runtime_checkable
class WatchedSource(Protocol):
    """What a source offers besides when it says how busy it is."""

    def watch_load(self) -> AbstractContextManager[Callable[[], SourceLoad | None]]:
        """Open a connection for asking again and again; `None`: this server, or this account, cannot tell."""
        ...


@runtime_checkable
class NamingSource(Protocol):
    """What a source offers besides when people know places in its log by names."""

    def check_name(self, text: str) -> None:
        """Ask the server whether its log may have the place, without reading the log; errors as below."""
        ...

    def position_named(self, text: str) -> Position:
        """Return the place of that name.

        Raises:
            FerrymanError: ``position.invalid``, ``position.purged``, ``position.other_log``, ``position.not_found``.
        """
        ...


@runtime_checkable
class MovingSource(Protocol):
    """What a source offers besides when its log may go on in the files of another server (a failover)."""

    def following(self, captured: Callable[[], Position | None]) -> Source:
        """Return the source that tells its places as they lie behind those of the servers before.

        Args:
            captured: Returns the last place that has been captured; `None` where nothing is.
        """
        ...


@runtime_checkable
class MeasuredSource(Protocol):
    """What a source offers besides when its log has a length."""

    def log_bytes_behind(self, position: Position) -> int | None:
        """Return how many bytes of log the server has written behind `position`; `None` where that cannot be told."""
        ...


@runtime_checkable
class SharedLog(Protocol):
    """What a source offers besides when its log is the same bytes for whoever reads it: projects may share one copy."""

    def log_name(self) -> tuple[str, str] | None:
        """Return what says where the log is, and who reads it; `None`: it is one project's alone."""
        ...


@runtime_checkable
class ExpiringLog(Protocol):
    """What a source offers besides when it deletes its log after a time, whoever still needs it."""

    def log_kept_seconds(self) -> float | None:
        """Return how long the server keeps its log; `None`: for ever."""
        ...


@runtime_checkable
class SnapshotSource(Protocol):
    """What a source offers besides when a table can be seen, without a lock, at a moment whose place in the log is known."""

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position] | None:
        """Open a reader whose reads of `table` all see one moment, and return that moment's place in the log.

        `held` is a place that is applied already: sources that can choose, choose it. `None` where that cannot be had.

        Raises:
            FerrymanError: ``source.no_snapshot``, ``source.privilege``, ``source.slot_busy``, ``source.table_changed``.
        """
        ...


@runtime_checkable
class FlashbackSource(Protocol):
    """What a source offers besides when it can be read as it was."""

    def at(self, position: Position) -> Source:
        """Return the source whose readers show every table as it was at `position`, all at one moment.

        When that moment can no longer be had, a read raises ``source.history_lost``; from then on readers of tables with a
        key show them as they are.
        """
        ...
