"""Reads queues of RocketMQ from their beginning."""

from __future__ import annotations

from contextlib import closing

from ferryman.connectors.rocketmq.settings import Connection
from ferryman.connectors.rocketmq.sink import pull, wait_for_index
from ferryman.connectors.rocketmq.wire import Stored
from ferryman.model.project import Endpoint


def queues_of(endpoint: Endpoint, topic: str) -> list[list[Stored]]:
    """Return all messages of each queue, in order."""
    with closing(Connection(endpoint)) as connection:
        queues, addresses = connection.queues(topic)
        for address in addresses.values():
            wait_for_index(connection, address)
        return [_all(connection, addresses[queue.broker], topic, queue.number) for queue in queues]


def _all(connection: Connection, address: str, topic: str, queue: int) -> list[Stored]:
    found: list[Stored] = []
    while more := pull(connection, address, topic, queue, len(found)):
        found += more
    return found
