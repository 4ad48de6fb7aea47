"""Schema statements that stop a project, or nearly: what an operator does about them by the command line, and what follows."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.embedded import MariaDb, OceanBase
from real_pipeline import execute

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(300)]

FERRYMAN = (sys.executable, "-m", "ferryman")
LIMIT_SECONDS = 120.0


def until(what: Callable[[], Any], why: Callable[[], object]) -> Any:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)
    return found


class Lab:
    """A service with one project that follows one database."""

    def __init__(self, source: MariaDb, target: OceanBase, database: str, directory: Path) -> None:
        self.source, self.target, self.database = source, target, database
        command = [*FERRYMAN, "serve", "--port", "0", "--data-dir", str(directory)]
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": "geheim"}
        self.service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.service.stdout is not None
        line = self.service.stdout.readline()
        self.url = next(word for word in line.split() if word.startswith("http")).rstrip("/")

    def projects(self, *arguments: str, code: int = 0) -> str:
        environment = os.environ | {"FERRYMAN_URL": self.url, "FERRYMAN_PASSWORD": "geheim", "COLUMNS": "200"}
        done = subprocess.run(
            [*FERRYMAN, "projects", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def at_source(self, *statements: str) -> None:
        execute(self.source, *statements, database=self.database)

    def at_target(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.target, *statements, database=self.database)

    def apply(self) -> dict[str, Any]:
        login = base64.b64encode(b"admin:geheim").decode()
        url = f"{self.url}/api/v1/projects/{self.database}"
        request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            steps = json.loads(answer.read())["steps"]
        return next(step for step in steps if step["name"].lower() == "apply")

    def stopped(self, code: str) -> None:
        def error() -> bool:
            return (self.apply().get("error") or {}).get("code") == code

        until(error, self.apply)

    def decide(self, *choice: str) -> None:
        self.projects("choose", self.database, *choice)
        self.projects("resume", self.database)

    def equal(self, table: str) -> None:
        def same() -> bool:
            sql = f"SELECT * FROM {self.database}.{table} ORDER BY 1"
            try:
                return execute(self.source, sql) == execute(self.target, sql)
            except Exception:  # the table is not there yet
                return False

        until(same, lambda: (table, self.apply(), self.at_target(f"SELECT * FROM {table} ORDER BY 1")))


@pytest.fixture
def lab(mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path) -> Iterator[Lab]:
    execute(mariadb, f"CREATE DATABASE {database_name} CHARACTER SET utf8mb4")
    execute(
        mariadb,
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
        "CREATE TABLE bag (v INT)",
        "CREATE TABLE j (id INT PRIMARY KEY, doc JSON)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO bag VALUES (1), (1), (NULL)",
        """INSERT INTO j VALUES (1, '{"a": 1}')""",
        database=database_name,
    )
    made = Lab(mariadb, oceanbase, database_name, tmp_path / "data")
    ends = ("--source", f"{mariadb.url}/{database_name}", "--target", oceanbase.url)
    made.projects("create", "--name", database_name, *ends, "--types", "schema,full,incremental", "--start")
    until(lambda: made.apply()["status"] == "MONITORING", made.apply)
    yield made
    made.service.terminate()
    made.service.wait(60)
    execute(mariadb, f"DROP DATABASE IF EXISTS {database_name}", f"DROP DATABASE IF EXISTS {database_name}_outside")
    execute(oceanbase, f"DROP DATABASE IF EXISTS {database_name}")


def test_values_that_stand_in_no_log_are_read_again(lab: Lab) -> None:
    lab.at_source(
        "INSERT INTO t VALUES (3, 'c')",
        "ALTER TABLE t ADD COLUMN made DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), ADD COLUMN u CHAR(36) DEFAULT (uuid())",
        "UPDATE t SET v = 'changed' WHERE id = 1",
        "INSERT INTO t (id, v) VALUES (4, 'd')",
        "ALTER TABLE bag ADD COLUMN n INT AUTO_INCREMENT PRIMARY KEY FIRST, ADD COLUMN r DOUBLE DEFAULT (rand())",
        "DELETE FROM bag WHERE v IS NULL",
        "INSERT INTO bag (v) VALUES (5)",
        "DELETE FROM t WHERE id = 2",
    )
    lab.equal("t")
    lab.equal("bag")
    until(lambda: lab.apply()["status"] == "MONITORING", lab.apply)
    assert len(set(lab.at_target("SELECT u FROM t"))) == 3


def test_statements_mean_what_their_session_meant(lab: Lab) -> None:
    """Time zone and SQL mode of the session, and partitions that OceanBase cannot change as the source does (I5)."""
    lab.at_source(
        "SET time_zone = '-07:00'",
        "ALTER TABLE t ADD COLUMN made TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00'",
        "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
        """ALTER TABLE "t" ADD COLUMN "w\\" VARCHAR(9) NOT NULL DEFAULT 'a\\nb'""",
        "INSERT INTO t (id) VALUES (3)",
        "CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN MAXVALUE)",
        "INSERT INTO p VALUES (1), (2), (3)",
        "alter table p reorganize partition a into (partition a values less than (2), partition b values less than maxvalue)",
        "ALTER TABLE p DROP PARTITION a",
    )
    shown = f"SELECT id, v, UNIX_TIMESTAMP(made), `w\\` FROM {lab.database}.t ORDER BY id"
    wanted = [(1, "a"), (2, "b"), (3, None)]
    rows = [(*row, 1577862000, "a\\nb") for row in wanted]
    until(lambda: lab.at_target("SHOW COLUMNS FROM t LIKE 'w%'"), lab.apply)
    until(lambda: execute(lab.target, shown) == rows, lab.apply)
    assert execute(lab.source, shown) == rows
    default = "SELECT column_default FROM information_schema.columns WHERE table_schema = '{}' AND column_name = 'made'"
    assert "2020-01-01 07:00:00" in str(execute(lab.target, default.format(lab.database)))
    lab.equal("p")


def test_the_choices_of_an_operator(lab: Lab) -> None:
    # `apply`: what to run at the target instead; the source's statement still tells how rows look from there on.
    lab.at_source("ALTER TABLE j MODIFY doc LONGTEXT", "INSERT INTO j VALUES (2, 'no document')")
    lab.stopped("apply.ddl_unknown")
    assert "others take none" in lab.projects("choose", lab.database, "skip", "--sql", "SELECT 1", code=2)
    lab.decide("apply", "--sql", f"ALTER TABLE {lab.database}.j MODIFY doc NOSUCHTYPE")
    lab.stopped("target.ddl_failed")
    name = f"{lab.database}.j"
    remade = f"CREATE TABLE {name} (id INT PRIMARY KEY, doc LONGTEXT)"
    lab.at_target("DROP TABLE j")
    lab.decide("apply", "--sql", remade)
    # `done`: a table comes in from outside, with rows that are in no log of ours; the target's was filled by hand.
    outside = f"{lab.database}_outside"
    lab.equal("j WHERE id = 2")
    execute(lab.source, f"CREATE DATABASE {outside}", f"CREATE TABLE {outside}.x (id INT PRIMARY KEY, w VARCHAR(9))")
    execute(lab.source, f"INSERT INTO {outside}.x VALUES (1, 'old')", f"RENAME TABLE {outside}.x TO {lab.database}.x")
    lab.at_source("INSERT INTO x VALUES (2, 'new')")
    lab.stopped("apply.ddl_unknown")
    lab.at_target("CREATE TABLE x (id INT PRIMARY KEY, w VARCHAR(9))", "INSERT INTO x VALUES (1, 'old')")
    lab.decide("done")
    lab.equal("x")
    # `skip`: the history of a table is no concern of the target.
    lab.at_source("ALTER TABLE x ADD SYSTEM VERSIONING", "INSERT INTO t VALUES (9, 'z')")
    lab.stopped("apply.ddl_unknown")
    lab.decide("skip")
    lab.equal("t")
    assert "skip was chosen" in lab.projects("events", lab.database)
    assert "has not stopped" in lab.projects("choose", lab.database, "skip", code=2)
