"""Counts what is published a second time, where a sink is at least once.

Before a task goes on, each queue's last message says which change it is. Whatever is published from the checkpoint on, up
to and with this change, had been published before. A queue whose last message lies before the checkpoint never meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.spi.sink import Messages, Sink, SinkWriter
from ferryman.spi.task import TaskContext

REPEATED = "publish.repeated"
"""The note with the number of messages of changes that were published more than once, in all."""


def counting(context: TaskContext, sink: Sink, topics: Iterable[str], writer: SinkWriter) -> SinkWriter:
    """Return the writer, which counts repetitions where there may be any and the sink may be read."""
    if sink.exactly_once:
        return writer
    try:
        latest = sink.latest(topics)
    except FerrymanError as error:
        if error.code != "endpoint.access_denied":
            raise
        context.event("warning", "messages that come again cannot be counted: the account may not read the topics")
        return writer

    def tell(count: int) -> None:
        total = int(context.note(REPEATED) or 0) + count
        context.set_note(REPEATED, total)
        context.event("warning", f"{count} messages were published again after an interruption", total=total)

    return CountingWriter(writer, latest, tell)


class CountingWriter:
    """A writer that tells how many messages of each commit were repetitions."""

    def __init__(
        self, writer: SinkWriter, latest: Mapping[tuple[str, int], str], told: Callable[[int], object]
    ) -> None:
        self._writer = writer
        self._latest = dict(latest)
        self._waiting = dict.fromkeys(latest, 0)
        self._told = told
        self._found = 0

    def begin(self) -> None:
        """Begin."""
        self._writer.begin()

    def publish(self, messages: Messages) -> None:
        """Hand messages over, and look whether a queue meets its last one."""
        self._writer.publish(messages)
        if self._latest and messages.names:
            for partition, name in zip(messages.partitions, messages.names, strict=True):
                self._look((messages.topic, partition), name)

    def _look(self, queue: tuple[str, int], name: str | None) -> None:
        if queue in self._latest:
            self._waiting[queue] += 1
            if self._latest[queue] == name:
                self._found += self._waiting.pop(queue)
                del self._latest[queue]

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Commit, and tell."""
        self._writer.commit(marks)
        if self._found:
            found, self._found = self._found, 0
            self._told(found)

    def rollback(self) -> None:
        """Give up; the task begins anew, and so does the count."""
        self._writer.rollback()

    def close(self) -> None:
        """Release what is held."""
        self._writer.close()
