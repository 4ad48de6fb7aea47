"""A log reader over records in memory, for tests of what reads a log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ferryman.model.position import Position
from ferryman.spi.source import LogRecord


class MemoryReader:
    """Delivers the records behind `start`; `add` appends more. `poll` never waits."""

    def __init__(self, records: Iterable[LogRecord], start: Position) -> None:
        self._waiting = deque(record for record in records if record.position > start)
        self._position = start

    @property
    def position(self) -> Position:
        """The position of the last record delivered; at first the start."""
        return self._position

    def add(self, *records: LogRecord) -> None:
        """Append records."""
        self._waiting.extend(records)

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None`."""
        if not self._waiting:
            return None
        record = self._waiting.popleft()
        self._position = record.position
        return record

    def __iter__(self) -> Iterator[LogRecord]:
        return self

    def __next__(self) -> LogRecord:
        record = self.poll(0)
        if record is None:
            raise StopIteration
        return record

    @property
    def bytes_waiting(self) -> int:
        """Bytes behind the last record delivered."""
        return sum(len(record.payload) for record in self._waiting)

    bytes_whole = bytes_waiting

    def close(self) -> None:
        """Do nothing."""
