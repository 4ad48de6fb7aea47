"""The demonstration from beginning to end, told as it happens."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman.demo import shop
from ferryman.demo.client import OmsClient
from ferryman.demo.screen import Screen
from ferryman.embedded import MariaDb, OceanBase
from ferryman.embedded.server import free_port
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectSpec
from ferryman.model.selection import Selection
from ferryman.pipeline.verify import compare_endpoints

LIMIT_SECONDS = 900.0
"""Longer than any machine needs; a demonstration that hangs is a failure, not a wait."""


def main(*, keep: bool = False) -> int:
    """Run the demonstration.

    Args:
        keep: Leave service and databases running at the end.

    Returns:
        0 when both databases are equal at the end, 4 when not.
    """
    directory = Path(tempfile.mkdtemp(prefix="ferryman-demo-"))
    directory.chmod(0o755)
    show = Show(directory, keep=keep)
    try:
        return show.run()
    except BaseException:
        show.failed = True
        raise
    finally:
        show.end()


class Show:
    """The pieces on stage: two databases, a service, customers, and a screen."""

    def __init__(self, directory: Path, *, keep: bool) -> None:
        """Set the stage; nothing runs yet."""
        self.directory = directory
        self.keep = keep
        self.screen = Screen()
        self.source = MariaDb(directory / "mariadb", outlive=keep)
        self.target = OceanBase(directory / "oceanbase", outlive=keep)
        self.client = OmsClient(free_port(), secrets.token_hex(8))
        self.service: subprocess.Popen[bytes] | None = None
        self.writer = shop.Writer(self.source)
        self.project = ""
        self.statement = ""
        self.failed = False

    def run(self) -> int:
        """Tell the whole story; returns the exit code."""
        self._open_shop()
        self._start_service()
        self._create_project()
        self._watch()
        self._close_shop()
        return self._prove()

    def end(self) -> None:
        """Leave nothing running, unless asked to."""
        self.screen.close()
        self.writer.stop()
        if self.keep:
            self._say_how_to_go_on()
            return
        if self.service is not None:
            self.service.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.service.wait(15)
            self.service.kill()
        self.source.remove()
        self.target.remove()
        if self.failed:
            self.screen.say(f"the service's logs are left in {self.directory}")
            return
        shutil.rmtree(self.directory, ignore_errors=True)

    def _open_shop(self) -> None:
        self.screen.chapter(
            "Two private databases, made for this demonstration: MariaDB (the source), OceanBase (the target)"
        )
        self.source.start()
        self.target.start()
        rows = shop.fill(self.source)
        self.screen.say(f"a shop in MariaDB: {shop.TABLES} tables and a view, {rows:,} rows; OceanBase is empty")
        self.writer.start()
        self.screen.say("the shop is open: customers order, pay, return and leave, and won't stop for us")

    def _start_service(self) -> None:
        self.screen.chapter(f"ferryman serve --port {self.client.port}")
        environment = {**os.environ, "FERRYMAN_ADMIN_PASSWORD": self.client.password}
        command = [sys.executable, "-m", "ferryman", "serve", "--port", str(self.client.port)]
        with (self.directory / "service.log").open("wb") as log:
            self.service = subprocess.Popen(
                [*command, "--data-dir", str(self.directory / "data")],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._until(self.client.is_up, "the service to answer", 30)
        self.screen.say(
            f"watch it in the console: http://127.0.0.1:{self.client.port}/  user admin, password {self.client.password}"
        )

    def _create_project(self) -> None:
        self.screen.chapter("The project, created through the HTTP API that OMS clients use")
        source = self.client.create_endpoint("CreateMySqlDataSource", "shop-mariadb", self.source.endpoint)
        target = self.client.create_endpoint("CreateOceanBaseDataSource", "shop-oceanbase", self.target.endpoint)
        self.screen.say(f"POST /api/v2?Action=CreateMySqlDataSource      → {source}")
        self.screen.say(f"POST /api/v2?Action=CreateOceanBaseDataSource  → {target}")
        self.project = str(self.client.act("CreateProject", **_project(source, target)))
        self.screen.say(f"POST /api/v2?Action=CreateProject              → {self.project}")
        self.client.act("StartProject", id=self.project)
        self.screen.say(f"POST /api/v2?Action=StartProject               → running, {shop.TABLES} tables to move")

    def _watch(self) -> None:
        self.screen.chapter("The migration, live")
        self.screen.open()
        self._until(self._is_complete, "the migration to catch up and verify", LIMIT_SECONDS)
        self.screen.close()
        if self.statement:
            self.screen.say(f"meanwhile at the source: {self.statement}")
            self.screen.say("the column has followed, with its values")

    def _is_complete(self) -> bool:
        steps = self.client.act("DescribeProjectSteps", id=self.project)
        status = {step["name"]: step["status"] for step in steps}
        self.screen.steps(steps, self._shop_news())
        failed = next((step for step in steps if step["status"] == "FAILED"), None)
        if failed is not None:
            raise FerrymanError("demo.step_failed", f"{failed['name']}: {failed['extraInfo'].get('errorMsg')}")
        if self.writer.error is not None:
            raise FerrymanError("demo.writer_failed", f"the shop's own writer stopped: {self.writer.error}")
        loading = next(step for step in steps if step["name"] == "FULL_TRANSFER")
        if not self.statement and (loading["progress"] >= 25 or loading["status"] == "FINISHED"):
            self.statement = self.writer.add_column()
        # Beside changes that flow, verification stays RUNNING: what says that it is done is its 100 %.
        verified = next(step for step in steps if step["name"] == "FULL_VERIFIER")["progress"] == 100
        return bool(status["INCR_TRANSFER"] == "MONITORING" and verified)

    def _shop_news(self) -> str:
        news = f"the shop meanwhile: {self.writer.transactions:,} transactions at the source"
        return f"{news}; orders got a new column" if self.statement else news

    def _close_shop(self) -> None:
        self.writer.stop()
        self.screen.chapter(f"The shop closes for a moment after {self.writer.transactions:,} transactions")
        closed_at = int(time.time()) + 1
        self._until(lambda: self._checkpoint() >= closed_at, "the last change to arrive", 120)
        self.screen.say("the last change has arrived in OceanBase")
        answer = self.client.get(f"/api/omsp/v2/migrations/{self.project}/progress")
        self.screen.say(f"what a client written for OMS sees (GET /api/omsp/v2/migrations/{self.project}/progress):")
        for name, value in answer["data"].items():
            self.screen.say(f"  {name:<26} {json.dumps(value)}")

    def _checkpoint(self) -> int:
        data = self.client.get(f"/api/omsp/v2/migrations/{self.project}/progress")["data"]
        return int(data["incrSyncCheckpoint"] or 0)

    def _prove(self) -> int:
        self.screen.chapter("The proof: every row of both databases compared, at rest")
        began = time.monotonic()
        spec = ProjectSpec(
            name="proof",
            source=self.source.endpoint,
            target=self.target.endpoint,
            selection=Selection(objects=(f"{shop.DATABASE}.*",)),
        )
        report = compare_endpoints(spec)
        rows = sum(table.rows for table in report.tables)
        differences = sum(table.mismatches or 0 for table in report.tables)
        self.screen.say(
            f"{len(report.tables)} tables, {rows:,} rows, [bold]{differences} differences[/bold]"
            f" ({time.monotonic() - began:.1f} s)"
        )
        self._summarise(differences)
        return 0 if differences == 0 else 4

    def _summarise(self, differences: int) -> None:
        steps = self.client.steps(self.project)
        loaded, applied = steps["load"], steps["apply"]
        done = applied["info"]
        rate = loaded["rows"] / max(loaded["seconds"], 0.1)
        self.screen.say(f"copied    {loaded['rows']:,} rows in {loaded['seconds']:.1f} s ({rate:,.0f} rows/s)")
        self.screen.say(
            f"followed  {applied['rows']:,} changes: {done['inserts']:,} inserts, {done['updates']:,} updates,"
            f" {done['deletes']:,} deletes, {len(done['ddl'])} schema change"
        )
        seconds = time.monotonic() - self.screen.started
        verdict = "equal" if differences == 0 else "NOT equal"
        self.screen.chapter(
            f"Done in {seconds:.0f} s: both sides are {verdict}, and the shop never closed for the move"
        )
        self.screen.say(
            "your own:  ferryman run --source mysql://user:pw@host/db --target oceanbase://user@tenant:pw@host:2881"
        )
        self.screen.say("a look first, nothing touched:  ferryman check --source … --target …")

    def _say_how_to_go_on(self) -> None:
        self.screen.chapter("Left running, as asked (--keep)")
        self.screen.say(f"service    http://127.0.0.1:{self.client.port}  user admin, password {self.client.password}")
        self.screen.say(f"source     {self.source.url}/{shop.DATABASE}")
        self.screen.say(f"target     {self.target.url}/{shop.DATABASE}")
        pids = " ".join(str(p) for p in (self.service and self.service.pid, self.source.pid, self.target.pid) if p)
        self.screen.say(f"to end it  kill {pids}; rm -r {self.directory}")

    def _until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self.service is not None and self.service.poll() is not None:
                log = (self.directory / "service.log").read_text("utf-8", "replace").strip().splitlines()
                raise FerrymanError("demo.service_ended", f"the service ended: {log[-1] if log else 'no output'}")
            if time.monotonic() > deadline:
                raise FerrymanError("demo.too_slow", f"waited {seconds:.0f} s for {what}")
            time.sleep(0.25)


def _project(source: str, target: str) -> dict[str, Any]:
    return {
        "name": "shop-to-oceanbase",
        "type": "MIGRATION",
        "sourceEndpointId": source,
        "sinkEndpointId": target,
        "transferMapping": {"mode": "WILDCARD", "databases": [{"name": shop.DATABASE, "mappedName": shop.DATABASE}]},
        "enableStructTransfer": True,
        "enableFullTransfer": True,
        "enableIncrTransfer": True,
        "enableFullVerify": True,
        "fullTransferConfig": {"fullTransferSpeedMode": "NORMAL", "fullVerifySpeedMode": "NORMAL"},
        "incrTransferConfig": {"storeLogKeptHour": 24},
    }
