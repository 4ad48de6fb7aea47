"""What is asked of PostgreSQL as a target."""

from __future__ import annotations

from ferryman.connectors.postgresql.dialect.kindred import is_kindred, must_be_there, target_type, type_name
from ferryman.connectors.postgresql.precheck.items import Item, Look, listed, passed, refused, warned
from ferryman.connectors.postgresql.quoting import quote, quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import StepName
from ferryman.spi.precheck import CheckResult

_OLDEST = (12, 0)
_LOOKED_AT = 2000
_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def _targets(look: Look) -> list[TableName]:
    return [look.spec.selection.target_name(table.name) for table in look.schema.tables]


def _schemas(look: Look) -> list[str]:
    return list(dict.fromkeys(name.database for name in _targets(look)))


def check_version(look: Look) -> list[CheckResult]:
    """Ask for a version with generated columns and the functions we use."""
    text = f"PostgreSQL {'.'.join(map(str, look.connection.version))}"
    return passed(text) if look.connection.version >= _OLDEST else refused(f"{text}: 12 is the oldest that is known")


def check_encoding(look: Look) -> list[CheckResult]:
    """Ask for a database that holds every character."""
    encoding = str(look.connection.query("SELECT current_setting('server_encoding')")[0][0])
    if encoding == "UTF8":
        return passed(encoding)
    message = f"the database's encoding is {encoding}: characters it does not have stop the load"
    return refused(message, "make a database with ENCODING 'UTF8' and name it in the URL", skippable=True)


def _there(look: Look) -> set[str]:
    rows = look.connection.query("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", [_schemas(look)])
    return {str(name) for (name,) in rows}


def check_schemas(look: Look) -> list[CheckResult]:
    """Ask for the schemas, unless they will be made."""
    absent = [name for name in _schemas(look) if name not in _there(look)]
    if not absent:
        return passed()
    if look.has_step(StepName.SCHEMA):
        return passed(f"will be made: {listed(absent)}")
    fix = "; ".join(f"CREATE SCHEMA {quote(name)}" for name in absent)
    return refused(
        f"no schema {listed(absent)}", "make it, or let the schema step run", fix, code="target.table_missing"
    )


def _existing(look: Look) -> list[TableName]:
    wanted = set(_targets(look))
    rows = look.connection.query(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s)",
        [_schemas(look)],
    )
    return [name for row in rows if (name := TableName(*row)) in wanted]


def check_types(look: Look) -> list[CheckResult]:
    """Ask for the types that tables of another PostgreSQL use and the schema step does not make, and for their extensions."""
    columns = [column for table in look.schema.tables if is_kindred(table) for column in table.columns]
    types = [target_type(column.type, look.spec.selection) for column in columns]
    missing = _missing_types(look, [name for each in types if must_be_there(each) and (name := type_name(each))])
    extensions = {name: each.extension for each in types if each.extension and (name := type_name(each))}
    lacking = {name: str(extensions[name]) for name in _missing_types(look, list(extensions))}
    known = look.connection.query(
        "SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", [list(lacking.values())]
    )
    absent = sorted(set(lacking.values()) - {str(name) for (name,) in known})
    if absent:
        hint = "install them on the target's machine, or leave the columns out (--leave-out)"
        return refused(f"the server has no extension {listed(absent)}", hint, code="schema.unsupported_type")
    if missing:
        hint = "make them there (pg_dump --schema-only writes the statements), or leave the columns out (--leave-out)"
        return refused(f"the target has no type {listed(missing)}", hint, code="schema.unsupported_type")
    if lacking and not look.has_step(StepName.SCHEMA):
        fix = "; ".join(f"CREATE EXTENSION {quote(name)}" for name in sorted(set(lacking.values())))
        return refused(f"the target has no type {listed(lacking)}", fix_sql=fix, code="schema.unsupported_type")
    return passed(f"extensions will be made: {listed(sorted(set(lacking.values())))}" if lacking else "")


def _missing_types(look: Look, names: list[str]) -> list[str]:
    rows = look.connection.query(
        "SELECT DISTINCT n FROM unnest(%s::text[]) AS n WHERE to_regtype(n) IS NULL ORDER BY n", [names]
    )
    return [str(name) for (name,) in rows]


def check_tables(look: Look) -> list[CheckResult]:
    """Ask for the tables when nobody makes them."""
    if look.has_step(StepName.SCHEMA) or not look.has_step(StepName.LOAD, StepName.APPLY, StepName.VERIFY):
        return []
    there = set(_existing(look))
    absent = [name for name in _targets(look) if name not in there]
    if absent:
        message = f"{len(absent)} tables are missing: {listed(absent)}"
        return refused(message, "make them, or let the schema step run", code="target.table_missing")
    return passed()


def check_empty(look: Look) -> list[CheckResult]:
    """Ask for empty tables before a load."""
    if not look.has_step(StepName.LOAD):
        return []
    existing = _existing(look)[:_LOOKED_AT]
    full = [n for n in existing if look.connection.query(f"SELECT 1 FROM {quote_table(n)} LIMIT 1", table=str(n))]
    if not full:
        return passed()
    message = f"{len(full)} tables hold rows already: {listed(full)}"
    if look.spec.load.allow_target_not_empty:
        return warned(message, "rows of the same key are written over; others stay and are found by the verification")
    hint = "empty or drop them, choose other names (--map), or allow it"
    return refused(message, hint, skippable=True, code="target.not_empty")


def check_write_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to write rows in the tables that are there."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    names = [quote_table(name) for name in _existing(look)]
    rows = look.connection.query(
        "SELECT t, string_agg(p, ', ') FROM unnest(%s::text[]) AS t, unnest(%s::text[]) AS p"
        " WHERE NOT has_table_privilege(t, p) GROUP BY t ORDER BY t",
        [names, list(_ROWS)],
    )
    if not rows:
        return passed(", ".join(_ROWS))
    user = quote(look.endpoint.username)
    fix = "; ".join(f"GRANT {rights} ON {name} TO {user}" for name, rights in rows)
    message = f"no right to write {len(rows)} tables: {listed(f'{rights} on {name}' for name, rights in rows)}"
    return refused(message, fix_sql=fix, code="target.privilege")


def check_create_privilege(look: Look) -> list[CheckResult]:
    """Ask for the rights to make schemas and tables, and our own progress tables."""
    there = _there(look)
    makes = look.has_step(StepName.SCHEMA, StepName.APPLY, StepName.INDEX)
    needs = [name for name in _schemas(look) if makes and name not in there]
    own = look.connection.query("SELECT 1 FROM pg_namespace WHERE nspname = '_ferryman'")
    needs += [] if own or not look.has_step(StepName.LOAD, StepName.APPLY) else ["_ferryman"]
    user = quote(look.endpoint.username)
    fixes, lacks = [], []
    if needs and not _may(look, "has_database_privilege(current_database(), 'CREATE')"):
        database = str(look.connection.query("SELECT current_database()")[0][0])
        fixes.append(f"GRANT CREATE ON DATABASE {quote(database)} TO {user}")
        lacks.append(f"CREATE on the database {database} (to make the schemas {listed(needs)})")
    for name in [*(there if makes else ()), *(["_ferryman"] if own else ())]:
        if not _may(look, "has_schema_privilege(%s, 'CREATE, USAGE')", name):
            fixes.append(f"GRANT CREATE, USAGE ON SCHEMA {quote(name)} TO {user}")
            lacks.append(f"CREATE on the schema {name}")
    if lacks:
        return refused(f"no {'; no '.join(lacks)}", fix_sql="; ".join(fixes), code="target.privilege")
    return passed()


def _may(look: Look, question: str, *args: str) -> bool:
    return bool(look.connection.query(f"SELECT {question}", args)[0][0])


def check_triggers(look: Look) -> list[CheckResult]:
    """Foreign keys and triggers must not act on what we write: rows come in any order, and the log tells what they did."""
    if not look.has_step(StepName.LOAD, StepName.APPLY):
        return []
    try:
        look.connection.run("BEGIN; SET LOCAL session_replication_role = replica; COMMIT")
    except FerrymanError:
        look.connection.run("ROLLBACK")
    else:
        return passed()
    keys = [str(table.name) for table in look.schema.tables if table.foreign_keys]
    if not keys:
        return warned(f"{look.endpoint.username} may not silence foreign keys and triggers: tables must have none")
    message = f"{look.endpoint.username} may not silence foreign keys, and these tables have some: {listed(keys)}"
    hint = "from PostgreSQL 15 on the right can be granted; before, a superuser is needed"
    fix = f"GRANT SET ON PARAMETER session_replication_role TO {quote(look.endpoint.username)}"
    return refused(message, hint, fix, code="target.privilege")


ITEMS = (
    Item("DB_VERSION", "the version is known", check_version),
    Item("DB_CHARSET", "the database holds every character", check_encoding),
    Item("RDB_SCHEMA_EXIST", "the schemas exist or can be made", check_schemas),
    Item("RDB_TABLE_EXIST", "the tables exist", check_tables),
    Item("DB_DATA_TYPE", "types of users and of extensions are there", check_types),
    Item("DB_TABLE_NOT_EMPTY", "the tables are empty", check_empty),
    Item("DB_ACCOUNT_WRITER_PRIVILEGE", "we may write rows", check_write_privilege),
    Item("DB_ACCOUNT_CREATE_PRIVILEGE", "we may make tables", check_create_privilege),
    Item("DB_FOREIGN_KEYS", "foreign keys and triggers keep still", check_triggers),
)
