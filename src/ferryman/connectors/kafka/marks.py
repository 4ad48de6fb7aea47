"""A project's marks: the last record of each key in a compacted topic of its own.

One topic a project: a transaction that another project left open would hide what comes behind it from
``read_committed`` readers until it times out.
"""

from __future__ import annotations

import json
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ferryman.connectors.kafka.settings import Connection
from ferryman.foundation.errors import FerrymanError, Retry

SETTINGS = {"cleanup.policy": "compact", "segment.bytes": "16777216", "max.compaction.lag.ms": "3600000"}
READ_SECONDS = 60.0


def read_marks(connection: Connection, topic: str) -> dict[str, Any]:
    """Return the marks, as committed.

    Raises:
        FerrymanError: ``endpoint.connection_lost`` when the end of the topic cannot be reached: a transaction is
            still being settled.
    """
    end = _end_of(connection, topic)
    consumer = Consumer(reading(connection, "read_committed"))
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return _read(consumer, topic, end)
    except KafkaException as error:
        raise connection.converted(error, f"reading the marks in {topic}") from error
    finally:
        consumer.close()


def reading(connection: Connection, isolation: str) -> dict[str, Any]:
    """Return settings of a consumer that reads to the end of a topic and keeps no place of its own."""
    return connection.settings(
        **{
            "group.id": "ferryman",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "fetch.wait.max.ms": 50,
        }
    )


def _end_of(connection: Connection, topic: str) -> int:
    consumer = Consumer(reading(connection, "read_uncommitted"))
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=15.0)[1])
    except KafkaException as error:
        raise connection.converted(error, f"reading the marks in {topic}") from error
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str, end: int) -> dict[str, Any]:
    marks: dict[str, Any] = {}
    deadline = time.monotonic() + READ_SECONDS
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            _take(marks, message.key(), message.value())
        elif error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        elif (message.offset() or 0) >= end:
            return marks
    raise FerrymanError(
        "endpoint.connection_lost", f"the end of {topic} was not reached in {READ_SECONDS:.0f} s", retry=Retry.AUTO
    )


def _take(marks: dict[str, Any], key: bytes | str | None, value: bytes | str | None) -> None:
    name = key.decode() if isinstance(key, bytes) else str(key)
    marks.pop(name, None)
    if value is not None:
        marks[name] = json.loads(value)


def mark_bytes(mark: Any) -> bytes | None:
    """Return a mark as a record's value; `None` is a tombstone."""
    return None if mark is None else json.dumps(mark, separators=(",", ":")).encode()
