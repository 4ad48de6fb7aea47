"""Synchronization into Kafka: full step against the producer alone, serializers, latency, memory: ``python -m bench.sinks``.

The full step is told twice: as the step's own time, its process's start included, and from the first message to the last. The
producer alone has its messages ready, and both processors to itself and the broker.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pymysql
from confluent_kafka import Consumer, Producer, TopicPartition

from ferryman.connectors.kafka.sink import KafkaSink
from ferryman.embedded import Kafka, MariaDb, OceanBase
from ferryman.model.batch import Batch
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import PublishOptions
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.serializers.registry import FORMATS, serializer_for
from ferryman.spi.sink import Origin, RowEvent, TopicPlan

TABLE = "CREATE TABLE {}.t (id INT PRIMARY KEY, k INT, c VARCHAR(120), pad VARCHAR(60), d DECIMAL(12,2))"
ROW = "({0}, {0} * 7, repeat('c', 100), 'pad-{0}', {0} / 4)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.sinks")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for name, rate in serializer_rates().items():
        print(f"serializer {name:20} {rate:10,.0f} messages/s of one core (updates of 5 columns)")
    with tempfile.TemporaryDirectory(prefix="fms-") as place:
        directory = Path(place)
        directory.chmod(0o755)
        with Kafka(directory / "kafka") as kafka:
            with MariaDb(directory / "mariadb") as source:
                full_step(source, kafka, directory, options.rows, options.repeat)
                latency(source, kafka, directory, "MariaDB")
            with OceanBase(directory / "oceanbase") as source:
                latency(source, kafka, directory, "OceanBase")


def serializer_rates(rows: int = 10_000) -> dict[str, float]:
    """Return messages a second of processor time for each format."""
    kinds = [("id", Kind.INTEGER), ("k", Kind.INTEGER), ("c", Kind.VARCHAR), ("pad", Kind.VARCHAR), ("d", Kind.DECIMAL)]
    columns = tuple(Column(name=name, type=ColumnType(kind=kind, bits=32, length=120, scale=2)) for name, kind in kinds)
    index = Index(name="PRIMARY", parts=(KeyPart(column="id"),), unique=True, primary=True)
    table = Table(name=TableName("d", "t"), columns=columns, indexes=(index,))
    image = Batch.of([(b"%d" % n, b"%d" % (n * 7), b"c" * 100, b"pad-%d" % n, b"%d.25" % n) for n in range(rows)], 5)
    position = Position(kind="binlog", token={"file": "b.1", "offset": "7"}, order=(1, 7), time=1.6e9)
    event = RowEvent(
        name=table.name, table=table, operation=Operation.UPDATE, columns=columns, before=image, after=image,
        origin=Origin(position=position, seconds=1.6e9, database_type="MYSQL"), ordinals=range(rows), sequences=range(rows),
    )  # fmt: skip
    found = {}
    for name in FORMATS:
        if name in {"AVRO", "PARQUET"}:  # schemas that live in a registry; no messages
            continue
        serializer, times = serializer_for(PublishOptions(format=name)), []
        for _ in range(5):
            begun = time.process_time()
            serializer.rows(event)
            times.append(time.process_time() - begun)
        found[name] = rows / min(times)
    return found


def full_step(source, kafka: Kafka, directory: Path, rows: int, repeat: int) -> None:
    """Print the full step's rate and that of a producer with the same messages, run by run."""
    execute(source, "CREATE DATABASE full", TABLE.format("full"))
    for first in range(0, rows, 5000):
        execute(source, "INSERT INTO full.t VALUES " + ",".join(ROW.format(n) for n in range(first, first + 5000)))
    ratios, flowing = [], []
    for run in range(repeat):
        topic, report = f"full{run}", directory / f"report{run}.json"
        command = [*ferryman(source, kafka, directory, f"full{run}", topic), "--objects", "full.*"]
        with memory_of(directory) as peak:
            command += ["--types", "schema,full", "--report", str(report)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        steps = {step["name"]: step for step in json.loads(report.read_text())["steps"]}
        seconds = next(step["seconds"] for name, step in steps.items() if step.get("rows"))
        messages, span = messages_of(kafka, topic)
        assert len(messages) == rows
        alone = producer_alone(kafka, messages, f"alone{run}")
        ratios.append(alone / seconds)
        flowing.append(alone / span)
        print(
            f"full step {rows / seconds:,.0f} rows/s, without its start {rows / span:,.0f}, producer alone {rows / alone:,.0f}: "
            f"{alone / seconds:.2f} × and {alone / span:.2f} ×; largest process {max(peak, default=0) / 1024:.0f} MB"
        )
    print(
        f"full step : producer alone, medians {statistics.median(ratios):.2f} ×, "
        f"without the start {statistics.median(flowing):.2f} ×"
    )


def producer_alone(kafka: Kafka, messages: list[tuple[bytes, bytes]], topic: str) -> float:
    """Return the seconds one producer takes with the connector's own settings, a transaction for all."""
    sink = KafkaSink(kafka.endpoint, PublishOptions())
    producer = Producer(sink._settings() | {"transactional.id": topic})
    producer.init_transactions(60)
    begun = time.monotonic()
    producer.begin_transaction()
    for key, value in messages:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.commit_transaction(60)
    return time.monotonic() - begun


def messages_of(kafka: Kafka, topic: str) -> tuple[list[tuple[bytes, bytes]], float]:
    """Return keys and values of a topic and the seconds between the first and the last; make the producer's topic."""
    plan = TopicPlan(name=topic.replace("full", "alone"), partitions=3, replication=1, options={})
    KafkaSink(kafka.endpoint, PublishOptions()).make_topic(plan)
    consumer, found, times = reading(kafka, topic), [], []
    while batch := consumer.consume(5000, timeout=5.0):
        found += [(message.key(), message.value()) for message in batch]
        times += [message.timestamp()[1] for message in batch]
    consumer.close()
    return found, (max(times) - min(times)) / 1000


def latency(source, kafka: Kafka, directory: Path, kind: str, count: int = 200) -> None:
    """Print how long a committed row takes to a consumer."""
    execute(source, "CREATE DATABASE late", "CREATE TABLE late.t (id INT PRIMARY KEY, at DOUBLE)")
    topic = f"late{kind.lower()}"
    command = [*ferryman(source, kafka, directory, topic, topic), "--objects", "late.*", "--stop-when", "never"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        while topic not in KafkaSink(kafka.endpoint, PublishOptions()).topics([topic]):
            time.sleep(0.5)
        consumer, late, stop = reading(kafka, topic), [], threading.Event()
        thread = threading.Thread(target=insert, args=(source, stop), daemon=True)
        thread.start()
        while len(late) < 2 * count:
            for message in consumer.consume(1000, timeout=0.02):
                row = json.loads(message.value())
                if row["allMetaData"]["timestamp"] is not None:
                    late.append(time.time() - row["postStruct"]["at"])
        stop.set()
        thread.join()
        consumer.close()
        run.terminate()
    late = sorted(late[count:])  # the first ones waited for the start
    print(f"latency {kind}: p50 {late[len(late) // 2] * 1000:.0f} ms, p99 {late[int(len(late) * 0.99)] * 1000:.0f} ms")


def insert(source, stop: threading.Event) -> None:
    with connect(source) as connection, connection.cursor() as cursor:
        for number in itertools.count():
            cursor.execute("INSERT INTO late.t VALUES (%s, %s)", (number, time.time()))
            if stop.wait(0.1):
                return


def ferryman(source, kafka: Kafka, directory: Path, name: str, topic: str) -> list[str]:
    target = f"{kafka.url}?topic={topic}"
    command = [sys.executable, "-m", "ferryman", "run", "--source", source.url, "--target", target]
    return [*command, "--name", name, "--data-dir", str(directory / "data")]


def reading(kafka: Kafka, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{kafka.port}",
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    return consumer


@contextmanager
def memory_of(directory: Path):
    """Collect the greatest memory of each process that works in a directory, in KiB."""
    peaks, done = [], threading.Event()

    def look() -> None:
        while not done.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if (
                        b"ferryman" in (command := (process / "cmdline").read_bytes())
                        and str(directory).encode() in command
                    ):
                        status = (process / "status").read_text()
                        peaks.append(int(status.split("VmHWM:")[1].split()[0]))
                except (OSError, IndexError):
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def connect(source):
    return pymysql.connect(
        host="127.0.0.1", port=source.port, user=source.user, password=source.password, autocommit=True
    )


def execute(source, *statements: str) -> None:
    with connect(source) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


if __name__ == "__main__":
    main()
