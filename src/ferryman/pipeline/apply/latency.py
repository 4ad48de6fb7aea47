"""Latencies over a sliding window: how long changes took from the source's commit to the target's."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from typing import Any

WINDOW_SECONDS = 300.0
_SLOT_SECONDS = 10.0
_LEAST = 0.001
_STEP = 1.1
"""A bucket reaches 10 % further than the one before: figures are told as exactly as that."""


class LatencyWindow:
    """Counts changes by latency, in slots of ten seconds; its size does not grow with what is counted. Thread-safe."""

    def __init__(self) -> None:
        """Begin empty."""
        self._slots: deque[tuple[float, Counter[int]]] = deque()
        self._lock = threading.Lock()

    def add(self, now: float, seconds: float, changes: int) -> None:
        """Count changes that were committed at the target at `now`, Unix seconds, so long after the source."""
        slot = now - now % _SLOT_SECONDS
        with self._lock:
            if not self._slots or self._slots[-1][0] < slot:
                self._slots.append((slot, Counter()))
            self._slots[-1][1][_bucket(seconds)] += changes

    def report(self, now: float) -> dict[str, Any] | None:
        """Return how many changes there were, and the latency that half and 99 in 100 of them did not exceed."""
        counts: Counter[int] = Counter()
        with self._lock:
            while self._slots and now - self._slots[0][0] > WINDOW_SECONDS:
                self._slots.popleft()
            for _, slot in self._slots:
                counts.update(slot)
        if not counts:
            return None
        return {
            "changes": counts.total(),
            "p50": _percentile(counts, 0.50),
            "p99": _percentile(counts, 0.99),
            "seconds": WINDOW_SECONDS,
        }


def _bucket(seconds: float) -> int:
    return max(0, math.ceil(math.log(max(seconds, _LEAST) / _LEAST, _STEP)))


def _percentile(counts: Counter[int], share: float) -> float:
    """Return the upper end of the bucket in which that share of the changes is reached."""
    left = math.ceil(counts.total() * share)
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            return float(f"{_LEAST * _STEP**bucket:.3g}")
    raise ValueError("no changes were counted")
