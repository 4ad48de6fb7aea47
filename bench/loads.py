"""Loads into each target beside the limit of that target and the dump pipe: ``python -m bench.loads [--rows N] …``.

Per target and table, in one run: our load and the making of its indexes (the steps' own seconds, and what the load task used),
the same data made beforehand and sent by plain clients over one, two and four streams, into the table with its index and
with it made behind (the best counts), and `mariadb-dump | mariadb`. Medians of so many rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import limits
from bench.paths import execute
from bench.processes import tree_seconds, watched
from bench.tables import SYSBENCH, WIDE, BenchTable
from ferryman.embedded import MariaDb, OceanBase, Postgres

STREAMS = (1, 2, 4)
FAST = {
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
    "innodb-buffer-pool-size": "1G",
    "local-infile": "ON",
}


@dataclass(frozen=True, slots=True)
class Ours:
    """One load of ours: rows/s of its steps; CPU seconds per million rows and MiB at most of the load task; the target's."""

    rate: float
    cpu: float
    peak: float
    server: float


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """How ready data goes in: over so many streams, the index there or made behind."""

    streams: int
    behind: bool

    def __str__(self) -> str:
        return f"{self.streams}, index behind" if self.behind else f"{self.streams}"


@dataclass(frozen=True, slots=True)
class Ready:
    """One load of ready data: rows/s, and the target's CPU seconds per million rows."""

    rate: float
    server: float


class LoadStage:
    """One source with both tables, and one target at a time."""

    def __init__(self, directory: Path, source: MariaDb, target, rows: dict[str, int]) -> None:
        self.directory, self.source, self.target, self.rows = directory, source, target, rows
        self._round = 0

    def ours(self, table: BenchTable) -> Ours:
        """Load the table by `ferryman run`."""
        self._round += 1
        name, report = f"{self.target.scheme}{self._round}", self.directory / "report.json"
        url = self.target.url + ("/postgres" if self._is_postgres else "")
        before = tree_seconds(self.target.pid)
        run = watched([
            *(sys.executable, "-m", "ferryman", "run", "--source", f"{self.source.url}/sb", "--target", url),
            *("--objects", f"sb.{table.name}", "--types", "schema,full", "--name", name),
            *("--data-dir", str(self.directory / name), "--report", str(report)),
        ])  # fmt: skip
        server = tree_seconds(self.target.pid) - before
        steps = {step["name"]: step for step in json.loads(report.read_text())["steps"]}
        rows = self.rows[table.name]
        if steps["load"]["rows"] != rows:
            raise SystemExit(f"{steps['load']['rows']} rows came, not {rows}")
        load = next(use for name, use in run.uses.items() if "load" in name)
        seconds = steps["load"]["seconds"] + (steps["index"]["seconds"] if table.indexed else 0.0)
        return Ours(rows / seconds, load.cpu / rows * 1e6, load.peak / 1024, server / rows * 1e6)

    @property
    def _is_postgres(self) -> bool:
        return self.target.kind == "PostgreSQL"

    def empty(self, table: BenchTable) -> None:
        """Leave the target's table there, without rows."""
        if self._is_postgres:
            with limits.postgres_session(self.target, "postgres") as session:
                session.execute(f"TRUNCATE sb.{table.name}")
        else:
            execute(self.target, f"TRUNCATE TABLE sb.{table.name}")

    def gone(self) -> None:
        """Leave no trace in the target."""
        if self._is_postgres:
            with limits.postgres_session(self.target, "postgres") as session, suppress(psycopg.Error):
                session.execute("DROP SCHEMA IF EXISTS sb CASCADE")
        else:
            execute(self.target, "DROP DATABASE IF EXISTS sb")

    def limit(self, table: BenchTable, way: Way) -> Ready:
        """Load the same rows made beforehand."""
        self.empty(table)
        if way.behind:
            self._index(table, made=False)
        before = tree_seconds(self.target.pid)
        seconds = self._send(table, way.streams)
        if way.behind:
            began = time.monotonic()
            self._index(table, made=True)
            seconds += time.monotonic() - began
        rows = self.rows[table.name]
        return Ready(rows / seconds, (tree_seconds(self.target.pid) - before) / rows * 1e6)

    def _send(self, table: BenchTable, streams: int) -> float:
        if self._is_postgres:
            file = self.directory / f"{table.name}.copy"
            return limits.copy_in(self.target, "postgres", "sb", table, file, streams)
        if self.target.kind == "OceanBase":
            return limits.send_statements(self.target, self._statements(table), streams)
        return limits.load_data(self.target, table, limits.ready_file(self.source, table, self.directory), streams)

    def _index(self, table: BenchTable, *, made: bool) -> None:
        """Make the table's index, or drop it."""
        name, column = f"sb.{table.name}", table.indexed
        if not self._is_postgres:
            execute(
                self.target, f"ALTER TABLE {name} " + (f"ADD KEY {column} ({column})" if made else f"DROP KEY {column}")
            )
            return
        index = f"{table.name}_{column}_idx"
        with limits.postgres_session(self.target, "postgres") as session:
            session.execute(f"CREATE INDEX {index} ON {name} ({column})" if made else f"DROP INDEX sb.{index}")

    def _statements(self, table: BenchTable) -> list[bytes]:
        if getattr(self, "_made", None) != table.name:
            self._ready, self._made = limits.ready_statements(self.source, table), table.name
        return self._ready

    def prepare_limit(self, table: BenchTable) -> None:
        """Make the ready file of PostgreSQL from what our load has brought."""
        file = self.directory / f"{table.name}.copy"
        if self._is_postgres and not file.exists():
            limits.copy_out(self.target, "postgres", "sb", table, file)

    def pipe(self, table: BenchTable) -> float:
        """Return rows/s of mariadb-dump piped into the client."""
        self.empty(table)
        flags = ["--protocol=tcp", "-h127.0.0.1", "-uroot"]
        dump = [
            "mariadb-dump",
            *flags,
            f"-P{self.source.port}",
            "--no-create-info",
            "--single-transaction",
            "sb",
            table.name,
        ]
        client = ["mariadb", *flags, f"-P{self.target.port}", "sb"]

        def through() -> None:
            producer = subprocess.Popen(dump, stdout=subprocess.PIPE, env=_environment(self.source))
            subprocess.run(client, stdin=producer.stdout, check=True, env=_environment(self.target))
            if producer.wait():
                raise RuntimeError("mariadb-dump failed")

        return self.rows[table.name] / limits.timed_in_threads([through])


def _environment(server) -> dict[str, str]:
    return {"MYSQL_PWD": server.password, "PATH": "/usr/bin:/bin"}


def targets(directory: Path) -> dict[str, Callable[[], object]]:
    """Return how each target is made."""
    return {
        "mariadb": lambda: MariaDb(directory / "mariadb", settings=FAST),
        "oceanbase": lambda: OceanBase(directory / "oceanbase", parameters={"memory_budget": "4G"}),
        "postgresql": lambda: Postgres(directory / "postgresql"),
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """All rounds of one table into one target; rates are rows/s."""

    table: str
    target: str
    ours: list[Ours]
    limits: dict[Way, list[Ready]]
    pipe: list[float]

    @property
    def rate(self) -> float:
        """Our median."""
        return statistics.median(one.rate for one in self.ours)

    @property
    def best(self) -> Way:
        """The way in which ready data went in fastest."""
        return max(self.limits, key=lambda way: statistics.median(one.rate for one in self.limits[way]))

    @property
    def limit(self) -> float:
        """The median of ready data in the `best` way."""
        return statistics.median(one.rate for one in self.limits[self.best])

    @property
    def servers(self) -> tuple[float, float]:
        """The target's CPU seconds per million rows: for ours, and for ready data in the `best` way."""
        ready = statistics.median(one.server for one in self.limits[self.best])
        return statistics.median(one.server for one in self.ours), ready

    def line(self) -> str:
        """Return a row of `HEAD`'s table."""
        spread = f"{min(o.rate for o in self.ours):,.0f}–{max(o.rate for o in self.ours):,.0f} in {len(self.ours)}"
        pipe = statistics.median(self.pipe) if self.pipe else 0.0
        beside = f"{pipe:,.0f} | {self.rate / pipe:.2f} ×" if pipe else "– | –"
        cpu, peak = statistics.median(one.cpu for one in self.ours), max(one.peak for one in self.ours)
        return (
            f"| {self.table} → {self.target} | {self.rate:,.0f} ({spread}) | {self.limit:,.0f} ({self.best}) |"
            f" {self.rate / self.limit:.2f} × | {beside} | {cpu:.2f} | {peak:.0f} |"
            f" {self.servers[0]:.1f} / {self.servers[1]:.1f} |"
        )


HEAD = (
    "| load | ours, rows/s | ready data, rows/s (streams) | ratio | dump pipe, rows/s | ratio | CPU s/M | MiB "
    "| server's CPU s/M, ours / ready |\n|---|---|---|---|---|---|---|---|---|"
)


def ways(table: BenchTable) -> list[Way]:
    """Return the ways that are tried with ready data."""
    return [Way(streams, behind) for streams in STREAMS for behind in ((False, True) if table.indexed else (False,))]


def measured(stage: LoadStage, table: BenchTable, repeat: int, seconds: float) -> Measured:
    """Measure one table: the first round tries every way for ready data, the others the best one.

    No round begins after so many seconds.
    """
    began = time.monotonic()
    found = Measured(table.name, stage.target.kind, [], {}, [])
    for turn in range(repeat):
        if turn and time.monotonic() - began > seconds:
            break
        stage.gone()
        found.ours.append(stage.ours(table))
        stage.prepare_limit(table)
        for way in ways(table) if turn == 0 else [found.best]:
            found.limits.setdefault(way, []).append(stage.limit(table, way))
        if not stage._is_postgres:
            found.pipe.append(stage.pipe(table))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.loads")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of sysbench's table")
    parser.add_argument("--wide-rows", type=int, default=500_000, help="rows of the table of 22 columns")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--targets", default="mariadb,oceanbase,postgresql")
    options = parser.parse_args()
    print(HEAD)
    for result in run(options.rows, options.wide_rows, options.repeat, options.targets.split(",")):
        print(result.line(), flush=True)


def run(rows: int, wide_rows: int, repeat: int, names: list[str], seconds: float = 1e9) -> Iterator[Measured]:
    """Run it all, one target after the other; `seconds` as in `measured`."""
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o777)  # the source server writes its ready file here
        counts = {SYSBENCH.name: rows, WIDE.name: wide_rows}
        with MariaDb(directory / "source", settings=FAST) as source:
            execute(source, "CREATE DATABASE sb")
            for table in (SYSBENCH, WIDE):
                execute(source, table.create("sb"), "USE sb", table.fill("sb", 1, counts[table.name]))
            for name in names:
                with targets(directory)[name]() as target:
                    stage = LoadStage(directory, source, target, counts)
                    for table in (SYSBENCH, WIDE):
                        yield measured(stage, table, repeat, seconds)


if __name__ == "__main__":
    main()
