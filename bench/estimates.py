"""What `ferryman check` estimates from: ``python -m bench.estimates [--rows N] [--targets …]``.

A run of schema, full and verify into each target, of both tables: rows/s and bytes/s of the load and of the comparison,
bytes as the source's catalog tells them. The figures go into `ferryman.pipeline.precheck.estimate`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.loads import FAST, targets
from bench.paths import execute
from bench.tables import SYSBENCH, WIDE
from ferryman.embedded import MariaDb


def steps(source: MariaDb, url: str, table: str, directory: Path) -> dict[str, tuple[int, float]]:
    """Move a table and compare it; returns rows and seconds of each step."""
    report = directory / "report.json"
    name = f"{url.partition(':')[0]}-{table}"
    command = [sys.executable, "-m", "ferryman", "run", "--source", f"{source.url}/sb", "--target", url]
    command += ["--objects", f"sb.{table}", "--types", "schema,full,verify", "--name", name]
    command += ["--data-dir", str(directory / name), "--report", str(report)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {step["name"]: (step["rows"], step["seconds"]) for step in json.loads(report.read_text())["steps"]}


def bytes_of(source: MariaDb, table: str) -> int:
    """Return the data's size by the source's catalog."""
    from ferryman.connectors.mysql_family.connection import open_connection

    execute(source, f"ANALYZE TABLE sb.{table}")
    with open_connection(source.endpoint) as connection:
        query = "SELECT DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'sb' AND TABLE_NAME = %s"
        return int(connection.query(query, (table,))[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.estimates")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of sysbench's table; the other gets a third")
    parser.add_argument("--targets", default="mariadb,oceanbase,postgresql")
    asked = parser.parse_args()
    rows = {SYSBENCH: asked.rows, WIDE: asked.rows // 3}
    with tempfile.TemporaryDirectory(prefix="fm-") as text:
        directory = Path(text)
        directory.chmod(0o755)
        source = MariaDb(directory / "source", settings=FAST).start()
        try:
            fill = [each.create("sb") for each in rows] + [each.fill("sb", 1, count) for each, count in rows.items()]
            execute(source, "CREATE DATABASE sb", "USE sb", *fill)
            sizes = {each.name: bytes_of(source, each.name) for each in rows}
            for name in asked.targets.split(","):
                show(source, name, targets(directory)[name](), sizes, directory)
        finally:
            source.remove()


def show(source: MariaDb, name: str, target, sizes: dict[str, int], directory: Path) -> None:
    """Print a line a table and step."""
    target.start()
    try:
        url = target.url + ("/postgres" if name == "postgresql" else "")
        for table, size in sizes.items():
            for step, (count, seconds) in steps(source, url, table, directory).items():
                if step in ("load", "verify"):
                    rates = f"{count / seconds:,.0f} rows/s, {size / seconds / 1e6:,.1f} MB/s"
                    print(f"{name} {table} {step}: {rates} ({seconds:.1f} s)", flush=True)
    finally:
        target.remove()


if __name__ == "__main__":
    main()
