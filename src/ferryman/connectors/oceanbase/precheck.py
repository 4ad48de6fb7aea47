"""Precheck of OceanBase: the family's items, and what only OceanBase tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.log.binlog import current_position
from ferryman.connectors.mysql_family.precheck.checks import MySqlChecks
from ferryman.connectors.mysql_family.precheck.items import Item, Look, listed, passed, refused, warned
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.oceanbase.scn.history import DdlLog, history_of
from ferryman.connectors.oceanbase.scn.moments import begin_snapshot, current_scn, retention_seconds
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import StepName
from ferryman.spi.precheck import CheckResult

_DISK = "SELECT SUM(data_disk_capacity), SUM(data_disk_in_use), SUM(data_disk_allocated) FROM oceanbase.GV$OB_SERVERS"


def check_disk(look: Look) -> list[CheckResult]:
    """Compare the tenant's disk with the source's estimate; rights on the view are rare, so its absence is no fault."""
    needed = sum(table.byte_estimate for table in look.schema.tables)
    try:
        capacity, used, _allocated = (int(value or 0) for value in look.connection.query(_DISK)[0])
    except FerrymanError:
        return passed("the server does not tell us its disk")
    if capacity and capacity - used < needed:
        message = f"{(capacity - used) >> 20:,} MB are free at the target, the source holds about {needed >> 20:,} MB"
        return warned(message, "OceanBase compresses; make room all the same, or watch the load")
    return passed(f"{(capacity - used) >> 20:,} MB free, about {needed >> 20:,} MB to come")


_LOG_STEPS = (StepName.CAPTURE, StepName.APPLY)
_GRANT = "GRANT SELECT ON oceanbase.* TO CURRENT_USER()"
_SHORT_RETENTION_SECONDS = 3600
_LOG_ITEMS = frozenset({"DB_ACCOUNT_INCR_READ_PRIVILEGE", "DB_INCR_LOG"})
"""The family's items about a binary log; ours stand in their place."""


def check_moments(look: Look) -> list[CheckResult]:
    """Try what polling stands on: SCNs, a snapshot whose SCN is shown, ORA_ROWSCN, a flashback read."""
    if look.connection.server.flavor != "oceanbase":
        return refused(f"{look.connection.server.text} is no OceanBase", "write mysql:// in front of it")
    if not look.has_step(*_LOG_STEPS) or not look.schema.tables:
        return []
    name = look.schema.tables[0].name
    try:
        scn = current_scn(look.connection)
        begin_snapshot(look.connection, name)
        look.connection.query(f"SELECT ORA_ROWSCN FROM {quote_table(name)} LIMIT 1")
        look.connection.execute("ROLLBACK")
        look.connection.query(f"SELECT 1 FROM {quote_table(name)} AS OF SNAPSHOT {scn} LIMIT 1")
    except FerrymanError as error:
        return refused(error.message, error.hint, _GRANT, code=error.code)
    return passed("changes can be found by reading: SCNs, ORA_ROWSCN and flashback work")


def check_history(look: Look) -> list[CheckResult]:
    """Ask how long rows are remembered, and whether schema statements are shown."""
    if not look.has_step(*_LOG_STEPS):
        return []
    kept = retention_seconds(look.connection)
    if not isinstance(history_of(look.connection, look.spec.selection), DdlLog):
        return warned(
            "oceanbase.__all_ddl_operation is not shown to us: any schema statement at the source will stop the project",
            "grant the right to read it, or make no schema changes meanwhile",
            _GRANT,
        )
    if kept < _SHORT_RETENTION_SECONDS:
        return warned(
            f"the source remembers rows for {kept} s (undo_retention); after a longer pause tables are read anew",
            "a tenant with room for it bears some hours",
            "ALTER SYSTEM SET undo_retention = 21600",
        )
    return passed(f"rows are remembered for {kept} s, schema statements are shown")


def check_service(look: Look) -> list[CheckResult]:
    """Ask for the log of the Binlog Service, and whether it holds whole rows."""
    if not look.has_step(*_LOG_STEPS):
        return []
    try:
        current_position(look.connection)
    except FerrymanError as error:
        hint = "create the tenant's binlog (CREATE BINLOG), and let the URL name ODP, not an observer"
        return refused(f"no log of the Binlog Service: {error.message}", hint, code="source.no_log")
    image = look.variables("binlog_row_image").get("binlog_row_image", "FULL")
    if image.upper() != "FULL":
        fix = "SET GLOBAL binlog_row_image = 'FULL'"
        return refused(f"binlog_row_image is {image}, not FULL", fix_sql=fix, code="source.log_settings")
    return passed("the Binlog Service has a log, with whole rows")


def check_service_keys(look: Look) -> list[CheckResult]:
    """Ask for a key: the place of a snapshot in the service's log cannot be told, so tables without one cannot join it."""
    without = [table.name for table in look.schema.tables if table.row_key is None]
    if without and look.has_step(*_LOG_STEPS):
        message = f"{len(without)} tables have no primary key nor a unique one without NULL: {listed(without)}"
        return refused(message, "leave them out, or follow the database without a log (oceanbase://)")
    return passed("every table has a key") if not without else []


@dataclass(frozen=True, slots=True)
class BinlogServiceChecks(MySqlChecks):
    """The items of an OceanBase tenant whose changes come from the Binlog Service."""

    def source_items(self) -> Sequence[Item]:
        """Return what is asked of a source."""
        ours = {"DB_INCR_LOG": check_service, "DB_UK_INDEX": check_service_keys}
        items = [item for item in MySqlChecks.source_items(self) if item.name != "DB_ACCOUNT_INCR_READ_PRIVILEGE"]
        return tuple(replace(item, look=ours.get(item.name, item.look)) for item in items)


@dataclass(frozen=True, slots=True)
class OceanBaseChecks(MySqlChecks):
    """The items of an OceanBase tenant in MySQL mode."""

    def source_items(self) -> Sequence[Item]:
        """Return what is asked of a source."""
        items = [item for item in MySqlChecks.source_items(self) if item.name not in _LOG_ITEMS]
        return (
            *items,
            Item("DB_ACCOUNT_INCR_READ_PRIVILEGE", "changes can be found by reading", check_moments),
            Item("DB_INCR_LOG", "history reaches back far enough", check_history),
        )

    def target_items(self) -> Sequence[Item]:
        """Return what is asked of a target."""
        items = MySqlChecks.target_items(self)
        return (*items, Item("OB_SYS_STAT_VIEW_READ_PRIV", "the target has room", check_disk))
