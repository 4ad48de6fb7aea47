"""kill -9 of task, source and target while rows are copied and indexes made: resumed, both sides end equal (I8).

Nobody writes meanwhile, and the log is not followed: what the load does not bring is missing for good. The instants and
victims come from a seed, printed; FERRYMAN_SEED replays them. FERRYMAN_KILLS is the number of kills a pair of servers
(4 in CI, 25 in the campaign). A pair begins anew, with empty tables, as often as it has ended before its kills are spent.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Postgres, Server
from ferryman.foundation.errors import FerrymanError

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "4"))
ROWS = 60_000
INDEXED_ROWS = 300_000
PATIENCE = 300.0

TABLES = (
    "CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(100), k INT, KEY (k), KEY (v, k))",
    "CREATE TABLE words (w VARCHAR(40) COLLATE utf8mb4_bin PRIMARY KEY, n INT, UNIQUE (n), KEY (n, w))",
    "CREATE TABLE pairs (a INT, b VARBINARY(20), v VARCHAR(60), PRIMARY KEY (a, b), KEY (v))",
    "CREATE TABLE keyless (a INT, v VARCHAR(60), KEY (a))",
)
ROWS_OF = {
    "plain": "seq, REPEAT(MD5(seq), 3), seq % 1000",
    "words": "SHA1(seq), seq",
    "pairs": "seq % 7, UNHEX(SHA1(seq)), MD5(seq)",
    "keyless": "seq % 5000, IF(seq % 11, MD5(seq % 5000), NULL)",
}


class Pair:
    """A source, a target, and one project between them that is begun, killed and gone on with."""

    def __init__(self, source: MariaDb, target: Server, database: str, directory: Path) -> None:
        self.source, self.target, self.database, self.directory = source, target, database, directory
        self.output = directory / "out"
        self.report = directory / "report.json"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, types: str = "schema,full,verify", *more: str) -> None:
        """Start the run, or go on with it."""
        target = self.target.url + ("/postgres" if isinstance(self.target, Postgres) else "")
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ferryman", "run", "--source", f"{self.source.url}/{self.database}"),
                    *("--target", target, "--types", types, "--name", "killed", "--report", str(self.report)),
                    *("--data-dir", str(self.directory / "d"), *more),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, victim: str) -> None:
        """Kill the run with its tasks, or a server, which comes back at once."""
        if victim == "task":
            assert self.process is not None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return
        server = self.source if victim == "source" else self.target
        server.kill()
        server.start()

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        """Wait for the run at most so long; returns whether it has ended."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.has_ended

    def has_done(self) -> bool:
        """Wait for the run: whether it was at its end, and not killed, or without a server as its precheck began."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        said = self.output.read_text()[-4000:]
        assert code in (0, -signal.SIGKILL) or (code == 3 and "endpoint.unreachable" in said), said
        return code == 0

    def require_done(self) -> None:
        """Wait for the run, which must end well and equal."""
        assert self.has_done(), self.output.read_text()[-4000:]

    def equal_rows(self) -> dict[str, int]:
        """Return the rows of each table as verification has counted them."""
        tables = json.loads(self.report.read_text())["tables"]
        assert all(table["mismatches"] == 0 for table in tables), tables
        return {table["name"].rpartition(".")[2]: table["rows"] for table in tables}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the target."""
        return asked(self.target, sql)

    def clear(self) -> None:
        """Leave no trace at the target."""
        word = "SCHEMA" if isinstance(self.target, Postgres) else "DATABASE"
        self.ask(f"DROP {word} IF EXISTS {self.database}" + (" CASCADE" if word == "SCHEMA" else ""))


def asked(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    if isinstance(server, Postgres):
        with psycopg.connect(host="127.0.0.1", port=server.port, user=server.user, password=server.password,
                             dbname="postgres", autocommit=True) as session:  # fmt: skip
            for sql in statements:
                cursor = session.execute(sql)
                found = list(cursor.fetchall()) if cursor.description else []
        return found
    with pymysql.connect(host="127.0.0.1", port=server.port, user=server.user, password=server.password,
                         autocommit=True, charset="utf8mb4") as session, session.cursor() as cursor:  # fmt: skip
        for sql in statements:
            cursor.execute(sql)
            found = list(cursor.fetchall())
    return found


def made(kind: str, directory: Path) -> Server:
    if kind == "postgresql":
        return Postgres(directory / "target")
    return MariaDb(directory / "target") if kind == "mariadb" else OceanBase(directory / "target")


@pytest.fixture(scope="module")
def source(servers_directory: Path) -> Iterator[MariaDb]:
    (directory := servers_directory / "lk").mkdir()
    server = MariaDb(directory / "source").start()
    yield server
    server.remove()


@pytest.fixture
def pair(
    source: MariaDb, servers_directory: Path, database_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Pair]:
    target = made(request.param, servers_directory / "lk" / database_name)
    made_pair = Pair(source.start(), target.start(), database_name, tmp_path)
    try:
        yield made_pair
    finally:
        if not made_pair.has_ended:
            made_pair.kill("task")
        target.remove()


def fill(pair: Pair, tables: dict[str, int]) -> None:
    creates = {sql.split()[2]: sql for sql in TABLES}
    asked(pair.source, f"CREATE DATABASE {pair.database} CHARACTER SET utf8mb4")
    for name, rows in tables.items():
        asked(
            pair.source,
            f"USE {pair.database}",
            creates[name],
            f"INSERT INTO {name} SELECT {ROWS_OF[name]} FROM seq_1_to_{rows}",
        )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("pair", ["mariadb", "postgresql", "oceanbase"], indirect=True)
def test_a_load_that_is_killed_again_and_again_ends_equal(pair: Pair) -> None:
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS} {pair.target.kind}")
    dice = random.Random(f"{SEED}/{pair.target.kind}")
    rows = dict.fromkeys(ROWS_OF, ROWS)
    fill(pair, rows)
    left, killed, fresh = KILLS, [], False
    while left or fresh or not killed:
        pair.begin("schema,full,verify", *(["--fresh"] if fresh else []))
        fresh = False
        while left and not pair.ends_within(
            dice.uniform(0.3, 4.0)
        ):  # the instant is the point, not a wait for anything
            killed.append(dice.choice(["task", "task", "source", "target"]))
            pair.kill(killed[-1])
            left -= 1
        if pair.has_done():
            assert pair.equal_rows() == rows
            if left:
                pair.clear()
                fresh = True
    while not pair.has_done():
        pair.begin()
    assert pair.equal_rows() == rows
    print(f"killed: {killed}")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("victim", ["task", "target"])
@pytest.mark.parametrize("pair", ["mariadb", "postgresql"], indirect=True)
def test_indexes_are_made_though_the_making_is_killed(pair: Pair, victim: str) -> None:
    """Not asked for, they wait for the rows; who goes on need not name the schema step again."""
    fill(pair, {"plain": INDEXED_ROWS})
    pair.begin("schema,full")
    until(lambda: is_making(pair), "indexes are being made", pair)
    assert index_names(pair) == {"PRIMARY"}
    pair.kill(victim)
    if victim == "task":
        pair.begin("full,verify")
    pair.require_done()
    assert index_names(pair) == {"PRIMARY", "k", "v"}
    if victim == "target":
        pair.begin("schema,full,verify")
        pair.require_done()
    assert pair.equal_rows() == {"plain": INDEXED_ROWS}
    assert "schema.index_failed" not in pair.output.read_text()


def is_making(pair: Pair) -> bool:
    """Whether the target works on an index right now (MariaDB: on both, in one statement)."""
    assert not pair.has_ended, pair.output.read_text()[-4000:]
    with contextlib.suppress(pymysql.Error, psycopg.Error):
        if isinstance(pair.target, Postgres):
            return bool(pair.ask("SELECT 1 FROM pg_stat_progress_create_index WHERE tuples_done + blocks_done > 0"))
        running = pair.ask("SELECT info FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE%'")
        return any(info.count("ADD KEY") == 2 for (info,) in running)
    return False


def index_names(pair: Pair) -> set[str]:
    if isinstance(pair.target, Postgres):
        sql = f"SELECT indexname FROM pg_indexes WHERE schemaname = '{pair.database}'"
        ours = {"plain_pkey": "PRIMARY", "plain_k_idx": "k", "plain_v_idx": "v"}
        return {ours.get(name, name) for (name,) in pair.ask(sql)}
    found = pair.ask(
        f"SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = '{pair.database}'"
    )
    return {name for (name,) in found}


def until(condition: Callable[[], bool], what: str, pair: Pair) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise FerrymanError("test.timeout", f"{what}: {pair.output.read_text()[-2000:]}")
        time.sleep(0.005)
