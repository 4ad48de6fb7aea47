"""What many small tables cost: ``python -m bench.many_tables [--tables N,M …]``.

One run loads so many tables of one row from one MariaDB into another. Given are the processor seconds and the peak of each
process of `ferryman run`: a cost that grows faster than the number of tables shows in the last column.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.paths import execute
from bench.processes import Run, watched
from ferryman.embedded import MariaDb

SETTINGS = {"innodb-flush-log-at-trx-commit": "0", "sync-binlog": "0", "innodb-file-per-table": "0"}


def moved(directory: Path, source: MariaDb, target: MariaDb, database: str) -> Run:
    """Move one database and drop it at the target."""
    run = watched([
        *(sys.executable, "-m", "ferryman", "run", "--source", source.url, "--target", target.url),
        *("--objects", f"{database}.*", "--types", "schema,full", "--name", database),
        *("--data-dir", str(directory / database)),
    ])  # fmt: skip
    execute(target, f"DROP DATABASE {database}")
    return run


def lines(directory: Path, counts: list[int]) -> Iterator[str]:
    """Yield the lines of the table of results, one a process and number of tables."""
    with (
        MariaDb(directory / "source", settings=SETTINGS) as source,
        MariaDb(directory / "target", settings=SETTINGS) as target,
    ):
        fewer: dict[str, float] = {}
        for count in counts:
            name, numbers = f"many{count}", range(count)
            execute(source, f"CREATE DATABASE {name}")
            make = (f"CREATE TABLE t{n} (id INT PRIMARY KEY, k INT, v VARCHAR(20), KEY (k))" for n in numbers)
            execute(source, f"USE {name}", *make, *(f"INSERT INTO t{n} VALUES (1, 1, 'one')" for n in numbers))
            uses = moved(directory, source, target, name).uses
            for process, use in uses.items():
                each = use.cpu / count * 1000
                grown = f"{each / fewer[process]:.2f} ×" if process in fewer else "–"
                yield f"| {count:,} | {process} | {use.cpu:.1f} s | {use.peak / 1024:.0f} MiB | {each:.2f} ms | {grown} |"
            fewer |= {process: use.cpu / count * 1000 for process, use in uses.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.many_tables")
    parser.add_argument("--tables", default="2000,10000", help="numbers of tables, one run each")
    options = parser.parse_args()
    print(
        "| tables | process | processor | peak | a table | against the line of fewer tables |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o755)
        for line in lines(directory, [int(text) for text in options.tables.split(",")]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
