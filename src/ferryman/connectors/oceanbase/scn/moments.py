"""Moments of an OceanBase tenant: SCNs, and transactions whose snapshot's SCN is known."""

from __future__ import annotations

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName

_VIEWS = ("oceanbase.GV$OB_TRANSACTION_SCHEDULERS", "oceanbase.V$OB_TRANSACTION_SCHEDULERS")
"""The first is that of a cluster; engines of one node may have the second only."""
_TRIES = 50
_HISTORY_GONE = frozenset({1412, 4344, 4654, 5627})
"""Error numbers of a flashback read that cannot be had: the table was built anew since (1412), or was not there by that
name (4344), or the versions have been recycled (4654, 5627)."""
DEFAULT_RETENTION_SECONDS = 1800


def current_scn(connection: Connection) -> int:
    """Return the SCN now: every later commit has a greater one."""
    try:
        return int(connection.query("SELECT current_scn()")[0][0])
    except FerrymanError as error:
        if error.context.get("errno") not in (1064, 1305):
            raise
        raise FerrymanError(
            "source.no_log",
            f"{connection.where} has no current_scn(): {connection.server.text}",
            hint="OceanBase 4.1 or later (MySQL mode) can be a source; for an older one use its Binlog Service",
        ) from error


def begin_snapshot(connection: Connection, table: TableName) -> int:
    """Begin a transaction that reads one moment, and return that moment's SCN.

    The first read of a table fixes the moment, so `table` is read.

    A read of ORA_ROWSCN cannot be a flashback read (error 1235), so the moment cannot be chosen; it can be looked up: the
    transaction's snapshot lies between two SCNs taken around its begin, and the view of transactions shows it.

    Raises:
        FerrymanError: ``source.no_snapshot``: the view is not there or shows nothing.
    """
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    for _ in range(_TRIES):
        low = current_scn(connection)
        connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        connection.query(f"SELECT 1 FROM {quote_table(table)} LIMIT 1", table=str(table))
        found = _snapshots(connection, low, current_scn(connection))
        own = {scn for mine, scn in found if mine} or {scn for _, scn in found}
        if len(own) == 1:  # else: others began at the same time, and through a proxy ours cannot be told apart
            return own.pop()
        connection.execute("ROLLBACK")
        if not found:
            raise _not_shown(connection)
    raise _not_shown(connection)


def _snapshots(connection: Connection, low: int, high: int) -> list[tuple[bool, int]]:
    """Return the snapshots of transactions between two SCNs, each with whether it is this session's."""
    columns = "SESSION_ID = CONNECTION_ID(), SNAPSHOT_VERSION"
    failure: FerrymanError | None = None
    for view in _VIEWS:
        sql = f"SELECT {columns} FROM {view} WHERE SNAPSHOT_VERSION BETWEEN {low} AND {high}"
        try:
            return [(str(mine) == "1", int(scn)) for mine, scn in connection.query(sql)]
        except FerrymanError as error:
            if error.code not in ("source.table_changed", "source.privilege"):
                raise
            failure = error
    raise _not_shown(connection) from failure


def _not_shown(connection: Connection) -> FerrymanError:
    return FerrymanError(
        "source.no_snapshot",
        f"{connection.where} does not show the snapshot of our transactions (GV$OB_TRANSACTION_SCHEDULERS)",
        hint="GRANT SELECT ON oceanbase.* to the user; OceanBase 4.1 or later is needed",
    )


def is_history_gone(error: FerrymanError) -> bool:
    """Whether a flashback read failed because that moment of the table cannot be had (any more)."""
    return error.context.get("errno") in _HISTORY_GONE


def retention_seconds(connection: Connection) -> int:
    """Return `undo_retention`; the default where it is not shown."""
    try:
        cursor = connection.query("SHOW PARAMETERS LIKE 'undo_retention'")
    except FerrymanError as error:
        if error.code == "endpoint.connection_lost":
            raise
        cursor = []
    numbers = [int(value) for row in cursor for value in row if str(value).isdigit()]
    return numbers[0] if numbers else DEFAULT_RETENTION_SECONDS
