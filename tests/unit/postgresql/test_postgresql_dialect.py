"""The dialect of PostgreSQL as a target: names, schema statements, what is told apart and what is refused."""

from __future__ import annotations

import pytest

from ferryman.api.native.creation import Wish, selection_of
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.ddl.replay import play
from ferryman.connectors.postgresql.dialect.names import bounded
from ferryman.connectors.postgresql.dialect.postgresql import PostgreSqlDialect
from ferryman.connectors.postgresql.errors import without_values
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Database, Schema, ServerTraits
from ferryman.model.selection import Selection
from ferryman.spi.url import parse_url

DIALECT = PostgreSqlDialect()
SELECTION = Selection(objects=("d.*",))


def schema_of(*statements: str) -> Schema:
    database = Database(name="d", charset="utf8mb4", collation="utf8mb4_general_ci")
    schema = Schema(databases=(database,), traits=ServerTraits(flavour="mariadb", version=(10, 11, 0)))
    for sql in statements:
        schema, _ = play(schema, parse(sql), "d")
    return schema


TABLE = "CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, n INT, v VARCHAR(10), d DATE, KEY by_v (v(3)))"


def replayed(sql: str, *before: str):
    return DIALECT.replay(schema_of(TABLE, *before), SELECTION, sql, "d")


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("ALTER TABLE t ADD c INT NOT NULL", "ADD COLUMN \"c\" integer NOT NULL DEFAULT '0'"),
        ("ALTER TABLE t MODIFY n BIGINT", 'ALTER COLUMN "n" TYPE bigint'),
        ("ALTER TABLE t MODIFY v VARCHAR(30)", "TYPE character varying(30)"),
        ("ALTER TABLE t DROP n", 'DROP COLUMN "n"'),
        ("ALTER TABLE t CHANGE n m INT", 'RENAME COLUMN "n" TO "m"'),
        ("ALTER TABLE t ADD UNIQUE u (n)", 'CREATE UNIQUE INDEX IF NOT EXISTS "t_u_key"'),
        ("ALTER TABLE t DROP INDEX by_v", 'DROP INDEX IF EXISTS "d"."t_by_v_idx"'),
        ("ALTER TABLE t ALTER n SET DEFAULT 5", "SET DEFAULT '5'"),
        ("ALTER TABLE t MODIFY n INT NOT NULL", "SET NOT NULL"),
        ("RENAME TABLE t TO u", 'RENAME TO "u"'),
        ("TRUNCATE t", "TRUNCATE TABLE"),
        ("DROP TABLE t", "DROP TABLE IF EXISTS"),
        ("CREATE TABLE x (e ENUM('a'))", "CHECK (\"e\" IN ('a'))"),
        ("ALTER TABLE t ADD CHECK (n > 3)", 'CHECK (("n"::numeric > 3))'),
    ],
)
def test_statements_are_followed(sql: str, part: str) -> None:
    effect = replayed(sql)
    assert effect.known, effect.conversions
    assert len(effect.statements) == 1  # one text: one transaction
    assert part in effect.statements[0]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE t MODIFY n VARCHAR(20)",
        "ALTER TABLE t MODIFY v VARCHAR(5)",
        "ALTER TABLE t MODIFY n SMALLINT",
        "ALTER TABLE t ADD c DATE NOT NULL",
        "ALTER TABLE t ADD c DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00'",
    ],
)
def test_what_postgres_would_compute_otherwise_stops(sql: str) -> None:
    assert not replayed(sql).known


def test_a_column_takes_the_name_that_another_leaves() -> None:
    effect = replayed("ALTER TABLE t RENAME COLUMN v TO w, RENAME COLUMN n TO v")
    assert effect.known
    assert [step.sql.count("RENAME COLUMN") for step in effect.steps] == [2, 2]  # by way of names nobody has


def test_long_names_are_bounded_and_told_apart() -> None:
    one, other = bounded("ü" * 40 + "a"), bounded("ü" * 40 + "b")
    assert one != other
    assert max(len(one.encode()), len(other.encode())) <= 63
    assert bounded("short") == "short"


def test_tables_and_indexes_share_their_names() -> None:
    schema = schema_of("CREATE TABLE a (id INT, KEY b (id))", "CREATE TABLE a_b_idx (id INT)")
    with pytest.raises(FerrymanError) as refused:
        DIALECT.plan(schema, SELECTION)
    assert refused.value.code == "schema.name_collision"


def test_a_generated_column_that_cannot_be_said_is_refused() -> None:
    schema = schema_of("CREATE TABLE a (id INT, g VARCHAR(9) AS (CONCAT(id, 'x')) STORED, h INT AS (id * 2) STORED)")
    with pytest.raises(FerrymanError) as refused:
        DIALECT.plan(schema, SELECTION)
    assert "d.a.g" in refused.value.message
    assert "d.a.h" not in refused.value.message


def test_every_difference_is_reported() -> None:
    plan = DIALECT.plan(schema_of(TABLE), SELECTION)
    told = {conversion.path for conversion in plan.conversions}
    assert {"d.t.id", "d.t.v"} <= told


def test_a_database_in_the_url_holds_the_schemas() -> None:
    wish = Wish(name="p", source=parse_url("mysql://h/shop"), target=parse_url("postgresql://h/store"))
    selection = selection_of(wish)
    assert selection.objects == ("`shop`.*",)
    assert selection.rename == {}


def test_messages_hold_no_values() -> None:
    assert without_values('invalid input syntax for type integer: "secret"') == (
        'invalid input syntax for type integer: "…"'
    )
    assert "t_pkey" in without_values('duplicate key value violates unique constraint "t_pkey"')
