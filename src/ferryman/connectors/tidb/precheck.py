"""Precheck of TiDB: the family's items, and what only TiDB has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.precheck.checks import MySqlChecks
from ferryman.connectors.mysql_family.precheck.items import Item, Look, listed, passed, refused, warned
from ferryman.connectors.tidb.source import no_log
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import StepName
from ferryman.spi.precheck import CheckResult

_LOG_STEPS = (StepName.CAPTURE, StepName.APPLY)
_LOG_ITEMS = frozenset({"DB_ACCOUNT_INCR_READ_PRIVILEGE", "DB_INCR_LOG"})
_SHORT_LIFE_SECONDS = 3600.0
_LIFE = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_COLLATIONS = "SELECT VARIABLE_VALUE FROM mysql.tidb WHERE VARIABLE_NAME = 'new_collation_enabled'"


def check_product(look: Look) -> list[CheckResult]:
    """Ask for a TiDB."""
    server = look.connection.server
    if server.flavor != "tidb":
        return refused(f"{server.text} is no TiDB", "write mysql:// or oceanbase:// in front of it")
    return passed(server.text)


def check_log(look: Look) -> list[CheckResult]:
    """Refuse to follow what has no log."""
    if not look.has_step(*_LOG_STEPS):
        return []
    error = no_log(look.endpoint)
    return refused(error.message, error.hint, code=error.code)


def check_history(look: Look) -> list[CheckResult]:
    """Ask how long old versions of rows are kept: all rows are read as they were at one moment."""
    if not look.has_step(StepName.LOAD):
        return []
    seen = look.variables("tidb_gc_life_time", "tidb_gc_max_wait_time", "tidb_gc_enable")
    kept, held = life_seconds(seen.get("tidb_gc_life_time", "10m")), float(seen.get("tidb_gc_max_wait_time", "86400"))
    if seen.get("tidb_gc_enable", "ON").upper() in {"OFF", "0"} or kept >= _SHORT_LIFE_SECONDS:
        return passed(f"old versions of rows are kept for {kept:.0f} s, and for {held:.0f} s while we read them")
    return warned(
        f"old versions of rows are kept for {kept:.0f} s (tidb_gc_life_time), and for {held:.0f} s while we read them"
        f" (tidb_gc_max_wait_time): a load that stops for longer than {kept:.0f} s must begin anew (--fresh)",
        "keep them for as long as the load may take",
        "SET GLOBAL tidb_gc_life_time = '24h'",
    )


def life_seconds(text: str) -> float:
    """Read a duration as TiDB writes it: ``10m0s``."""
    return sum(float(number) * _UNITS[unit] for number, unit in _LIFE.findall(text))


def check_own(look: Look) -> list[CheckResult]:
    """Name what TiDB's tables have that stays behind."""
    unkept = [f"{each.name}: {each.reason}" for each in look.schema.unkept]
    if unkept:
        return warned(f"what only TiDB has does not move: {listed(unkept)}")
    return passed("nothing that only TiDB has")


def check_collations(look: Look) -> list[CheckResult]:
    """Ask whether collations mean what their names say."""
    try:
        rows = look.connection.query(_COLLATIONS)
    except FerrymanError:
        return passed("the server does not tell us how it compares text")
    if rows and str(rows[0][0]).lower() == "false":
        return warned(
            "the cluster compares all text byte by byte (new_collation_enabled is off): values that differ in case or in"
            " blanks at the end may be one key at the target",
            "give such columns a binary collation at the target (utf8mb4_bin)",
        )
    return passed()


@dataclass(frozen=True, slots=True)
class TiDbChecks(MySqlChecks):
    """The items of a TiDB cluster."""

    def source_items(self) -> Sequence[Item]:
        """Return what is asked of a source."""
        items = [item for item in MySqlChecks.source_items(self) if item.name not in _LOG_ITEMS]
        return (
            Item("DB_TYPE", "it is a TiDB", check_product),
            *items,
            Item("DB_INCR_LOG", "changes can be followed", check_log),
            Item("DB_SNAPSHOT", "one moment can be read for long enough", check_history),
            Item("DB_TABLE_OPTIONS", "tables have nothing that only TiDB has", check_own),
            Item("DB_COLLATION", "text compares as its collation says", check_collations),
        )
