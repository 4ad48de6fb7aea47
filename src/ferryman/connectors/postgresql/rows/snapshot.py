"""Consistent snapshots whose place in the log is known: for tables without a key, which can be read only so."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from ferryman.connectors.postgresql.connection import Connection, open_connection
from ferryman.connectors.postgresql.log.position import lsn_position
from ferryman.connectors.postgresql.log.replication import Replication
from ferryman.connectors.postgresql.log.slot import temporary_snapshot
from ferryman.connectors.postgresql.quoting import quote_table, quote_text
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint


def open_snapshot(endpoint: Endpoint, tables: Sequence[TableName]) -> tuple[Connection, Position]:
    """Open a connection whose reads all see one moment, and return the place in the log of that moment.

    Only the making of a slot tells them together: a transaction is in the snapshot exactly when its commit record begins
    before the place. The slot is a temporary one and goes as soon as the snapshot has been taken up.

    Raises:
        FerrymanError: ``source.no_log``, ``source.privilege``, ``source.slot_busy``, ``source.table_changed``.
    """
    with Replication(endpoint) as replication:
        snapshot, lsn = temporary_snapshot(replication, f"ferryman_snapshot_{secrets.token_hex(6)}")
        connection = open_connection(endpoint)
        try:
            connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.run(f"SET TRANSACTION SNAPSHOT {quote_text(snapshot)}")
            _require(connection, tables)
        except BaseException:
            connection.close()
            raise
    return connection, lsn_position(lsn)


def open_moment(connection: Connection, table: TableName) -> Connection:
    """Begin a transaction whose reads all see this moment; closes the connection when that fails."""
    try:
        connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.run(f"SELECT 1 FROM {quote_table(table)} LIMIT 1", table=str(table))  # the first read is the moment
    except BaseException:
        connection.close()
        raise
    return connection


def _require(connection: Connection, tables: Sequence[TableName]) -> None:
    """Lock the tables as any reader does: from here on none changes its columns or goes."""
    for name in tables:
        try:
            connection.run(f"LOCK TABLE {quote_table(name)} IN ACCESS SHARE MODE", table=str(name))
        except FerrymanError as error:
            if error.code == "source.table_changed":
                raise FerrymanError("source.table_changed", f"{name} is gone from the source") from error
            raise
