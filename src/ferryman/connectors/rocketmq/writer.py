"""The writer: batches of one queue one behind the other, queues beside each other.

A queue has one request under way, since a broker's threads may overtake each other: what a queue holds is in the order of
`publish`. A batch is stored as a whole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ferryman.connectors.rocketmq import wire
from ferryman.connectors.rocketmq.settings import Connection, Queue
from ferryman.connectors.rocketmq.trace import Sent, Traces
from ferryman.foundation.errors import FerrymanError, Retry
from ferryman.model.project import PublishOptions
from ferryman.spi.sink import Messages

BATCH_BYTES = 1 << 20
"""A broker takes 4 MB unless configured otherwise."""
BATCH_MESSAGES = 2000
BUFFER_BYTES = 8 << 20
"""So much is kept before it is sent."""
KEY_BYTES = 4096
"""A longer key is not written into the index of keys (all properties of a message share 32 KB)."""
BUSY_SECONDS = 60.0
_BUSY_WAIT = 0.1

ID = "FERRYMAN_ID"
"""The property that names a change for good."""


@dataclass(slots=True)
class _Line:
    """What waits for one queue."""

    topic: str
    queue: Queue
    bodies: deque[bytes] = field(default_factory=deque)
    properties: deque[bytes] = field(default_factory=deque)

    def batch(self) -> tuple[list[bytes], list[bytes]]:
        """Return the next batch; it stays until `done`."""
        size, count = 0, 0
        for body, named in zip(self.bodies, self.properties, strict=True):
            size += 22 + len(body) + len(named)
            if count and (size > BATCH_BYTES or count >= BATCH_MESSAGES):
                break
            count += 1
        return [self.bodies[n] for n in range(count)], [self.properties[n] for n in range(count)]

    def done(self, count: int) -> None:
        """Let a batch go."""
        for _ in range(count):
            self.bodies.popleft()
            self.properties.popleft()


class RocketMqWriter:
    """One producer; one thread."""

    def __init__(self, connection: Connection, options: PublishOptions) -> None:
        self._connection, self._options = connection, options
        self._queues: dict[str, list[Queue]] = {}
        self._addresses: dict[str, str] = {}
        self._lines: dict[tuple[str, int], _Line] = {}
        self._size = 0
        self._traces = Traces(connection, options.producer_group) if options.message_trace else None

    def begin(self) -> None:
        """Begin; what was given up before is forgotten."""
        self._forget()

    def publish(self, messages: Messages) -> None:
        """Take messages over; tombstones are left out, RocketMQ has none: the delete before them says the same."""
        queues = self._queues_of(messages.topic)
        names: Sequence[str | None] = messages.names or [None] * len(messages.values)
        for partition, key, value, name in zip(messages.partitions, messages.keys, messages.values, names, strict=True):
            if value is not None:
                line = self._line(messages.topic, partition, queues)
                line.bodies.append(value)
                line.properties.append(self._properties(partition, key, name))
                self._size += len(value)
        if self._size > BUFFER_BYTES:
            self._flush()

    def _queues_of(self, topic: str) -> list[Queue]:
        """Return the queues as they were when first asked for: numbers must not move while we write."""
        if topic not in self._queues:
            queues, addresses = self._connection.queues(topic)
            if not queues:
                raise FerrymanError("sink.topic_missing", f"RocketMQ has no topic {topic!r}")
            self._queues[topic] = queues
            self._addresses |= addresses
        return self._queues[topic]

    def _line(self, topic: str, partition: int, queues: list[Queue]) -> _Line:
        if (topic, partition) not in self._lines:
            if partition >= len(queues):
                text = f"topic {topic} has {len(queues)} queues, where {partition + 1} are needed: is a broker away?"
                raise FerrymanError("endpoint.connection_lost", text, retry=Retry.AUTO)
            self._lines[topic, partition] = _Line(topic, queues[partition])
        return self._lines[topic, partition]

    def _properties(self, partition: int, key: bytes | None, name: str | None) -> bytes:
        """Return key (its blanks encoded: they separate keys), message group, tag and identity."""
        found = {"WAIT": "true"}
        if key is not None and len(key) <= KEY_BYTES:
            found["KEYS"] = key.decode().replace("%", "%25").replace(" ", "%20")
        found["__SHARDINGKEY"] = str(partition)
        if self._options.tags:
            found["TAGS"] = self._options.tags
        if name is not None:
            found[ID] = name
        return wire.property_text(found).encode()

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Return when all is stored; marks are kept elsewhere."""
        del marks
        self._flush()

    def _flush(self) -> None:
        """Send round after round, a batch for each queue that has one."""
        deadline = time.monotonic() + BUSY_SECONDS
        while waiting := [line for line in self._lines.values() if line.bodies]:
            if not self._round(waiting):
                if time.monotonic() > deadline:
                    raise FerrymanError(
                        "endpoint.connection_lost", "RocketMQ has been too busy for a minute", retry=Retry.AUTO
                    )
                time.sleep(_BUSY_WAIT)
        self._size = 0

    def _round(self, waiting: Sequence[_Line]) -> bool:
        """Send a batch of each queue; returns whether any was taken."""
        under_way = []
        for line in waiting:
            bodies, properties = line.batch()
            broker = self._connection.broker(self._addresses[line.queue.broker])
            fields = wire.sending(
                self._options.producer_group, line.topic, line.queue.number, {"WAIT": "true"}, batch=True
            )
            opaque = broker.send(wire.SEND_BATCH, fields, wire.batch(bodies, properties))
            under_way.append((line, bodies, properties, broker, opaque, int(fields["g"])))
        taken = False
        for line, bodies, properties, broker, opaque, began in under_way:
            found = broker.answer(opaque)
            if found.code == wire.OK:
                line.done(len(bodies))
                self._trace(line, bodies, properties, began, found)
                taken = True
            elif found.code != wire.BUSY:
                raise self._connection.refused(found, f"publishing into {line.topic}")
        if self._traces is not None:
            self._traces.send()
        return taken

    def _trace(
        self, line: _Line, bodies: list[bytes], properties: list[bytes], began: int, answer: wire.Answer
    ) -> None:
        if self._traces is not None:
            sizes = [len(body) for body in bodies]
            self._traces.note(Sent(line.topic, self._addresses[line.queue.broker], began, sizes, properties, answer))

    def rollback(self) -> None:
        """Give up what has not been sent; what has been will come again."""
        self._forget()
        self._connection.close()  # answers that are still to come must not meet later requests
        self._queues.clear()

    def _forget(self) -> None:
        self._lines.clear()
        self._size = 0
        if self._traces is not None:
            self._traces.forget()

    def close(self) -> None:
        """Let the connections go."""
        self.rollback()
