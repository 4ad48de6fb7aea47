"""Projects on one source share one capture and one log store (ADR 0112).

One dump connection at the source whatever dies (I8); each project ends equal; the first is released while the second goes on;
a third begins at a second whose log only the store still has.
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
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.embedded import MariaDb
from ferryman.embedded.server import free_port
from ferryman.spi.url import format_url
from real_pipeline import connect, execute

pytestmark = pytest.mark.mariadb

PASSWORD = "one dump for all"
PATIENCE = 90.0


class Service:
    """``ferryman serve`` and its native API."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        command = [sys.executable, "-m", "ferryman", "serve", "--port", str(self.port), "--data-dir", str(directory)]
        self._log = (directory.parent / "serve.log").open("wb")
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, env=environment)
        assert self.process.stdout is not None
        assert b"http://" in self.process.stdout.readline(), "the service did not come up"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        login = b64encode(f"admin:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def step(self, project: str, name: str) -> dict[str, Any]:
        found = self.call("GET", f"projects/{project}")
        assert found["status"] != "FAILED", (found, self.news())
        return next(step for step in found["steps"] if step["name"] == name)

    def capture_process(self, project: str) -> int:
        """Return the process that runs a project's capture."""
        wanted = f"--task={project}/capture".encode()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (path / "cmdline").read_bytes().split(b"\0")
                if wanted in words and f"--data-dir={self.directory}".encode() in words:
                    return int(path.name)
        raise AssertionError(f"no process captures for {project}")

    def stores(self) -> list[Path]:
        return sorted(path for path in (self.directory / "log").iterdir() if not path.name.startswith("."))

    def writer(self) -> str:
        """Return the project whose task holds the lease of the only store."""
        (store,) = self.stores()
        try:
            held = store / f"writer-{int((store / 'epoch').read_bytes())}"
            return str(json.loads(held.read_bytes())["project"])
        except (OSError, ValueError):  # it is just being written
            return ""

    def news(self) -> str:
        logs = sorted(self.directory.glob("logs/**/*.log"))
        return "\n".join(f"== {log}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in logs)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._log.close()


class Writer(threading.Thread):
    """Changes rows of a table with and one without a key, all the while."""

    def __init__(self, source: MariaDb) -> None:
        super().__init__(daemon=True)
        self._source, self._ended = source, threading.Event()
        self.commits = 0

    def run(self) -> None:
        with connect(self._source, "shop") as connection, connection.cursor() as cursor:
            while not self._ended.wait(0.01):
                number = self.commits
                cursor.execute("BEGIN")
                cursor.execute(f"INSERT INTO keyed VALUES ({number}, 'ä{number}')")
                cursor.execute(f"UPDATE keyed SET v = CONCAT(v, 'x') WHERE id = {number // 2}")
                cursor.execute(f"DELETE FROM keyed WHERE id = {number // 3} AND id % 7 = 0")
                cursor.execute(f"INSERT INTO bag VALUES ({number % 5})")
                cursor.execute("COMMIT")
                self.commits += 1

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def source(servers_directory: Path) -> Iterator[MariaDb]:
    server = MariaDb(servers_directory / "shared-log").start()
    yield server
    server.remove()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "data")
    yield found
    found.end()


def until(condition: Callable[[], bool], what: str, service: Service) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for: {what}\n{service.news()}"
        time.sleep(0.1)


def dumps(source: MariaDb) -> int:
    """Return how many connections read the log at the source."""
    return sum(row[4] == "Binlog Dump" for row in execute(source, "SHOW PROCESSLIST"))


def content(server: MariaDb, database: str) -> list[Any]:
    return [execute(server, f"SELECT * FROM {database}.{table} ORDER BY 1") for table in ("keyed", "bag")]


def test_one_capture_serves_all_projects_on_a_source(source: MariaDb, mariadb: MariaDb, service: Service) -> None:
    execute(
        source,
        "CREATE DATABASE shop",
        "CREATE TABLE shop.keyed (id INT PRIMARY KEY, v VARCHAR(90))",
        "CREATE TABLE shop.bag (v INT)",
        "INSERT INTO shop.keyed SELECT seq + 1000000, seq FROM shop.seq_1_to_2000",
    )
    writer = Writer(source)
    writer.start()

    def begin(name: str, types: list[str], **settings: Any) -> str:
        ends = {
            "source": format_url(source.endpoint, password=True),
            "target": format_url(mariadb.endpoint, password=True),
        }
        document = {"name": name, **ends, "objects": ["shop.*"], "rename": {"shop": f"shared_{name}"}, "types": types}
        made = service.call("POST", "configuration/apply", document | settings)
        service.call("POST", f"projects/{made['project']}/start")
        return str(made["project"])

    def follows(project: str) -> bool:
        return bool(service.step(project, "apply")["status"] == "MONITORING")

    def equal(project: str, name: str) -> bool:
        return content(source, "shop") == content(mariadb, f"shared_{name}")

    first = begin("first", ["schema", "full", "incremental"])
    until(lambda: follows(first), "the first follows", service)
    second = begin("second", ["schema", "full", "incremental"])
    until(lambda: follows(second), "the second follows", service)
    assert len(service.stores()) == 1
    assert service.writer() == first
    until(lambda: dumps(source) == 1, "one connection reads the log", service)
    assert "2 projects read this log" in service.step(second, "capture")["message"]
    lag = service.call("GET", f"projects/{second}/lag")
    about = lag["evidence"]["log_store"]
    assert (about["name"], about["projects"], about["captured_by"]) == (service.stores()[0].name, 2, "first")
    assert about["bytes"] > 0

    # kill -9 of the capture: the other project's task takes over at once, and neither loses anything
    execute(source, "FLUSH BINARY LOGS")
    os.kill(service.capture_process(first), signal.SIGKILL)
    until(lambda: service.writer() == second, "the other task captures", service)
    commits = writer.commits
    until(lambda: writer.commits > commits + 50, "the writer goes on", service)
    until(lambda: dumps(source) == 1, "one connection reads the log again", service)

    # the first is released while the second goes on; the store stays
    began = int(time.time())
    service.call("POST", f"projects/{first}/stop")
    until(lambda: service.call("GET", f"projects/{first}")["status"] == "SUSPEND", "the first rests", service)
    frozen = content(mariadb, "shared_first")
    service.call("POST", f"projects/{first}/release")
    until(lambda: service.call("GET", f"projects/{first}")["status"] == "RELEASED", "it is released", service)
    assert len(service.stores()) == 1

    # a third begins at a second whose log only the store still has
    copies = [f"CREATE TABLE shared_third.{table} LIKE shared_first.{table}" for table in ("keyed", "bag")]
    execute(mariadb, "CREATE DATABASE shared_third", *copies)
    commits = writer.commits
    until(lambda: writer.commits > commits + 50, "changes behind that second", service)
    execute(source, "FLUSH BINARY LOGS")
    until(lambda: equal_position(source, service, second), "the store has all of it", service)
    last = str(execute(source, "SHOW MASTER STATUS")[0][0])
    execute(source, f"PURGE BINARY LOGS TO '{last}'")
    third = begin("third", ["incremental"], apply={"start_timestamp": began, "conflicts": "overwrite"})
    until(lambda: follows(third), "the third follows", service)
    assert len(service.stores()) == 1
    writer.end()
    until(lambda: equal(second, "second"), "the second is equal", service)
    newest = writer.commits - 1
    last_row = f"SELECT 1 FROM shared_third.keyed WHERE id = {newest}"
    until(lambda: execute(mariadb, last_row) == [(1,)], "all came", service)
    behind = {row for row in content(source, "shop")[0] if row[0] < 1_000_000 and row[0] > commits}
    assert behind <= set(content(mariadb, "shared_third")[0])
    assert content(mariadb, "shared_first") == frozen
    assert dumps(source) == 1

    # the store goes with the last of them
    for project in (second, third):
        service.call("POST", f"projects/{project}/stop")
    for project in (second, third):
        until(lambda p=project: service.call("GET", f"projects/{p}")["status"] == "SUSPEND", "it rests", service)
        assert len(service.stores()) == 1
        service.call("POST", f"projects/{project}/release")
        until(lambda p=project: service.call("GET", f"projects/{p}")["status"] == "RELEASED", "it goes", service)
    assert service.stores() == []
    until(lambda: dumps(source) == 0, "nobody reads the log", service)


def equal_position(source: MariaDb, service: Service, project: str) -> bool:
    """Whether the store has come to the file that the source writes now."""
    file = str(execute(source, "SHOW MASTER STATUS")[0][0])
    return file in service.step(project, "capture")["message"]
