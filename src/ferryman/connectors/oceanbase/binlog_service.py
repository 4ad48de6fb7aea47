"""OceanBase through its Binlog Service: rows from the database, changes from a log that the service makes of its own.

An endpoint names ODP, which sends what concerns the log to the service and all else to the database. What it speaks is MySQL's
protocol and MySQL 5.7's events (GTIDs, no names of columns). It differs from a MySQL in this:

- the log is *behind* the database: a transaction is in it some time after its commit, so that its end is no place behind
  all commits, and that it is quiet does not say that nothing happened;
- its end may lie amid a transaction;
- no lock and no snapshot tells a place in it.

Source: github.com/oceanbase/oblogproxy, src/binlog (4.x of the service).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from ferryman.connectors.mysql_family.log import binlog, events
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.foundation.errors import FerrymanError, Retry
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table
from ferryman.spi.source import LogRecord, TableReader

QUIET_SECONDS = 5.0
"""A log that has been quiet for so long has got all commits before; while it falls behind it is not quiet."""
CATCH_UP_SECONDS = 300.0
_STARTS = events.GTIDS | {events.PREVIOUS_GTIDS, events.FORMAT_DESCRIPTION, events.ROTATE}


class BinlogServiceSource(FamilySource):
    """Opens a connection for each call and each reader."""

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Refuse: the log's place of a snapshot cannot be told."""
        names = ", ".join(map(str, tables))
        raise FerrymanError(
            "source.no_snapshot",
            f"the Binlog Service does not tell the place of a snapshot, which tables without a key need: {names}",
            hint="give the tables a primary key, leave them out, or follow the database without a log (oceanbase://)",
        )

    def snapshot(self, table: Table, held: Position) -> None:
        """Return nothing, as above."""

    def current_position(self) -> Position:
        """Return a border of the log behind every commit up to now: wait until the service has got there.

        Raises:
            FerrymanError: ``source.no_log``, ``endpoint.connection_lost`` when it does not in time.
        """
        with self._connect() as connection:
            start = binlog.current_position(connection)
        with self.log(start) as records:
            return passed(records, start)

    def log_kept_seconds(self) -> float | None:
        """Return `None`: the service does not tell the database how long it keeps its files."""
        return None

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Stream the log; a quiet one is known to be whole up to `QUIET_SECONDS` ago."""
        return binlog.stream(self._endpoint, start, behind=QUIET_SECONDS)


def passed(
    records: Iterator[LogRecord | None], start: Position, clock: Callable[[], float] = time.monotonic
) -> Position:
    """Return the first border of the log at which it has passed ``start.time``, or has been quiet long enough.

    Args:
        records: The log from `start` on, as `Source.log` yields it.
        start: The log's end; its time is that of the database. It may lie amid a transaction.
        clock: Seconds.
    """
    border, amid, first = start, False, True
    heard = began = clock()
    for record in records:
        now = clock()
        if record is None or not record.payload:
            if now - heard >= QUIET_SECONDS and not amid:
                return border
        else:
            heard = now
            kind = events.event_header(record.payload).type
            amid = kind not in _STARTS if first else amid
            first = False
            if kind == events.XID:
                amid = False
            if record.boundary and not amid:
                border = record.position
                if border.time > start.time:
                    return border
        if now - began > CATCH_UP_SECONDS:
            break
    raise FerrymanError(
        "endpoint.connection_lost",
        f"the Binlog Service has not got to Unix second {start.time:.0f} in {CATCH_UP_SECONDS:.0f} s: it is far behind",
        hint="look at the service (SHOW BINLOG STATUS); the project goes on by itself",
        retry=Retry.AUTO,
    )
