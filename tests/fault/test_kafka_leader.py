"""A leader that dies amid a transaction: the other broker takes over, and each message is there once (I1, I8)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from ferryman.connectors.kafka.sink import KafkaSink
from ferryman.embedded import Kafka
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import Messages, TopicPlan

pytestmark = pytest.mark.kafka
TWICE = {"transaction.state.log.replication.factor": "2", "offsets.topic.replication.factor": "2"}
QUICK = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
COUNT = 2000


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Kafka, Kafka]]:
    settings = {**TWICE, **QUICK}
    with (
        Kafka(tmp_path / "one", settings=settings) as one,
        Kafka(tmp_path / "two", settings=settings, joins=one) as two,
    ):
        yield one, two


def leaders(admin: AdminClient, topic: str) -> dict[int, tuple[int, int]]:
    """Return each partition's leader, and how many replicas are in step."""
    found = admin.list_topics(topic, timeout=10.0).topics[topic].partitions
    return {number: (partition.leader, len(partition.isrs)) for number, partition in found.items()}


def until(admin: AdminClient, topic: str, wanted: set[tuple[int, int]]) -> None:
    deadline = time.monotonic() + 60
    while not (found := leaders(admin, topic)) or not set(found.values()) <= wanted:
        assert time.monotonic() < deadline, leaders(admin, topic)
        time.sleep(0.1)


def messages(topic: str, first: int) -> Messages:
    numbers = range(first, first + COUNT)
    values = [b"%d" % number for number in numbers]
    return Messages(topic=topic, partitions=[n % 4 for n in numbers], keys=[None] * COUNT, values=values)


def committed(servers: str, topic: str) -> list[list[int]]:
    settings = {"bootstrap.servers": servers, "group.id": "reader", "isolation.level": "read_committed"}
    consumer = Consumer({**settings, "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
    found: list[list[int]] = [[], [], [], []]
    ended: set[int] = set()
    while len(ended) < 4:
        message = consumer.poll(30.0)
        assert message is not None
        if message.error() is None:
            found[message.partition()].append(int(message.value()))
        else:
            ended.add(message.partition())
    consumer.close()
    return found


def test_the_other_broker_takes_over(brokers: tuple[Kafka, Kafka]) -> None:
    one, two = brokers
    servers = f"127.0.0.1:{one.port},127.0.0.1:{two.port}"
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    while len(admin.list_topics(timeout=10.0).brokers) < 2:
        time.sleep(0.1)
    endpoint = Endpoint(scheme="kafka", host="", port=0, options={"servers": servers})
    with closing(KafkaSink(endpoint, PublishOptions(replication=2))) as sink:
        sink.make_topic(TopicPlan(name="t", partitions=4, replication=2, options={}))
        until(admin, "t", {(1, 2), (2, 2)})
        assert {leader for leader, _ in leaders(admin, "t").values()} == {1, 2}
        with closing(sink.writer("p/apply", 1, 0)) as writer:
            writer.begin()
            writer.publish(messages("t", 0))
            two.kill()
            writer.publish(messages("t", COUNT))
            writer.commit({"checkpoint": 1})
            until(admin, "t", {(1, 1)})
            two.start()
            until(admin, "t", {(1, 2), (2, 2)})
            writer.begin()
            writer.publish(messages("t", 2 * COUNT))
            writer.commit({"checkpoint": 2})
        assert sink.marks("p") == {"checkpoint": 2}
    for number, found in enumerate(committed(servers, "t")):
        assert found == list(range(number, 3 * COUNT, 4))
