"""Reading tables as they were at one TSO, for as long as TiDB's garbage collection leaves that moment alone.

A session with ``tidb_snapshot`` set is itself what keeps the collection from passing that moment (TiDB counts it among
the open transactions), for up to ``tidb_gc_max_wait_time`` (a day unless set); so is each reader here. Nothing is
changed at the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.tidb.tso import seconds_of
from ferryman.foundation.clock import as_datetime
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Table

_COLLECTED = frozenset({8055, 9006})
"""``ErrSnapshotTooOld`` and ``ErrGCTooEarly``: the versions of that moment are collected."""


def at_moment(connection: Connection, tso: int) -> Connection:
    """Let a session read everything as it was at `tso`; closes the connection when that cannot be had.

    Raises:
        FerrymanError: ``source.no_snapshot``.
    """
    try:
        with collected_told(connection.where, tso):
            connection.execute(f"SET SESSION tidb_snapshot = '{tso}'")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def collected_told(what: str, tso: int) -> Iterator[None]:
    """Say what it means when TiDB no longer has a moment."""
    try:
        yield
    except FerrymanError as error:
        if error.context.get("errno") not in _COLLECTED:
            raise
        raise FerrymanError(
            "source.no_snapshot",
            f"{what} cannot be read any more as it was at {as_datetime(seconds_of(tso)).isoformat()} (TSO {tso}):"
            " TiDB has collected it",
            hint="SET GLOBAL tidb_gc_life_time = '24h' at the source for the time of the load, then start anew with --fresh",
            context=error.context,
        ) from error


class MomentReader(Reader):
    """Reads over sessions that show one TSO; a session that broke is opened again at the same."""

    def __init__(self, connect: Callable[[], Connection], tso: int) -> None:
        """Make a reader; `connect` opens sessions at `tso`."""
        super().__init__(connect)
        self._tso = tso

    def _told(self, table: Table, as_of: int | None = None) -> AbstractContextManager[None]:
        """Raise ``source.no_snapshot`` when that moment is gone, whatever is read."""
        del as_of
        return collected_told(str(table.name), self._tso)
