"""How busy a PostgreSQL server is: active backends, and the lag of a standby (`ferryman.spi.source.SourceLoad`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ferryman.connectors.postgresql.connection import Connection
from ferryman.spi.source import SourceLoad

_LOAD = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend'
          AND pid <> pg_backend_pid()),
       CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
            THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END
"""
"""Others' backends are counted as far as the account may see that they are active (pg_monitor, pg_read_all_stats)."""


@contextmanager
def watched(connect: Callable[[], Connection]) -> Iterator[Callable[[], SourceLoad | None]]:
    """Yield what asks the server, over one connection."""
    with connect() as connection:
        yield lambda: source_load(connection)


def source_load(connection: Connection) -> SourceLoad:
    """Ask the server."""
    running, lag = connection.query(_LOAD)[0]
    return SourceLoad(int(running), None if lag is None else float(lag))
