"""Applying a million changes beside its limit: ``python -m bench.replays [--changes N] [--targets …] [--logs …]``.

The changes (`bench.replay_logs`) are made while nothing runs. Measured from the first change that is visible in the target
to the last. The limit: the same changes, compacted by key in windows of 5,000 as DELETE … IN and INSERT … ON DUPLICATE KEY
UPDATE (PostgreSQL: ON CONFLICT) of up to a thousand rows, made beforehand and sent by plain clients over one, two and four
sessions (the best counts). The peer, where the target is a MariaDB: `mariadb-binlog | mariadb`; it is left out, and the
output says so, where these programs are missing (Debian: the package mariadb-client).
"""

from __future__ import annotations

import argparse
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pymysql

from bench import limits
from bench.loads import FAST, targets
from bench.paths import connect, execute
from bench.processes import Use, used
from bench.replay_logs import LOGS
from ferryman.embedded import MariaDb

STREAMS = (1, 2, 4)
PEER = ("mariadb-binlog", "mariadb")


class ReplayStage:
    """A source with the tables of a log, and one target."""

    def __init__(self, directory: Path, source: MariaDb, target, changes: int, log) -> None:
        self.directory, self.source, self.target, self.changes, self.log = directory, source, target, changes, log

    def ours(self, run: int) -> tuple[float, dict[str, Use]]:
        """Return changes/s between the first and the last, and what our processes used meanwhile."""
        self._fill()
        command = [*self._command(f"{self.target.scheme}{run}"), "--types", "schema,full,incremental"]
        subprocess.run([*command, "--fresh", "--stop-when", "caught-up"], check=True, capture_output=True)
        make_changes(self.source, self.log, self.changes)
        following = subprocess.Popen(
            [*command, "--stop-when", "never"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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

    def _command(self, name: str) -> list[str]:
        return [
            *(sys.executable, "-m", "ferryman", "run", "--source", f"{self.source.url}/sb", "--target", self._url),
            *("--objects", "sb.*", "--name", name, "--data-dir", str(self.directory / name)),
        ]

    @property
    def _url(self) -> str:
        return self.target.url + ("/postgres" if self.target.kind == "PostgreSQL" else "")

    def _fill(self) -> None:
        drop_target(self.target)
        execute(self.source, "DROP DATABASE IF EXISTS sb", *rows_before(self.log, self.changes))

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
        self._reset_target()
        windows = [list(window.statements(self.target.kind)) for window in self.log.windows(self.changes)]
        lanes = [windows[lane::streams] for lane in range(streams)]
        sends = [self._sender(lane) for lane in lanes]
        return self.changes / limits.timed_in_threads(sends)

    def _sender(self, windows: Sequence[Sequence[bytes]]) -> Callable[[], None]:
        """Return what sends windows over a session, a transaction each."""
        session = self._session()
        if self.target.kind == "PostgreSQL":
            session.autocommit, send = False, session.execute
        else:
            session.autocommit(False)
            send = session.query

        def run() -> None:
            for window in windows:
                for statement in window:
                    send(statement)
                session.commit()

        return run

    def _reset_target(self) -> None:
        """Give the target the rows of before the changes."""
        drop_target(self.target)
        if self.target.kind == "MariaDB":
            execute(self.target, *rows_before(self.log, self.changes))
            return
        self._fill()
        command = [*self._command("reset"), "--types", "schema,full", "--stop-when", "caught-up", "--fresh"]
        subprocess.run(command, check=True, capture_output=True)

    def peer(self) -> float:
        """Return changes/s of mariadb-binlog piped into the client."""
        self._reset_target()
        execute(self.source, "DROP DATABASE IF EXISTS sb", *rows_before(self.log, self.changes), "FLUSH BINARY LOGS")
        with connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW MASTER STATUS")
            file = cursor.fetchone()[0]
        make_changes(self.source, self.log, self.changes)
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


def rows_before(log, changes: int) -> list[str]:
    """Return the statements that make what a log begins with."""
    rows = log.rows(changes)
    made = [sql for table in log.tables for sql in (table.create("sb"), table.fill("sb", 1, rows))]
    return ["CREATE DATABASE sb", "USE sb", "CREATE TABLE sb.marks (n INT PRIMARY KEY)", *made]


def make_changes(source: MariaDb, log, changes: int) -> None:
    """Make a log's changes; a first and a last mark around them."""
    with limits.mysql_session(source, "sb", several=True) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO marks VALUES (1)")
        for statement in log.statements(changes):
            cursor.execute(statement)
            while cursor.nextset():
                pass
        cursor.execute("INSERT INTO marks VALUES (2)")


def drop_target(target) -> None:
    """Leave no trace of the table in a target."""
    if target.kind == "PostgreSQL":
        with limits.postgres_session(target, "postgres") as session:
            session.execute("DROP SCHEMA IF EXISTS sb CASCADE")
    else:
        execute(target, "DROP DATABASE IF EXISTS sb")


def measured(stage: ReplayStage, repeat: int) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table of results."""
    ours: list[tuple[float, dict[str, Use]]] = []
    limit: dict[int, list[float]] = {streams: [] for streams in STREAMS}
    peers: list[float] = []
    missing = [program for program in PEER if shutil.which(program) is None]
    for run in range(repeat):
        ours.append(stage.ours(run))
        for streams in STREAMS:
            limit[streams].append(stage.limit(streams))
        if stage.target.kind == "MariaDB" and not missing:
            peers.append(stage.peer())
    what = f"{type(stage.log).__name__.lower()}, {stage.changes:,} changes → {stage.target.kind}"
    rate = statistics.median(one for one, _ in ours)
    yield f"apply {what}", f"{rate:,.0f} changes/s", f"{min(o for o, _ in ours):,.0f}–{max(o for o, _ in ours):,.0f}"
    best = max(STREAMS, key=lambda streams: statistics.median(limit[streams]))
    top = statistics.median(limit[best])
    note = f"{best} sessions, the best of {STREAMS}; ours is {rate / top:.2f} ×"
    yield f"ready statements, {what}", f"{top:,.0f} changes/s", note
    if peers:
        peer = statistics.median(peers)
        yield f"`mariadb-binlog \\| mariadb`, {what}", f"{peer:,.0f} changes/s", f"ours is {rate / peer:.2f} ×"
    elif stage.target.kind == "MariaDB":
        yield f"`mariadb-binlog \\| mariadb`, {what}", "not measured", f"{', '.join(missing)} not found"
    for name in ("capture", "apply"):
        uses = [found[name] for _, found in ours if name in found]
        if uses:
            cpu = statistics.median(use.cpu for use in uses) / stage.changes * 1e6
            peak = max(use.peak for use in uses) / 1024
            yield f"{name} task, {what}", f"{cpu:.2f} s CPU per million changes", f"{peak:.0f} MiB at most"


def run(count: int, repeat: int, names: Sequence[str], logs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Run it all, one target after the other, one log after the other."""
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o777)
        with MariaDb(directory / "source", settings=FAST) as source:
            for name in names:
                with targets(directory)[name]() as target:
                    for log in logs:
                        yield from measured(ReplayStage(directory, source, target, count, LOGS[log]()), repeat)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.replays")
    parser.add_argument("--changes", type=int, default=1_000_000, help="a multiple of 5,000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--targets", default="mariadb,oceanbase,postgresql")
    parser.add_argument("--logs", default="sets,mix", help=f"of {', '.join(LOGS)}")
    options = parser.parse_args()
    for name, value, note in run(options.changes, options.repeat, options.targets.split(","), options.logs.split(",")):
        print(f"| {name} | {value} | {note} |", flush=True)


if __name__ == "__main__":
    main()
