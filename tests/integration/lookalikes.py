"""Values that look alike and are not: what a comparison that is careless about a type takes for the same.

Each case is a column's type, a value of the source, and another for the target, as literals of the MySQL family or of
PostgreSQL. `None` as the target's value: NULL.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lookalike:
    """One column with one value, and its double."""

    type: str
    value: str
    double: str

    def column(self, number: int) -> str:
        """Return the column's definition."""
        return f"c{number} {self.type}"


FAMILY = [
    Lookalike(*case)
    for case in (
        ("varchar(20) collate utf8mb4_general_ci", "'a'", "'a '"),
        ("varchar(20) collate utf8mb4_general_ci", "'a'", "'A'"),
        ("varchar(20) collate utf8mb4_general_ci", "'é'", "'e'"),
        ("varchar(20) collate utf8mb4_general_ci", "X'C3A9'", "X'65CC81'"),  # é as one character and as two
        ("varchar(20)", "'a'", "X'6100'"),
        ("varchar(20)", "''", "NULL"),
        ("varchar(20)", "'NULL'", "NULL"),
        ("varchar(20) character set latin1", "'é'", "'è'"),
        ("char(10) collate utf8mb4_general_ci", "'ab'", "'AB'"),
        ("text", "'a\\nb'", "'a\\r\\nb'"),
        ("text", "CONCAT(REPEAT('x', 60000), 'a')", "CONCAT(REPEAT('x', 60000), 'b')"),
        ("float", "0.1", "0.10000001"),
        ("double", "0.1", "0.10000000000000002"),
        ("double", "1e308", "9.999999999999999e307"),
        ("decimal(30,10)", "12345678901234567890.0000000001", "12345678901234567890.0000000002"),
        ("decimal(5,2)", "0.00", "NULL"),
        ("bigint", "9007199254740993", "9007199254740992"),
        ("bigint unsigned", "18446744073709551615", "18446744073709551614"),
        ("tinyint(1)", "1", "2"),
        ("bit(64)", "b'1111111111111111111111111111111111111111111111111111111111111111'",
         "b'1111111111111111111111111111111111111111111111111111111111111110'"),
        ("bit(9)", "b'000000001'", "b'100000001'"),
        ("date", "'2024-02-29'", "'2024-02-28'"),
        ("time(6)", "'00:00:00.000001'", "'00:00:00.000000'"),
        ("time", "'-00:00:01'", "'00:00:01'"),
        ("datetime(6)", "'2024-01-01 00:00:00.999999'", "'2024-01-01 00:00:01'"),
        ("timestamp(3) null", "'2024-10-27 00:30:00.123'", "'2024-10-27 01:30:00.123'"),  # one local time in half of Europe
        ("year", "2000", "1901"),
        ("enum('a','b','ab')", "'a'", "'ab'"),
        ("enum('','x')", "''", "NULL"),
        ("set('a','b','c')", "'a,b'", "'a,b,c'"),
        ("set('a','b')", "''", "NULL"),
        ("binary(4)", "X'61'", "X'61000001'"),
        ("varbinary(9)", "X'61'", "X'6100'"),
        ("varbinary(9)", "'a'", "'a '"),
        ("blob", "X''", "NULL"),
        ("blob", "X'00'", "X'0000'"),
        ("json", "'1'", "'\"1\"'"),
        ("json", "'null'", "NULL"),
        ("json", "'[]'", "'{}'"),
        ("json", "'[1, 2]'", "'[2, 1]'"),
        ("json", "'{\"a\": \"x\"}'", "'{\"a\": \"x \"}'"),
        ("json", "'{\"a\": true}'", "'{\"a\": 1}'"),
        ("json", "'{\"a\": 9007199254740993}'", "'{\"a\": 9007199254740992}'"),
        ("json", "'\"\\\\u00e9\"'", "'\"e\\\\u0301\"'"),
    )
]  # fmt: skip

STANDARD = [
    Lookalike(*case)
    for case in (
        ("boolean", "false", "NULL"),
        ("bigint", "9007199254740993", "9007199254740992"),
        ("numeric", "1e-30", "0"),
        ("numeric", "'NaN'", "NULL"),
        ("numeric(40,10)", "12345678901234567890.0000000001", "12345678901234567890.0000000002"),
        ("real", "0.1", "0.10000001"),
        ("real", "'NaN'", "'Infinity'"),
        ("double precision", "0", "'-0'"),
        ("double precision", "0.1", "0.10000000000000002"),
        ("double precision", "'Infinity'", "'-Infinity'"),
        ("money", "'0.05'", "'-0.05'"),
        ("char(5)", "'ab'", "'aB'"),
        ("varchar(20)", "'a'", "'a '"),
        ("text", "''", "NULL"),
        ("text", "'é'", "E'e\\u0301'"),
        ("text", "E'\\\\N'", "NULL"),
        ("text", "E'a\\nb'", "E'a\\r\\nb'"),
        ("bytea", "'\\x61'", "'\\x6100'"),
        ("bytea", "''", "NULL"),
        ("date", "'infinity'", "'-infinity'"),
        ("date", "'0044-03-15'", "'0044-03-15 BC'"),
        ("time", "'00:00'", "'24:00'"),
        ("timetz", "'12:00+00'", "'13:00+01'"),
        ("timestamp", "'2024-01-01 00:00:00.999999'", "'2024-01-01 00:00:01'"),
        ("timestamptz", "'2024-10-27 02:30+02'", "'2024-10-27 02:30+01'"),
        ("interval", "'1 day'", "'24:00:00'"),
        ("interval", "'1 mon'", "'30 days'"),
        ("bit(3)", "B'001'", "B'101'"),
        ("bit varying(9)", "B'1'", "B'01'"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),
        ("inet", "'10.0.0.1/24'", "'10.0.0.1'"),
        ("json", "'null'", "NULL"),
        ("json", "'1'", "'\"1\"'"),
        ("jsonb", "'[1, 2]'", "'[2, 1]'"),
        ("jsonb", "'{\"a\": true}'", "'{\"a\": 1}'"),
        ("jsonb", "'12345678901234567890.1'", "'12345678901234567890.2'"),
        ("jsonb", "'1e-400'", "'0'"),
        ("int[]", "'{}'", "NULL"),
        ("int[]", "'{1,NULL}'", "'{1}'"),
        ("text[]", "'{\"NULL\"}'", "'{NULL}'"),
        ("text[]", "'{\"a,b\"}'", "'{a,b}'"),
        ("int[]", "'[0:1]={1,2}'", "'{1,2}'"),
        ("numrange", "'[1,2)'", "'[1,2]'"),
        ("int4range", "'empty'", "'(,)'"),
        ("point", "'(0,1)'", "'(-0,1)'"),
        ("tsvector", "'a:1 b:2'", "'a:1 b:3'"),
    )
]  # fmt: skip


def created(table: str, cases: list[Lookalike]) -> str:
    """Return the statement that makes a table with a column for each case."""
    return f"CREATE TABLE {table} (id INT PRIMARY KEY, {', '.join(each.column(n) for n, each in enumerate(cases))})"


def filled(table: str, cases: list[Lookalike]) -> list[str]:
    """Return the statements that put each case into a row of its own."""
    return [f"INSERT INTO {table} (id, c{n}) VALUES ({n}, {each.value})" for n, each in enumerate(cases)]


def damaged(table: str, cases: list[Lookalike]) -> list[str]:
    """Return the statements that put the doubles in their places."""
    return [f"UPDATE {table} SET c{n} = {each.double} WHERE id = {n}" for n, each in enumerate(cases)]


def every(cases: list[Lookalike]) -> dict[str, list[str]]:
    """Return what must be found: the row's key → the columns that differ."""
    return {str(n): [f"c{n}"] for n in range(len(cases))}
