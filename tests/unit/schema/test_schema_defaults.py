from __future__ import annotations

import pytest

from ferryman.connectors.mysql_family.catalog.defaults import canonical_literal, now_text, stripped
from ferryman.connectors.mysql_family.catalog.typemap import column_type
from ferryman.connectors.mysql_family.ddl.parser_columns import parse_type
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.precheck.privileges import Grant, missing
from ferryman.model.names import TableName
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.serial import from_json, to_json
from ferryman.spi.dialect import SchemaPlan


@pytest.mark.parametrize(
    ("type_text", "literal", "kept"),
    [
        ("decimal(10,2)", "1.5", "1.50"), ("decimal(10,2)", "1.005", "1.01"), ("int", "007", "7"), ("int", "-5", "-5"),
        ("double", "1e2", "100"), ("date", "2020-1-2", "2020-01-02"),
        ("datetime(3)", "2020-1-2 3:4:5", "2020-01-02 03:04:05.000"),
        ("time(2)", "1:2:3", "01:02:03.00"), ("time", "-838:59:59", "-838:59:59"), ("year", "99", "1999"), ("year", "5", "2005"),
        ("enum('A','b')", "a", "A"), ("set('x','y')", "y,x", "x,y"), ("varchar(5)", "007", "007"), ("binary(3)", "a\0\0", "a"),
        ("timestamp", "0", "0000-00-00 00:00:00"), ("decimal(65,30)", "1", "1.000000000000000000000000000000"),
    ],
)  # fmt: skip
def test_literals_as_the_server_keeps_them(type_text: str, literal: str, kept: str) -> None:
    type_ = column_type(parse_type(Cursor(type_text)), "utf8mb4", "utf8mb4_general_ci")
    assert canonical_literal(type_, literal) == kept


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CURRENT_TIMESTAMP", "current_timestamp"), ("now()", "current_timestamp"), ("(now(3))", "current_timestamp(3)"),
        ("localtimestamp(6)", "current_timestamp(6)"), ("uuid()", None), ("nowhere", None),
    ],
)  # fmt: skip
def test_the_time_in_one_spelling(text: str, told: str | None) -> None:
    assert now_text(text) == told


@pytest.mark.parametrize(
    ("text", "told"), [("((a + 1))", "a + 1"), ("(a) + (b)", "(a) + (b)"), ("(')')", "')'"), ("x", "x")]
)
def test_parentheses_around_all(text: str, told: str) -> None:
    assert stripped(text) == told


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("INT(11)", "int"), ("int(10) unsigned", "int unsigned"), ("BOOL", "tinyint(1)"), ("int(5) unsigned zerofill",
        "int(5) unsigned zerofill"), ("double(10,3) unsigned", "double(10,3) unsigned"), ("year(4)", "year"),
        ("CHARACTER VARYING(7)", "varchar(7)"), ("text(100)", "text"), ("blob(300)", "blob"), ("float(30)", "double"),
    ],
)  # fmt: skip
def test_types_in_one_spelling(text: str, native: str) -> None:
    assert column_type(parse_type(Cursor(text)), "utf8mb4", "utf8mb4_general_ci").native == native


def test_grants() -> None:
    grants = [
        Grant(frozenset({"USAGE"}), "*", "*"),
        Grant(frozenset({"SELECT", "INSERT"}), "shop\\_%", "*"),
        Grant(frozenset({"ALL PRIVILEGES"}), "own", "*"),
    ]
    assert missing(grants, ["SELECT", "DELETE"], "shop_a") == ["DELETE"]
    assert missing(grants, ["SELECT"], "shopxa") == ["SELECT"]
    assert missing(grants, ["SELECT|CREATE"], "own") == []
    assert missing(grants, ["REPLICATION SLAVE"]) == ["REPLICATION SLAVE"]


def test_odd_names_survive_selection_and_notes() -> None:
    odd = TableName("a.b", "c`d*?")
    selection = Selection(objects=(exact_pattern(odd),), rename={"a.b": "`x.y`"})
    assert selection.includes(odd)
    assert not selection.includes(TableName("a.b", "c`dxx"))
    assert selection.target_name(odd) == TableName("x.y", "c`d*?")
    plan = SchemaPlan(tables={odd: _table(odd)})
    assert from_json(SchemaPlan, to_json(plan)) == plan


def _table(name: TableName):
    from ferryman.connectors.oceanbase.dialect import OceanBaseDialect

    selection = Selection()
    sql = "CREATE TABLE `c``d*?` (id INT PRIMARY KEY)"
    table = OceanBaseDialect().replay(Schema(), selection, sql, "a.b").schema.table(name)
    assert table is not None
    return table
