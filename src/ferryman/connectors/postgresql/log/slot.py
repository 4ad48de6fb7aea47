"""Replication slots and publications: made when a project starts, named after it, dropped when it is released.

The slot makes the server keep its log from its making on; the publication says which tables. A table without a replica
identity must never be published: the *source* would refuse its updates from then on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.log.position import lsn_of, lsn_position
from ferryman.connectors.postgresql.log.replication import Replication
from ferryman.connectors.postgresql.quoting import quote, quote_table, quote_text
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint

CREATE_SECONDS = 300.0
"""So long the making of a slot may wait for transactions that run at the source."""
_VIA_ROOT, _TRUNCATE = 130000, 110000
"""Versions from which a publication knows the option."""
_UNDEFINED, _NOT_NOW = "42704", frozenset({"55000", "53400"})
_SETTINGS = "set wal_level = logical, and max_replication_slots and max_wal_senders high enough; they need a restart"


def slot_name(project: str) -> str:
    """Return the name of a project's slot and publication: lower case, digits and ``_``, at most 63 characters."""
    return ("ferryman_" + re.sub(r"[^a-z0-9_]", "_", project.lower()))[:63]


def create(endpoint: Endpoint, project: str, tables: Sequence[TableName]) -> Position:
    """Make publication and slot anew; returns the place from which the log is kept.

    Raises:
        FerrymanError: ``source.privilege``, ``source.no_log`` (wal_level, no free slot), ``source.slot_busy`` (a long
            transaction at the source).
    """
    name = slot_name(project)
    drop(endpoint, name)
    with Replication(endpoint) as connection:
        # The publication first: the log is decoded with the catalog as it was at each place.
        connection.query(_publication_sql(name, tables, connection.version))
        try:
            return lsn_position(_create_slot(connection, name), slot=name)
        except BaseException:
            with contextlib.suppress(FerrymanError):
                drop(endpoint, name)
            raise


def _publication_sql(name: str, tables: Sequence[TableName], version: int) -> str:
    actions = "insert, update, delete" + (", truncate" if version >= _TRUNCATE else "")
    options = f"publish = '{actions}'" + (", publish_via_partition_root = true" if version >= _VIA_ROOT else "")
    named = ", ".join(f"ONLY {quote_table(table)}" for table in tables)
    return f"CREATE PUBLICATION {quote(name)}" + (f" FOR TABLE {named}" if named else "") + f" WITH ({options})"


def _create_slot(connection: Replication, name: str) -> int:
    sql = f"CREATE_REPLICATION_SLOT {quote(name)} LOGICAL pgoutput NOEXPORT_SNAPSHOT"
    return lsn_of(_patient(connection, sql)[1] or "")


def _patient(connection: Replication, sql: str) -> tuple[str | None, ...]:
    try:
        return connection.query(sql, seconds=CREATE_SECONDS)[0]
    except FerrymanError as error:
        if error.code == "source.slot_busy":
            message = f"{connection.where} could not begin to keep its log within {CREATE_SECONDS:.0f} s"
            raise FerrymanError(error.code, f"{message}: a transaction open since before has not ended") from error
        if error.context.get("sqlstate") in _NOT_NOW:
            raise FerrymanError("source.no_log", error.message, hint=_SETTINGS) from error
        raise


def publish(connection: Connection, publication: str, tables: Sequence[TableName]) -> None:
    """Add tables to a publication."""
    named = ", ".join(f"ONLY {quote_table(table)}" for table in tables)
    connection.run(f"ALTER PUBLICATION {quote(publication)} ADD TABLE {named}")


def temporary_snapshot(connection: Replication, name: str) -> tuple[str, int]:
    """Make a slot that goes with the connection; returns its exported snapshot and the LSN where it stands in the log.

    A transaction is in the snapshot exactly when its commit record begins before that LSN. The snapshot can be taken up
    by other connections until the next command on this one.
    """
    sql = f"CREATE_REPLICATION_SLOT {quote(name)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT"
    row = _patient(connection, sql)
    return row[2] or "", lsn_of(row[1] or "")


def drop(endpoint: Endpoint, name: str) -> bool:
    """Drop a slot and its publication, where they are; whether the slot was there.

    Whoever still reads from the slot is one of ours and is ended.
    """
    with Replication(endpoint) as connection:
        where = f"WHERE slot_name = {quote_text(name)} AND database = current_database()"
        found = connection.query(f"SELECT active_pid FROM pg_replication_slots {where}")
        if found:
            _drop_slot(connection, name, found[0][0])
        connection.query(f"DROP PUBLICATION IF EXISTS {quote(name)}")
    return bool(found)


def _drop_slot(connection: Replication, name: str, reader: str | None) -> None:
    if reader:
        with contextlib.suppress(FerrymanError):
            connection.query(f"SELECT pg_terminate_backend({int(reader)})")
    try:
        connection.query(f"DROP_REPLICATION_SLOT {quote(name)} WAIT", seconds=30.0)
    except FerrymanError as error:
        if error.context.get("sqlstate") != _UNDEFINED:
            raise


@dataclass(frozen=True, slots=True)
class SlotState:
    """A slot as the server shows it.

    Attributes:
        confirmed: The LSN up to which we have said that the log is kept here.
        lost: Why the server has given it up; empty when it has not.
        retained_bytes: How much of the log the server keeps for it.
    """

    confirmed: int
    lost: str
    retained_bytes: int


def state_of(connection: Replication, name: str) -> SlotState | None:
    """Look at a slot; `None` when it is not there."""
    status = "wal_status" if connection.version >= _VIA_ROOT else "'reserved'"
    rows = connection.query(
        f"SELECT confirmed_flush_lsn, {status}, pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots"
        f" WHERE slot_name = {quote_text(name)} AND database = current_database()"
    )
    if not rows:
        return None
    confirmed, wal_status, retained = rows[0]
    lost = "" if wal_status != "lost" else "it kept more of the log than max_slot_wal_keep_size allows"
    return SlotState(lsn_of(confirmed) if confirmed else 0, lost, int(float(retained or 0)))


def check(connection: Replication, name: str, start: int) -> SlotState:
    """See that a slot can serve from a place on.

    Raises:
        FerrymanError: ``source.slot_lost``, ``position.purged``.
    """
    state = state_of(connection, name)
    if state is None:
        raise FerrymanError("source.slot_lost", f"the replication slot {name} is gone from {connection.where}")
    if state.lost:
        raise FerrymanError("source.slot_lost", f"{connection.where} has given up the slot {name}: {state.lost}")
    if state.confirmed > start:
        raise FerrymanError(
            "position.purged",
            f"the replication slot {name} of {connection.where} has been moved on past the place we stand at",
        )
    return state
