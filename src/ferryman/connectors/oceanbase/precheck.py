"""Precheck of OceanBase: the family's items, and what only OceanBase tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.precheck.checks import MySqlChecks
from ferryman.connectors.mysql_family.precheck.items import Item, Look, passed, warned
from ferryman.foundation.errors import FerrymanError
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


@dataclass(frozen=True, slots=True)
class OceanBaseChecks(MySqlChecks):
    """The items of an OceanBase tenant in MySQL mode."""

    def target_items(self) -> Sequence[Item]:
        """Return what is asked of a target."""
        items = MySqlChecks.target_items(self)
        return (*items, Item("OB_SYS_STAT_VIEW_READ_PRIV", "the target has room", check_disk))
