"""How often a source is polled: a poll reads whole tables, so the dearer it is, the longer the pause behind it."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
PAUSE_PER_COST = 3.0
"""The pause behind a poll, as a multiple of the time the poll took: reading takes a quarter of one session's time."""
WARN_SHARE = 0.5
"""From this share of `undo_retention` on, the age of the last poll is warned of."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Decides about pauses and warnings.

    Attributes:
        retention_seconds: So long OceanBase keeps what rows were.
    """

    retention_seconds: float

    def pause_after(self, cost_seconds: float) -> float:
        """Return how long to rest: never so long that history could run out."""
        longest = min(LONGEST_PAUSE_SECONDS, self.retention_seconds / 10)
        return min(max(SHORTEST_PAUSE_SECONDS, PAUSE_PER_COST * cost_seconds), longest)

    def warning(self, age_seconds: float) -> str:
        """Return what to say of the last poll's age; empty when it is young enough."""
        if age_seconds < WARN_SHARE * self.retention_seconds:
            return ""
        return (
            f"the source was last polled {age_seconds:.0f} s ago and keeps history for {self.retention_seconds:.0f} s"
            " (undo_retention): tables whose history is gone will be read anew; raise undo_retention"
        )
