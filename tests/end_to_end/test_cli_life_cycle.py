"""The commands on real servers, as a person runs them: in a pipe, in a terminal, interrupted, and by the client."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

FERRYMAN = (sys.executable, "-m", "ferryman")
MEMBERS = ["project", "status", "steps", "tables", "latency_seconds", "checkpoint", "errors"]


def ferryman(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FERRYMAN, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"COLUMNS": "160"} | environment,
    )


def execute(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        autocommit=True,
        charset="utf8mb4",
    )
    with connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def shop(mariadb: MariaDb, database_name: str) -> str:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, v VARCHAR(20))",
        f"INSERT INTO {database_name}.t VALUES (1, 'a'), (2, 'b'), (3, NULL)",
    )
    return database_name


@pytest.fixture
def ends(mariadb: MariaDb, oceanbase: OceanBase, shop: str) -> tuple[str, ...]:
    return ("--source", f"{mariadb.url}/{shop}", "--target", oceanbase.url)


def test_run_report_and_run_again(
    mariadb: MariaDb, oceanbase: OceanBase, shop: str, ends: tuple[str, ...], tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    common = (*ends, "--data-dir", str(tmp_path / "d"), "--report", str(report))
    done = ferryman("run", *common, "--types", "schema,full")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done: 1 table, 3 rows" in done.stdout
    assert "\x1b" not in done.stdout, "plain lines in a pipe"
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (4, 'later')")
    again = ferryman("run", *common, "--json", "--types", "verify")
    assert again.returncode == 4, "the row was not there when the rows were copied"
    assert json.loads(again.stdout) == json.loads(report.read_text())
    assert list(json.loads(again.stdout)) == MEMBERS
    assert json.loads(again.stdout)["tables"] == [{"name": f"{shop}.t", "rows": 4, "mismatches": 1}]
    follows = ferryman("run", *common, "--types", "schema,full,incremental,verify")
    assert follows.returncode == 0, follows.stdout + follows.stderr
    assert execute(oceanbase, f"SELECT v FROM {shop}.t WHERE id = 4") == [("later",)], (
        "the log was followed from the start"
    )
    for server in (mariadb, oceanbase):
        assert server.password not in done.stdout + done.stderr + again.stdout + again.stderr + report.read_text()


def test_tables_made_by_hand_are_filled_and_followed(
    mariadb: MariaDb, oceanbase: OceanBase, shop: str, ends: tuple[str, ...], tmp_path: Path
) -> None:
    execute(oceanbase, f"CREATE DATABASE {shop}", f"CREATE TABLE {shop}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    common = ("run", *ends, "--data-dir", str(tmp_path / "d"))
    done = ferryman(*common, "--name", "filled", "--types", "full,incremental,verify")
    assert done.returncode == 0, done.stdout + done.stderr
    followed = (*common, "--name", "followed", "--types", "incremental")
    begun = ferryman(*followed)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (4, 'later')")
    again = ferryman(*followed)
    assert again.returncode == 0, again.stdout + again.stderr
    assert execute(oceanbase, f"SELECT v FROM {shop}.t WHERE id = 4") == [("later",)]


def test_rows_without_a_key_cannot_be_followed_later(
    mariadb: MariaDb, shop: str, ends: tuple[str, ...], tmp_path: Path
) -> None:
    execute(mariadb, f"CREATE TABLE {shop}.nokey (a INT)", f"INSERT INTO {shop}.nokey VALUES (1), (1)")
    common = ("run", *ends, "--data-dir", str(tmp_path / "d"))
    done = ferryman(*common, "--types", "schema,full")
    assert done.returncode == 0, done.stdout + done.stderr
    refused = ferryman(*common, "--types", "schema,full,incremental")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "without following" in refused.stderr


def test_interrupted_and_resumed(
    mariadb: MariaDb, oceanbase: OceanBase, shop: str, ends: tuple[str, ...], tmp_path: Path
) -> None:
    common = ("run", *ends, "--data-dir", str(tmp_path / "d"))
    process = subprocess.Popen([*FERRYMAN, *common, "--stop-when", "never"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "compare rows" in line and "done" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(60) == 130
    assert "same command goes on" in rest
    execute(mariadb, f"UPDATE {shop}.t SET v = 'changed' WHERE id = 1")
    done = ferryman(*common, "--stop-when", "caught-up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "going on where it stood" in done.stdout
    assert execute(oceanbase, f"SELECT v FROM {shop}.t WHERE id = 1") == [("changed",)]


def test_check_touches_nothing(
    oceanbase: OceanBase, shop: str, ends: tuple[str, ...], mariadb: MariaDb, tmp_path: Path
) -> None:
    done = ferryman("check", *ends)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it can work" in done.stdout
    execute(mariadb, f"CREATE TABLE {shop}.keyless (v INT)")
    page = tmp_path / "new" / "report.html"
    found = json.loads(ferryman("check", *ends, "--json", "--html", str(page)).stdout)
    assert found["passed"]
    assert [risk["objects"] for risk in found["risks"] if risk["subject"] == "no-key"] == [[f"{shop}.keyless"]]
    assert found["estimate"]["log_bytes_per_second"] is not None, "a binary log's growth can be told"
    assert found["estimate"]["load_seconds"]["most"] > 0
    told = page.read_text(encoding="utf-8")
    assert "it can work" in told
    assert f"{shop}.keyless" in told
    assert execute(oceanbase, f"SHOW DATABASES LIKE '{shop}'") == []
    wrong = ferryman("check", "--source", f"{mariadb.url}/nosuch_{shop}", "--target", oceanbase.url)
    assert wrong.returncode == 3
    assert "FAILED" in wrong.stdout
    assert f"nosuch_{shop}" in wrong.stdout


def test_verify_and_repair(oceanbase: OceanBase, shop: str, ends: tuple[str, ...], tmp_path: Path) -> None:
    moved = ferryman("run", *ends, "--data-dir", str(tmp_path), "--types", "schema,full")
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert ferryman("verify", *ends).returncode == 0
    execute(oceanbase, f"UPDATE {shop}.t SET v = 'x' WHERE id = 1", f"DELETE FROM {shop}.t WHERE id = 3")
    found = ferryman("verify", *ends)
    assert found.returncode == 4
    assert "2 rows differ" in found.stdout
    assert "id=3  missing in the target" in found.stdout
    repairs = ferryman("repair", *ends)
    assert repairs.returncode == 4
    assert repairs.stdout.count("REPLACE INTO") == 2
    assert ferryman("repair", *ends, "--apply").returncode == 0
    assert ferryman("verify", *ends).returncode == 0


def test_a_password_from_the_environment(mariadb: MariaDb, oceanbase: OceanBase, shop: str) -> None:
    source = f"mysql://{mariadb.user}@127.0.0.1:{mariadb.port}/{shop}"
    arguments = ("check", "--source", source, "--target", oceanbase.url)
    assert ferryman(*arguments, FERRYMAN_SOURCE_PASSWORD=mariadb.password).returncode == 0
    denied = ferryman(*arguments, FERRYMAN_SOURCE_PASSWORD="wrong")
    assert denied.returncode == 3
    assert "endpoint.access_denied" in denied.stdout + denied.stderr


def test_a_terminal_gets_a_live_screen(ends: tuple[str, ...], tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    command = [*FERRYMAN, "run", *ends, "--data-dir", str(tmp_path), "--types", "schema,full,verify"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm-256color"})
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
    assert process.wait(60) == 0, shown.decode()
    assert b"\x1b[" in shown
    assert "compare rows" in shown.decode()
    assert "0 differences" in shown.decode()
    assert "Traceback" not in shown.decode()


def test_the_client_of_a_service(ends: tuple[str, ...], tmp_path: Path) -> None:
    environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": "geheim"}
    serve = [*FERRYMAN, "serve", "--port", "0", "--data-dir", str(tmp_path / "d")]
    service = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert service.stdout is not None
        url = service.stdout.readline().split()[4]

        def projects(*arguments: str, code: int = 0) -> str:
            done = ferryman("projects", *arguments, FERRYMAN_URL=url, FERRYMAN_PASSWORD="geheim")
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        assert "no projects" in projects("list")
        projects("create", "--name", "shop", *ends, "--types", "schema,full,verify", "--start")
        deadline = time.monotonic() + 120
        while json.loads(projects("show", "shop", "--json"))["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.3)
        assert "FINISHED" in projects("show", "shop")
        assert "verify finished" in projects("events", "shop")
        assert "no differences" in projects("mismatches", "shop")
        assert "project.wrong_status" in projects("start", "shop", code=2)
        projects("release", "shop")
        while "RELEASED" not in projects("show", "shop") and time.monotonic() < deadline:
            time.sleep(0.3)
        projects("delete", "shop")
        assert "no projects" in projects("list")
        assert ferryman("projects", "list", FERRYMAN_URL=url, FERRYMAN_PASSWORD="wrong").returncode == 3
    finally:
        service.terminate()
        assert service.wait(60) == 0
