"""Consistent snapshots whose place in the binary log is known: for tables without a key, which can be read only so."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.errors import PRIVILEGE
from ferryman.connectors.mysql_family.log.identity import serving
from ferryman.connectors.mysql_family.log.position import binlog_position
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
_ENGINE = "SELECT engine FROM information_schema.tables WHERE table_schema=%s AND table_name=%s"
_LOCK_WAIT_TIMEOUT = 1205
_LOCK_SECONDS = 1
_LOCK_TRIES = 12
_LOCK_PAUSE_SECONDS = 4.0
_TRANSACTIONAL = frozenset({"INNODB", "ROCKSDB", "TOKUDB"})


def open_snapshot(endpoint: Endpoint, tables: Sequence[TableName]) -> tuple[Connection, Position]:
    """Open a connection in a snapshot of these tables, and return the log position at which they looked so.

    Raises:
        FerrymanError: ``source.no_snapshot`` (binary log off, or an engine without snapshots), ``source.privilege``.
    """
    connection = open_connection(endpoint)
    try:
        _refuse_engines(connection, tables)
        connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if connection.server.flavor == "mariadb":
            return connection, _mariadb_snapshot(connection)
        return connection, _locked_snapshot(connection, endpoint, tables)
    except BaseException:
        connection.close()
        raise


def open_moment(connection: Connection, table: TableName) -> Connection:
    """Begin a transaction whose reads of a table all see this moment; closes the connection when that fails."""
    try:
        if connection.server.flavor != "oceanbase" and not _is_transactional(connection, table):
            raise FerrymanError("target.no_snapshot", f"the engine of {table} cannot show it at one moment")
        connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(_SNAPSHOT)
        connection.query(f"SELECT 1 FROM {quote_table(table)} LIMIT 1")  # OceanBase: the first read is the moment
    except BaseException:
        connection.close()
        raise
    return connection


def _is_transactional(connection: Connection, table: TableName) -> bool:
    rows = connection.query(_ENGINE, (table.database, table.table))
    return bool(rows) and str(rows[0][0] or "").upper() in _TRANSACTIONAL


def _mariadb_snapshot(connection: Connection) -> Position:
    """MariaDB notes the place itself: InnoDB's snapshot and the binary log agree on which commits are in."""
    connection.execute(_SNAPSHOT)
    found = {str(name).lower(): str(value) for name, value in connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'")}
    file, offset = found.get("binlog_snapshot_file", ""), found.get("binlog_snapshot_position", "")
    if not file:
        raise _no_log(connection)
    gtid = connection.query("SELECT BINLOG_GTID_POS(%s, %s)", (file, int(offset)))[0][0]
    return binlog_position(file, int(offset), gtid=str(gtid or ""), time=time.time(), serving=serving(connection))


def _locked_snapshot(connection: Connection, endpoint: Endpoint, tables: Sequence[TableName]) -> Position:
    """MySQL: these tables stand still for a moment, in which the snapshot begins and the place is read."""
    from ferryman.connectors.mysql_family.log.binlog import current_position

    with open_connection(endpoint) as locker:
        locker.execute(f"SET SESSION lock_wait_timeout={_LOCK_SECONDS}")
        _lock(locker, tables)
        try:
            connection.execute(_SNAPSHOT)
            return current_position(locker)
        finally:
            locker.execute("UNLOCK TABLES")


def _lock(locker: Connection, tables: Sequence[TableName]) -> None:
    """Take the read lock; who waits for it holds up all writers, so wait briefly, and let them pass before the next try."""
    for left in reversed(range(_LOCK_TRIES)):
        try:
            locker.execute(f"FLUSH TABLES {','.join(map(quote_table, tables))} WITH READ LOCK")
        except FerrymanError as error:
            if error.context.get("errno") != _LOCK_WAIT_TIMEOUT or not left:
                raise _lock_refused(error, tables) from error
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def _refuse_engines(connection: Connection, tables: Sequence[TableName]) -> None:
    for name in tables:
        rows = connection.query(_ENGINE, (name.database, name.table))
        if not rows:
            raise FerrymanError("source.table_changed", f"{name} is gone from the source")
        engine = str(rows[0][0] or "")
        if engine.upper() not in _TRANSACTIONAL:
            raise FerrymanError(
                "source.no_snapshot",
                f"{name} has no key, and its engine {engine or '(none)'} cannot show it at one moment",
                hint="give the table a primary key, or convert it with ALTER TABLE … ENGINE=InnoDB",
            )


def _lock_refused(error: FerrymanError, tables: Sequence[TableName]) -> FerrymanError:
    names = ", ".join(map(str, tables))
    if error.context.get("errno") in PRIVILEGE:
        return FerrymanError(
            "source.privilege",
            f"tables without a key need a read lock for a moment, which is not allowed: {names}",
            hint="GRANT RELOAD, LOCK TABLES ON *.* to the user, or give the tables a primary key",
        )
    if error.context.get("errno") == _LOCK_WAIT_TIMEOUT:
        return FerrymanError(
            "source.no_snapshot",
            f"no read lock on {names} in {_LOCK_TRIES} tries: a long transaction holds them",
            hint="resume when the long transaction has ended",
        )
    return error


def _no_log(connection: Connection) -> FerrymanError:
    return FerrymanError(
        "source.no_snapshot",
        f"{connection.where} writes no binary log, so the place of a snapshot in it is not known",
        hint="switch the binary log on (log_bin), or give the tables a primary key",
    )
