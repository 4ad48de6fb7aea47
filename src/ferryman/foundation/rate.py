"""Rates over the last few seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class Rate:
    """Growth a second of a few counters, over a sliding window; one thread."""

    def __init__(self, seconds: float = 5.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch over a window of so many seconds."""
        self._seconds = seconds
        self._clock = clock
        self._samples: deque[tuple[float, tuple[float, ...]]] = deque()

    def sample(self, *counters: float) -> tuple[float, ...]:
        """Take the counters' values now; returns the growth a second of each, never below 0."""
        now = self._clock()
        self._samples.append((now, counters))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._seconds:
            self._samples.popleft()
        begin, first = self._samples[0]
        elapsed = now - begin
        if elapsed <= 0:
            return (0.0,) * len(counters)
        return tuple(max(0.0, (new - old) / elapsed) for new, old in zip(counters, first, strict=True))
