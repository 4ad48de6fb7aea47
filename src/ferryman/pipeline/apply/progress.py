"""Progress of the apply step: what has been applied, how far behind it is, how fast it goes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from ferryman.model.changes import Operation
from ferryman.model.position import Position
from ferryman.model.project import StepProgress
from ferryman.pipeline.apply.latency import LatencyWindow
from ferryman.pipeline.apply.statement import Outcome
from ferryman.pipeline.apply.window import Part

_ALIVE_SECONDS = 5.0
"""A source not heard of for longer does not count as idle: its latency grows."""
_RATE_SECONDS = 5.0
_STATEMENTS_KEPT = 20
_SQL_SHOWN = 500


class Progress:
    """Counts what is applied and says how far the step is. Times are Unix seconds, given by the caller."""

    def __init__(self, *, caught_up_seconds: float, atomic: bool = False) -> None:
        """Begin with nothing applied by this task.

        Args:
            caught_up_seconds: A latency up to this counts as caught up.
            atomic: Whether parts of a source transaction are committed with its last one only.
        """
        self.atomic = atomic
        self._caught_up_seconds = caught_up_seconds
        self._uncommitted: Counter[float] = Counter()
        """Second of the commit at the source → row changes that nobody sees yet."""
        self._rows: Counter[Operation] = Counter(dict.fromkeys(Operation, 0))
        self._bytes = 0
        self._windows = 0
        self._parts = 0
        self._statements: deque[dict[str, Any]] = deque(maxlen=_STATEMENTS_KEPT)
        self._samples: deque[tuple[float, int, int]] = deque()
        self._last_commit = 0.0
        self._idle = False
        self._latencies = LatencyWindow()
        self.facts: Callable[[], dict[str, Any]] = dict
        """What else the progress tells, asked at each report."""

    @property
    def rows(self) -> int:
        """Row changes applied by this task."""
        return self._rows.total()

    def is_committed(self, part: Part) -> bool:
        """Whether a part can be seen at the target once it is applied."""
        return part.whole or not self.atomic

    def add_part(self, part: Part, now: float) -> int:
        """Count a part that was applied at `now`; returns its bytes."""
        before = self._bytes
        for placed in part.changes:
            change = placed.change
            if placed.position.time:
                self._uncommitted[placed.position.time] += change.row_count
            self._rows[change.operation] += change.row_count
            self._bytes += change.byte_size
        self._windows += part.whole
        self._parts += not part.whole
        self._idle = False
        if self.is_committed(part):
            self._see_commit(part.end, now)
        return self._bytes - before

    def _see_commit(self, end: Position, now: float) -> None:
        for second, rows in self._uncommitted.items():
            self._latencies.add(now, now - second, rows)
        self._uncommitted.clear()
        self._last_commit = end.time or self._last_commit

    def add_statement(self, sql: str, position: Position, outcome: Outcome) -> None:
        """Count an applied schema statement."""
        how = "by hand" if outcome.by_hand else "applied" if outcome.statements else "noted"
        self._statements.append({"position": str(position), "sql": sql[:_SQL_SHOWN], "outcome": how})
        self._last_commit = position.time or self._last_commit

    def nothing_waits(self) -> None:
        """Note that the log store holds nothing more to apply."""
        self._idle = True

    def latency(self, now: float, seen: float) -> float | None:
        """Return how many seconds the target is behind; `None` while not known.

        Args:
            now: The time.
            seen: When the source was last known to be alive with nothing unread.
        """
        if self._idle:
            return 0.0 if now - seen <= _ALIVE_SECONDS else now - seen
        return max(0.0, now - self._last_commit) if self._last_commit else None

    def report(
        self,
        now: float,
        seen: float,
        checkpoint: Position,
        *,
        consistent: bool,
        finished: bool = False,
        evidence: Mapping[str, Any] | None = None,
    ) -> StepProgress:
        """Make the report; `evidence` says where the time goes (`evidence.Evidence`)."""
        latency = 0.0 if finished else self.latency(now, seen)
        caught_up = consistent and latency is not None and latency <= self._caught_up_seconds
        rows_rate, bytes_rate = self._rates(now)
        reached = max(checkpoint.time, seen if self._idle else 0.0)
        return StepProgress(
            percent=100 if finished or caught_up else 0,
            rows=self.rows,
            bytes=self._bytes,
            rows_per_second=rows_rate,
            bytes_per_second=bytes_rate,
            latency_seconds=latency,
            checkpoint_seconds=int(reached) or None,
            caught_up=caught_up,
            message="" if consistent else "catching up with the changes made while rows were loaded",
            info=self._info(consistent) | {"latency": self._latencies.report(now)} | dict(evidence or {}),
        )

    def _info(self, consistent: bool) -> dict[str, Any]:
        return {
            "inserts": self._rows[Operation.INSERT],
            "updates": self._rows[Operation.UPDATE],
            "deletes": self._rows[Operation.DELETE],
            "ddl": list(self._statements),
            "windows": self._windows,
            "parts": self._parts,
            "consistent": consistent,
        } | self.facts()

    def _rates(self, now: float) -> tuple[float, float]:
        """Return rows and bytes a second over the last few seconds."""
        samples = self._samples
        samples.append((now, self.rows, self._bytes))
        while len(samples) > 2 and now - samples[1][0] >= _RATE_SECONDS:
            samples.popleft()
        seconds = now - samples[0][0]
        if seconds <= 0:
            return 0.0, 0.0
        return (self.rows - samples[0][1]) / seconds, (self._bytes - samples[0][2]) / seconds
