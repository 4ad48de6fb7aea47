"""Run every benchmark and write the table of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
from pathlib import Path

import pymysql

import ferryman.kernel
from bench.paths import Stage, latency, our_apply, our_load, peer_dump
from ferryman import __version__

OUT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rows", type=int, default=500_000, help="rows of the sysbench-like table (195 bytes each)")
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fmb-") as directory:
        stage = Stage(Path(directory), rows=options.rows)
        with stage:
            lines = list(measure(stage, options.repeat, options.changes))
            versions = f"MariaDB {version(stage.source)}, OceanBase {version(stage.target)}"
    text = page(lines, versions, options)
    OUT.write_text(text)
    print(text)


def measure(stage: Stage, repeat: int, changes: int):
    ours, peers, cpu = [], [], []
    for run in range(repeat):
        peers.append(peer_dump(stage, run))
        rate, seconds = our_load(stage, run)
        ours.append(rate)
        cpu.append(seconds)
    ours_rate, peer_rate = statistics.median(ours), statistics.median(peers)
    yield ("load → OceanBase, sysbench rows", f"{ours_rate:,.0f} rows/s", f"{min(ours):,.0f}–{max(ours):,.0f}")
    yield ("same, `mariadb-dump \\| mariadb`", f"{peer_rate:,.0f} rows/s", f"{min(peers):,.0f}–{max(peers):,.0f}")
    yield ("ratio", f"{ours_rate / peer_rate:.2f} ×", "of medians")
    yield (
        "client CPU of the load",
        f"{statistics.median(cpu):.2f} s per million rows",
        "all processes of ferryman run",
    )
    rates = [our_apply(stage, run, changes) for run in range(repeat)]
    yield (
        "apply → OceanBase, rows in sets of 1,000",
        f"{statistics.median(rates):,.0f} changes/s",
        f"{min(rates):,.0f}–{max(rates):,.0f}; by what a run takes longer than one without changes",
    )
    half, most = latency(stage)
    yield (
        "latency at 200 transactions/s",
        f"p50 {half:.0f} ms, p99 {most:.0f} ms",
        "commit at source → visible at target",
    )


def page(lines: list[tuple[str, str, str]], versions: str, options: argparse.Namespace) -> str:
    rows = "\n".join(f"| {name} | {value} | {note} |" for name, value, note in lines)
    return f"""# Benchmarks

Made by `make bench` (`python -m bench --rows {options.rows} --changes {options.changes} --repeat {options.repeat}`); medians of
{options.repeat} runs, each path in the same run on the same machine, source, target and client sharing it.

Ferryman {__version__}, kernel {ferryman.kernel.IMPLEMENTATION}; {versions}; Python {platform.python_version()}; {cpu_name()}.

| path | median | range |
|---|---|---|
{rows}
"""


def version(server) -> str:
    with pymysql.connect(host="127.0.0.1", port=server.port, user=server.user, password=server.password) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT version()")
        return cursor.fetchone()[0]


def cpu_name() -> str:
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{len(names)} × {names[0]}" if names else platform.machine()


if __name__ == "__main__":
    main()
