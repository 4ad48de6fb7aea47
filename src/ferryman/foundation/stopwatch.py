"""Seconds by what they were spent on, over a sliding window."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

WINDOW_SECONDS = 30.0


class Stopwatch:
    """Adds up the seconds of one thread by stage; the stages exclude each other. Reported by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing spent."""
        self.clock = clock
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._samples: deque[tuple[float, dict[str, float]]] = deque([(clock(), {})])

    def add(self, stage: str, seconds: float) -> None:
        """Count seconds of a stage."""
        self._spent[stage] += seconds

    def report(self) -> dict[str, float]:
        """Return the seconds of each stage over the last half minute, and ``all``: how long that was."""
        now, spent = self.clock(), dict(self._spent)
        samples = self._samples
        samples.append((now, spent))
        while len(samples) > 2 and now - samples[1][0] >= WINDOW_SECONDS:
            samples.popleft()
        then, before = samples[0]
        found = {stage: round(seconds - before.get(stage, 0.0), 3) for stage, seconds in spent.items()}
        return {stage: seconds for stage, seconds in found.items() if seconds} | {"all": round(now - then, 3)}
