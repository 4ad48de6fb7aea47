"""What is asked of a PostgreSQL source."""

from __future__ import annotations

import time

from ferryman.connectors.postgresql.log.identity import FULL, NOTHING, Identity, read_identities
from ferryman.connectors.postgresql.log.slot import slot_name
from ferryman.connectors.postgresql.precheck.items import Item, Look, listed, passed, refused, warned
from ferryman.connectors.postgresql.quoting import quote, quote_table
from ferryman.model.names import TableName
from ferryman.model.project import StepName
from ferryman.model.selection import matches, split_name, unquoted
from ferryman.spi.precheck import CheckResult

_LOG_STEPS = (StepName.CAPTURE, StepName.APPLY)
_OLDEST = 12
_CLOCK_SECONDS = 5.0
_MENDED = 20
"""So many statements are told to run."""

_SETTINGS = """
SELECT current_setting('wal_level'), current_setting('max_replication_slots')::int, current_setting('max_wal_senders')::int,
       (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_stat_replication), pg_is_in_recovery()
"""
_RIGHTS = """
SELECT rolsuper, rolreplication, has_database_privilege(current_database(), 'CREATE'), quote_ident(current_user),
       quote_ident(current_database()) FROM pg_roles WHERE rolname = current_user
"""
_OWNERS = """
SELECT n.nspname, c.relname, pg_has_role(c.relowner, 'USAGE'), has_schema_privilege(n.oid, 'USAGE')
  AND has_table_privilege(c.oid, 'SELECT')
FROM unnest(%s::text[], %s::text[]) AS w (schema, name)
JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
"""


def check_version(look: Look) -> list[CheckResult]:
    """Ask for a version we know."""
    version = look.connection.version
    if version[0] < _OLDEST:
        return refused(f"PostgreSQL {version[0]} is older than 12", "upgrade to 12 or later")
    return passed(".".join(map(str, version)))


def check_tables(look: Look) -> list[CheckResult]:
    """Ask for every table that is named without a wildcard, and for any at all."""
    names = [table.name for table in look.schema.tables] + [view.name for view in look.schema.views]
    names += [each.name for each in look.schema.left_out]
    unknown = []
    for pattern in look.spec.selection.objects:
        schema, table = split_name(pattern)
        wild = any(sign in part and not part.startswith("`") for part in (schema, table) for sign in "*?")
        if table and not wild and not any(matches(pattern, name) for name in names):
            unknown.append(f"{unquoted(schema)}.{unquoted(table)}")
    if unknown:
        return refused(f"no table {listed(unknown)}", "check --objects: schema.table, as the server spells them",
                       code="schema.unknown_object")  # fmt: skip
    if not look.schema.tables:
        return refused("no table of the source matches the objects", code="schema.nothing_selected")
    return passed(f"{len(look.schema.tables)} tables, {len(look.schema.views)} views")


def check_settings(look: Look) -> list[CheckResult]:
    """Ask how the server writes its log, and for a slot to be free."""
    if not look.has_step(*_LOG_STEPS):
        return []
    level, slots, senders, used, sending, standby = look.connection.query(_SETTINGS)[0]
    wrong, fixes = [], []
    if standby:
        return refused("the server is a standby", "name the primary as the source", code="source.no_log")
    if level != "logical":
        wrong.append(f"wal_level is {level}, not logical")
        fixes.append("ALTER SYSTEM SET wal_level = 'logical'")
    if slots - used < 2:
        wrong.append(f"{used} of {slots} replication slots are taken, two more are needed")
        fixes.append(f"ALTER SYSTEM SET max_replication_slots = {used + 10}")
    if senders - sending < 2:
        wrong.append(f"{sending} of {senders} WAL senders are at work, two more are needed")
        fixes.append(f"ALTER SYSTEM SET max_wal_senders = {sending + 10}")
    if wrong:
        return refused("; ".join(wrong), "then restart the server", "; ".join(fixes), code="source.no_log")
    return passed(f"wal_level logical, {slots - used} replication slots free")


def check_log_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to make a slot and a publication."""
    if not look.has_step(*_LOG_STEPS):
        return []
    superuser, replicates, creates, user, database = look.connection.query(_RIGHTS)[0]
    if superuser:
        return passed("superuser")
    wrong, fixes = [], []
    if not replicates:
        wrong.append("no right to replicate (REPLICATION)")
        fixes.append(f"ALTER ROLE {user} REPLICATION")
    if not creates:
        wrong.append("no right to make a publication (CREATE on the database)")
        fixes.append(f"GRANT CREATE ON DATABASE {database} TO {user}")
    foreign = [name for name, owns, _reads in _owners(look) if not owns]
    if foreign:
        wrong.append(f"not the owner of {listed(foreign)}, so it cannot publish them")
        fixes += [f"ALTER TABLE {quote_table(name)} OWNER TO {user}" for name in foreign[:_MENDED]]
    if wrong:
        hint = "as a superuser; in place of changing owners, make the user a member of the owner's role"
        return refused("; ".join(wrong), hint, "; ".join(fixes), code="source.privilege")
    return passed("REPLICATION, CREATE, owner of the tables")


def check_read_privilege(look: Look) -> list[CheckResult]:
    """Ask for SELECT on every table."""
    denied = [name for name, _owns, reads in _owners(look) if not reads]
    if not denied:
        return passed("SELECT on every table")
    user = look.connection.query("SELECT quote_ident(current_user)")[0][0]
    schemas = dict.fromkeys(name.database for name in denied)
    fixes = [f"GRANT USAGE ON SCHEMA {quote(schema)} TO {user}" for schema in schemas]
    fixes += [f"GRANT SELECT ON {quote_table(name)} TO {user}" for name in denied[:_MENDED]]
    return refused(f"no right to SELECT from {listed(denied)}", fix_sql="; ".join(fixes), code="source.privilege")


def _owners(look: Look) -> list[tuple[TableName, bool, bool]]:
    names = [table.name for table in look.schema.tables]
    rows = look.connection.query(_OWNERS, [[name.database for name in names], [name.table for name in names]])
    return [(TableName(schema, table), bool(owns), bool(reads)) for schema, table, owns, reads in rows]


def check_identity(look: Look) -> list[CheckResult]:
    """Ask what the log holds of a changed row: enough to find it again."""
    if not look.has_step(*_LOG_STEPS):
        return []
    found = read_identities(look.connection, [table.name for table in look.schema.tables])
    unlogged = [each.name for each in found if each.unlogged]
    if unlogged:
        fixes = "; ".join(f"ALTER TABLE {quote_table(name)} SET LOGGED" for name in unlogged[:_MENDED])
        return refused(f"unlogged tables: {listed(unlogged)}; their changes are in no log",
                       "or leave them out (--exclude)", fixes, code="source.replica_identity")  # fmt: skip
    wrong = [each for each in found if not _is_enough(each, look)]
    if wrong:
        fixes = "; ".join(each.mending for each in wrong[:_MENDED])
        message = f"{len(wrong)} tables whose old rows the log does not name: {listed(each.relation for each in wrong)}"
        return refused(message, "run it before the project starts; it makes the server's log longer", fixes,
                       code="source.replica_identity")  # fmt: skip
    return _partial_images(look, found)


def _is_enough(identity: Identity, look: Look) -> bool:
    """A row is named by its row key; whoever has none needs the whole row, as does one logged by another index."""
    if identity.kind in {FULL, NOTHING}:
        return identity.kind == FULL
    table = look.schema.table(identity.name)
    key = table.row_key if table is not None else None
    return key is not None and set(key.columns) <= set(identity.columns)


def _partial_images(look: Look, found: list[Identity]) -> list[CheckResult]:
    """Say which tables cost more: values read again by key, or unique keys whose old values are not known."""
    partial = [each for each in found if each.kind != FULL]
    slow = [each for each in partial if each.large or _has_more_keys(look, each)]
    if not slow:
        return passed("every changed row is named in the log")
    message = (
        f"replica identity is not FULL for {len(slow)} tables with large values or several unique keys:"
        f" {listed(each.name for each in slow)}"
    )
    hint = (
        "it works: large values that an UPDATE left alone are read again from the source by key, and changes of tables"
        " with several unique keys are applied one behind the other; with FULL neither is needed"
    )
    return warned(message, hint, "; ".join(each.mending for each in slow[:_MENDED]))


def _has_more_keys(look: Look, identity: Identity) -> bool:
    table = look.schema.table(identity.name)
    return table is not None and len(table.unique_keys) > 1


def check_keys(look: Look) -> list[CheckResult]:
    """Ask for a key that names each row."""
    without = [table.name for table in look.schema.tables if table.row_key is None]
    if without:
        message = f"{len(without)} tables have no primary key nor a unique one without NULL: {listed(without)}"
        return warned(message, "they arrive exactly once, but are loaded in one stream and applied row by row")
    return passed("every table has a key")


def check_kinds(look: Look) -> list[CheckResult]:
    """Ask for kinds of tables that move."""
    odd = [f"{each.name} ({each.reason})" for each in look.schema.left_out]
    if odd:
        return warned(f"these do not move: {listed(odd)}", "leave them out (--exclude) to be rid of this warning")
    return passed()


def check_retention(look: Look) -> list[CheckResult]:
    """Say what the slot means for the server's disk."""
    if not look.has_step(*_LOG_STEPS):
        return []
    if look.connection.version[0] < 13:
        return warned("the server keeps its log for the project without limit until the project is released")
    limit = str(look.connection.query("SHOW max_slot_wal_keep_size")[0][0])
    name = slot_name("<project>")
    if limit in {"-1", "-1MB"}:
        return passed(f"the slot {name} keeps the log that has not been spooled yet, without limit")
    hint = "a project that is paused for longer than that must load again; -1 sets no limit"
    return warned(f"max_slot_wal_keep_size is {limit}: the server gives the slot up beyond it", hint)


def check_clock(look: Look) -> list[CheckResult]:
    """Compare the server's clock with ours."""
    before = time.time()
    server = float(look.connection.query("SELECT extract(epoch FROM clock_timestamp())::float8")[0][0])
    apart = server - (before + time.time()) / 2
    if abs(apart) > _CLOCK_SECONDS:
        return warned(f"the server's clock is {apart:+.1f} s from ours", "latency is shown wrong by that much")
    return passed(f"{apart:+.3f} s")


ITEMS = (
    Item("DB_VERSION", "the version is known", check_version),
    Item("RDB_TABLE_EXIST", "the tables exist", check_tables),
    Item("DB_ACCOUNT_FULL_READ_PRIVILEGE", "we may read the tables", check_read_privilege),
    Item("DB_WAL_LEVEL", "the log can be decoded, and a slot is free", check_settings),
    Item("DB_ACCOUNT_INCR_READ_PRIVILEGE", "we may follow the log", check_log_privilege),
    Item("DB_INCR_LOG", "the log names every changed row", check_identity),
    Item("DB_UK_INDEX", "tables have keys", check_keys),
    Item("DB_TABLE_TYPE", "tables are of kinds that move", check_kinds),
    Item("DB_LOG_RETENTION", "the log is kept for as long as needed", check_retention),
    Item("DB_TIME_SYNC", "the clocks agree", check_clock),
)
