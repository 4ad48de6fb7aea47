"""The sink: topics made and found, writers. Marks are the pipeline's: RocketMQ forgets messages by their age."""

from __future__ import annotations

import re
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from ferryman.connectors.rocketmq import settings, wire
from ferryman.connectors.rocketmq.settings import Connection, Queue
from ferryman.connectors.rocketmq.trace import trace_queues
from ferryman.connectors.rocketmq.writer import ID, RocketMqWriter
from ferryman.foundation.errors import FerrymanError, Retry, UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import SinkWriter, TopicPlan

MADE_SECONDS = 60.0
INDEX_SECONDS, INDEX_WAIT = 30.0, 0.02
_LEGAL = re.compile(r"[%|a-zA-Z0-9_-]{1,127}\Z")
_ATTRIBUTES = "+message.type=FIFO"
"""What 5.x brokers ask of topics whose order counts; older ones do not read it."""


class RocketMqSink:
    """A cluster, by its name servers."""

    exactly_once = False
    keeps_marks = False

    def __init__(self, endpoint: Endpoint, options: PublishOptions) -> None:
        self._endpoint, self._options = endpoint, options
        self._lock = threading.Lock()
        self._connection = Connection(endpoint, timeout=settings.ANSWER_SECONDS)

    def check(self) -> None:
        """Ask the name server for the brokers, and each of these for anything: only brokers look at the login."""
        with self._lock:
            masters = self._connection.masters()
            if not masters:
                raise FerrymanError("endpoint.unreachable", f"RocketMQ at {self._connection.servers} has no broker")
            for address in masters.values():
                fields = {"topic": "RMQ_SYS_BENCHMARK", "queueId": "0"}
                found = self._connection.broker(address).call(wire.GREATEST_OFFSET, fields)
                refused = self._connection.refused(found, "logging in")
                if found.code != wire.OK and refused.code == "endpoint.access_denied":
                    raise refused
            if self._options.message_trace:
                trace_queues(self._connection)

    def prepare(self) -> None:
        """Nothing: there are no marks."""

    def topics(self, names: Iterable[str]) -> dict[str, int]:
        """Return the topics that exist, with their queues on all brokers."""
        with self._lock:
            found = {name: len(self._connection.queues(name)[0]) for name in names if _LEGAL.match(name)}
        return {name: count for name, count in found.items() if count}

    def make_topic(self, plan: TopicPlan) -> None:
        """Make a topic on every broker, so many queues on each."""
        if not _LEGAL.match(plan.name):
            raise UsageError(
                "sink.topic_refused",
                f"RocketMQ takes no topic named {plan.name!r}: 1 to 127 letters, digits, dashes and underscores",
                hint="give the table another name (--map), or all topics another pattern (topic=)",
            )
        with self._lock:
            if self._connection.queues(plan.name)[0]:
                return
            for address in self._connection.masters().values():
                self._make(plan, address)
            self._appears(plan.name)

    def _make(self, plan: TopicPlan, address: str) -> None:
        fields = {
            "topic": plan.name,
            "defaultTopic": "TBW102",
            "readQueueNums": str(plan.partitions),
            "writeQueueNums": str(plan.partitions),
            "perm": "6",
            "topicFilterType": "SINGLE_TAG",
            "topicSysFlag": "0",
            "order": "false",
            "attributes": ",".join([_ATTRIBUTES, *(f"+{name}={value}" for name, value in plan.options.items())]),
        }
        found = self._connection.broker(address).call(wire.MAKE_TOPIC, fields)
        if found.code != wire.OK:
            refused = self._connection.refused(found, f"making the topic {plan.name}")
            if refused.code in {"sink.refused", "endpoint.connection_lost"}:
                refused = FerrymanError("sink.topic_refused", refused.message)
            raise refused

    def _appears(self, name: str) -> None:
        deadline = time.monotonic() + MADE_SECONDS
        while not self._connection.queues(name)[0]:
            if time.monotonic() > deadline:
                raise FerrymanError("sink.topic_missing", f"the topic {name} was made but does not appear")
            time.sleep(0.1)

    def writer(self, task: str, epoch: int, lane: int) -> SinkWriter:
        """Open a writer; RocketMQ has no means to shut its predecessor out."""
        del task, epoch, lane
        timeout = max(self._options.send_timeout_ms / 1000, 1.0)
        return RocketMqWriter(Connection(self._endpoint, timeout=timeout), self._options)

    def latest(self, topics: Iterable[str]) -> dict[tuple[str, int], str]:
        """Return the name of the last message of each queue that has one."""
        found: dict[tuple[str, int], str] = {}
        settled = set[str]()
        with closing(Connection(self._endpoint)) as connection:
            for topic in topics:
                queues, addresses = connection.queues(topic)
                for address in set(addresses.values()) - settled:
                    wait_for_index(connection, address)
                    settled.add(address)
                for partition, queue in enumerate(queues):
                    name = _last_name(connection, addresses[queue.broker], topic, queue)
                    if name is not None:
                        found[topic, partition] = name
        return found

    def marks(self, project: str) -> dict[str, Any]:
        """Return nothing: the pipeline keeps them."""
        del project
        return {}

    def forget(self, project: str) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Let the connections go."""
        with self._lock:
            self._connection.close()


def wait_for_index(connection: Connection, address: str) -> None:
    """Return once all that a broker has stored can be read: it enters messages into their queues behind the answer.

    An account that may not ask how far the broker is does not wait.
    """
    wanted, deadline = -1, time.monotonic() + INDEX_SECONDS
    while time.monotonic() < deadline:
        found = connection.broker(address).call(wire.RUNTIME, {})
        if found.code != wire.OK:
            return
        figures = wire.document(found.body).get("table") or {}
        stored = int(figures.get("commitLogMaxOffset", 0))
        wanted = stored if wanted < 0 else wanted
        if stored - int(figures.get("dispatchBehindBytes", 0)) >= wanted:
            return
        time.sleep(INDEX_WAIT)


def _last_name(connection: Connection, address: str, topic: str, queue: Queue) -> str | None:
    broker, place = connection.broker(address), {"topic": topic, "queueId": str(queue.number)}
    end = broker.call(wire.GREATEST_OFFSET, place)
    if end.code != wire.OK:
        raise connection.refused(end, f"reading {topic}")
    last = int(end.fields.get("offset", 0)) - 1
    messages = pull(connection, address, topic, queue.number, last) if last >= 0 else []
    return messages[-1].properties.get(ID) if messages else None


def pull(connection: Connection, address: str, topic: str, queue: int, offset: int) -> list[wire.Stored]:
    """Return some messages of a queue from an offset on; none at its end.

    Raises:
        FerrymanError: ``endpoint.connection_lost``, ``endpoint.access_denied``.
    """
    fields = {
        "consumerGroup": "FERRYMAN",
        "topic": topic,
        "queueId": str(queue),
        "queueOffset": str(offset),
        "maxMsgNums": "32",
        "sysFlag": "4",
        "commitOffset": "0",
        "suspendTimeoutMillis": "0",
        "subscription": "*",
        "subVersion": "0",
        "expressionType": "TAG",
    }
    found = connection.broker(address).call(wire.PULL, fields)
    if found.code in {wire.NOT_FOUND, wire.RETRY_NOW}:
        return []
    if found.code != wire.OK:
        raise connection.refused(found, f"reading {topic}")
    try:
        return list(wire.stored(found.body))
    except (ValueError, struct.error) as error:
        raise FerrymanError("endpoint.connection_lost", f"reading {topic}: {error}", retry=Retry.AUTO) from error
