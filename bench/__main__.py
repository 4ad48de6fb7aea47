"""Run the benchmarks of loads, peers, apply and latency, and write docs/benchmarks.md: ``python -m bench [--rows N] …``."""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ferryman.kernel
from bench import loads, peers
from bench.paths import Stage, latency, our_apply
from ferryman import __version__
from ferryman.embedded import MariaDb, OceanBase, Postgres

OUT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
CHANGE_ROWS = 300_000
"""Rows of the table that is changed."""


@dataclass(slots=True)
class Page:
    """The page as far as it has been measured: what breaks off keeps what it has."""

    options: argparse.Namespace
    began: float = field(default_factory=time.monotonic)
    parts: list[str] = field(default_factory=list)

    def add(self, title: str, head: str, lines: Callable[[], Iterable[str]]) -> None:
        """Measure one part; a failure is told in its place."""
        found: list[str] = []
        try:
            for line in lines():
                found.append(line)
                print(line, flush=True)
        except Exception as error:  # noqa: BLE001 (told on the page; the other parts go on)
            found.append(f"\nBroke off: {type(error).__name__}: {str(error)[-300:]}")
            print(found[-1], flush=True)
        self.parts.append(f"## {title}\n\n{head}\n" + "\n".join(found) + "\n")

    def text(self) -> str:
        """Return the page."""
        minutes = (time.monotonic() - self.began) / 60
        return INTRODUCTION.format(
            options=self.options,
            minutes=minutes,
            version=__version__,
            kernel=ferryman.kernel.IMPLEMENTATION,
            servers=", ".join(versions()),
            python=platform.python_version(),
            machine=machine(),
        ) + "\n".join(self.parts)


INTRODUCTION = """# Benchmarks

Made by `make bench`, which runs

    python -m bench --rows {options.rows} --wide-rows {options.wide_rows} --peer-rows {options.peer_rows} \\
      --changes {options.changes} --repeat {options.repeat} --seconds {options.seconds:.0f}

and took {minutes:.0f} minutes. Medians; what is compared ran in turns in one run, on one machine, where source, target and
client share the processors.

Ferryman {version}, kernel {kernel}; {servers}; Python {python}; {machine}.

"""

LOADS = (
    """{rows:,} rows of sysbench's table (195 bytes each) and {wide:,} rows of 22 columns, from MariaDB.
Ours is the load step of `ferryman run` and, where the table has an index, the step that makes it, the start of their
processes included (median, and the range in so many rounds). CPU and memory are those of the load task's process; the last
column is the CPU of the target's server in seconds per million rows, for ours from the start of the run to its end.
"Ready data" is the limit: the same rows made beforehand and sent by plain clients over one, two and four streams, with the
index there or made behind them, of which the best counts: LOAD DATA LOCAL of a file into MariaDB, INSERT statements of about
a thousand rows into OceanBase, COPY of a file into PostgreSQL. The dump pipe is `mariadb-dump | mariadb`. Alone:
`python -m bench.loads`.

"""
    + loads.HEAD
)

PEERS = (
    """{rows:,} rows of sysbench's table, from MariaDB, one run each. Rates of peers leave out their start, ours include
it. Alone: `python -m bench.peers`.

"""
    + peers.HEAD
)

CHANGES = """From MariaDB into OceanBase.

| path | median | range |
|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of sysbench's table")
    parser.add_argument("--wide-rows", type=int, default=300_000, help="rows of the table of 22 columns")
    parser.add_argument("--peer-rows", type=int, default=200_000, help="rows the peers get (0: none are run)")
    parser.add_argument("--changes", type=int, default=200_000, help="changes applied (0: none are measured)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=50, help="no further round of a load begins after so many")
    options = parser.parse_args()
    page = Page(options)
    page.add("Loads", LOADS.format(rows=options.rows, wide=options.wide_rows), lambda: load_lines(options))
    if options.peer_rows:
        page.add(
            "Peers", PEERS.format(rows=options.peer_rows), lambda: (p.line() for p in peers.run(options.peer_rows))
        )
    if options.changes:
        page.add("Changes", CHANGES, lambda: change_lines(options))
    OUT.write_text(page.text())


def load_lines(options: argparse.Namespace) -> Iterator[str]:
    names = ["mariadb", "oceanbase", "postgresql"]
    return (
        found.line() for found in loads.run(options.rows, options.wide_rows, options.repeat, names, options.seconds)
    )


def change_lines(options: argparse.Namespace) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fmb-") as directory, Stage(Path(directory), rows=CHANGE_ROWS) as stage:
        rates = [our_apply(stage, run, options.changes) for run in range(options.repeat)]
        yield (
            f"| apply, rows in sets of 1,000 | {statistics.median(rates):,.0f} changes/s | {min(rates):,.0f}–{max(rates):,.0f};"
            " by what a run takes longer than one without changes |"
        )
        half, most = latency(stage)
        yield (
            f"| latency at 200 transactions/s | p50 {half:.0f} ms, p99 {most:.0f} ms |"
            " commit at the source → visible at the target |"
        )


def versions() -> Iterator[str]:
    """Yield what the servers say they are."""
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o755)
        with MariaDb(directory / "m") as mariadb, OceanBase(directory / "o") as oceanbase:
            for server in (mariadb, oceanbase):
                with loads.limits.mysql_session(server, "") as session, session.cursor() as cursor:
                    cursor.execute("SELECT version()")
                    yield f"{server.kind} {cursor.fetchone()[0]}"
        with Postgres(directory / "p") as postgres, loads.limits.postgres_session(postgres, "postgres") as session:
            yield "PostgreSQL " + session.execute("SHOW server_version").fetchone()[0]


def machine() -> str:
    """Return processors and memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{len(names)} × {names[0] if names else platform.machine()}, {kilobytes / (1 << 20):.0f} GiB"


if __name__ == "__main__":
    main()
