"""From OceanBase with the command line: every type by load and by poll, writers, schema changes, killed amid it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

TYPES = """CREATE TABLE types (
  id bigint unsigned PRIMARY KEY, t tinyint, s smallint unsigned, m mediumint, i int, y year, b bit(20), f float, d double,
  n decimal(30,10), da date, ti time(3), dt datetime(6), ts timestamp(3) NULL, c char(5), v varchar(40), x text, e enum('a','b'),
  st set('p','q','r'), bi binary(4), vb varbinary(9), bl blob, j json, UNIQUE KEY v (v))"""
VALUES = (
    "({id}, -128, 65535, -8388608, -2147483648, 1901, b'1010', 3.4028e38, -0.1, -12345678901234567890.0000000001, '1000-01-01',"
    " '-838:59:59', '9999-12-31 23:59:59.999999',"
    " '2037-01-01 00:00:00.001', 'ü 🚣', '{v}', '', 'b', 'p,r', x'00', x'', x'00ff27',"
    ' \'{{"n": [1, null, "é"], "k": 0.1}}\')'
)
NULLS = "({id}" + ", NULL" * 22 + ")"


def execute(server: Server, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, database=database,
        autocommit=True, charset="utf8mb4", init_command="SET time_zone='+00:00'",
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


class Project:
    """One project of the command line."""

    def __init__(self, source: OceanBase, target: Server, database: str, directory: Path) -> None:
        self.report = directory / "report.json"
        self._arguments = [
            sys.executable, "-m", "ferryman", "run", "--source", source.url, "--target", target.url,
            "--objects", f"{database}.*", "--data-dir", str(directory / "data"), "--report", str(self.report),
        ]  # fmt: skip

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._arguments, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self, *more: str) -> dict[str, Any]:
        done = subprocess.run([*self._arguments, *more], check=False, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(self.report.read_text())
        assert all(table["mismatches"] == 0 for table in found["tables"]), found["tables"]
        return found


def _make(server: OceanBase, database: str) -> None:
    execute(server, f"CREATE DATABASE {database}")
    execute(
        server,
        TYPES,
        "CREATE TABLE bag (a int, b varchar(10))",
        "CREATE TABLE plain (id int PRIMARY KEY, v int)",
        "INSERT INTO types VALUES " + ",".join(VALUES.format(id=n, v=f"v{n}") for n in range(300)),
        f"INSERT INTO types VALUES {NULLS.format(id=18446744073709551615)}",
        "INSERT INTO plain SELECT id, t FROM types WHERE id < 300",
        "INSERT INTO bag SELECT id % 7, 'x' FROM plain",
        database=database,
    )


def _write(server: OceanBase, database: str, stop: threading.Event) -> None:
    n = 0
    while not stop.is_set():
        n += 1
        execute(
            server,
            f"UPDATE plain SET v = v + 1 WHERE id % 17 = {n % 17}",
            f"DELETE FROM bag WHERE a = {n % 7} LIMIT 3",
            f"INSERT INTO bag VALUES ({n % 7}, 'y'), ({n % 7}, 'y')",
            f"DELETE FROM types WHERE id = {n % 300}",
            f"INSERT INTO types VALUES {VALUES.format(id=1000 + n, v=f'late{n}')}",
            f"UPDATE types SET f = {n} / 3, d = {n} / 7, n = {n} / 9, ts = now(3), x = 'ö', j = '[{n}, 1e2]'"
            f" WHERE id % 50 = {n % 50}",
            database=database,
        )
        stop.wait(0.15)


def test_moves_and_follows(oceanbase: OceanBase, mariadb: MariaDb, database_name: str, tmp_path: Path) -> None:
    """A killed task tree goes on, schema statements are followed, what is built anew is read anew; no difference is left."""
    _make(oceanbase, database_name)
    project = Project(oceanbase, mariadb, database_name, tmp_path)
    stop = threading.Event()
    writer = threading.Thread(target=_write, args=(oceanbase, database_name, stop), daemon=True)
    writer.start()
    try:
        running = project.start("--stop-when", "never")
        _wait_for_line(running, "compare rows", "running")
        execute(
            oceanbase,
            "ALTER TABLE plain ADD COLUMN extra int DEFAULT 7",
            "UPDATE plain SET extra = 8 WHERE id < 5",
            "ALTER TABLE plain MODIFY v bigint",
            "CREATE TABLE born (id int PRIMARY KEY)",
            "INSERT INTO born VALUES (1), (2)",
            database=database_name,
        )
        _wait_until(lambda: _rows(mariadb, database_name, "born") == 2)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(30)
        execute(oceanbase, "TRUNCATE TABLE born", "INSERT INTO born VALUES (3)", database=database_name)
    finally:
        stop.set()
        writer.join(60)
    project.finish()
    assert execute(mariadb, f"SELECT id FROM {database_name}.born") == [(3,)]
    for table in ("types", "plain", "bag"):
        assert _rows(oceanbase, database_name, table) == _rows(mariadb, database_name, table) > 0
    one = f"SELECT SUM(extra) FROM {database_name}.plain"
    assert execute(oceanbase, one) == execute(mariadb, one)


def _rows(server: Server, database: str, table: str) -> int:
    try:
        return int(execute(server, f"SELECT COUNT(*) FROM {database}.{table}")[0][0])
    except pymysql.err.ProgrammingError:
        return -1


def _wait_for_line(process: subprocess.Popen[str], *words: str) -> None:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if all(word in line for word in words):
            threading.Thread(target=process.stdout.read, daemon=True).start()  # keep the pipe empty
            return
    pytest.fail("".join(seen))


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_one_oceanbase_to_another_killed_amid_it(
    oceanbase: OceanBase, servers_directory: Path, database_name: str, tmp_path: Path
) -> None:
    """The source itself dies between two polls and comes back: the log goes on where it is durable."""
    source = OceanBase(servers_directory / "dying").start()
    try:
        _make(source, database_name)
        project = Project(source, oceanbase, database_name, tmp_path)
        running = project.start("--stop-when", "never")
        _wait_for_line(running, "compare rows", "running")
        execute(source, "UPDATE plain SET v = 77 WHERE id < 50", "DELETE FROM bag WHERE a = 1", database=database_name)
        source.kill()
        source.start()
        execute(
            source,
            "UPDATE plain SET id = id + 1000 WHERE id < 20",
            "INSERT INTO bag VALUES (1, 'w')",
            database=database_name,
        )
        wanted = execute(source, f"SELECT COUNT(*), SUM(id), SUM(v) FROM {database_name}.plain")
        _wait_until(
            lambda: execute(oceanbase, f"SELECT COUNT(*), SUM(id), SUM(v) FROM {database_name}.plain") == wanted
        )
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(30)
        project.finish()
    finally:
        source.remove()
