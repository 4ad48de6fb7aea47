"""How busy a server of the family is: statements that run, and the lag of a replica (`ferryman.spi.source.SourceLoad`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.foundation.errors import FerrymanError
from ferryman.spi.source import SourceLoad

_RUNNING = "SHOW GLOBAL STATUS LIKE 'Threads_running'"
_OCEANBASE_RUNNING = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query'"
_REPLICA = "SHOW SLAVE STATUS"
"""As all of the family but MySQL from 8.4 on call it, which has the word below."""
_REPLICA_LATER = "SHOW REPLICA STATUS"
_LAG_COLUMNS = ("Seconds_Behind_Master", "Seconds_Behind_Source")
_LOST = "endpoint.connection_lost"


@contextmanager
def watched(connect: Callable[[], Connection]) -> Iterator[Callable[[], SourceLoad | None]]:
    """Yield what asks the server, over one connection."""
    with connect() as connection:
        yield lambda: source_load(connection)


def source_load(connection: Connection) -> SourceLoad | None:
    """Ask the server; the lag is left out where the account may not ask for it."""
    if connection.server.flavor == "oceanbase":
        running = int(connection.query(_OCEANBASE_RUNNING)[0][0])
        return SourceLoad(max(0, running - 1))
    rows = connection.query(_RUNNING)
    return SourceLoad(max(0, int(rows[0][1]) - 1), _lag(connection)) if rows else None


def _lag(connection: Connection) -> float | None:
    later = connection.server.flavor == "mysql" and connection.server.version >= (8, 0, 22)
    try:
        rows = connection.query(_REPLICA_LATER if later else _REPLICA)
    except FerrymanError as error:
        if error.code == _LOST:
            raise
        return None
    names = [field.name for field in connection.raw._result.fields] if rows else []
    found = [row[names.index(name)] for row in rows for name in _LAG_COLUMNS if name in names]
    lags = [float(lag) for lag in found if lag is not None]
    return max(lags, default=None)
