"""`kill -9` of captures and of the server at random instants: the store holds each transaction exactly once (I8).

Two projects share the store (ADR 0112): whichever process is killed or stands still, the other one or its own successor
goes on; one that wakes up when its lease is another's writes nothing that counts (I7).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.log import binlog
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.embedded import MariaDb
from ferryman.model.changes import ChangeBatch, LogItem, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.logstore import open_reader

KILLS = int(os.environ.get("FERRYMAN_KILLS", "7"))
STALE_SECONDS = 1.0
PROCESS = Path(__file__).parent / "capture_process.py"

pytestmark = pytest.mark.mariadb


class Capture:
    """A capture process, killed and started again with the next epoch."""

    def __init__(self, server: MariaDb, directory: Path, start: Position, project: str) -> None:
        self.directory, self.log = directory, directory / "capture.log"
        self.project = project
        (directory / "notes.json").write_text(json.dumps({"schema.start": to_json(start)}))
        self._config = {
            "endpoint": to_json(server.endpoint),
            "project": project,
            "data_dir": str(directory),
            "stale_seconds": STALE_SECONDS,
            "notes": str(directory / "notes.json"),
        }
        self._epoch = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._epoch += 1
        config = self.directory / f"{self.project}.json"
        config.write_text(json.dumps({**self._config, "epoch": self._epoch}))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, str(PROCESS), str(config)], stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        self.process.kill()
        self.process.wait()

    def nap(self, seconds: float) -> threading.Timer:
        """Let it stand still for a while."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, self.process.send_signal, (signal.SIGCONT,))
        timer.start()
        return timer


class Writer(threading.Thread):
    """Changes two tables all the while; a statement whose server died is simply left: what happened shows the log."""

    def __init__(self, server: MariaDb, database: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._server, self._database = server, database
        self._chance = random.Random(seed)
        self._stop_wish = threading.Event()
        self._columns = 0
        self.transactions = 0

    def run(self) -> None:
        while not self._stop_wish.is_set():
            with contextlib.suppress(pymysql.err.Error, OSError), contextlib.closing(self._connect()) as connection:
                while not self._stop_wish.is_set():
                    self._transact(connection.cursor())
                    connection.commit()
                    self.transactions += 1

    def end(self) -> None:
        self._stop_wish.set()
        self.join()

    def _connect(self) -> pymysql.connections.Connection:
        end = self._server.endpoint
        return pymysql.connect(
            host=end.host, port=end.port, user=end.username, password=end.password, database=self._database
        )

    def _transact(self, cursor: pymysql.cursors.Cursor) -> None:
        chance = self._chance
        if chance.random() < 0.01:
            self._columns += 1
            cursor.execute(f"ALTER TABLE keyed ADD COLUMN c{self._columns}_{chance.randrange(10**9)} INT")
        if chance.random() < 0.04:
            cursor.execute(
                f"INSERT INTO keyed (v, w) SELECT seq, REPEAT('ä', 50) FROM seq_1_to_{chance.randrange(20_000)}"
            )
        for _ in range(chance.randrange(1, 6)):
            number = chance.randrange(10**6)
            cursor.execute(
                chance.choice(
                    [
                        f"INSERT INTO keyed (v, w) VALUES ({number}, 'é')",
                        f"UPDATE keyed SET v = {number} ORDER BY RAND() LIMIT 1" if chance.random() < 0.1 else
                        f"UPDATE keyed SET v = {number} WHERE id % 97 = {number % 97} LIMIT 3",
                        f"DELETE FROM keyed WHERE id % 89 = {number % 89} LIMIT 2",
                        f"INSERT INTO bag VALUES ({number % 9})",
                        f"UPDATE bag SET v = {number % 9} WHERE v = {number % 7} LIMIT 1",
                        f"DELETE FROM bag WHERE v = {number % 5} LIMIT 1",
                    ]
                )
            )  # fmt: skip


class Replica:
    """Applies decoded items strictly: a change seen twice, lost or out of order does not fit."""

    def __init__(self, schema: Schema, database: str) -> None:
        self.schema = schema
        self.keyed, self.bag = TableName(database, "keyed"), TableName(database, "bag")
        self.rows: dict[bytes, tuple[bytes | None, ...]] = {}
        self.values: Counter[bytes | None] = Counter()
        self.changes = 0

    def apply(self, item: LogItem) -> None:
        if isinstance(item, SchemaStatement) and item.sql.startswith("ALTER TABLE keyed ADD"):
            self._add_column(item.sql.split()[5])
        if not isinstance(item, ChangeBatch):
            return
        for before in item.before.rows() if item.before else ():
            if item.table == self.keyed:
                assert self.rows.pop(before[0] or b"") == before
            else:
                assert self.values[before[0]] > 0
                self.values[before[0]] -= 1
        for after in item.after.rows() if item.after else ():
            if item.table == self.keyed:
                assert after[0] not in self.rows
                self.rows[after[0] or b""] = after
            else:
                self.values[after[0]] += 1
        self.changes += item.row_count

    def _add_column(self, name: str) -> None:
        table = self.schema.table(self.keyed)
        assert table is not None
        column = Column(name=name, type=ColumnType(kind=Kind.INTEGER, native="int(11)", bits=32))
        self.schema = self.schema.with_table(replace(table, columns=(*table.columns, column)))
        self.rows = {key: (*row, None) for key, row in self.rows.items()}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    directory = tmp_path_factory.mktemp("kills")
    own = MariaDb(directory / "m", settings={"max-binlog-size": "1M"}).start()
    yield own
    own.remove()


def until(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


def test_every_transaction_once(server: MariaDb, tmp_path: Path, database_name: str) -> None:
    seed = int(os.environ.get("FERRYMAN_SEED", random.randrange(10**9)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with open_connection(server.endpoint) as connection:
        connection.execute(f"CREATE DATABASE {database_name}")
        start = binlog.current_position(connection)
        connection.execute(f"CREATE TABLE {database_name}.keyed (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT, w VARCHAR(90)"
                           " CHARACTER SET latin1)")  # fmt: skip
        connection.execute(f"CREATE TABLE {database_name}.bag (v INT)")
        schema = read_schema(connection, Selection(objects=(f"{database_name}.*",)))
    captures = [Capture(server, tmp_path, start, project) for project in ("np_1", "np_2")]
    writer = Writer(server, database_name, seed)
    for capture in captures:
        capture.start()
    writer.start()
    naps: list[threading.Timer] = []
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 1.5))  # the random instant
        what, capture = chance.random(), chance.choice(captures)
        if what < 0.3:
            server.kill()
            server.start()
        elif what < 0.6:
            naps.append(capture.nap(chance.uniform(0.5, 3.0)))
        else:
            capture.kill()
            capture.start()
    for nap in naps:
        nap.join()
    before = writer.transactions
    until(lambda: writer.transactions > before + 20, "the writer goes on")
    writer.end()
    check(server, tmp_path, start, Replica(schema, database_name))
    (store,) = (tmp_path / "log").iterdir()
    # The last one may have been killed before it had come so far, and its successor may just have started.
    until(lambda: {claim.stem for claim in (store / "readers").iterdir()} == {"np_1", "np_2"}, "both claim the log")
    for capture in captures:
        capture.kill()
    print((tmp_path / "capture.log").read_text().count("captures the log into"), "times one took the store over")


def check(server: MariaDb, directory: Path, start: Position, replica: Replica) -> None:
    """Replay the store up to the log's end, then compare with the tables."""
    with open_connection(server.endpoint) as connection:
        end = binlog.current_position(connection)
        keyed = {
            str(row[0]).encode(): tuple(map(as_bytes, row))
            for row in connection.query(f"SELECT * FROM {replica.keyed}")
        }
        bag = Counter(as_bytes(row[0]) for row in connection.query(f"SELECT v FROM {replica.bag}"))
    decoder = BinlogDecoder(
        lambda name: replica.schema.table(name), lambda name: name.database == replica.keyed.database
    )
    reader = open_reader(directory, "np_1", start)
    deadline = time.monotonic() + 60
    while reader.position < end:
        record = reader.poll(1.0)
        assert time.monotonic() < deadline, (
            f"{reader.position} of {end}: {(directory / 'capture.log').read_text()[-2000:]}"
        )
        for item in decoder.decode(record) if record is not None and record.payload else ():
            replica.apply(item)
    reader.close()
    print(f"{replica.changes} changes, {len(keyed)} rows, {sum(bag.values())} in the bag, end {end}")
    assert replica.rows == keyed
    assert +replica.values == bag


def as_bytes(value: object) -> bytes | None:
    return None if value is None else str(value).encode()
