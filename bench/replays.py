"""Applying a million mixed changes beside its limit: ``python -m bench.replays [--changes N] [--targets …]``.

The changes are made while nothing runs: transactions of a hundred rows, 60 % updates, 20 % deletes, 20 % inserts, over
sysbench's table. Measured from the first change that is visible in the target to the last. The limit: the same changes,
compacted by key in windows of 5,000 as DELETE … IN and INSERT … ON DUPLICATE KEY UPDATE of up to a thousand rows, made
beforehand and sent by plain clients over one, two and four sessions (the best counts). The peer, where the target is a
MariaDB: `mariadb-binlog | mariadb`.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import psycopg
import pymysql

from bench import limits
from bench.loads import FAST, targets
from bench.paths import connect, execute
from bench.processes import Use, used
from bench.tables import SYSBENCH
from ferryman.embedded import MariaDb

STREAMS = (1, 2, 4)
WINDOW = 5_000
ROWS_A_TRANSACTION = 100


class ReplayStage:
    """A source with a table of as many rows as changes will be made, and one target."""

    def __init__(self, directory: Path, source: MariaDb, target, changes: int) -> None:
        self.directory, self.source, self.target, self.changes = directory, source, target, changes

    def ours(self, run: int) -> tuple[float, dict[str, Use]]:
        """Return changes/s between the first and the last, and what our processes used meanwhile."""
        self._fill()
        command = [
            *(sys.executable, "-m", "ferryman", "run", "--source", f"{self.source.url}/sb", "--target", self._url),
            *("--objects", "sb.*", "--types", "schema,full,incremental", "--name", f"{self.target.scheme}{run}"),
            *("--data-dir", str(self.directory / f"{self.target.scheme}{run}"), "--fresh"),
        ]
        subprocess.run([*command, "--stop-when", "caught-up"], check=True, capture_output=True)
        self._change()
        following = subprocess.Popen(
            [part for part in command if part != "--fresh"] + ["--stop-when", "never"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            first = self._seen(1)
            before = dict(used(following.pid))
            seconds = self._seen(2) - first
            after = dict(used(following.pid))
        finally:
            following.send_signal(signal.SIGTERM)
            following.wait()
        uses = {name: Use(use.cpu - before[name].cpu, use.peak) for name, use in after.items() if name in before}
        return self.changes / seconds, uses

    @property
    def _url(self) -> str:
        return self.target.url + ("/postgres" if self.target.kind == "PostgreSQL" else "")

    def _fill(self) -> None:
        drop_target(self.target)
        execute(self.source, "DROP DATABASE IF EXISTS sb", "CREATE DATABASE sb", SYSBENCH.create("sb"),
                "CREATE TABLE sb.marks (n INT PRIMARY KEY)", "USE sb", SYSBENCH.fill("sb", 1, self.changes))  # fmt: skip

    def _change(self) -> None:
        """Make the changes; a first and a last mark around them."""
        with connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute("USE sb")
            cursor.execute("INSERT INTO marks VALUES (1)")
            for statement in changes(self.changes):
                cursor.execute(statement)
            cursor.execute("INSERT INTO marks VALUES (2)")

    def _seen(self, mark: int) -> float:
        """Return when a mark is visible in the target."""
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            with suppress(pymysql.Error, psycopg.Error), self._session() as session, session.cursor() as cursor:
                while time.monotonic() < deadline:
                    cursor.execute(f"SELECT n FROM sb.marks WHERE n = {mark}")
                    if cursor.fetchall():
                        return time.monotonic()
                    time.sleep(0.005)
            time.sleep(0.2)
        raise SystemExit("the changes did not arrive")

    def _session(self):
        if self.target.kind == "PostgreSQL":
            return limits.postgres_session(self.target, "postgres")
        return limits.mysql_session(self.target, "sb")

    def limit(self, streams: int) -> float:
        """Return changes/s of ready statements, over so many sessions."""
        rows = _rows(self.source)
        self._reset_target()
        statements = list(compacted(self.changes, rows))
        lanes = [statements[lane::streams] for lane in range(streams)]
        sessions = [limits.mysql_session(self.target, "sb") for _ in lanes]

        def send(session: pymysql.Connection, lane: Sequence[Sequence[bytes]]) -> None:
            session.autocommit(False)
            for window in lane:
                for statement in window:
                    session.query(statement)
                session.commit()

        pairs = zip(sessions, lanes, strict=True)
        return self.changes / limits.timed_in_threads([lambda s=s, lane=lane: send(s, lane) for s, lane in pairs])

    def _reset_target(self) -> None:
        """Give the target the rows of before the changes."""
        drop_target(self.target)
        execute(self.target, "CREATE DATABASE sb", SYSBENCH.create("sb"), "CREATE TABLE sb.marks (n INT PRIMARY KEY)")
        if self.target.kind == "MariaDB":
            execute(self.target, "USE sb", SYSBENCH.fill("sb", 1, self.changes))
            return
        with connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {SYSBENCH.values} FROM sb.seq_1_to_{self.changes}")
            while part := cursor.fetchmany(5000):
                execute(self.target, "INSERT INTO sb.sbtest VALUES " + ",".join(map(_row_text, part)))

    def peer(self) -> float:
        """Return changes/s of mariadb-binlog piped into the client."""
        self._reset_target()
        execute(self.source, "DROP DATABASE IF EXISTS sb", "CREATE DATABASE sb", SYSBENCH.create("sb"),
                "CREATE TABLE sb.marks (n INT PRIMARY KEY)", "USE sb", SYSBENCH.fill("sb", 1, self.changes),
                "FLUSH BINARY LOGS")  # fmt: skip
        with connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW MASTER STATUS")
            file = cursor.fetchone()[0]
        self._change()
        flags = ["--protocol=tcp", "-h127.0.0.1", "-uroot"]
        dump = ["mariadb-binlog", *flags, f"-P{self.source.port}", "-R", file]
        client = ["mariadb", *flags, f"-P{self.target.port}", "--binary-mode"]

        def through() -> None:
            env = {"PATH": "/usr/bin:/bin"}
            producer = subprocess.Popen(dump, stdout=subprocess.PIPE, env={**env, "MYSQL_PWD": self.source.password})
            subprocess.run(client, stdin=producer.stdout, check=True, env={**env, "MYSQL_PWD": self.target.password})
            if producer.wait():
                raise RuntimeError("mariadb-binlog failed")

        return self.changes / limits.timed_in_threads([through])


def drop_target(target) -> None:
    """Leave no trace of the table in a target."""
    if target.kind == "PostgreSQL":
        with limits.postgres_session(target, "postgres") as session:
            session.execute("DROP SCHEMA IF EXISTS sb CASCADE")
    else:
        execute(target, "DROP DATABASE IF EXISTS sb")


def changes(count: int) -> Iterator[str]:
    """Yield statements of a hundred changes each: per thousand rows 600 updated, 200 deleted, 200 new."""
    for first in range(1, count + 1, 1000):
        for start in range(first, first + 600, ROWS_A_TRANSACTION):
            yield f"UPDATE sbtest SET k = k + 1 WHERE id BETWEEN {start} AND {start + ROWS_A_TRANSACTION - 1}"
        for start in range(first + 600, first + 800, ROWS_A_TRANSACTION):
            yield f"DELETE FROM sbtest WHERE id BETWEEN {start} AND {start + ROWS_A_TRANSACTION - 1}"
            new = count + start
            yield f"INSERT INTO sbtest SELECT {SYSBENCH.values} FROM seq_{new}_to_{new + ROWS_A_TRANSACTION - 1}"


def _rows(source: MariaDb) -> dict[int, bytes]:
    """Return the source's rows behind the changes, as SQL."""
    with connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sb.sbtest")
        return {row[0]: _row_text(row).encode() for row in cursor.fetchall()}


def _row_text(row: Sequence[object]) -> str:
    return "({},{},'{}','{}')".format(*row)  # hexadecimal digits only: nothing to escape


def compacted(count: int, rows: dict[int, bytes]) -> Iterator[list[bytes]]:
    """Yield, per window of 5,000 changes, its statements."""
    for first in range(1, count + 1, WINDOW):
        gone: list[int] = []
        kept: list[int] = []
        for thousand in range(first, first + WINDOW, 1000):
            kept += range(thousand, thousand + 600)
            gone += range(thousand + 600, thousand + 800)
            kept += range(count + thousand + 600, count + thousand + 800)
        statements = [b"DELETE FROM sbtest WHERE id IN (" + ",".join(map(str, gone)).encode() + b")"]
        remaining = iter(kept)
        while part := [rows[key] for key in islice(remaining, 1000) if key in rows]:
            statements.append(
                b"INSERT INTO sbtest VALUES " + b",".join(part)
                + b" ON DUPLICATE KEY UPDATE k = VALUES(k), c = VALUES(c), pad = VALUES(pad)"
            )  # fmt: skip
        yield statements


def measured(stage: ReplayStage, repeat: int) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table of results."""
    ours: list[tuple[float, dict[str, Use]]] = []
    limit: dict[int, list[float]] = {streams: [] for streams in STREAMS}
    peers: list[float] = []
    for run in range(repeat):
        ours.append(stage.ours(run))
        if stage.target.kind == "PostgreSQL":
            continue
        for streams in STREAMS:
            limit[streams].append(stage.limit(streams))
        if stage.target.kind == "MariaDB":
            peers.append(stage.peer())
    what = f"{stage.changes:,} changes → {stage.target.kind}"
    rate = statistics.median(one for one, _ in ours)
    yield f"apply {what}", f"{rate:,.0f} changes/s", f"{min(o for o, _ in ours):,.0f}–{max(o for o, _ in ours):,.0f}"
    if limit[1]:
        best = max(STREAMS, key=lambda streams: statistics.median(limit[streams]))
        top = statistics.median(limit[best])
        note = f"{best} sessions, the best of {STREAMS}; ours is {rate / top:.2f} ×"
        yield f"ready statements, {what}", f"{top:,.0f} changes/s", note
    if peers:
        peer = statistics.median(peers)
        yield f"`mariadb-binlog \\| mariadb`, {what}", f"{peer:,.0f} changes/s", f"ours is {rate / peer:.2f} ×"
    for name in ("capture", "apply"):
        uses = [found[name] for _, found in ours if name in found]
        if uses:
            cpu = statistics.median(use.cpu for use in uses) / stage.changes * 1e6
            peak = max(use.peak for use in uses) / 1024
            yield f"{name} task, {what}", f"{cpu:.2f} s CPU per million changes", f"{peak:.0f} MiB at most"


def run(count: int, repeat: int, names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Run it all, one target after the other."""
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o777)
        with MariaDb(directory / "source", settings=FAST) as source:
            for name in names:
                with targets(directory)[name]() as target:
                    yield from measured(ReplayStage(directory, source, target, count), repeat)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.replays")
    parser.add_argument("--changes", type=int, default=1_000_000, help="a multiple of 5,000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--targets", default="mariadb,oceanbase,postgresql")
    options = parser.parse_args()
    for name, value, note in run(options.changes, options.repeat, options.targets.split(",")):
        print(f"| {name} | {value} | {note} |", flush=True)


if __name__ == "__main__":
    main()
