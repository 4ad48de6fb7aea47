"""How fast the streams may go: limits a user may change while they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ferryman.model.batch import Batch
from ferryman.pipeline.load.job import MOST_ROWS

PART_SECONDS = 0.5
"""Under a limit, rows are written in parts worth about this long, so that a stop or a new limit takes effect soon."""


class Pace:
    """Holds all streams together to so many rows and bytes a second; thread-safe.

    Args:
        wait: Sleeps so many seconds; returns early when the load is stopped.
        clock: Seconds that only rise.
    """

    def __init__(self, wait: Callable[[float], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait = wait
        self._clock = clock
        self._lock = threading.Lock()
        self._rows = self._bytes = 0
        self._most_rows = MOST_ROWS
        self._free_at = 0.0

    def limit(self, rows_per_second: int, bytes_per_second: int, rows_at_a_time: int = 0) -> None:
        """Set the limits, 0 for none; what already waits, waits as it was told."""
        with self._lock:
            self._most_rows = min(MOST_ROWS, max(8, rows_at_a_time // 8 * 8)) if rows_at_a_time else MOST_ROWS
            if (rows_per_second, bytes_per_second) != (self._rows, self._bytes):
                self._rows, self._bytes = rows_per_second, bytes_per_second
                self._free_at = 0.0

    def part_rows(self, batch: Batch) -> int:
        """Return how many rows of a batch to write at a time; a multiple of 8."""
        with self._lock:
            seconds, most = self._seconds(batch.row_count, batch.byte_size), self._most_rows
        if not seconds:
            return most
        return max(8, min(most, int(batch.row_count * PART_SECONDS / seconds) // 8 * 8))

    def turn(self, rows: int, size: int) -> float:
        """Take the next turn for so many rows and bytes; returns the seconds until it comes."""
        with self._lock:
            now = self._clock()
            begin = max(now, self._free_at)
            self._free_at = begin + self._seconds(rows, size)
            return begin - now

    def wait(self, seconds: float) -> None:
        """Wait for a turn."""
        if seconds > 0:
            self._wait(seconds)

    def _seconds(self, rows: int, size: int) -> float:
        by_rows = rows / self._rows if self._rows else 0.0
        return max(by_rows, size / self._bytes if self._bytes else 0.0)
