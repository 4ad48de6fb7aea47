"""Watches source and streams once a period and sets their speed (`speed.step` decides, ADR 0120)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.pipeline.load import speed
from ferryman.pipeline.load.speed import Phase, Seen
from ferryman.pipeline.load.work import Work
from ferryman.spi.source import SourceLoad, WatchedSource

OWN_BESIDE = 2
"""Statements of ours at the source besides the streams' reads: the planner's, and that of tables without a key."""


class Governor:
    """Sets the speed of one load; `source` as it is, before any rules."""

    def __init__(self, work: Work, source: object) -> None:
        self._work = work
        self._source = source if isinstance(source, WatchedSource) else None
        self._period = speed.PERIOD_SECONDS
        self._ended = threading.Event()
        self._ask: Callable[[], SourceLoad | None] | None = None
        self._seen: SourceLoad | None = None

    @contextmanager
    def governing(self) -> Iterator[None]:
        """Govern in a thread of its own for as long as the block runs."""
        thread = threading.Thread(target=self._run, name="governor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()  # the thread may hang at a source that is away: it is a daemon

    def _run(self) -> None:
        began = time.monotonic()
        with ExitStack() as connection:
            while not self._ended.wait(self._period):
                seconds = time.monotonic() - began
                began = time.monotonic()
                self._seen = self._source_load(connection)
                self._decide(seconds)

    def _source_load(self, connection: ExitStack) -> SourceLoad | None:
        """Ask the source; what cannot be had now is asked for again in the next period."""
        if self._source is None:
            return None
        try:
            if self._ask is None:
                self._ask = connection.enter_context(self._source.watch_load())
            return self._ask()
        except FerrymanError:
            self._ask = None
            connection.close()
            return None

    def _decide(self, seconds: float) -> None:
        work, done = self._work, self._work.meter.take()
        seen = Seen(
            seconds=seconds,
            bytes=done.bytes,
            writes=done.writes,
            write_seconds=done.write_seconds,
            source=self._seen,
            ours=done.reads + OWN_BESIDE,
        )
        before, bounds = work.speed, work.bounds
        after = speed.step(before, seen, bounds)
        if work.bounds is bounds:  # else the options have changed meanwhile, and the speed with them
            work.speed = after
        self._tell(before, after)

    def _tell(self, before: speed.Speed, after: speed.Speed) -> None:
        """Say when the source begins and ceases to hold the load back: everything else is in the progress."""
        if (before.phase is Phase.YIELDING) == (after.phase is Phase.YIELDING) or self._work.options.streams:
            return
        if after.phase is Phase.YIELDING:
            self._work.context.event("warning", f"the load steps back: {after.reason}")
        else:
            self._work.context.event("info", f"the source is calm: {after.streams} streams again")

    def shown(self) -> dict[str, Any]:
        """Return the speed as the step's progress shows it."""
        work, now = self._work, self._work.speed
        return {
            "mode": work.options.mode.value,
            "streams": work.streams,
            "batch_bytes": now.batch,
            "phase": now.phase.value,
            "reason": now.reason,
            "source_running": None if self._seen is None else self._seen.running,
            "source_lag_seconds": None if self._seen is None else self._seen.lag_seconds,
        }

    def message(self) -> str:
        """Return it in a line."""
        work, now = self._work, self._work.speed
        text = f"{work.streams} streams, {work.options.mode.value}"
        return f"{text}; {now.reason}" if now.reason else text
