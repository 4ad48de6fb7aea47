"""Replaying DDL gives the schema that the real server's catalog shows after it, statement by statement (I9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.ddl.parser_partitions import tokens_of
from ferryman.connectors.mysql_family.ddl.writer import full_name
from ferryman.connectors.mysql_family.dialect.differences import expression_key, index_key
from ferryman.connectors.mysql_family.dialect.tables import table_statements
from ferryman.connectors.mysql_family.precheck.items import listed
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.embedded import MariaDb, OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import CHARACTER_KINDS
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import DdlEffect

CORPUS = Path(__file__).parent.parent / "unit" / "ddl" / "corpus.sql"
DATABASE = "c"
SELECTION = Selection(objects=(f"{DATABASE}.*",), rename={DATABASE: "c_there"})


def statements() -> list[str]:
    text = "\n".join(line for line in CORPUS.read_text().splitlines() if not line.startswith("--"))
    return [sql.strip() for sql in text.split(";;") if sql.strip()]


def comparable(table: Table) -> dict[str, Any]:
    """Everything that replay must get right; expressions without what spelling adds."""
    return {
        "columns": [column_form(column) for column in table.columns],
        "indexes": {
            i.name: (index_key(i), i.invisible, i.comment, [p.descending for p in i.parts]) for i in table.indexes
        },
        "foreign_keys": {k.name: k for k in table.foreign_keys},
        "checks": {c.name: expression_key(c.expression) for c in table.checks},
        "partitions": [t.text.casefold() for t in tokens_of(table.partitions or "")],
        "options": (table.charset, table.collation, table.comment),
    }


def column_form(column: Any) -> tuple[Any, ...]:
    type_ = column.type
    charset = (type_.charset, type_.collation) if type_.kind in CHARACTER_KINDS else None
    default = column.default and (column.default.kind, expression_key(column.default.text))
    generated = column.generated and (expression_key(column.generated.expression), column.generated.stored)
    return (
        column.name, type_.kind, type_.native, type_.bits, type_.unsigned, type_.length, type_.precision, type_.scale,
        type_.fraction, type_.values, type_.zerofill, type_.geometry, charset, column.nullable, default,
        column.auto_increment, column.on_update, generated, column.invisible, column.comment,
    )  # fmt: skip


def differing(model: Schema, catalog: Schema) -> list[str]:
    one = {table.name: comparable(table) for table in model.tables}
    other = {table.name: comparable(table) for table in catalog.tables}
    out = [f"{name}: only in {'the model' if name in one else 'the catalog'}" for name in set(one) ^ set(other)]
    for name in set(one) & set(other):
        for part, value in one[name].items():
            if value != other[name][part]:
                out += [f"{name} {part}:\n  model   {value}\n  catalog {other[name][part]}"]
    if {v.name for v in model.views} != {v.name for v in catalog.views}:
        out.append("views")
    return out


@pytest.fixture
def empty(mariadb: MariaDb) -> Iterator[Connection]:
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        connection.execute(f"USE {DATABASE}")
        connection.execute("SET sql_mode='', foreign_key_checks=0")
        yield connection
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


def ran(connection: Connection, sql: str) -> bool:
    """Run a statement of the corpus; the server refuses a few, which then are not in any log."""
    try:
        connection.execute(sql)
    except FerrymanError:
        return False
    return True


@pytest.mark.mariadb
def test_replay_gives_the_catalog(empty: Connection) -> None:
    dialect = OceanBaseDialect()
    model = read_schema(empty, SELECTION)
    run = 0
    wrong: list[str] = []
    for sql in statements():
        if not ran(empty, sql):
            continue
        run += 1
        effect = dialect.replay(model, SELECTION, sql, DATABASE)
        catalog = read_schema(empty, SELECTION)
        problems = differing(effect.schema, catalog)
        if not effect.known and "load the table again" not in str(effect.conversions):
            problems.insert(0, f"not known: {effect.conversions}")
        if problems:
            wrong.append(f"{sql}\n" + "\n".join(problems))
        model = catalog if problems else effect.schema
    assert run >= 170, f"only {run} statements ran"
    assert not wrong, f"{len(wrong)} of {run}:\n" + "\n\n".join(wrong)


@pytest.mark.mariadb
def test_replaying_what_the_schema_has_already_does_nothing(empty: Connection) -> None:
    """The catalog was read after the statement ran: replay must see that nothing is left to do."""
    dialect = OceanBaseDialect()
    harmless = ("CREATE TABLE", "ALTER TABLE", "CREATE INDEX", "DROP", "CREATE UNIQUE")
    seen = []
    for sql in statements():
        if not ran(empty, sql) or not sql.upper().startswith(harmless) or "RENAME" in sql.upper():
            continue
        if any(
            word in sql.upper()
            for word in ("PARTITION", "CONVERT", "CHANGE", "DROP PRIMARY KEY", "ADD CHECK", "IN_LOG", "XCH")
        ):
            continue
        after = read_schema(empty, SELECTION)
        effect = dialect.replay(after, SELECTION, sql, DATABASE)
        if not effect.known or effect.statements or differing(effect.schema, after):
            seen.append(f"{sql}: {effect.known} {listed(effect.statements)} {differing(effect.schema, after)}")
    assert not seen, "\n\n".join(seen)


@pytest.mark.mariadb
@pytest.mark.oceanbase
def test_the_target_follows(empty: Connection, oceanbase: OceanBase) -> None:
    """The statements written for OceanBase run there, and make its catalog what the model says."""
    wrong: list[str] = []
    with open_connection(oceanbase.endpoint, role="target", writer=True) as there:
        there.execute("DROP DATABASE IF EXISTS c_there")
        there.execute("CREATE DATABASE c_there")
        base = read_schema(there, Selection(objects=("c_there.*",)))
        dialect = OceanBaseDialect().fitted(base.traits)
        model = read_schema(empty, SELECTION)
        for sql in statements():
            if not ran(empty, sql):
                continue
            effect = dialect.replay(model, SELECTION, sql, DATABASE)
            model = effect.schema
            for statement in statements_of(effect) if effect.known else made_anew(dialect, effect):
                try:
                    there.execute(statement)
                except FerrymanError as error:
                    wrong.append(f"{sql}\n  {statement}\n  {error.__cause__}")
            wrong += mismatches(there, dialect, effect.schema, effect.touched, sql)
    assert not wrong, f"{len(wrong)}:\n" + "\n\n".join(wrong)


def statements_of(effect: DdlEffect) -> list[str]:
    return [*(step.sql for step in effect.steps), *effect.statements]


def made_anew(dialect: OceanBaseDialect, effect: DdlEffect) -> list[str]:
    """What loading a table again begins with: values of its rows are in no log."""
    out = []
    for table in (effect.schema.table(name) for name in effect.touched):
        assert table is not None
        target = dialect.target_table(table, SELECTION)
        out.append(f"DROP TABLE IF EXISTS {full_name(target.name)}")
        out += [statement.sql for statement in table_statements(dialect.rules, target)]
    return out


def mismatches(
    there: Connection, dialect: OceanBaseDialect, schema: Schema, touched: tuple[TableName, ...], sql: str
) -> list[str]:
    if not touched:
        return []
    found = read_schema(there, Selection(objects=("c_there.*",)))
    out = []
    for table in schema.tables:
        if table.name not in touched:
            continue
        wanted = dialect.target_table(table, SELECTION)
        actual = found.table(TableName(wanted.name.database, wanted.name.table.lower()))
        if actual is None:
            out.append(f"{sql}\n  {wanted.name} is missing at the target")
        elif lines := dialect.differences(wanted, actual):
            out.append(f"{sql}\n  {wanted.name}: {lines}")
    return out


def test_corpus_has_enough() -> None:
    assert len(statements()) >= 180


EXCHANGES = [
    "CREATE TABLE v (id INT PRIMARY KEY, a INT, b INT, c VARCHAR(10), KEY ka (a), UNIQUE KEY kb (b))",
    "INSERT INTO v VALUES (1, 10, 20, 'x'), (2, 11, 21, 'y')",
    "ALTER TABLE v CHANGE a b INT, CHANGE b a INT",
    "ALTER TABLE v CHANGE a b BIGINT AFTER a, CHANGE b a INT",
    "ALTER TABLE v CHANGE a c2 INT, CHANGE c a VARCHAR(20), ADD COLUMN c INT NOT NULL DEFAULT 5",
    "ALTER TABLE v DROP COLUMN c, CHANGE c2 c INT",
    "CREATE TABLE w LIKE v",
    "INSERT INTO w (id, a, b, c) VALUES (7, 'w', 1, 2)",
    "RENAME TABLE v TO z, w TO v, z TO w",
]


@pytest.mark.mariadb
@pytest.mark.parametrize(
    "kind",
    [
        "mariadb",
        pytest.param("mysql56", marks=pytest.mark.mysql56),
        pytest.param("oceanbase", marks=pytest.mark.oceanbase),
        pytest.param("postgres", marks=pytest.mark.postgres),
    ],
)
def test_values_go_with_their_columns(empty: Connection, kind: str, request: pytest.FixtureRequest) -> None:
    """Names exchanged in one statement: at every target each value is behind it where the source has it."""
    server = request.getfixturevalue(kind)
    connector = connector_for(server.endpoint)
    assert connector.target is not None
    assert connector.dialect is not None
    target, model = connector.target(server.endpoint), read_schema(empty, SELECTION)
    home = Selection(objects=("c_there.*",))
    dialect = connector.dialect.fitted(target.read_schema(home).traits)
    clean = "DROP SCHEMA IF EXISTS c_there CASCADE" if kind == "postgres" else "DROP DATABASE IF EXISTS c_there"
    target.run_ddl(clean)
    if kind != "postgres":
        target.run_ddl("CREATE DATABASE c_there")
    for sql in EXCHANGES:
        empty.execute(sql)
        if sql.startswith("INSERT"):
            target.run_ddl(sql.replace("INTO ", "INTO c_there."))
            continue
        effect = dialect.replay(model, SELECTION, sql, DATABASE)
        assert effect.known, effect.conversions
        for statement in statements_of(effect):
            target.run_ddl(statement)
        model = effect.schema
        assert not differing(model, read_schema(empty, SELECTION)), sql
    for table in model.tables:
        columns = [column.name for column in table.columns]
        there = target.read_schema(home).table(dialect.target_table(table, SELECTION).name)
        assert there is not None
        found = [row for batch in target.reader().read(there, columns) for row in batch.rows()]
        wanted = [
            row
            for batch in Reader(lambda: open_connection(empty.endpoint)).read(table, columns)
            for row in batch.rows()
        ]
        assert sorted(found, key=repr) == sorted(wanted, key=repr), table.name
    target.run_ddl(clean)
