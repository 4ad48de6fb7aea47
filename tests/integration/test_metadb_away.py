"""The server with the metadb goes away and comes back: calls fail with a code, what runs goes on, nothing needs a hand.

Short: shorter than a lease, so that the very same processes go on. Long: longer than one; the tasks end by themselves, and
go on from their checkpoints once the metadb is back. ``FERRYMAN_AWAY_SECONDS`` sets how long (0: no long outage).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from metadb_servers import fresh_metadb_url

from ferryman.embedded import MariaDb, OceanBase, Postgres, Server
from ferryman.embedded.server import free_port

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

PASSWORD = "tr0ub4dor and a horse"
PATIENCE = 90.0
SHORT = 4.0
FOLLOWING = ("capture", "apply")
LONG = float(os.environ.get("FERRYMAN_AWAY_SECONDS", "0"))


class Serving:
    """``ferryman serve`` with its state on a server."""

    def __init__(self, directory: Path, metadb: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "ferryman", "serve", "--port", str(self.port), "--data-dir", str(directory)]
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD, "FERRYMAN_METADB": metadb}
        self.directory = directory
        self.log = (directory.parent / "serve.log").open("wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment)
        assert self.process.stdout is not None
        assert b"http://" in self.process.stdout.readline(), "the service did not come up"

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and document, whatever the status."""
        login = b64encode(f"admin:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for: {what}"
        time.sleep(0.1)


def execute(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    end = server.endpoint
    with (
        contextlib.closing(
            pymysql.connect(host=end.host, port=end.port, user=end.username, password=end.password, autocommit=True)
        ) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture(params=[MariaDb, Postgres])
def metadb(request: pytest.FixtureRequest, servers_directory: Path) -> Iterator[Server]:
    """A server of its own for the state: this one is stopped."""
    server = request.param(servers_directory / f"away-{request.param.kind}").start()
    yield server
    server.remove()


@pytest.fixture
def serving(metadb: Server, tmp_path: Path) -> Iterator[Serving]:
    found = Serving(tmp_path / "data", fresh_metadb_url(metadb, "state"))
    yield found
    found.end()


class Writer:
    """Writes a row every 20 ms, for as long as it is open."""

    def __init__(self, server: MariaDb, table: str) -> None:
        self.rows = 0
        self._closing = threading.Event()
        self._server, self._table = server, table
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        end = self._server.endpoint
        connection = pymysql.connect(
            host=end.host, port=end.port, user=end.username, password=end.password, autocommit=True
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            while not self._closing.wait(0.02):
                cursor.execute(f"INSERT INTO {self._table} (v) VALUES ({self.rows})")
                self.rows += 1

    def close(self) -> int:
        self._closing.set()
        self._thread.join()
        return self.rows


def epochs(serving: Serving, task: str) -> int:
    """Return how often a task's process was started."""
    logs = (serving.directory / "logs").glob(f"*/{task}.log*")
    return sum(log.read_text().count(f"{task} begins, epoch") for log in logs)


def test_the_metadb_goes_away_and_comes_back(
    serving: Serving, metadb: Server, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
    )
    writer = Writer(mariadb, f"{database_name}.t")
    body = {"name": "p", "source": mariadb.url, "target": oceanbase.url, "objects": [f"{database_name}.*"]}
    status, project = serving.call("POST", "/api/v1/projects", body)
    assert status == 201, project
    path = f"/api/v1/projects/{project['id']}"
    assert serving.call("POST", f"{path}/start")[0] == 200

    def arrived() -> int:
        return int(execute(oceanbase, f"SELECT COUNT(*) FROM {database_name}.t")[0][0])

    def step(name: str) -> dict[str, Any]:
        steps = serving.call("GET", path)[1]["steps"]
        return next(each for each in steps if each["name"] == name)

    until(lambda: step("apply")["status"] == "MONITORING", "apply to follow")
    assert [epochs(serving, name) for name in FOLLOWING] == [1, 1]

    metadb.kill()  # in good order PostgreSQL would wait for its clients, and they for nothing
    written = writer.rows
    began = time.monotonic()
    refused(serving, path)
    until(lambda: arrived() > written, "rows to arrive while the metadb is away")
    while time.monotonic() - began < SHORT:
        time.sleep(0.1)
    metadb.start()
    until(lambda: serving.call("GET", path)[0] == 200, "calls to be answered again")
    shown = serving.call("GET", path)[1]
    assert shown["status"] == "RUNNING"
    assert [epochs(serving, name) for name in FOLLOWING] == [1, 1], "the same processes go on"
    assert [each["restarts"] for each in shown["steps"]] == [0] * len(shown["steps"])

    if LONG:
        metadb.kill()
        time.sleep(LONG)
        refused(serving, path)
        metadb.start()
        until(lambda: serving.call("GET", path)[0] == 200, "calls to be answered after the long outage")
        until(lambda: [epochs(serving, name) for name in FOLLOWING] == [2, 2], "the tasks to run again")
        assert serving.call("GET", path)[1]["status"] == "RUNNING"

    written = writer.close()
    until(lambda: arrived() == written, "every row to arrive")
    status, stopped = serving.call("POST", f"{path}/stop")
    assert (status, stopped["status"]) == (200, "SUSPEND")


def refused(serving: Serving, path: str) -> None:
    """Every kind of call fails soon, with a code, in its envelope; health says so; the process lives."""
    calls = {
        "GET": ("GET", path, None),
        "POST": ("POST", f"{path}/stop", None),
        "DELETE": ("DELETE", path, None),
    }
    for name, call in calls.items():
        began = time.monotonic()
        status, answer = serving.call(*call)
        assert (status, answer["error"]["code"]) == (503, "metadb.unreachable"), name
        assert time.monotonic() - began < 15
    for action in ("DescribeProject", "StopProject", "CreateLabel"):
        status, answer = serving.call("POST", f"/api/v2?Action={action}", {"id": path.rsplit("/", 1)[1], "name": "x"})
        assert (answer["success"], answer["errorDetail"]["extraContext"]["code"]) == (False, "metadb.unreachable")
        assert answer["message"]
        assert answer["advice"]
    assert serving.process.poll() is None
