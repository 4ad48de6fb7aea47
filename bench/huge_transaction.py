"""Memory of capture and apply while one transaction of many rows goes through: ``python -m bench.huge_transaction [ROWS]``.

Source and target are two databases of one private MariaDB. Memory is the peak resident set of each process of
``ferryman run`` (Linux: VmHWM), so that it covers whatever a task holds at any instant.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.paths import connect, execute
from bench.processes import Run, watched
from ferryman.embedded import MariaDb

ROW_BYTES = 100


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fmb-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with MariaDb(
            directory / "server", settings={"sync-binlog": "0", "innodb-flush-log-at-trx-commit": "2"}
        ) as server:
            execute(
                server, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY, v INT, c VARBINARY(200), KEY (v))"
            )
            _run(server, directory)
            fill = f"INSERT INTO a.t SELECT seq, seq % 1000, REPEAT('x', {ROW_BYTES}) FROM seq_1_to_{rows}"
            execute(server, "USE a", fill)
            run = _run(server, directory)
            _compare(server)
            print(f"{rows:,} rows in one transaction: {run.seconds:.1f} s, {rows / run.seconds:,.0f} rows/s")
            for process, use in sorted(run.uses.items()):
                print(f"{process:>12}: {use.peak / 1024:.0f} MiB at most, {use.cpu:.1f} s of processor time")


def _compare(server: MariaDb) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CHECKSUM TABLE a.t, b.t")
        ours, theirs = (row[1] for row in cursor.fetchall())
    if ours != theirs:
        raise SystemExit("the tables differ")


def _run(server: MariaDb, directory: Path) -> Run:
    """Run the project until it has caught up."""
    command = [sys.executable, "-m", "ferryman", "run", "--source", f"{server.url}/a", "--target", server.url]
    command += ["--map", "a=b", "--types", "schema,full,incremental", "--stop-when", "caught-up", "--name", "huge"]
    return watched([*command, "--data-dir", str(directory / "data")])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
