"""What is asked of a target of the MySQL family."""

from __future__ import annotations

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.ddl.writer import full_name
from ferryman.connectors.mysql_family.precheck.firing import check_events, check_triggers
from ferryman.connectors.mysql_family.precheck.items import Item, Look, listed, passed, refused, warned
from ferryman.connectors.mysql_family.precheck.privileges import missing, read_grants
from ferryman.connectors.mysql_family.precheck.source import check_clock, check_time_zone, check_version
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import StepName
from ferryman.spi.precheck import CheckResult

_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_STRUCTURE = ("CREATE", "ALTER", "DROP", "INDEX")
_OWN = "_ferryman"
_SCHEMES = frozenset({"mysql", "mariadb", "oceanbase", "tidb"})
"""Sources that may be the target itself; whoever speaks another protocol must not be spoken to in ours."""
_PACKET_BYTES = 16 << 20
_LOOKED_AT = 2000


def _targets(look: Look) -> dict[TableName, TableName]:
    return {table.name: look.spec.selection.target_name(table.name) for table in look.schema.tables}


def _databases(look: Look) -> list[str]:
    names = [name.database for name in _targets(look).values()]
    names += [look.spec.selection.target_name(view.name).database for view in look.schema.views]
    return list(dict.fromkeys(names))


def _there(look: Look) -> dict[str, str]:
    """Return the target's databases by their name as compared there."""
    rows = look.connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    fold = _folds(look)
    return {str(row[0]).lower() if fold else str(row[0]): str(row[0]) for row in rows}


def _folds(look: Look) -> bool:
    return look.variables("lower_case_table_names").get("lower_case_table_names", "0") != "0"


def check_databases(look: Look) -> list[CheckResult]:
    """Ask for the databases, unless they will be made."""
    there, fold = _there(look), _folds(look)
    absent = [name for name in _databases(look) if (name.lower() if fold else name) not in there]
    if not absent:
        return passed()
    if look.has_step(StepName.SCHEMA):
        return passed(f"will be made: {listed(absent)}")
    fix = "; ".join(f"CREATE DATABASE {quoted_name(name)}" for name in absent)
    return refused(
        f"no database {listed(absent)}", "make it, or let the schema step run", fix, code="target.table_missing"
    )


def _existing(look: Look) -> dict[TableName, TableName]:
    """Return the target tables that are there, as the server spells them → as we call them."""
    fold = _folds(look)
    wanted = {_folded(name) if fold else name: name for name in _targets(look).values()}
    found = {}
    for database in _databases(look):
        sql = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
        for schema, table in look.connection.query(sql, [database.lower() if fold else database]):
            name = TableName(str(schema), str(table))
            key = _folded(name) if fold else name
            if key in wanted:
                found[name] = wanted[key]
    return found


def _folded(name: TableName) -> TableName:
    return TableName(name.database.lower(), name.table.lower())


def check_tables(look: Look) -> list[CheckResult]:
    """Ask for the tables when nobody makes them."""
    if look.has_step(StepName.SCHEMA) or not look.has_step(StepName.LOAD, StepName.APPLY, StepName.VERIFY):
        return []
    there = set(_existing(look).values())
    absent = [name for name in _targets(look).values() if name not in there]
    if absent:
        message = f"{len(absent)} tables are missing: {listed(absent)}"
        return refused(message, "make them, or let the schema step run", code="target.table_missing")
    return passed()


def check_firing_tables(look: Look) -> list[CheckResult]:
    """Ask for tables without triggers."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    return check_triggers(look, list(_existing(look)))


def check_firing_databases(look: Look) -> list[CheckResult]:
    """Ask for databases whose events do not write by themselves."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    return check_events(look, [name.database for name in _existing(look)])


def check_empty(look: Look) -> list[CheckResult]:
    """Ask for empty tables before a load."""
    if not look.has_step(StepName.LOAD):
        return []
    full = [name for name in list(_existing(look))[:_LOOKED_AT] if _has_rows(look.connection, name)]
    if not full:
        return passed()
    message = f"{len(full)} tables hold rows already: {listed(full)}"
    if look.spec.load.allow_target_not_empty:
        return warned(message, "rows of the same key are written over; others stay and are found by the verification")
    hint = "empty or drop them, choose other names (--map), or allow it"
    return refused(message, hint, skippable=True, code="target.not_empty")


def _has_rows(connection: Connection, name: TableName) -> bool:
    return bool(connection.query(f"SELECT 1 FROM {full_name(name)} LIMIT 1", table=str(name)))


def check_write_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to write rows."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    return _privileges(look, _ROWS, _databases(look))


def check_create_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to make tables."""
    if not look.has_step(StepName.SCHEMA, StepName.APPLY, StepName.INDEX):
        return []
    wanted = [*_STRUCTURE, *(["CREATE VIEW"] if look.schema.views else [])]
    return _privileges(look, wanted, _databases(look))


def check_own_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights on our own tables in the target: progress and leases stand there."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    wanted = _ROWS if _OWN in _there(look) and _own_tables(look) else ("CREATE", *_ROWS)
    return _privileges(look, wanted, [_OWN])


def _own_tables(look: Look) -> bool:
    sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
    return int(look.connection.query(sql, [_OWN])[0][0]) > 0


def _privileges(look: Look, wanted: tuple[str, ...] | list[str], databases: list[str]) -> list[CheckResult]:
    grants = read_grants(look.connection)
    lacking = {name: lacks for name in databases if (lacks := missing(grants, wanted, name))}
    if not lacking:
        return passed(", ".join(wanted))
    user, _, host = str(look.connection.query("SELECT CURRENT_USER()")[0][0]).rpartition("@")
    fixes = [
        f"GRANT {', '.join(lacks)} ON {quoted_name(name)}.* TO '{user}'@'{host}'" for name, lacks in lacking.items()
    ]
    message = "; ".join(f"no {', '.join(lacks)} on {name}" for name, lacks in list(lacking.items())[:10])
    return refused(message, fix_sql="; ".join(fixes), code="target.privilege")


def check_packet(look: Look) -> list[CheckResult]:
    """Ask for room for large rows."""
    size = int(look.variables("max_allowed_packet").get("max_allowed_packet", str(_PACKET_BYTES)))
    if size < _PACKET_BYTES:
        fix = f"SET GLOBAL max_allowed_packet = {64 << 20}"
        return warned(f"max_allowed_packet is {size:,} bytes: a greater row is refused", fix_sql=fix)
    return passed(f"{size:,} bytes")


def check_circle(look: Look) -> list[CheckResult]:
    """Refuse a table that would be copied onto itself."""
    same = [source for source, target in _targets(look).items() if source == target]
    if not same or not _same_server(look):
        return passed()
    return refused(f"source and target are the same table: {listed(same)}", "choose other names (--map)")


def _same_server(look: Look) -> bool:
    source, target = look.spec.source, look.endpoint
    if source.scheme not in _SCHEMES:
        return False
    if (source.host, source.port, source.options.get("unix_socket")) == (
        target.host,
        target.port,
        target.options.get("unix_socket"),
    ):
        return True
    try:
        with open_connection(source) as connection:
            return connection.server == look.connection.server and _identity(connection) == _identity(look.connection)
    except FerrymanError:
        return False  # the source's own items say what is wrong with it


def _identity(connection: Connection) -> tuple[str, ...]:
    names = "'server_uuid', 'server_id', 'hostname', 'port', 'datadir'"
    rows = connection.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    return tuple(sorted(f"{row[0]}={row[1]}" for row in rows))


ITEMS = (
    Item("DB_VERSION", "the version is known", check_version),
    Item("RDB_SCHEMA_EXIST", "the databases exist or can be made", check_databases),
    Item("RDB_TABLE_EXIST", "the tables exist", check_tables),
    Item("DB_TABLE_NOT_EMPTY", "the tables are empty", check_empty),
    Item("DB_TRIGGER", "no trigger acts on what we write", check_firing_tables),
    Item("DB_EVENT", "no event writes by itself", check_firing_databases),
    Item("DB_ACCOUNT_WRITER_PRIVILEGE", "we may write rows", check_write_privilege),
    Item("DB_ACCOUNT_CREATE_PRIVILEGE", "we may make tables", check_create_privilege),
    Item("DB_MYSQL_UPDATE_HEARTBEAT_PRIVILEGE", "we may keep our progress in the target", check_own_privilege),
    Item("DB_MAX_ALLOWED_PACKET", "large rows go through", check_packet),
    Item("DB_TABLE_CYCLICALLY", "source and target are not the same", check_circle),
    Item("DB_TIME_SYNC", "the clocks agree", check_clock),
    Item("DB_TIMEZONE", "the time zone is known", check_time_zone),
)
