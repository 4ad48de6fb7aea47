"""Message traces: a record of each message that was sent, in the topic where RocketMQ's own clients and tools keep them.

A record is fourteen texts, of which the tools find a message by its id or its key: what was done, when (ms), region, producer
group, topic, id, tags, keys, broker, bytes, milliseconds it took, kind of message, id again, whether it was stored.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.connectors.rocketmq import wire
from ferryman.connectors.rocketmq.settings import Connection, Queue
from ferryman.foundation.errors import FerrymanError, Retry

TOPIC = "RMQ_SYS_TRACE_TOPIC"
RECORDS = 100
"""Of one trace message: their ids are its keys, and all its properties share 32 KB."""
RECORD_BYTES = 100_000
BUSY_SECONDS = 60.0
_BUSY_WAIT = 0.1
_SPLIT, _END = "\x01", "\x02"
_ORDERED = "4"
"""Kind of a message whose group is named."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that a broker has stored.

    Attributes:
        began: Unix milliseconds.
        sizes: Of the messages' bodies.
        properties: Of each message, as they travel.
    """

    topic: str
    broker: str
    began: int
    sizes: Sequence[int]
    properties: Sequence[bytes]
    answer: wire.Answer


class Traces:
    """Writes records of what was stored; its topic is the broker's, who makes it where traces are switched on."""

    def __init__(self, connection: Connection, group: str) -> None:
        self._connection, self._group = connection, group
        self._waiting: list[tuple[str, str]] = []
        self._turn = itertools.count()

    def note(self, sent: Sent) -> None:
        """Take a batch, unless its broker wants none of it traced."""
        fields = sent.answer.fields
        if fields.get("TRACE_ON", "true").lower() == "false":
            return
        ids = fields.get("msgId", "").split(",")
        ids = ids if len(ids) == len(sent.sizes) else ids[:1] * len(sent.sizes)
        took = int(time.time() * 1000) - sent.began
        region = fields.get("MSG_REGION", "DefaultRegion")
        for name, size, properties in zip(ids, sent.sizes, sent.properties, strict=True):
            known = wire.properties(properties.decode())
            texts = (
                "Pub", str(sent.began), region, self._group, sent.topic, name, known.get("TAGS", ""),
                known.get("KEYS", ""), sent.broker, str(size), str(took), _ORDERED, name, "true",
            )  # fmt: skip
            self._waiting.append((" ".join(filter(None, [name, known.get("KEYS")])), _SPLIT.join(texts) + _END))

    def send(self) -> None:
        """Return when all is stored.

        Raises:
            FerrymanError: ``sink.topic_missing`` where traces are switched off, ``endpoint.connection_lost``.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        left, queues, addresses = list(_piles(waiting)), *trace_queues(self._connection)
        deadline = time.monotonic() + BUSY_SECONDS
        while left := self._round(left, queues, addresses):
            if time.monotonic() > deadline:
                text = "RocketMQ has been too busy for message traces for a minute"
                raise FerrymanError("endpoint.connection_lost", text, retry=Retry.AUTO)
            time.sleep(_BUSY_WAIT)

    def _round(
        self, piles: Sequence[tuple[str, bytes]], queues: Sequence[Queue], addresses: dict[str, str]
    ) -> list[tuple[str, bytes]]:
        """Send them all; returns what was not taken."""
        under_way = []
        for keys, body in piles:
            queue = queues[next(self._turn) % len(queues)]
            broker = self._connection.broker(addresses[queue.broker])
            fields = wire.sending(self._group, TOPIC, queue.number, {"KEYS": keys, "WAIT": "true"})
            under_way.append((keys, body, broker, broker.send(wire.SEND, fields, body)))
        left = []
        for keys, body, broker, opaque in under_way:
            found = broker.answer(opaque)
            if found.code == wire.BUSY:
                left.append((keys, body))
            elif found.code != wire.OK:
                raise self._connection.refused(found, "writing message traces")
        return left

    def forget(self) -> None:
        """Give up what waits."""
        self._waiting.clear()


def trace_queues(connection: Connection) -> tuple[list[Queue], dict[str, str]]:
    """Return the queues of the traces and where their brokers are; ``sink.topic_missing`` where there are none."""
    queues, addresses = connection.queues(TOPIC)
    if not queues:
        raise FerrymanError(
            "sink.topic_missing",
            f"RocketMQ at {connection.servers} keeps no message traces: it has no topic {TOPIC}",
            hint="set traceTopicEnable=true at the brokers, or leave message_trace away",
        )
    return queues, addresses


def _piles(records: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield keys and bodies of trace messages."""
    keys: list[str] = []
    texts: list[str] = []
    for key, text in records:
        if texts and (len(texts) == RECORDS or sum(map(len, texts)) + len(text) > RECORD_BYTES or _long(keys, key)):
            yield " ".join(keys), "".join(texts).encode()
            keys, texts = [], []
        keys.append(key)
        texts.append(text)
    yield " ".join(keys), "".join(texts).encode()


def _long(keys: Sequence[str], key: str) -> bool:
    return sum(map(len, keys)) + len(keys) + len(key) > 16_000
