"""The sink conformance suite: a project into a sink under a writer, tasks and sink killed at random instants.

Afterwards a consumer that knows only the messages rebuilds every table, partition after partition in any order, and must
hold what the source holds. `SinkUnderTest` is what a sink has to bring.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pymysql

from ferryman.embedded import Server
from ferryman.model.names import TableName
from ferryman.model.project import (
    ApplyOptions,
    Endpoint,
    LoadOptions,
    ProjectSpec,
    ProjectType,
    PublishOptions,
    StepName,
)
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline.publish.task import WINDOW_FACTOR
from ferryman.pipeline.runner import run_step
from ferryman.serializers.values import Family, Objects
from ferryman.spi.connector import connector_for
from sink_step_process import FileContext

ROWS = int(os.environ.get("FERRYMAN_SINK_ROWS", "6000"))
PAUSE_SECONDS = 0.004 if int(os.environ.get("FERRYMAN_KILLS", "3")) > 10 else 0.015
"""Between the writer's transactions; a campaign falls behind on purpose, and then publishes for a long time what waits."""
STEPS = (StepName.SCHEMA, StepName.CAPTURE, StepName.LOAD, StepName.APPLY)
PROCESS = Path(__file__).with_name("sink_step_process.py")

TABLES = (
    "CREATE TABLE account (id INT UNSIGNED PRIMARY KEY, name VARCHAR(40) NOT NULL, balance DECIMAL(12,2), ratio DOUBLE,"
    " seen DATETIME(6), born DATE, photo BLOB, mood SET('calm','keen'), mask BIT(12), extra JSON, UNIQUE (name))",
    "CREATE TABLE line (a INT, b VARCHAR(20) COLLATE utf8mb4_bin, n BIGINT, stamp TIMESTAMP(3) NULL, PRIMARY KEY (a, b))",
    "CREATE TABLE bag (v INT, w VARCHAR(10))",
    f"INSERT INTO account SELECT seq, concat('n\"', seq, 'é'), seq / 7, seq / 3, '2024-01-02 03:04:05.000006', '2020-02-29',"
    f" unhex(sha1(seq)), seq % 4, seq % 4096, json_object('n', seq) FROM seq_1_to_{ROWS}",
    f"INSERT INTO line SELECT seq % 50, concat('b', seq), seq, '2024-01-02 03:04:05.5' FROM seq_1_to_{ROWS // 3}",
    "INSERT INTO bag SELECT seq % 20, concat('w', seq % 3) FROM seq_1_to_400",
)


class SinkUnderTest(Protocol):
    """A sink and a way to read it as a consumer would."""

    endpoint: Endpoint

    def partitions(self) -> list[list[bytes]]:
        """Return the committed messages of each partition of each topic, in order."""
        ...

    def disturb(self) -> None:
        """Kill the sink's server and start it again, where there is one."""
        ...


class Writer(threading.Thread):
    """Random transactions: rows come, change, change their keys, go."""

    def __init__(self, source: Server, database: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._source, self._database, self._dice = source, database, random.Random(seed)
        self.stopping = threading.Event()
        self.transactions = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with connect(self._source, self._database) as connection, connection.cursor() as cursor:
                while not self.stopping.wait(PAUSE_SECONDS):
                    self._transaction(cursor)
        except BaseException as error:
            self.failure = error

    def _transaction(self, cursor: Any) -> None:
        dice = self._dice
        cursor.execute("BEGIN")
        for _ in range(dice.choice((1, 1, 3, 30))):
            sql, values = self._statement()
            try:
                cursor.execute(sql, values)
            except pymysql.err.IntegrityError:
                continue  # a taken key: the statement did nothing
        cursor.execute("COMMIT")
        self.transactions += 1

    def _statement(self) -> tuple[str, tuple[Any, ...]]:
        dice = self._dice
        key, other = dice.randrange(1, 2 * ROWS), dice.randrange(1, 2 * ROWS)
        return dice.choice(
            [
                ("INSERT INTO account (id, name, balance) VALUES (%s, %s, %s)", (key, f"new{key}", key / 8)),
                ("UPDATE account SET balance = balance + 1, extra = NULL WHERE id = %s", (key,)),
                ("UPDATE account SET id = %s WHERE id = %s", (other, key)),
                ("DELETE FROM account WHERE id = %s", (key,)),
                ("UPDATE line SET b = concat('m', %s) WHERE n = %s", (other, key % (ROWS // 3))),
                ("UPDATE line SET a = a + 1 WHERE a = %s LIMIT 5", (key % 60,)),
                ("INSERT INTO line VALUES (%s, %s, %s, NULL)", (key % 50, f"i{key}", other)),
                ("UPDATE bag SET w = concat('u', %s) WHERE v = %s LIMIT 2", (key % 7, key % 20)),
                ("DELETE FROM bag WHERE v = %s LIMIT 1", (key % 20,)),
                ("INSERT INTO bag VALUES (%s, NULL)", (key % 20,)),
            ]
        )


def connect(source: Server, database: str | None = None) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=source.port,
        user=source.user,
        password=source.password,
        database=database,
        autocommit=True,
        init_command="SET time_zone='+00:00'",
    )


class Stage:
    """A project of one database into one sink; each step is a process that can be killed."""

    def __init__(
        self, source: Server, sink: SinkUnderTest, directory: Path, database: str, publish: PublishOptions
    ) -> None:
        self.source, self.sink, self.directory, self.database = source, sink, directory, database
        directory.mkdir(parents=True, exist_ok=True)
        with connect(source) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {database}")
            for statement in TABLES:
                cursor.execute(statement)
        self.spec = ProjectSpec(
            name=database,
            type=ProjectType.SYNC,
            source=source.endpoint,
            target=sink.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
            steps=STEPS,
            load=LoadOptions(chunk_rows=max(200, ROWS // 20)),
            apply=ApplyOptions(window_changes=20 // WINDOW_FACTOR),  # transactions of 30 statements come in parts
            publish=publish,
        )
        (directory / "spec.json").write_text(json.dumps(to_json(self.spec)))
        self._epoch = 0
        self.kills: list[str] = []

    def context(self, step: StepName) -> FileContext:
        self._epoch += 1
        return FileContext(self.directory, self.spec, step, self._epoch)

    def start(self, step: StepName) -> subprocess.Popen[bytes]:
        self._epoch += 1
        environment = {**os.environ, "PYTHONPATH": str(PROCESS.parent)}
        command = [sys.executable, str(PROCESS), str(self.directory), step.value, str(self._epoch)]
        with (self.directory / f"{step.value}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def news(self, step: StepName) -> str:
        return (self.directory / f"{step.value}.log").read_text()[-3000:]

    def run(self, kills: int, seed: int) -> None:
        """Run all steps under a writer, with so many kills."""
        dice = random.Random(seed)
        run_step(self.context(StepName.SCHEMA))  # type: ignore[arg-type]
        writer = Writer(self.source, self.database, dice.randrange(10**9))
        writer.start()
        with self._capturing():
            self._killed(StepName.LOAD, kills // 2, dice)
            self._finish(StepName.LOAD)
            self._killed(StepName.APPLY, kills - kills // 2, dice)
            apply = self.start(StepName.APPLY)
            time.sleep(dice.uniform(0.5, 1.5))  # some changes more
            writer.stopping.set()
            writer.join()
            assert writer.failure is None, writer.failure
            self._stop_here()
            assert apply.wait(180) == 0, self.news(StepName.APPLY)
        print(f"killed {self.kills}; {writer.transactions} transactions")

    def _killed(self, step: StepName, kills: int, dice: random.Random) -> None:
        for number in range(kills):
            process = self.start(step)
            try:
                process.wait(dice.uniform(0.6, 1.8))  # the instant is the point; most of it is start-up
            except subprocess.TimeoutExpired:
                if number % 3 == 1:
                    self.sink.disturb()
                    self.kills.append("sink")
                process.send_signal(signal.SIGKILL)
                self.kills.append(step.value)
                process.wait()
            else:
                assert process.returncode == 0, self.news(step)

    def _finish(self, step: StepName) -> None:
        assert self.start(step).wait(180) == 0, self.news(step)

    @contextmanager
    def _capturing(self) -> Iterator[None]:
        process = self.start(StepName.CAPTURE)
        try:
            yield
        finally:
            (self.directory / "stop").touch()
            process.wait(60)
            (self.directory / "stop").unlink()

    def _stop_here(self) -> None:
        source = connector_for(self.spec.source).source(self.spec.source)  # type: ignore[misc]
        self.context(StepName.APPLY).set_note("apply.stop_at", to_json(source.current_position()))

    # What must be equal -----------------------------------------------------------------------------------------------

    def source_tables(self) -> dict[str, Counter[str]]:
        """Return each table's rows as the messages would show them."""
        source = connector_for(self.spec.source).source(self.spec.source)  # type: ignore[misc]
        schema = source.read_schema(self.spec.selection)
        return {table.name.table: self._rows(source, table) for table in schema.tables}

    def _rows(self, source: Any, table: Table) -> Counter[str]:
        objects, found = Objects(Family.PLAIN), Counter[str]()
        names = [column.name for column in table.columns]
        for batch in source.reader().read(table, names):
            found.update(canonical(json.loads(text)) for text in objects.objects(table.columns, batch, batch.row_count))
        return found

    def consumed(self, dice: random.Random) -> dict[str, Counter[str]]:
        """Return each table as a consumer of DEFAULT messages rebuilds it, a partition at a time in any order."""
        partitions = self.sink.partitions()
        dice.shuffle(partitions)
        consumer = Consumer()
        for messages in partitions:
            for message in messages:
                consumer.take(json.loads(message))
        return consumer.rows()


class Consumer:
    """Rebuilds tables from DEFAULT messages; of a change that comes again, the repetition changes nothing."""

    def __init__(self) -> None:
        self.keyed: dict[str, dict[str, str]] = {}
        self.bags: dict[str, Counter[str]] = {}
        self.messages = Counter[tuple[str, ...]]()

    def take(self, message: dict[str, Any]) -> None:
        meta, kind = message["allMetaData"], message["recordType"]
        if kind in {"DDL", "HEARTBEAT", "BEGIN", "COMMIT"}:
            return
        table, names = meta["table_name"], meta["record_primary_key"]
        before, after = message["prevStruct"], message["postStruct"]
        identity = meta["uniqueId"] or f"full:{canonical(after) if names is None else meta['record_primary_value']}"
        if names is not None or meta["uniqueId"] is not None:
            self.messages[table, identity, kind] += 1
        if names is None:
            if meta["uniqueId"] is None or self.messages[table, identity, kind] == 1:
                self._bag(table, before, after)
        else:
            self._keyed(table, names.split("\x01"), before, after)

    def _keyed(self, table: str, names: Sequence[str], before: Any, after: Any) -> None:
        rows = self.keyed.setdefault(table, {})
        if before is not None:
            rows.pop(canonical([before[name] for name in names]), None)
        if after is not None:
            rows[canonical([after[name] for name in names])] = canonical(after)

    def _bag(self, table: str, before: Any, after: Any) -> None:
        bag = self.bags.setdefault(table, Counter())
        if before is not None:
            bag[canonical(before)] -= 1
        if after is not None:
            bag[canonical(after)] += 1

    def rows(self) -> dict[str, Counter[str]]:
        found = {table: Counter(rows.values()) for table, rows in self.keyed.items()}
        return found | {table: Counter({row: n for row, n in bag.items() if n}) for table, bag in self.bags.items()}

    def repeated(self) -> dict[tuple[str, ...], int]:
        """Return the messages that came more than once."""
        return {identity: count for identity, count in self.messages.items() if count > 1}


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def check(stage: Stage, *, kills: int, seed: int, exactly_once: bool) -> None:
    """The whole suite for one sink: run with kills, rebuild, compare, count repetitions."""
    print(f"\nFERRYMAN_SEED={seed} kills={kills} {stage.spec.publish.rule}")
    stage.run(kills, seed)
    dice = random.Random(seed)
    expected = stage.source_tables()
    partitions = stage.sink.partitions()
    dice.shuffle(partitions)
    consumer = Consumer()
    for messages in partitions:
        for message in messages:
            consumer.take(json.loads(message))
    found = consumer.rows()
    assert set(found) == set(expected)
    for table, rows in expected.items():
        missing, extra = rows - found[table], found[table] - rows
        assert not missing, (table, "missing", len(missing), list(missing)[:3])
        # Rows of the load have no name: of a table without a key, a repetition cannot be told from an equal row.
        if exactly_once or table in consumer.keyed:
            assert not extra, (table, "extra", len(extra), list(extra)[:3])
    print(f"{sum(n - 1 for n in consumer.repeated().values())} messages came again")
    if exactly_once:
        assert not consumer.repeated()
    if stage.spec.publish.transactions:
        print(f"{sum(map(whole_transactions, partitions))} times a transaction in a partition, each whole")


def whole_transactions(messages: Sequence[bytes]) -> int:
    """Return how many transactions one partition holds: each BEGIN has its COMMIT, and only its own changes between."""
    open_one, count = None, 0
    for message in messages:
        found = json.loads(message)
        kind, name = found["recordType"], found["allMetaData"]["transId"]
        if kind == "BEGIN":
            assert open_one is None, (open_one, name)
            open_one, changes = name, 0
        elif kind == "COMMIT":
            assert (open_one, changes > 0) == (name, True)
            open_one, count = None, count + 1
        elif found["allMetaData"]["timestamp"] is not None and kind != "DDL":
            assert name == open_one
            changes += 1
    assert open_one is None
    return count


__all__ = ["Stage", "TableName", "check"]
