"""What the streams have done since it was last asked: what the control of speed goes by."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """Bytes committed, statements that wrote, the seconds these took; reads of the source that are open now."""

    bytes: int
    writes: int
    write_seconds: float
    reads: int


class Meter:
    """Counts; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = self._writes = self._reads = 0
        self._seconds = 0.0

    def committed(self, size: int) -> None:
        """Count bytes that are durable."""
        with self._lock:
            self._bytes += size

    def wrote(self, seconds: float) -> None:
        """Count a statement that wrote rows."""
        with self._lock:
            self._writes += 1
            self._seconds += seconds

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count a read of the source while it is open."""
        with self._lock:
            self._reads += 1
        try:
            yield
        finally:
            with self._lock:
                self._reads -= 1

    def take(self) -> Reading:
        """Return what was done since the last call."""
        with self._lock:
            found = Reading(self._bytes, self._writes, self._seconds, self._reads)
            self._bytes = self._writes = 0
            self._seconds = 0.0
            return found
