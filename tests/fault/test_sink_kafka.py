"""Kafka as a sink: tasks and broker killed under a writer; a read_committed consumer rebuilds every table (I1, I8)."""

from __future__ import annotations

import os
import random
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

import sink_stage
from ferryman.embedded import Kafka, MariaDb
from ferryman.model.project import PartitionRule, PublishOptions

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "3"))


class Topics:
    """All topics of one database."""

    def __init__(self, server: Kafka, database: str) -> None:
        self.server, self.database = server, database
        self.endpoint = server.endpoint

    def disturb(self) -> None:
        self.server.kill()
        self.server.start()

    def partitions(self) -> list[list[bytes]]:
        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.server.port}",
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        try:
            topics = consumer.list_topics(timeout=60).topics.values()
            mine = [topic for topic in topics if topic.topic.startswith(f"{self.database}.")]
            return [_read(consumer, topic.topic, number) for topic in mine for number in topic.partitions]
        finally:
            consumer.close()


def _read(consumer: Consumer, topic: str, partition: int) -> list[bytes]:
    consumer.assign([TopicPartition(topic, partition, 0)])
    found: list[bytes] = []
    while True:
        message = consumer.poll(60)
        assert message is not None, f"{topic}/{partition} does not end"
        if message.error() is None:
            found.append(message.value())
        elif message.error().code() == KafkaError._PARTITION_EOF:
            return found
        else:
            raise KafkaException(message.error())


@pytest.mark.mariadb
@pytest.mark.kafka
@pytest.mark.parametrize("rule", list(PartitionRule) if KILLS > 10 else [PartitionRule.HASH])
def test_topics_rebuild_every_table(
    mariadb: MariaDb, kafka: Kafka, tmp_path: Path, database_name: str, rule: PartitionRule
) -> None:
    topics = Topics(kafka, database_name)
    stage = sink_stage.Stage(mariadb, topics, tmp_path, database_name, PublishOptions(rule=rule, transactions=True))
    sink_stage.check(stage, kills=KILLS, seed=SEED, exactly_once=True)
