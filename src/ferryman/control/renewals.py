"""Watches leases by a clock that nobody sets: what does not change for so long is silent, whatever the machines' clocks say.

The end of a lease stands in the metadb as a time of day. Where that clock is set forward or back, a living holder would
seem dead, or a dead one alive until the time has come again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ferryman.metadb.tasks import TaskKey, TaskRow


class Renewals:
    """Remembers when each lease was last seen to change. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[TaskKey, tuple[tuple[int, float], float]] = {}

    def unchanged_seconds(self, row: TaskRow) -> float:
        """Return for how long this lease has been seen not to change; 0 at the first look."""
        mark, now = (row.epoch, row.expires_at), self._clock()
        known = self._seen.get(row.key)
        if known is None or known[0] != mark:
            self._seen[row.key] = (mark, now)
            return 0.0
        return now - known[1]

    def forget_others(self, keys: Iterable[TaskKey]) -> None:
        """Keep only these."""
        wanted = set(keys)
        self._seen = {key: seen for key, seen in self._seen.items() if key in wanted}
