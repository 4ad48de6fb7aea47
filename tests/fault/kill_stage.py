"""A stage on which anything may be killed: two servers, a service, a writer, a project."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman.demo.client import OmsClient
from ferryman.embedded import MariaDb, OceanBase, Server
from ferryman.embedded.server import free_port
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectSpec
from ferryman.model.selection import Selection
from ferryman.pipeline.verify import compare_endpoints

VICTIMS = ("service", "task", "task", "zombie", "source", "target")


class Stage:
    """Servers and a service that can be killed and come back on the same disk."""

    def __init__(self, directory: Path, source: type[Server] = MariaDb, target: type[Server] = OceanBase) -> None:
        self.directory = directory
        self.source = source(directory / "source")
        self.target = target(directory / "target")
        self.client = OmsClient(free_port(), secrets.token_hex(8))
        self.service: subprocess.Popen[bytes] | None = None
        self.kills: list[str] = []
        self.naps: tuple[float, ...] = (1.0, 3.0)
        """How many seconds a suspended task sleeps."""
        self._timers: list[threading.Timer] = []

    def open(self) -> Stage:
        self.source.start()
        self.target.start()
        self.start_service()
        return self

    def close(self) -> None:
        self.wait_awake()
        if self.service is not None:
            self.service.kill()
            self.service.wait()
        self.source.remove()
        self.target.remove()

    def start_service(self) -> None:
        environment = {**os.environ, "FERRYMAN_ADMIN_PASSWORD": self.client.password}
        command = [sys.executable, "-m", "ferryman", "serve", "--port", str(self.client.port)]
        with (self.directory / "service.log").open("ab") as log:
            self.service = subprocess.Popen(
                [*command, "--data-dir", str(self.directory / "data")],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self.client.is_up, 60, "the service answers", self.news)

    def start_project(self, database: str) -> str:
        source = self.client.create_endpoint("CreateMySqlDataSource", f"{database}-source", self.source.endpoint)
        target = self.client.create_endpoint("CreateOceanBaseDataSource", f"{database}-target", self.target.endpoint)
        project = self.client.act(
            "CreateProject",
            name=database,
            type="MIGRATION",
            sourceEndpointId=source,
            sinkEndpointId=target,
            transferMapping={"mode": "WILDCARD", "databases": [{"name": database, "mappedName": database}]},
            enableStructTransfer=True,
            enableFullTransfer=True,
            enableIncrTransfer=True,
            enableFullVerify=True,
            fullTransferConfig={"fullTransferSpeedMode": "NORMAL", "fullVerifySpeedMode": "NORMAL"},
        )
        self.client.act("StartProject", id=project)
        return str(project)

    def steps(self, project: str) -> dict[str, Any]:
        return {step["name"]: step for step in self.client.act("DescribeProjectSteps", id=project)}

    def reached(self, project: str, step: str) -> bool:
        return bool(self.steps(project)[step]["status"] != "INIT")

    def finished(self, project: str) -> bool:
        steps = self.steps(project)
        for name, step in steps.items():
            assert step["status"] != "FAILED", f"{name} failed: {step['extraInfo']}\n{self.news()}"
        return steps["INCR_TRANSFER"]["status"] == "MONITORING" and steps["FULL_VERIFIER"]["progress"] == 100

    def kill(self, victim: str) -> None:
        """Kill with SIGKILL and, but for a task (the service sees to it), start again."""
        self.kills.append(victim)
        if victim == "service":
            assert self.service is not None
            self.service.kill()
            self.service.wait()
            self.start_service()
        elif victim == "task":
            tasks = self.task_pids()
            if tasks:
                os.kill(random.choice(tasks), signal.SIGKILL)
        elif victim == "zombie":
            self._suspend()
        elif victim == "source":
            self.source.kill()
            self.source.start()
        else:
            self.target.kill()
            self.target.start()

    def _suspend(self) -> None:
        """Stop a task amid whatever it does; it wakes after a while, perhaps when its lease has run out (I7)."""
        tasks = self.task_pids()
        if not tasks:
            return
        pid = random.choice(tasks)
        os.kill(pid, signal.SIGSTOP)
        timer = threading.Timer(random.choice(self.naps), _wake, (pid,))
        timer.start()
        self._timers.append(timer)

    def wait_awake(self) -> None:
        """Wait until everything suspended goes on."""
        while self._timers:
            self._timers.pop().join()

    def task_pids(self) -> list[int]:
        assert self.service is not None
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.service.pid and b"ferryman" in (path / "cmdline").read_bytes():
                    found.append(int(path.name))
            except (OSError, ValueError, IndexError):
                continue
        return found

    def wait_applied(self, project: str) -> None:
        """Wait until everything that is at the source now has arrived."""
        now = int(time.time()) + 1
        until(lambda: self.checkpoint(project) >= now, 120, "the last change arrives", self.news)

    def checkpoint(self, project: str) -> int:
        data = self.client.get(f"/api/omsp/v2/migrations/{project}/progress")["data"]
        return int(data["incrSyncCheckpoint"] or 0)

    def differences(self, database: str) -> dict[str, int]:
        """Compare both sides at rest; tables that differ, with how many rows."""
        spec = ProjectSpec(
            name="proof",
            source=self.source.endpoint,
            target=self.target.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
        )
        report = compare_endpoints(spec)
        assert sum(table.rows for table in report.tables) > 1000, "nothing compared is no proof"
        return {table.table: table.mismatches for table in report.tables if table.mismatches}

    def news(self) -> str:
        lines = [f"killed so far: {self.kills}"]
        for log in [self.directory / "service.log", *sorted((self.directory / "data").glob("logs/**/*.log"))]:
            lines += [f"== {log.name}", *log.read_text("utf-8", "replace").splitlines()[-12:]]
        return "\n".join(lines)


def _wake(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # killed meanwhile
        os.kill(pid, signal.SIGCONT)


def until(condition: Callable[[], bool], seconds: float, what: str, news: Callable[[], str]) -> None:
    """Wait for a condition; a service that is away for a moment counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, FerrymanError) as error:
            if isinstance(error, FerrymanError) and error.code != "demo.refused":
                raise
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s until {what}\n{news()}"
        time.sleep(0.2)
