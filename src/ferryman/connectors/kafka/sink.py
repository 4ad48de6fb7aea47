"""The sink: topics, writers, marks."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from ferryman.connectors.kafka.marks import SETTINGS, read_marks
from ferryman.connectors.kafka.settings import Connection, is_passing
from ferryman.connectors.kafka.tails import last_names
from ferryman.connectors.kafka.writer import QUEUE_BYTES, IdempotentWriter, TransactionalWriter
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import SinkWriter, TopicPlan

ANSWER_SECONDS = 15.0
MADE_SECONDS = 60.0
_LEGAL = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")


class KafkaSink:
    """A cluster."""

    keeps_marks = True

    def __init__(self, endpoint: Endpoint, options: PublishOptions) -> None:
        self._connection = Connection(endpoint)
        self._endpoint = endpoint
        self._options = options
        self.exactly_once = options.exactly_once
        self._making = threading.Lock()
        self._made_marks: set[str] = set()
        self._admin = self._connection.made(AdminClient, self._connection.settings())

    def check(self) -> None:
        """Ask for the brokers."""
        self._topics()

    def prepare(self) -> None:
        """Nothing: the topic for the marks is made with the first writer."""

    def topics(self, names: Iterable[str]) -> dict[str, int]:
        """Return the topics that exist."""
        there = self._topics()
        return {name: there[name] for name in names if name in there}

    def _topics(self) -> dict[str, int]:
        try:
            found = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as error:
            self._admin.poll(0)  # a refused login is told by a callback only
            raise self._connection.converted(error, "asking for the topics") from error
        return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}

    def make_topic(self, plan: TopicPlan) -> None:
        """Make a topic and wait until it can be written to."""
        if not _LEGAL.match(plan.name):
            raise UsageError(
                "sink.topic_refused",
                f"Kafka takes no topic named {plan.name!r}: 1 to 249 letters, digits, dots, dashes and underscores",
                hint="give the table another name (--map), or all topics another pattern (topic=)",
            )
        topic = NewTopic(
            plan.name, num_partitions=plan.partitions, replication_factor=plan.replication, config=dict(plan.options)
        )
        made = self._admin.create_topics([topic], operation_timeout=ANSWER_SECONDS, request_timeout=ANSWER_SECONDS)
        self._made(plan.name, made[plan.name])

    def _made(self, name: str, answer: Future[Any]) -> None:
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                converted = self._connection.converted(error, f"making the topic {name}")
                if converted.code == "sink.refused":
                    converted = FerrymanError("sink.topic_refused", converted.message)
                raise converted from error
        deadline = time.monotonic() + MADE_SECONDS
        while not self._is_led(name, self.topics([name]).get(name, 0)):
            if time.monotonic() > deadline:
                raise FerrymanError("sink.topic_missing", f"the topic {name} was made but does not appear")
            time.sleep(0.1)

    def _is_led(self, name: str, partitions: int) -> bool:
        """Whether all partitions answer: a broker tells of a topic before it has begun to serve it."""
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        places = {TopicPartition(name, number): newest for number in range(partitions)}
        if not places:
            return False
        try:
            for answer in self._admin.list_offsets(places, request_timeout=ANSWER_SECONDS).values():
                answer.result()
        except KafkaException as error:
            if is_passing(error):
                return False
            raise self._connection.converted(error, f"asking for the topic {name}") from error
        return True

    def writer(self, task: str, epoch: int, lane: int) -> SinkWriter:
        """Open a writer; a transactional one shuts out its predecessor."""
        marks = self._marks_topic(task.partition("/")[0])
        with self._making:
            self._ensure_marks(marks)
        if self.exactly_once:
            return TransactionalWriter(self._connection, self._settings(), f"ferryman/{task}/{lane}", marks)
        return IdempotentWriter(self._connection, self._settings(), marks)

    def _ensure_marks(self, topic: str) -> None:
        if topic not in self._made_marks and not self.topics([topic]):
            plan = TopicPlan(name=topic, partitions=1, replication=self._options.replication, options=SETTINGS)
            self.make_topic(plan)
        self._made_marks.add(topic)

    def _settings(self) -> dict[str, Any]:
        options = self._endpoint.options
        return self._connection.settings(
            **{
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": options.get("linger_ms", "5"),
                "compression.type": options.get("compression", "lz4"),
                "message.max.bytes": options.get("message_max_bytes", "1000000000"),
                "batch.size": 900_000,
                "queue.buffering.max.kbytes": QUEUE_BYTES >> 10,
                "queue.buffering.max.messages": 500_000,
                "delivery.report.only.error": True,
            }
        )

    def latest(self, topics: Iterable[str]) -> dict[tuple[str, int], str]:
        """Return the name of the last message of each partition; nothing where no message comes twice."""
        return {} if self.exactly_once else last_names(self._connection, self.topics(topics))

    def marks(self, project: str) -> dict[str, Any]:
        """Return the marks of a project."""
        topic = self._marks_topic(project)
        return read_marks(self._connection, topic) if self.topics([topic]) else {}

    def forget(self, project: str) -> None:
        """Remove the topic of the marks."""
        topic = self._marks_topic(project)
        if self.topics([topic]):
            try:
                self._admin.delete_topics([topic], operation_timeout=ANSWER_SECONDS)[topic].result()
            except KafkaException as error:
                raise self._connection.converted(error, f"removing {topic}") from error
            deadline = time.monotonic() + ANSWER_SECONDS
            while self.topics([topic]) and time.monotonic() < deadline:  # it goes a bit behind the answer
                time.sleep(0.1)
        self._made_marks.discard(topic)

    def close(self) -> None:
        """Nothing is held that does not end with the object."""

    def _marks_topic(self, project: str) -> str:
        return f"{self._endpoint.options.get('checkpoint_topic', '_ferryman')}.{project}"
