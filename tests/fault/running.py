"""`ferryman run` as a process whose tasks, or which itself, may be killed. For tests."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from ferryman.embedded import Server

PATIENCE = 240.0


class Running:
    """One project of `ferryman run`, which follows its source until it is stopped."""

    def __init__(self, directory: Path, name: str, source: str, target: str, *arguments: str) -> None:
        self.directory = directory / name
        self.directory.mkdir()
        self._command = [
            *(sys.executable, "-m", "ferryman", "run", "--source", source, "--target", target, "--name", name),
            *("--data-dir", str(self.directory / "data"), "--report", str(self.directory / "report.json")),
            *("--skip-precheck", "DB_TRIGGER", *arguments),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def to_the_end(self, *arguments: str) -> int:
        """Run until it has caught up; returns how many changes it has applied."""
        done = subprocess.run(
            [*self._command, *arguments, "--stop-when", "caught-up"], capture_output=True, check=False
        )
        assert done.returncode == 0, self.news(done.stdout + done.stderr)
        report: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return next(int(step["rows"]) for step in report["steps"] if step["name"] == "apply")

    def start(self, *arguments: str) -> None:
        """Follow the source."""
        with (self.directory / "run.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, *arguments, "--stop-when", "never"], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, chance: random.Random) -> None:
        """Kill a task; now and then all of it, which then begins again."""
        assert self.process is not None
        tasks = self._tasks()
        if tasks and chance.random() < 0.7:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(tasks), signal.SIGKILL)
            return
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> None:
        """End it in good order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait()
        self.process = None

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _tasks(self) -> list[int]:
        assert self.process is not None
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid and b"executor.child" in (path / "cmdline").read_bytes():
                    found.append(int(path.name))
        return found

    def news(self, said: bytes = b"") -> str:
        logs = [self.directory / "run.log", *sorted((self.directory / "data").glob("logs/**/*.log"))]
        lines = [line for log in logs if log.exists() for line in log.read_text("utf-8", "replace").splitlines()[-8:]]
        return "\n".join([said.decode("utf-8", "replace")[-3000:], *lines])


class Database:
    """One database (a schema, at PostgreSQL) over one connection."""

    def __init__(self, server: Server, name: str, *, database: str = "") -> None:
        self.name = name
        self._made = server, name, database
        self.url = server.url + (f"/{database}" if database else "")
        self._postgres = server.kind == "PostgreSQL"
        self._connection: Any = (
            psycopg.connect(self.url, autocommit=True)
            if self._postgres
            else pymysql.connect(
                host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True
            )
        )

    def again(self) -> Database:
        """The same database over another connection, for another thread."""
        server, name, database = self._made
        return Database(server, name, database=database)

    def run(self, *statements: str) -> int:
        """Run statements; returns the rows that the last one changed."""
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return int(cursor.rowcount)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def close(self) -> None:
        self._connection.close()


def until(condition: Callable[[], Any], what: str, news: Callable[[], str]) -> None:
    """Wait for something; tables that are not there yet count as not yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(pymysql.Error, psycopg.Error):
            if condition():
                return
        assert time.monotonic() < deadline, f"waited for {what}\n{news()}"
        time.sleep(0.05)
