"""What is asked of a source of the MySQL family."""

from __future__ import annotations

import time

from ferryman.connectors.mysql_family.ddl.writer import full_name
from ferryman.connectors.mysql_family.precheck.items import (
    Item,
    Look,
    listed,
    nearest,
    passed,
    refused,
    warned,
)
from ferryman.connectors.mysql_family.precheck.privileges import missing, read_grants
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import StepName
from ferryman.model.schema import Table
from ferryman.model.selection import SYSTEM_DATABASES, matches, split_name, unquoted
from ferryman.model.types import Kind
from ferryman.spi.precheck import CheckResult

_OLDEST = {"mysql": (5, 6), "mariadb": (10, 2), "oceanbase": (4, 0), "tidb": (5, 0)}
_LOG_STEPS = (StepName.CAPTURE, StepName.APPLY)
_RETENTION_SECONDS = 24 * 3600
_CLOCK_SECONDS = 5.0
_TRIED_TABLES = 1000
_MOST_COLUMNS = 4096


def check_version(look: Look) -> list[CheckResult]:
    """Ask for a version we know."""
    server = look.connection.server
    oldest = _OLDEST[server.flavor]
    if server.version[:2] < oldest:
        return refused(f"{server.text} is older than {'.'.join(map(str, oldest))}", skippable=True)
    return passed(server.text)


def check_databases(look: Look) -> list[CheckResult]:
    """Ask for every database that is named without a wildcard."""
    rows = look.connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    known = [str(row[0]) for row in rows]
    named = [database for database, _ in _named_objects(look)]
    unknown = [name for name in dict.fromkeys(named) if name not in known]
    forbidden = [name for name in unknown + named if name.casefold() in SYSTEM_DATABASES]
    if forbidden:
        return refused(f"system databases do not move: {listed(dict.fromkeys(forbidden))}")
    if unknown:
        others = [name for name in known if name.casefold() not in SYSTEM_DATABASES]
        shown = "; ".join(f"no database {name!r}{nearest(name, others)}" for name in unknown)
        return refused(
            shown, "check --objects; a database we have no right on is not seen", code="schema.unknown_object"
        )
    return passed(f"{len(look.schema.databases)} databases")


def check_tables(look: Look) -> list[CheckResult]:
    """Ask for every table that is named without a wildcard, and for any at all."""
    names = [table.name for table in look.schema.tables] + [view.name for view in look.schema.views]
    names += [each.name for each in look.schema.left_out]
    unknown = []
    for pattern in look.spec.selection.objects:
        database, table = split_name(pattern)
        if table and not _is_wild(table) and not any(matches(pattern, name) for name in names):
            plain = unquoted(table)
            others = [name.table for name in names] or _tables_of(look, unquoted(database))
            unknown.append(f"no table {pattern!r}{nearest(plain, others)}")
    if unknown:
        return refused("; ".join(unknown), "check --objects; a table we have no right on is not seen",
                       code="schema.unknown_object")  # fmt: skip
    if not look.schema.tables and not look.schema.views:
        return refused("no table of the source matches the objects", code="schema.nothing_selected")
    return passed(f"{len(look.schema.tables)} tables, {len(look.schema.views)} views")


def _tables_of(look: Look, database: str) -> list[str]:
    sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
    return [str(row[0]) for row in look.connection.query(sql, [database])]


def _named_objects(look: Look) -> list[tuple[str, str]]:
    parts = [split_name(pattern) for pattern in look.spec.selection.objects]
    return [(unquoted(database), table) for database, table in parts if not _is_wild(database)]


def _is_wild(part: str) -> bool:
    return not part.startswith("`") and any(sign in part for sign in "*?")


def check_read_privilege(look: Look) -> list[CheckResult]:
    """Try to read every table; nothing is read."""
    denied = []
    for table in look.schema.tables[:_TRIED_TABLES]:
        try:
            look.connection.query(f"SELECT 1 FROM {full_name(table.name)} LIMIT 0", table=str(table.name))
        except FerrymanError as error:
            if error.code != "source.privilege":
                raise
            denied.append(table.name)
    if denied:
        fix = "; ".join(f"GRANT SELECT ON {full_name(name)} TO {_me(look)}" for name in denied[:10])
        return refused(f"no right to SELECT from {listed(denied)}", fix_sql=fix, code="source.privilege")
    return passed("SELECT on every table")


def _me(look: Look) -> str:
    user, _, host = str(look.connection.query("SELECT CURRENT_USER()")[0][0]).rpartition("@")
    return f"'{user}'@'{host}'"


def check_log_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to read the binary log."""
    if not look.has_step(*_LOG_STEPS):
        return []
    mariadb = look.connection.server.flavor == "mariadb"
    wanted = ["REPLICATION SLAVE", "BINLOG MONITOR|REPLICATION CLIENT|SUPER" if mariadb else "REPLICATION CLIENT|SUPER"]
    lacking = missing(read_grants(look.connection), wanted)
    if lacking:
        names = [each.split("|")[0] for each in lacking]
        fix = f"GRANT {', '.join(names)} ON *.* TO {_me(look)}"
        return refused(f"no right to follow the log: {', '.join(names)}", fix_sql=fix, code="source.privilege")
    return passed(", ".join(each.split("|")[0] for each in wanted))


def check_log(look: Look) -> list[CheckResult]:
    """Ask how the server writes its binary log."""
    if not look.has_step(*_LOG_STEPS):
        return []
    seen = look.variables(
        "log_bin", "binlog_format", "binlog_row_image", "server_id", "binlog_row_value_options", "binlog_row_metadata",
        "expire_logs_days", "binlog_expire_logs_seconds",
    )  # fmt: skip
    wrong = list(_wrong_settings(seen))
    if wrong:
        fix = "; ".join(sql for _, sql in wrong if sql)
        hint = "set it in the server's configuration; log_bin needs a restart; sessions open now keep their format"
        return refused("; ".join(what for what, _ in wrong), hint, fix, code="source.log_settings")
    return _log_warnings(seen, _prepared(look)) or passed("binary log on, ROW, FULL image")


def _prepared(look: Look) -> int:
    """Return how many XA transactions are prepared; 0 where we may not ask (MySQL 8: XA_RECOVER_ADMIN)."""
    try:
        return len(look.connection.query("XA RECOVER"))
    except FerrymanError:
        return 0


def _wrong_settings(seen: dict[str, str]) -> list[tuple[str, str]]:
    if seen.get("log_bin", "OFF").upper() not in {"ON", "1"}:
        return [("the binary log is off (log_bin)", "")]
    wrong = []
    for name, wanted in (("binlog_format", "ROW"), ("binlog_row_image", "FULL")):
        if seen.get(name, wanted).upper() != wanted:
            wrong.append((f"{name} is {seen[name]}, not {wanted}", f"SET GLOBAL {name} = '{wanted}'"))
    if "PARTIAL_JSON" in seen.get("binlog_row_value_options", "").upper():
        wrong.append(("JSON changes are logged in part", "SET GLOBAL binlog_row_value_options = ''"))
    if seen.get("server_id", "1") == "0":
        wrong.append(("server_id is 0: the server refuses readers of its log", "SET GLOBAL server_id = 1"))
    return wrong


def _log_warnings(seen: dict[str, str], prepared: int) -> list[CheckResult]:
    notes, fixes = [], []
    if prepared:
        notes.append(
            f"{prepared} XA transactions are prepared (XA RECOVER): commit them or roll them back before the start,"
            " for one that is committed later stops the project"
        )
    kept = max(float(seen.get("expire_logs_days", "0")) * 86_400, float(seen.get("binlog_expire_logs_seconds", "0")))
    if 0 < kept < _RETENTION_SECONDS:
        notes.append(
            f"the server keeps its log for {kept / 3600:.0f} h only; a longer pause of the project loses changes"
        )
        fixes.append("SET GLOBAL binlog_expire_logs_seconds = 604800")
    if seen.get("binlog_row_metadata", "").upper() in {"NO_LOG", "MINIMAL"}:
        notes.append(
            "the log does not name columns (binlog_row_metadata): DDL during the run is decoded by the catalog"
        )
        fixes.append("SET GLOBAL binlog_row_metadata = 'FULL'")
    return warned("; ".join(notes), fix_sql="; ".join(fixes)) if notes else []


def check_keys(look: Look) -> list[CheckResult]:
    """Ask for a key that names each row."""
    without = [table.name for table in look.schema.tables if table.row_key is None]
    if without:
        message = f"{len(without)} tables have no primary key nor a unique one without NULL: {listed(without)}"
        return warned(message, "they arrive exactly once, but are loaded in one stream and applied row by row")
    return passed("every table has a key")


def check_key_types(look: Look) -> list[CheckResult]:
    """Ask for keys whose values compare exactly."""
    inexact = [table.name for table in look.schema.tables if _has_inexact_key(table)]
    if inexact:
        message = f"FLOAT or DOUBLE in the key of {listed(inexact)}: equal values may compare as different"
        return refused(message, "use DECIMAL for the column, or another key", skippable=True)
    return passed()


def _has_inexact_key(table: Table) -> bool:
    key = table.row_key
    return key is not None and any(table.column(name).type.kind in {Kind.FLOAT, Kind.DOUBLE} for name in key.columns)


def check_engines(look: Look) -> list[CheckResult]:
    """Ask for transactional engines."""
    odd = [f"{t.name} ({t.engine})" for t in look.schema.tables if (t.engine or "InnoDB").lower() not in _ENGINES]
    if odd:
        message = f"tables without transactions: {listed(odd)}"
        return warned(message, "a statement that fails half-way leaves its rows, and so it does at the target")
    return passed()


_ENGINES = frozenset({"innodb", "rocksdb", "tokudb", "oceanbase", "tikv"})


def check_kinds(look: Look) -> list[CheckResult]:
    """Ask for kinds of tables that move."""
    odd = [f"{each.name} ({each.reason})" for each in look.schema.left_out]
    if odd:
        return warned(f"these do not move: {listed(odd)}", "leave them out (--exclude) to be rid of this warning")
    return passed()


def check_types(look: Look) -> list[CheckResult]:
    """Ask for types we know, and not too many columns."""
    unknown = [
        f"{table.name}.{column.name} ({column.type.native})"
        for table in look.schema.tables
        for column in table.columns
        if column.type.kind is Kind.UNKNOWN
    ]
    wide = [table.name for table in look.schema.tables if len(table.columns) > _MOST_COLUMNS]
    if unknown:
        return refused(f"types we do not know: {listed(unknown)}", code="schema.unsupported_type")
    return refused(f"more than {_MOST_COLUMNS} columns: {listed(wide)}") if wide else passed()


def check_parents(look: Look) -> list[CheckResult]:
    """Ask for the parents of foreign keys."""
    moving = {table.name for table in look.schema.tables}
    outside = [
        f"{table.name} → {key.parent}"
        for table in look.schema.tables
        for key in table.foreign_keys
        if key.parent not in moving
    ]
    if outside:
        message = f"foreign keys whose parent does not move: {listed(outside)}"
        return warned(message, "they are left out at the target; add the parents to --objects to keep them")
    return passed()


def check_clock(look: Look) -> list[CheckResult]:
    """Compare the server's clock with ours."""
    before = time.time()
    server = float(look.connection.query("SELECT UNIX_TIMESTAMP(NOW(6))")[0][0])
    apart = server - (before + time.time()) / 2
    if abs(apart) > _CLOCK_SECONDS:
        return warned(f"the server's clock is {apart:+.1f} s from ours", "latency is shown wrong by that much")
    return passed(f"{apart:+.3f} s")


def check_time_zone(look: Look) -> list[CheckResult]:
    """Tell the server's time zone; our sessions are in UTC, so it does not matter to values."""
    zone = look.connection.query("SELECT @@global.time_zone")[0][0]
    return passed(f"{zone}; sessions of ours are in UTC")


ITEMS = (
    Item("DB_VERSION", "the version is known", check_version),
    Item("RDB_SCHEMA_EXIST", "the databases exist", check_databases),
    Item("RDB_TABLE_EXIST", "the tables exist", check_tables),
    Item("DB_ACCOUNT_FULL_READ_PRIVILEGE", "we may read the tables", check_read_privilege),
    Item("DB_ACCOUNT_INCR_READ_PRIVILEGE", "we may read the log", check_log_privilege),
    Item("DB_INCR_LOG", "the log has whole rows", check_log),
    Item("DB_UK_INDEX", "tables have keys", check_keys),
    Item("DB_DATA_TYPE_INDEX", "keys compare exactly", check_key_types),
    Item("DB_ENGINE", "tables have transactions", check_engines),
    Item("DB_TABLE_TYPE", "tables are of kinds that move", check_kinds),
    Item("DB_DATA_TYPE", "column types are known", check_types),
    Item("DB_FOREIGN_REFERENCE", "parents of foreign keys move too", check_parents),
    Item("DB_TIME_SYNC", "the clocks agree", check_clock),
    Item("DB_TIMEZONE", "the time zone is known", check_time_zone),
)
