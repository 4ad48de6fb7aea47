"""Every type, with values at both ends, arrives equal by the load and by the log (I5).

The judge is not ours: PyMySQL reads both sides as the servers print them (FLOAT and DOUBLE as doubles, which shows all
their bits; JSON compared as JSON).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

COLUMNS = {
    "t1": ("TINYINT", ["-128", "127", "0"]),
    "t1u": ("TINYINT UNSIGNED", ["0", "255", "1"]),
    "t2": ("SMALLINT", ["-32768", "32767", "0"]),
    "t3u": ("MEDIUMINT UNSIGNED", ["0", "16777215", "65536"]),
    "t3": ("MEDIUMINT", ["-8388608", "8388607", "-1"]),
    "t4": ("INT", ["-2147483648", "2147483647", "0"]),
    "t4z": ("INT(10) UNSIGNED ZEROFILL", ["0", "4294967295", "42"]),
    "t8": ("BIGINT", ["-9223372036854775808", "9223372036854775807", "0"]),
    "t8u": ("BIGINT UNSIGNED", ["0", "18446744073709551615", "9223372036854775808"]),
    "dec": (
        "DECIMAL(65,30)",
        ["-" + "9" * 35 + "." + "9" * 30, "9" * 35 + "." + "9" * 30, "0.000000000000000000000000000001"],
    ),
    "dec0": ("DECIMAL(10,0)", ["-9999999999", "9999999999", "0"]),
    "flt": ("FLOAT", ["-3.402823466e38", "1.17549435e-38", "-47997.5703125", "0.1", "-0e0", "16777217", "1e-45"]),
    "dbl": (
        "DOUBLE",
        ["-1.7976931348623157e308", "2.2250738585072014e-308", "0.1", "1e16", "-0e0", "123456789.12345679"],
    ),
    "bits": ("BIT(64)", ["0", "18446744073709551615", "b'1010'"]),
    "bit1": ("BIT(1)", ["0", "1"]),
    "d": ("DATE", ["'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2020-00-10'"]),
    "tm": ("TIME(6)", ["'-838:59:59.000000'", "'838:59:58.999999'", "'-00:00:00.000001'", "'00:00:00'"]),
    "tm0": ("TIME", ["'-838:59:59'", "'838:59:59'", "'12:00:00'"]),
    "dt": ("DATETIME(6)", ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'0000-00-00 00:00:00'"]),
    "ts": (
        "TIMESTAMP(6) NULL",
        ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.999999'", "'2024-03-31 02:30:00'"],
    ),
    "y": ("YEAR", ["1901", "2155", "0000"]),
    "c": ("CHAR(20)", ["''", "'trail   '", "'ünï 🚣'"]),
    "vc": (
        "VARCHAR(200)",
        ["''", "'trailing   '", "'tab\\t nl\\n cr\\r bs\\\\ q\\' dq\" nul\\0 z\\Z 😀'", "'NULL'", "'\\\\N'"],
    ),
    "l1": ("VARCHAR(50) CHARACTER SET latin1", ["'café €'", "''", "'ÿþ'"]),
    "tx": ("LONGTEXT", ["''", "REPEAT('long 🛶 ', 100000)", "'%s %d {}'"]),
    "en": ("ENUM('a','b c','d''e','ü')", ["'a'", "'ü'", "'d\\'e'"]),
    "st": ("SET('x','y','z w')", ["''", "'x,y,z w'", "'z w'"]),
    "bn": ("BINARY(8)", ["''", "X'00FF00FF00000000'", "X'0102030405060708'"]),
    "vb": ("VARBINARY(300)", ["''", "X'" + bytes(range(256)).hex() + "'", "X'0000'"]),
    "bl": ("LONGBLOB", ["''", "UNHEX(REPEAT('00FF0A5C27', 209716))", "X'5C6E'"]),
    "js": (
        "JSON",
        ['\'{"b": 1.50, "a": [1e5, null, "é😀\\\\n"]}\'', "'[]'", "'\"text\"'", '\'{"k": {"z": true, "y": -0.5}}\''],
    ),
}
ROWS = max(len(values) for _, values in COLUMNS.values()) + 1


def connect(server: Server) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
        conv={},
        init_command="SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    )


def execute(server: Server, *statements: str) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def inserts(table: str, first: int) -> list[str]:
    """One row a value position (the last one all NULL), from id `first` on."""
    statements = []
    for row in range(ROWS):
        values = [values[row % len(values)] if row < ROWS - 1 else "NULL" for _, values in COLUMNS.values()]
        statements.append(f"INSERT INTO {table} VALUES ({first + row}, {', '.join(values)})")
    return statements


def rows(server: Server, table: str) -> list[tuple[Any, ...]]:
    shown = [f"`{name}` * 1e0" if kind in {"FLOAT", "DOUBLE"} else f"`{name}`" for name, (kind, _) in COLUMNS.items()]
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {', '.join(shown)} FROM {table} ORDER BY id")
        return [tuple(row) for row in cursor.fetchall()]


def comparable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """JSON as JSON, floating point by its bits; all else as the server prints it."""
    kinds = ["", *(kind for kind, _ in COLUMNS.values())]
    return tuple(_comparable(value, kind) for value, kind in zip(row, kinds, strict=True))


def _comparable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "JSON":
        return json.loads(value)
    return float(value).hex() if kind in {"FLOAT", "DOUBLE"} else value


def ferryman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ferryman", *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
def test_every_type_arrives_equal_by_load_and_by_log(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path, metadata: str
) -> None:
    table = f"{database_name}.every_type"
    columns = ", ".join(f"`{name}` {kind}" for name, (kind, _) in COLUMNS.items())
    execute(mariadb, f"SET GLOBAL binlog_row_metadata = {metadata}", f"CREATE DATABASE {database_name}")
    try:
        execute(mariadb, f"CREATE TABLE {table} (id INT PRIMARY KEY, {columns})", *inserts(table, 0))
        run = (
            *("run", "--source", mariadb.url, "--target", oceanbase.url, "--objects", f"{database_name}.*"),
            *("--name", database_name, "--data-dir", str(tmp_path), "--stop-when", "caught-up"),
        )
        first = ferryman(*run)
        assert first.returncode == 0, first.stdout + first.stderr
        swaps = [
            f"UPDATE {table} SET id = id + 500 WHERE id = 1",
            f"UPDATE {table} SET vc = 'changed', dbl = NULL WHERE id = 2",
        ]
        execute(mariadb, *inserts(table, 1000), *swaps, f"DELETE FROM {table} WHERE id = 3")
        second = ferryman(*run)
        assert second.returncode == 0, second.stdout + second.stderr
        source, target = rows(mariadb, table), rows(oceanbase, table)
        assert len(source) == 2 * ROWS - 1
        names = ["id", *COLUMNS]
        for one, other in zip(source, target, strict=True):
            for name, value, arrived in zip(names, comparable(one), comparable(other), strict=True):
                assert value == arrived, f"row {one[0]}, column {name}"
    finally:
        execute(mariadb, "SET GLOBAL binlog_row_metadata = FULL")
