"""Values that do not fit: counted before anything is written, refused by default, converted where the user says so (I5)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from ferryman.embedded import MariaDb, Postgres, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.postgres, pytest.mark.timeout(600)]


def mysql(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    with (
        pymysql.connect(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True,
            charset="utf8mb4", init_command="SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


def postgresql(server: Postgres, sql: str) -> list[tuple[Any, ...]]:
    login = {"user": server.user, "password": server.password, "dbname": "postgres"}
    with psycopg.connect(host="127.0.0.1", port=server.port, autocommit=True, **login) as connection:  # type: ignore[arg-type]
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(sql)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def ferryman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ferryman", *arguments], capture_output=True, text=True, timeout=300)


def test_mariadb_into_postgresql(mariadb: MariaDb, postgres: Postgres, database_name: str, tmp_path: Path) -> None:
    table = f"{database_name}.t"
    rows = (
        f"INSERT INTO {table} SELECT seq + %d, '0000-00-00', '2024-02-30 12:00:00.5', 'a\\0b', '{{\"k\": \"x\\\\u0000\"}}'"
        " FROM seq_1_to_37"
    )
    mysql(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {table} (id INT PRIMARY KEY, d DATE, dt DATETIME(1) NOT NULL, tx TEXT, fine JSON)",
        f"USE {database_name}",
        rows % 0,
        f"INSERT INTO {table} VALUES (1000, '2024-02-29', '2024-01-01', 'plain', '{{\"k\": \"\\\\\\\\u0000\"}}')",
    )
    target = (*("--target", postgres.url), *("--objects", f"{database_name}.*"))
    both = ("--source", mariadb.url, *target)
    checked = ferryman("check", *both, "--json")
    item = next(each for each in json.loads(checked.stdout)["items"] if each["item"] == "DB_VALUES")
    assert checked.returncode == 3
    assert item["verdict"] == "FAILED"
    for column, misfit in (("d", "zero-date"), ("dt", "zero-date"), ("tx", "nul-character"), ("fine", "nul-character")):
        found = next(part for part in item["message"].split("; ") if part.startswith(f"{table}.{column}: "))
        assert found.startswith(f"{table}.{column}: 37 values")
        assert f"[{misfit}]" in found
    choices = {each["policy"].rpartition(".")[2]: (each["count"], each["actions"]) for each in item["misfits"]}
    either = (37, ["null", "clamp"])
    assert choices == {
        "`d`:zero-date": either,
        "`dt`:zero-date": (37, ["clamp"]),  # NOT NULL
        "`tx`:nul-character": either,
        "`fine`:nul-character": either,
    }
    assert "plain" not in checked.stdout

    run = ("run", *both, "--name", database_name, "--data-dir", str(tmp_path), "--stop-when", "caught-up")
    wrong = ferryman("check", *both, "--on-value", f"{table}.dt:zero-date=null")
    assert wrong.returncode == 3
    assert "takes no NULL" in wrong.stdout

    policies = [
        *("--on-value", f"{table}.d:zero-date=null", "--on-value", f"{database_name}.*.dt:zero-date=clamp"),
        *("--on-value", "*.*.tx:nul-character=clamp", "--on-value", f"{table}.fine:nul-character=null"),
    ]
    report = tmp_path / "report.json"
    first = ferryman(*run, *policies, "--report", str(report))
    assert first.returncode == 0, first.stdout + first.stderr
    mysql(
        mariadb,
        f"USE {database_name}",
        rows % 2000,
        f"UPDATE {table} SET d = '2024-00-10' WHERE id = 1000",
        f"DELETE FROM {table} WHERE id = 5",
    )
    second = ferryman(*run, *policies, "--report", str(report))
    assert second.returncode == 0, second.stdout + second.stderr
    shown = postgresql(postgres, f"SELECT d::text, dt::text, tx, fine::text, count(*) FROM {table} GROUP BY 1, 2, 3, 4")
    assert sorted(shown, key=str) == [
        (None, "2024-01-01 00:00:00", "plain", '{"k": "\\\\u0000"}', 1),
        (None, "2024-02-29 12:00:00.5", "ab", None, 73),
    ]
    told = json.loads(report.read_text())
    assert {(e["column"], e["misfit"]): e["values"] for e in told["converted"]}["dt", "zero-date"] == 74
    assert "values converted" in second.stdout
    agreed = ferryman("verify", *both, *policies, "--json")
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr


def test_postgresql_into_mariadb(postgres: Postgres, mariadb: MariaDb, database_name: str, tmp_path: Path) -> None:
    table = f"{database_name}.t"
    postgresql(
        postgres,
        f"""CREATE SCHEMA {database_name};
        CREATE TABLE {table} (id int PRIMARY KEY, f float8, n numeric, d date, ts timestamptz(3), k varchar(10) UNIQUE);
        INSERT INTO {table} VALUES (1, 'NaN', 'NaN', 'infinity', '0044-03-15 BC', 'a'),
          (2, '-Infinity', 1e40, '0001-01-01', '-infinity', 'b'), (3, 1.5, 1e-31, '10000-01-01', now(), 'c')""",
    )
    both = ("--source", postgres.url, "--target", mariadb.url, "--objects", f"{database_name}.*")
    checked = json.loads(ferryman("check", *both, "--json").stdout)
    message = next(each for each in checked["items"] if each["item"] == "DB_VALUES")["message"]
    for part in ("f: 2", "n: 1 values hold NaN", "n: 1 values are out", "n: 1 values have more", "d: 2", "ts: 2"):
        assert f"{table}.{part}" in message
    policies = [
        f"--on-value={table}.{wish}"
        for wish in ("f:not-a-number=null", "n:not-a-number=null", "n:number-range=clamp", "n:digits=clamp",
                     "d:date-range=clamp", "ts:date-range=null")
    ]  # fmt: skip
    run = ferryman(
        "run", *both, *policies, "--name", database_name, "--data-dir", str(tmp_path), "--types", "schema,full,verify"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    nines = "9" * 35 + "." + "9" * 30
    shown = mysql(mariadb, f"SELECT f, CAST(n AS CHAR), CAST(d AS CHAR), ts IS NULL FROM {table} ORDER BY id")
    assert shown == [
        (None, None, "9999-12-31", 1),
        (None, nines, "0001-01-01", 1),
        (1.5, "0." + "0" * 30, "9999-12-31", 0),
    ]


def test_collations_and_narrower_tables_are_counted(mariadb: MariaDb, database_name: str) -> None:
    """Tables that stand ready at the target may be narrower in any way, and fold keys."""
    old, new = database_name, f"{database_name}_new"
    mysql(
        mariadb,
        f"CREATE DATABASE {old}", f"CREATE DATABASE {new}",
        f"CREATE TABLE {old}.t (k VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, i INT, n DECIMAL(10,4), s VARCHAR(50)"
        " CHARACTER SET utf8mb4, tm TIME(6), e ENUM('x'), b VARBINARY(50))",
        f"INSERT IGNORE INTO {old}.t VALUES ('a', 300, 1.5, 'long enough', '10:00:00.5', 'wrong', 'bytes'),"
        " ('A', -1, 123456, 'é😀', '10:00:00', 'x', ''), ('b', 5, 1.25, '', '10:00:00', 'x', '')",
        f"CREATE TABLE {new}.t (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, i TINYINT UNSIGNED, n DECIMAL(6,1),"
        " s VARCHAR(5) CHARACTER SET latin1, tm TIME, e ENUM('x'), b VARBINARY(4))",
    )  # fmt: skip
    given = ("--source", mariadb.url, "--target", mariadb.url, "--objects", f"{old}.*", "--map", f"{old}={new}")
    checked = ferryman("check", *given, "--types", "full,verify", "--json")
    message = next(each for each in json.loads(checked.stdout)["items"] if each["item"] == "DB_VALUES")["message"]
    for part in (
        "k: 2 rows share", "i: 2 values are out", "n: 1 values are out", "n: 1 values have more",
        "s: 1 values are longer", "s: 1 values hold characters", "tm: 1 values have", "b: 1 values are longer",
    ):  # fmt: skip
        assert f"{old}.t.{part}" in message, message
