"""Pulls the source's log into the log store, over any number of lost connections."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator

from ferryman.foundation.errors import AWAY, FerrymanError
from ferryman.foundation.stopwatch import Stopwatch
from ferryman.model.position import Position
from ferryman.model.project import StepProgress
from ferryman.model.serial import to_json
from ferryman.pipeline.capture.lag import Lag
from ferryman.pipeline.capture.upkeep import Upkeep
from ferryman.pipeline.logstore import LogWriter, StoreLease, open_writer, readers_of
from ferryman.spi.source import ExpiringLog, LogRecord, Source
from ferryman.spi.task import TaskContext

LOOK_SECONDS = 0.1
REPORT_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds before the connection is tried again, the first time and at most."""
NEAR_SECONDS = 3.0
"""A log read up to so long ago counts as caught up; its times are whole seconds."""
FULL_SECONDS = 60.0
"""So long a full disk is waited out before the step stops."""
PASSING = AWAY | {"source.server_id_taken"}
"""Errors of a source that is away for a while."""


class Pull:
    """One turn of the capture step at writing a store."""

    def __init__(
        self, context: TaskContext, source: Source, lease: StoreLease, say: Callable[[StepProgress, Position], None]
    ) -> None:
        """Make a run.

        Args:
            context: Of the task.
            source: Whose log is pulled; the caller closes it.
            lease: The right to write the store.
            say: Reports how far it is, and up to which place the log is in the store.
        """
        self._context = context
        self._source = source
        self._lease = lease
        self._report = say
        self._pause = FIRST_PAUSE
        self._tries = 0
        self._bytes = 0
        self._rate = _Rate()
        self._idle = False
        self._remark = ""
        self._log_kept: float | None = None
        self._looked_at = self._reported_at = 0.0
        self._stopwatch = Stopwatch()
        self._lag = Lag()
        self._upkeep: Upkeep

    def run(self) -> None:
        """Capture until a stop is requested."""
        context, source = self._context, self._source
        writer = self._open_writer()
        try:
            with Upkeep(context, writer) as self._upkeep, self._lag.measured(source, lambda: writer.position):
                while not context.stop_requested():
                    self._follow_patiently(source, writer)
        finally:
            self._close(writer)

    def _open_writer(self) -> LogWriter:
        """Open the store; a full disk is waited out here, too."""
        deadline = time.monotonic() + FULL_SECONDS
        while True:
            try:
                return open_writer(self._lease.directory, self._lease.epoch)
            except FerrymanError as error:
                if error.code != "disk.full" or time.monotonic() > deadline or self._context.wait(1.0):
                    raise

    def _close(self, writer: LogWriter) -> None:
        try:
            writer.close()
        except FerrymanError as error:
            # What could not be written is fetched again from the last border that stands in the store (I8).
            self._context.event("warning", f"the log store was not closed in good order: {error}")

    def _follow_patiently(self, source: Source, writer: LogWriter) -> None:
        try:
            self._follow(source, writer)
        except FerrymanError as error:
            if error.code == "disk.full" and self._context.stop_requested():
                return
            if error.code not in PASSING:
                raise
            self._wait_for_source(error, writer)

    def _follow(self, source: Source, writer: LogWriter) -> None:
        """Read one connection's stream to its end, or until a stop is requested."""
        self._with_room(writer, writer.rewind)
        self._log_kept = source.log_kept_seconds() if isinstance(source, ExpiringLog) else None
        with source.log(writer.position, lambda: writer.durable) as records:
            for record in self._timed(records):
                if record is not None:
                    self._keep(record, writer)
                if self._look(writer):
                    return

    def _timed(self, records: Iterator[LogRecord | None]) -> Iterator[LogRecord | None]:
        """Pass records on; counts what is spent on waiting for the source, and on keeping what it sent."""
        clock, add = self._stopwatch.clock, self._stopwatch.add
        asked = clock()
        for record in records:
            came = clock()
            add("source", came - asked)
            yield record
            asked = clock()
            add("storing", asked - came)

    def _keep(self, record: LogRecord, writer: LogWriter) -> None:
        if self._tries:
            self._context.event(
                "info", f"the source answers again after {self._tries} tries", position=str(record.position)
            )
        self._pause, self._tries = FIRST_PAUSE, 0
        self._idle = not record.payload
        self._remark = record.remark or self._remark
        if record.warning:
            self._context.event("warning", record.warning, position=str(record.position))
        if record.breaks_off:
            self._with_room(writer, writer.rewind)
        self._with_room(writer, lambda: writer.append(record))
        self._bytes += len(record.payload)

    def _with_room(self, writer: LogWriter, act: Callable[[], object]) -> None:
        """Do something that writes; a full disk is waited out for a while."""
        deadline = time.monotonic() + FULL_SECONDS
        while True:
            try:
                act()
            except FerrymanError as error:
                if error.code != "disk.full":
                    raise
                self._wait_for_room(writer, error, deadline)
            else:
                return

    def _wait_for_room(self, writer: LogWriter, error: FerrymanError, deadline: float) -> None:
        """Return when there is room again; raises the error when that takes too long, or a stop is requested."""
        self._context.event("warning", f"capture waits for room on the disk: {error.message}")
        while True:
            self._say(writer, f"waiting for room on the disk: {error.message}", caught_up=False)
            if self._context.wait(1.0) or time.monotonic() > deadline:
                raise error
            try:
                writer.retry()
            except FerrymanError as again:
                if again.code != "disk.full":
                    raise
                error = again
            else:
                self._context.event("info", "there is room on the disk again")
                return

    def _wait_for_source(self, error: FerrymanError, writer: LogWriter) -> None:
        """Say that the source is away and let some time pass, longer from try to try."""
        self._tries += 1
        self._idle = False
        if self._tries == 1:
            self._context.event("warning", f"the source's log broke off: {error.message}", code=error.code)
        self._say(writer, f"the source is away (try {self._tries}): {error.message}", caught_up=False)
        self._context.wait(self._pause * random.uniform(0.75, 1.0))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _look(self, writer: LogWriter) -> bool:
        """Now and then: report, and see whether to stop."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            near = self._idle or time.time() - writer.position.time <= NEAR_SECONDS
            message = f"{'following' if near else 'catching up'}: {writer.position}"
            self._say(writer, f"{message}; {self._remark}" if self._remark else message, caught_up=near)
        return self._context.stop_requested()

    def _say(self, writer: LogWriter, message: str, *, caught_up: bool) -> None:
        place, readers = writer.position, readers_of(self._lease.directory)
        if len(readers) > 1:
            message += f" ({len(readers)} projects read this log; captured by {self._context.spec.name})"
        progress = StepProgress(
            percent=100 if caught_up else 0,
            bytes=self._bytes,
            bytes_per_second=self._rate.of(self._bytes),
            latency_seconds=max(0.0, time.time() - place.time) if place.time else None,
            checkpoint_seconds=int(place.time) or None,
            caught_up=caught_up,
            message=message,
            info={
                "stages": self._stopwatch.report(),
                "source_bytes_waiting": self._lag.bytes_waiting,
                "log_kept_seconds": self._log_kept,
                "log_store": {
                    "name": self._lease.directory.name,
                    "bytes": self._upkeep.bytes,
                    "projects": len(readers),
                    "captured_by": self._context.spec.name,
                },
            },
        )
        self._lease.say(progress=to_json(progress), position=to_json(place))
        self._report(progress, place)


class _Rate:
    """Bytes a second over the last few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=10)

    def of(self, total: int) -> float:
        """Take a sample; returns the rate since the oldest one kept."""
        now = time.monotonic()
        self._samples.append((now, total))
        then, before = self._samples[0]
        return (total - before) / (now - then) if now - then > LOOK_SECONDS else 0.0
