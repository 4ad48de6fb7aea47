"""Options of publishing as they stand in a target's URL: ``file:///dir?format=CANAL``, ``kafka://h:9092?rule=TABLE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint, PartitionRule, PublishOptions, Subjects

_WORDS = {"true": True, "false": False, "exactly-once": True, "at-least-once": False}


def _truth(text: str) -> bool:
    return _WORDS[text.lower()]


def _rule(text: str) -> PartitionRule:
    return PartitionRule(text.upper())


def _times(text: str) -> bool:
    return {"text": True, "numbers": False}[text.lower()]


def _number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if int(text) < least:
            raise ValueError(text)
        return int(text)

    return read


def _seconds(text: str) -> float:
    if not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "format": ("format", str.upper),
    "with_schema": ("with_schema", _truth),
    "rule": ("rule", _rule),
    "partition": ("partition", _number(0)),
    "topic": ("topic", str),
    "partitions": ("partitions", _number(1)),
    "replication": ("replication", _number(1)),
    "delivery": ("exactly_once", _truth),
    "heartbeat": ("heartbeat_seconds", _seconds),
    "transactions": ("transactions", _truth),
    "business": ("business", str),
    "producer_group": ("producer_group", str),
    "tags": ("tags", str),
    "message_trace": ("message_trace", _truth),
    "subjects": ("subjects", Subjects),
    "register_schemas": ("register_schemas", _truth),
    "times": ("times_as_text", _times),
    "send_timeout_ms": ("send_timeout_ms", _number(1)),
}
"""Option of a URL → member of `PublishOptions`, and how it is read."""

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {"rocketmq": {"topic": "{database}-{table}", "exactly_once": False}}
"""Where a kind of queue differs: RocketMQ's topics have no dots in their names, and it has no way to commit marks."""

PUBLISH_OPTIONS = frozenset(_READERS)


def topic_of(options: PublishOptions, name: TableName) -> str:
    """Return the topic of a published table."""
    return options.topic.replace("{database}", name.database).replace("{table}", name.table)


def publish_options(endpoint: Endpoint) -> tuple[Endpoint, PublishOptions]:
    """Split an endpoint's options: what says where it is and who we are there stays, the rest says how to publish.

    Raises:
        UsageError: ``usage.bad_url`` for a value that cannot be read.
    """
    wanted: dict[str, Any] = dict(_DEFAULTS.get(endpoint.scheme, {}))
    kept = {name: value for name, value in endpoint.options.items() if name not in _READERS}
    for name, text in endpoint.options.items():
        if name in _READERS:
            member, read = _READERS[name]
            try:
                wanted[member] = read(text)
            except (ValueError, KeyError):
                raise UsageError("usage.bad_url", f"option {name!r} cannot be {text!r}") from None
    return replace(endpoint, options=kept), PublishOptions(**wanted)
