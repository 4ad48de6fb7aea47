"""The last message of each partition: which change it is, by its header."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ferryman.connectors.kafka.marks import READ_SECONDS, reading
from ferryman.connectors.kafka.settings import Connection
from ferryman.foundation.errors import FerrymanError, Retry

ID = "ferryman-id"
"""The header that names a change for good."""


def last_names(connection: Connection, topics: Mapping[str, int]) -> dict[tuple[str, int], str]:
    """Return the name of the last message of each partition that has one.

    Args:
        connection: The cluster.
        topics: Topic → partitions.
    """
    consumer = Consumer(reading(connection, "read_uncommitted"))
    try:
        ends = [end for topic, count in topics.items() for n in range(count) if (end := _end(consumer, topic, n))]
        consumer.assign(ends)
        return _read(consumer, len(ends))
    except KafkaException as error:
        raise connection.converted(error, "reading the last messages") from error
    finally:
        consumer.close()


def _end(consumer: Consumer, topic: str, number: int) -> TopicPartition | None:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=15.0)
    return TopicPartition(topic, number, end - 1) if end > first else None


def _read(consumer: Consumer, waiting: int) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    deadline = time.monotonic() + READ_SECONDS
    while waiting:
        message = consumer.poll(0.5)
        if time.monotonic() > deadline:
            raise FerrymanError("endpoint.connection_lost", "the last messages could not be read", retry=Retry.AUTO)
        if message is None:
            continue
        error = message.error()
        if error is None:
            _take(found, message)
        elif error.code() == KafkaError._PARTITION_EOF:
            waiting -= 1
        else:
            raise KafkaException(error)
    return found


def _take(found: dict[tuple[str, int], str], message: Message) -> None:
    place = (message.topic() or "", message.partition() or 0)
    found.pop(place, None)
    value = dict(message.headers() or ()).get(ID)
    if isinstance(value, bytes):
        found[place] = value.decode()
