"""Memory of capture and apply while one transaction of many rows goes through: ``python -m bench.huge_transaction [ROWS]``.

Source and target are two databases of one private MariaDB. Memory is the peak resident set of each process of
``ferryman run`` (Linux: VmHWM), so that it covers whatever a task holds at any instant.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.paths import connect, execute
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
            peaks, seconds = _run(server, directory)
            _compare(server)
            print(f"{rows:,} rows in one transaction: {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
            for process, kilobytes in sorted(peaks.items()):
                print(f"{process:>12}: {kilobytes / 1024:.0f} MiB at most")


def _compare(server: MariaDb) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CHECKSUM TABLE a.t, b.t")
        ours, theirs = (row[1] for row in cursor.fetchall())
    if ours != theirs:
        raise SystemExit("the tables differ")


def _run(server: MariaDb, directory: Path) -> tuple[dict[str, int], float]:
    """Run the project until it has caught up; returns each process's peak in KiB, and seconds."""
    command = [sys.executable, "-m", "ferryman", "run", "--source", f"{server.url}/a", "--target", server.url]
    command += ["--map", "a=b", "--types", "schema,full,incremental", "--stop-when", "caught-up", "--name", "huge"]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--data-dir", str(directory / "data")], stdout=subprocess.DEVNULL)
    peaks: dict[str, int] = {}
    while process.poll() is None:
        for name, kilobytes in _peaks(process.pid):
            peaks[name] = max(peaks.get(name, 0), kilobytes)
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"ferryman run ended with {process.returncode}")
    return peaks, time.monotonic() - began


def _peaks(parent: int) -> Iterator[tuple[str, int]]:
    """Yield the peak of a process and of its children, by the step they run."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(
                line.split(":\t", 1) for line in (directory / "status").read_text().splitlines() if ":\t" in line
            )
            words = (directory / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "VmHWM" not in status:  # it is just ending
            continue
        if int(directory.name) == parent:
            yield "run", int(status["VmHWM"].split()[0])
        elif status.get("PPid", "").strip() == str(parent):
            step = next((word.rpartition("/")[2] for word in words if word.startswith("--task=")), "other")
            yield step, int(status["VmHWM"].split()[0])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
