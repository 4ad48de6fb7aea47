"""A consumer as somebody else would write it: reads messages, shows them, and rebuilds the tables from nothing else."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.embedded import Kafka


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it is shown."""

    place: str
    kind: str
    table: str
    text: str


class Consumer(threading.Thread):
    """Follows a place of messages; `tables` is what they add up to: table → key → row."""

    def __init__(self, place: Kafka | Path) -> None:
        """Prepare to read all topics of a broker, or all files below a folder."""
        super().__init__(name="consumer", daemon=True)
        self._place = place
        self._stopping = threading.Event()
        self.lock = threading.Lock()
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}
        self.counts = Counter[str]()
        self.recent: deque[Seen] = deque(maxlen=400)
        self.error: Exception | None = None

    def run(self) -> None:
        """Read until told to stop."""
        messages = _from_files(self._place) if isinstance(self._place, Path) else _from_broker(self._place)
        try:
            while not self._stopping.is_set():
                found = next(messages)
                if found is None:
                    self._stopping.wait(0.1)
                else:
                    self._take(*found)
        except Exception as error:  # noqa: BLE001 - a thread's edge: the show tells it
            self.error = error
        finally:
            messages.close()  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        if self.is_alive():
            self.join(10)

    def _take(self, place: str, text: bytes) -> None:
        message = json.loads(text, parse_float=str)  # a DECIMAL keeps its digits
        meta, kind = message["allMetaData"], message["recordType"]
        before, after = message["prevStruct"], message["postStruct"]
        keys = (meta["record_primary_key"] or "").split("\x01")
        with self.lock:
            self.counts[kind] += 1
            rows = self.tables.setdefault(meta["table_name"], {})
            if before is not None:
                rows.pop(_key(before, keys), None)
            if after is not None:
                rows[_key(after, keys)] = after
            self.recent.append(Seen(place, kind, meta["table_name"], _told(before, after)))


def _key(row: dict[str, Any], names: list[str]) -> str:
    return json.dumps([row[name] for name in names])


def _told(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """Return a row in words: of an update what became of what."""
    row = after or before or {}
    if before is None or after is None:
        return "  ".join(f"{name} {value}" for name, value in row.items())
    changed = [f"{name} {before[name]} → {value}" for name, value in after.items() if before[name] != value]
    first = next(iter(row.items()))
    return f"{first[0]} {first[1]}  " + "  ".join(changed)


def _from_broker(server: Kafka) -> Iterator[tuple[str, bytes] | None]:
    from confluent_kafka import Consumer as Client
    from confluent_kafka import KafkaException, TopicPartition

    client = Client(
        {
            "bootstrap.servers": f"127.0.0.1:{server.port}",
            "group.id": "demo",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    known: dict[tuple[str, int], TopicPartition] = {}
    try:
        while True:
            topics = client.list_topics(timeout=30).topics.values()
            new = [
                TopicPartition(topic.topic, number, 0)
                for topic in topics
                if not topic.topic.startswith("_")
                for number in topic.partitions
                if (topic.topic, number) not in known
            ]
            if new:
                known |= {(one.topic, one.partition): one for one in new}
                client.incremental_assign(new)
            for message in client.consume(100, timeout=0.1):
                if (error := message.error()) is not None:
                    raise KafkaException(error)
                yield f"{message.topic()}/{message.partition()}", message.value() or b"null"
            yield None
    finally:
        client.close()


def _from_files(directory: Path) -> Iterator[tuple[str, bytes] | None]:
    read: Counter[Path] = Counter()
    while True:
        for path in sorted(directory.glob("*/*.jsonl")):  # full-… before incremental-…
            content = path.read_bytes()[read[path] :]
            whole = content[: content.rfind(b"\n") + 1]
            read[path] += len(whole)
            for line in whole.splitlines():
                yield f"{path.parent.name}/{path.stem}", line
        yield None
