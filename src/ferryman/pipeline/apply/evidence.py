"""What the progress of apply tells of why it is behind: stages, statements, bytes that wait, a transaction in parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ferryman.pipeline.apply.watched import Watch
from ferryman.pipeline.apply.window import Cutter
from ferryman.pipeline.logstore import LogReader

_RATE_SECONDS = 10.0


class Evidence:
    """Gathers it for the progress document (docs/apply.md says what each member means)."""

    def __init__(self, watch: Watch, log: LogReader, letters: Callable[[], int] = lambda: 0) -> None:
        """Make it for one run of the task; `letters` counts the open dead letters."""
        self._letters = letters
        self._watch = watch
        self._log = log
        self.stages = watch.stages
        self._samples: deque[tuple[float, int]] = deque()

    def report(self, cutter: Cutter) -> dict[str, Any]:
        """Return the members; names and numbers only, never a row's value."""
        return {
            "stages": self.stages.report(),
            "log_bytes_waiting": self._log.bytes_waiting,
            "statement": self._watch.report(),
            "hot_rows": self.stages.report_crowd(),
            "transaction": self._transaction(cutter),
            "dead_letters": self._letters(),
        }

    def _transaction(self, cutter: Cutter) -> dict[str, Any] | None:
        """Describe a transaction that is applied in parts: where it begins, how far it is, how long it will take."""
        rows = cutter.handed_rows
        if not rows:
            self._samples.clear()
            return None
        now, left = self.stages.clock(), self._log.bytes_whole
        self._samples.append((now, left))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _RATE_SECONDS:
            self._samples.popleft()
        then, before = self._samples[0]
        rate = (before - left) / (now - then) if now > then else 0.0
        return {
            "position": str(cutter.border),
            "rows": rows,
            "bytes": cutter.handed_bytes,
            "log_bytes_left": left,
            "seconds_left": round(left / rate, 1) if rate > 0 else None,
        }
