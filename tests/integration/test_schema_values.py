"""ALTER TABLE gives existing rows the same values at OceanBase as at MariaDB, or replay stops (I5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.embedded import MariaDb, OceanBase
from ferryman.model.selection import Selection

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

CASES = [
    ("INT", "1|-7|NULL", "ADD y INT NOT NULL"), ("INT", "1", "ADD y DATE NOT NULL"), ("INT", "1", "ADD y ENUM('b','a') NOT NULL"),
    ("INT", "1", "ADD y TIMESTAMP(3) NOT NULL"), ("INT", "1", "ADD y BINARY(3) NOT NULL"), ("INT", "1", "ADD y BIT(4) NOT NULL"),
    ("INT", "1", "ADD y DATETIME DEFAULT CURRENT_TIMESTAMP"), ("INT", "1", "ADD y VARCHAR(36) DEFAULT (UUID())"),
    ("INT", "5|6", "ADD y INT AUTO_INCREMENT, ADD KEY (y)"), ("INT", "1", "ADD y JSON NOT NULL"),
    ("FLOAT", "0.1|3.3333333|1e30", "MODIFY x DOUBLE"), ("DOUBLE", "0.1|1e20|123456789.125", "MODIFY x VARCHAR(40)"),
    ("DECIMAL(10,3)", "0.125|-2.555", "MODIFY x DECIMAL(10,2)"), ("DECIMAL(10,3)", "0.5|-2.5|1.5", "MODIFY x INT"),
    ("DATETIME(6)", "'2020-01-01 10:11:12.678901'", "MODIFY x DATETIME(3)"), ("TIME(3)", "'10:11:12.678'", "MODIFY x TIME"),
    ("DATETIME", "'2020-01-01 10:11:12'", "MODIFY x TIMESTAMP"), ("DATETIME", "'2020-01-01 10:11:12'", "MODIFY x DATE"),
    ("VARCHAR(20)", "'12'|'-3'", "MODIFY x INT"), ("VARCHAR(20)", "'aé😀 '", "MODIFY x VARBINARY(30)"),
    ("ENUM('a','b')", "'a'|'b'", "MODIFY x ENUM('b','c','a')"), ("SET('a','b')", "'a,b'", "MODIFY x SET('b','c','a')"),
    ("BINARY(3)", "'a'", "MODIFY x BINARY(5)"), ("BIT(4)", "5", "MODIFY x INT"), ("INT", "2020", "MODIFY x YEAR"),
    ("JSON", "'{\"b\": 1,  \"a\":2}'", "MODIFY x LONGTEXT"), ("INT(5) ZEROFILL", "5", "MODIFY x VARCHAR(20)"),
]  # fmt: skip


@pytest.fixture
def both(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> Iterator[tuple[Connection, Connection]]:
    with open_connection(mariadb.endpoint) as source, open_connection(oceanbase.endpoint, role="target") as target:
        for connection in (source, target):
            connection.execute(f"CREATE DATABASE `{database_name}` CHARACTER SET utf8mb4")
            connection.execute(f"USE `{database_name}`")
        yield source, target
        for connection in (source, target):
            connection.execute(f"DROP DATABASE `{database_name}`")


BYTES = "x'01ff'"


def test_defaults_of_bytes_are_the_same_bytes(both: tuple[Connection, Connection], database_name: str) -> None:
    """MariaDB's catalog shows them with question marks, OceanBase's as they are: neither is text."""
    source, target = both
    selection = Selection(objects=(f"{database_name}.*",))
    columns = f"a BINARY(4) DEFAULT {BYTES}, b VARBINARY(9) NOT NULL DEFAULT {BYTES}, q VARBINARY(9) DEFAULT '?'"
    source.execute(f"CREATE TABLE t (id INT PRIMARY KEY, {columns})")
    for statement in OceanBaseDialect().plan(read_schema(source, selection), selection).statements:
        if "`t`" in statement.sql:
            target.execute(statement.sql)
    added = f"ALTER TABLE t ADD c VARBINARY(9) DEFAULT {BYTES}, ADD d BINARY(3) NOT NULL DEFAULT {BYTES}"
    effect = OceanBaseDialect().replay(read_schema(source, selection), selection, added, database_name)
    source.execute(added)
    for sql in effect.statements:
        target.execute(sql)
    for connection in both:
        connection.execute("INSERT INTO t (id) VALUES (1)")
    shown = "SELECT HEX(a), HEX(b), HEX(q), HEX(c), HEX(d) FROM t"
    rows = [list(map(list, each.query(shown))) for each in both]
    assert rows[0] == rows[1] == [["01FF0000", "01FF", "3F", "01FF", "01FF00"]]
    defaults = [[column.default for column in read_schema(each, selection).tables[0].columns] for each in both]
    assert defaults[0] == defaults[1] == [column.default for column in effect.schema.tables[0].columns]


@pytest.mark.parametrize(("declared", "values", "action"), CASES, ids=[f"{case[0]} {case[2]}" for case in CASES])
def test_existing_rows(
    both: tuple[Connection, Connection], database_name: str, declared: str, values: str, action: str
) -> None:
    source, target = both
    for connection in both:
        connection.execute(f"CREATE TABLE t (id INT PRIMARY KEY, x {declared})")
        for number, value in enumerate(values.split("|")):
            connection.execute(f"INSERT INTO t VALUES ({number}, {value})")
    selection = Selection(objects=(f"{database_name}.*",))
    schema = read_schema(source, selection)
    source.execute(f"ALTER TABLE t {action}")
    effect = OceanBaseDialect().replay(schema, selection, f"ALTER TABLE t {action}", database_name)
    if effect.unlogged or not effect.known:
        assert "again" in effect.conversions[-1].message
        return
    for statement in effect.statements:
        target.execute(statement)
    rows = "SELECT * FROM t ORDER BY id"
    assert target.query(rows) == source.query(rows)
