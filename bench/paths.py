"""The measured paths: load, apply and latency into OceanBase, beside the dump pipe."""

from __future__ import annotations

import json
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pymysql

from ferryman.embedded import MariaDb, OceanBase

COLUMNS = """id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,
  c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k)"""


class Stage:
    """A source with a sysbench-like table, and an empty target."""

    def __init__(self, directory: Path, *, rows: int) -> None:
        directory.chmod(0o755)
        self.directory, self.rows = directory, rows
        settings = {"innodb-flush-log-at-trx-commit": "2", "sync-binlog": "0", "innodb-buffer-pool-size": "1G"}
        self.source = MariaDb(directory / "source", settings=settings)
        self.target = OceanBase(directory / "target", parameters={"memory_budget": "4G"})

    def __enter__(self) -> Stage:
        self.source.start()
        self.target.start()
        execute(
            self.source,
            "CREATE DATABASE sb",
            "USE sb",
            f"CREATE TABLE sbtest ({COLUMNS})",
            "INSERT INTO sbtest SELECT seq, (seq * 7919) % 500000, LEFT(REPEAT(MD5(seq), 4), 120), LEFT(REPEAT(SHA1(seq), 2), 60)"
            f" FROM seq_1_to_{self.rows}",
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self.source.remove()
        self.target.remove()


def connect(server):
    return pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True
    )


def execute(server, *statements: str) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def ferryman(stage: Stage, name: str, *arguments: str) -> tuple[dict, float, float]:
    """Run `ferryman run`; return its report, wall seconds and CPU seconds of all its processes."""
    report = stage.directory / f"{name}.json"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*command(stage, name, *arguments), "--report", str(report)], check=False, capture_output=True, text=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(report.read_text()), wall, cpu


def command(stage: Stage, name: str, *arguments: str) -> list[str]:
    return [
        *(sys.executable, "-m", "ferryman", "run", "--source", stage.source.url, "--target", stage.target.url),
        *("--objects", "sb.*", "--map", f"sb={name}", "--name", name, "--data-dir", str(stage.directory / name)),
        *arguments,
    ]


def our_apply(stage: Stage, run: int, changes: int) -> float:
    """Make changes while nothing runs, then time how long apply takes to bring them over."""
    name = f"apply{run}"
    where = ("--types", "schema,full,incremental", "--stop-when", "caught-up")
    ferryman(stage, name, *where)
    _, idle, _ = ferryman(stage, name, *where)
    third = changes // 3
    with connect(stage.source) as connection, connection.cursor() as cursor:
        cursor.execute("USE sb")
        for first in range(0, third, 1000):
            cursor.execute(f"UPDATE sbtest SET k = k + 1 WHERE id BETWEEN {first + 1} AND {first + 1000}")
            cursor.execute(f"DELETE FROM sbtest WHERE id BETWEEN {200_000 + first} AND {200_000 + first + 999}")
            cursor.execute(
                "INSERT INTO sbtest SELECT seq, 1, LEFT(REPEAT(MD5(seq), 4), 120), LEFT(REPEAT(SHA1(seq), 2), 60)"
                f" FROM seq_{200_000 + first}_to_{200_000 + first + 999}"
            )
    _, busy, _ = ferryman(stage, name, *where)
    execute(stage.target, f"DROP DATABASE {name}")
    return changes / max(busy - idle, 0.001)


def latency(stage: Stage, seconds: float = 20.0) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds from commit at the source to visibility at the target."""
    execute(stage.source, "CREATE TABLE sb.ticks (n INT PRIMARY KEY, filler CHAR(100))")
    running = subprocess.Popen(
        command(stage, "live", "--types", "schema,full,incremental", "--stop-when", "never"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        committed: dict[int, float] = {}
        _until_visible(stage, committed)
        stop = time.monotonic() + seconds
        writer = threading.Thread(target=_tick, args=(stage, committed, stop))
        writer.start()
        seen = _watch(stage, stop)
        writer.join()
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()
    delays = sorted(1000 * (at - committed[n]) for n, at in seen.items() if n in committed)
    return statistics.median(delays), delays[int(len(delays) * 0.99)]


def _until_visible(stage: Stage, committed: dict[int, float]) -> None:
    """Wait until a first row has come through."""
    execute(stage.source, "INSERT INTO sb.ticks VALUES (0, '')")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            with connect(stage.target) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM live.ticks")
                cursor.execute("SELECT COUNT(*) FROM live.sbtest")
                if cursor.fetchone()[0] >= stage.rows * 0.9 and _ping(stage):
                    return
        except pymysql.Error:
            pass
        time.sleep(0.2)
    raise SystemExit("the live project did not catch up")


_pings = [-1]


def _ping(stage: Stage) -> bool:
    """Write a row and see whether it arrives within a second."""
    _pings[0] -= 1
    execute(stage.source, f"INSERT INTO sb.ticks VALUES ({_pings[0]}, '')")
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        with connect(stage.target) as connection, connection.cursor() as cursor:
            if cursor.execute(f"SELECT n FROM live.ticks WHERE n = {_pings[0]}"):
                return True
        time.sleep(0.02)
    return False


def _tick(stage: Stage, committed: dict[int, float], stop: float) -> None:
    with connect(stage.source) as connection, connection.cursor() as cursor:
        n = 0
        while time.monotonic() < stop:
            n += 1
            cursor.execute(f"INSERT INTO sb.ticks VALUES ({n}, REPEAT('x', 100))")
            committed[n] = time.monotonic()
            time.sleep(0.005)


def _watch(stage: Stage, stop: float) -> dict[int, float]:
    seen: dict[int, float] = {}
    last = 0
    with connect(stage.target) as connection, connection.cursor() as cursor:
        while time.monotonic() < stop:
            cursor.execute(f"SELECT n FROM live.ticks WHERE n > {last}")
            now = time.monotonic()
            for (n,) in cursor.fetchall():
                seen[n] = now
                last = max(last, n)
            time.sleep(0.005)
    return seen
