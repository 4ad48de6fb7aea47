"""How quick and how large `ferryman serve` is with many projects: ``make api-load``.

The service knows 1,000 projects (none is under way: tasks are processes of their own, and not measured here) while 50
progress calls a second come for some seconds; then it lists 10,000.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from ferryman.client import Client
from ferryman.control import lifecycle
from ferryman.foundation.clock import unix_now
from ferryman.metadb import projects
from ferryman.metadb.store import MetaDb

PASSWORD = "a password of the bench"
NOWHERE = "127.0.0.1:9/"
SECONDS = float(os.environ.get("SECONDS_OF_LOAD", "20"))
RATE = 50
PAGES = 21


class Served:
    """A service of its own, and how long it took to answer."""

    def __init__(self, directory: Path) -> None:
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD}
        command = [sys.executable, "-m", "ferryman", "serve", "--port", "0", "--data-dir", str(directory)]
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, "the service did not come up"
        self.client = Client(found[0], password=PASSWORD)
        self.client.list_projects(size=1)
        self.seconds = time.perf_counter() - began

    def resident(self) -> float:
        """MiB held now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def processor_ms(self) -> float:
        """Milliseconds of processor time used so far: what a busy machine does not lengthen much."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def fill(directory: Path, first: str, numbers: range) -> None:
    """Copy the first project."""
    metadb = MetaDb.open(directory)
    with metadb.writing() as tx:
        row = projects.get(tx, metadb.box, first)
        assert row is not None
        for number in numbers:
            copy = replace(row, id=f"np_{number:012x}", spec=replace(row.spec, name=f"copy-{number}"))
            lifecycle.create(tx, metadb.box, replace(copy, created_at=unix_now()))
    metadb.close()


def progress(client: Client, first: str) -> list[float]:
    """Milliseconds of each call, at a fixed rate: one that waits does not hold the next one up."""
    taken: list[float] = []

    def one(number: int) -> None:
        project = f"np_{1 + number % 999:012x}" if number % 2 else first
        began = time.perf_counter()
        assert client.sync_progress(project)["success"]
        taken.append((time.perf_counter() - began) * 1000)

    began, threads = time.perf_counter(), []
    for number in range(int(SECONDS * RATE)):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return sorted(taken)


def listing(client: Client) -> float:
    """Median milliseconds of a page of ListProjects."""
    taken = []
    for page in range(1, PAGES + 1):
        began = time.perf_counter()
        assert client.oms("ListProjects", {"pageNumber": page, "pageSize": 10})["success"]
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fm-") as text:
        directory = Path(text) / "data"
        served = Served(directory)
        asked = {"name": "first", "source": f"mysql://u:p@{NOWHERE}", "target": f"oceanbase://u:p@{NOWHERE}"}
        first = served.client.create_project(asked)["id"]  # type: ignore[typeddict-item]
        served.end()
        fill(directory, first, range(1, 1000))
        served = Served(directory)
        try:
            before = served.processor_ms()
            taken = progress(served.client, first)
            each = (served.processor_ms() - before) / len(taken)
            print(f"1,000 projects: answers after {served.seconds:.2f} s, holds {served.resident():.0f} MiB")
            p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
            print(
                f"progress at {RATE} calls/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {taken[-1]:.1f}, {each:.1f} of CPU"
            )
        finally:
            served.end()
        fill(directory, first, range(1000, 10_000))
        served = Served(directory)
        try:
            before = served.processor_ms()
            median = listing(served.client)
            each = (served.processor_ms() - before) / PAGES
            print(
                f"10,000 projects: answers after {served.seconds:.2f} s, a page of ListProjects {median:.0f} ms,"
                f" {each:.0f} ms of processor"
            )
        finally:
            served.end()


if __name__ == "__main__":
    main()
