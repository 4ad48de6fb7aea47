"""Where the time of apply goes: seconds by stage over the last half minute. Cheap enough to be always on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman.foundation.stopwatch import WINDOW_SECONDS, Stopwatch
from ferryman.model.changes import LogItem
from ferryman.pipeline.apply.compaction import Compaction
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog

_WAITED_SECONDS = 0.002
"""A look at the log that took longer has waited for it; a shorter one has read."""

WAITING, READING, DECODING, PLANNING = "waiting", "reading", "decoding", "planning"
LEASE, WRITING, LANES, COMMITTING, HELD = "lease", "writing", "lanes", "committing", "held"


_HOT_CHANGES = 100
_HOT_RATIO = 20
"""A row that changes so many times in one window is hot."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many changes of few rows in one window."""

    table: str
    key: tuple[str, ...]
    changes: int
    rows: int
    seen: float


class Stages(Stopwatch):
    """The stages of the thread that drives apply, and the crowds it has met."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing spent."""
        super().__init__(clock)
        self._crowd: Crowd | None = None

    def see_crowds(self, compaction: Compaction) -> None:
        """Note the table whose rows change most often within a window."""
        for table in compaction.tables.values():
            count = table.change_count
            if count < _HOT_CHANGES or count < _HOT_RATIO * len(table.after):
                continue
            crowd = Crowd(str(table.shape.target.name), table.shape.key_columns, count, len(table.after), self.clock())
            if self.crowd is None or crowd.changes >= self.crowd.changes:
                self._crowd = crowd

    @property
    def crowd(self) -> Crowd | None:
        """The greatest crowd of the last half minute."""
        crowd = self._crowd
        return crowd if crowd is not None and self.clock() - crowd.seen <= WINDOW_SECONDS else None

    def report_crowd(self) -> dict[str, Any] | None:
        """Return the greatest crowd of the last half minute as a document."""
        crowd = self.crowd
        if crowd is None:
            return None
        return {"table": crowd.table, "key": list(crowd.key), "changes": crowd.changes, "rows": crowd.rows}


class TimedLog:
    """A log whose reading and waiting is counted."""

    def __init__(self, log: RecordLog, stages: Stages) -> None:
        """Wrap a log."""
        self._log = log
        self._stages = stages

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None` when none comes in time."""
        began = self._stages.clock()
        record = self._log.poll(timeout)
        seconds = self._stages.clock() - began
        self._stages.add(WAITING if seconds > _WAITED_SECONDS else READING, seconds)
        return record

    def close(self) -> None:
        """Release what is held."""
        self._log.close()


class TimedDecoder:
    """A decoder whose work is counted."""

    def __init__(self, decoder: LogDecoder, stages: Stages) -> None:
        """Wrap a decoder."""
        self._decoder = decoder
        self._stages = stages

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Turn a record into items."""
        began = self._stages.clock()
        try:
            return self._decoder.decode(record)
        finally:
            self._stages.add(DECODING, self._stages.clock() - began)
