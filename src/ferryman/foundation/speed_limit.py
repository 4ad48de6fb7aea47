"""Limits of speed: so many rows and bytes a second, kept on average."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 1.0
"""What was not used is kept so long."""


class SpeedLimit:
    """Says how long to wait after some work, so that the average stays under the limits. Thread-safe.

    Work is never cut: what goes over the limit at once is waited for afterwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without limits."""
        self._clock = clock
        self._lock = threading.Lock()
        self._rates = (0, 0)
        self._free_at = [clock(), clock()]

    def set(self, rows_per_second: int, bytes_per_second: int) -> None:
        """Change the limits; 0 is none. What was owed under other ones is forgotten."""
        with self._lock:
            if (rows_per_second, bytes_per_second) != self._rates:
                self._rates = (rows_per_second, bytes_per_second)
                self._free_at = [self._clock(), self._clock()]

    def spend(self, rows: int, size: int) -> None:
        """Count work that has been done."""
        with self._lock:
            now = self._clock()
            for place, (rate, amount) in enumerate(zip(self._rates, (rows, size), strict=True)):
                begin = max(self._free_at[place], now - BURST_SECONDS)
                self._free_at[place] = begin + amount / rate if rate else now

    def owed_seconds(self) -> float:
        """Return how long to wait before the next work; ask again when the limits may have changed."""
        with self._lock:
            now = self._clock()
            return max(0.0, *(moment - now for moment in self._free_at))
