"""Capture among several projects on one source: one of their tasks reads its log, the others stand by (ADR 0112)."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

from ferryman.foundation.disk import is_disk_full
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.position import Position
from ferryman.model.project import StepProgress
from ferryman.model.serial import from_json
from ferryman.pipeline.capture.pull import FIRST_PAUSE, FULL_SECONDS, LONGEST_PAUSE, PASSING, Pull
from ferryman.pipeline.capture.upkeep import PERIOD_SECONDS, renew
from ferryman.pipeline.logstore import StoreLease, Turn, join, readers_of
from ferryman.pipeline.logstore.joining import claim_of, has_ended, reader_of
from ferryman.pipeline.plan import ensure_start, source_of
from ferryman.spi.source import PolledSource, Source
from ferryman.spi.task import METADB_AWAY, TaskContext

LOOK_SECONDS = 0.25


class Sharing:
    """One run of the capture step: in a store of its own it is alone, and its turn comes at once."""

    def __init__(self, context: TaskContext) -> None:
        """Make a run; connects later."""
        self._context = context
        self._directory = Path()
        self._start: Position | None = None
        self._spooled = False
        self._relayed: object = None
        self._renewed_at = time.monotonic()

    def run(self) -> None:
        """Capture, or stand by, until a stop is requested."""
        context = self._context
        source = _opened(context)
        try:
            if self._join(source):
                self._take_turns(source)
        finally:
            source.close()

    def _join(self, source: Source) -> bool:
        """Learn the start and become a reader of a store; waits for a database that is away. False: a stop is requested."""
        context, pause, told = self._context, FIRST_PAUSE, False
        deadline = time.monotonic() + FULL_SECONDS
        while not context.stop_requested():
            try:
                self._start = _start_of(context)
                self._directory = join(reader_of(context, source), claim_of(context))
            except (FerrymanError, OSError) as error:
                away = isinstance(error, FerrymanError) and error.code in PASSING
                if not away and not (is_disk_full(error) and time.monotonic() < deadline):
                    raise
                if not told:
                    context.event("warning", f"capture cannot begin yet: {error}")
                told = True
                context.wait(pause * random.uniform(0.75, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._spooled = context.note("apply.position") is not None
                return True
        return False

    def _take_turns(self, source: Source) -> None:
        turn = Turn(self._directory, self._context.project_id, self._context.epoch)
        try:
            while (lease := self._stand_by(turn)) is not None:
                self._capture(source, lease)
        finally:
            self._end_claim()

    def _stand_by(self, turn: Turn) -> StoreLease | None:
        """Wait for the lease; what its holder says of the log is true for this project, too."""
        context, deadline = self._context, time.monotonic() + FULL_SECONDS
        while not context.stop_requested():
            try:
                if (lease := turn.take()) is not None:
                    return lease
            except OSError as error:
                if not is_disk_full(error) or time.monotonic() > deadline:
                    raise
            self._relay(turn)
            if time.monotonic() - self._renewed_at >= PERIOD_SECONDS:
                self._renewed_at = time.monotonic()
                with contextlib.suppress(FerrymanError):  # of a metadb that is away: what is needed only grows less
                    renew(context, self._directory)
            context.wait(LOOK_SECONDS)
        return None

    def _relay(self, turn: Turn) -> None:
        said = turn.holder.get("progress")
        if said is not None and said != self._relayed:
            self._relayed = said
            self.say(from_json(StepProgress, said), from_json(Position, turn.holder["position"]))

    def _capture(self, source: Source, lease: StoreLease) -> None:
        context = self._context
        try:
            with lease:
                if len(readers_of(self._directory)) > 1:  # also asks whether our own lease still holds
                    context.event(
                        "info", f"captures the log into {self._directory.name}, which other projects read, too"
                    )
                Pull(context, source, lease, self.say).run()
        except LeaseLostError:
            if context.stop_requested():
                raise
            context.event("warning", f"stood still for too long: another project captures into {self._directory.name}")

    def say(self, progress: StepProgress, position: Position) -> None:
        """Report, from when the log is spooled from this project's start on: only then may its load begin."""
        assert self._start is not None
        self._spooled = self._spooled or position >= self._start
        if self._spooled:
            self._context.report(progress)

    def _end_claim(self) -> None:
        """Let go of the log when nothing of it is to be applied any more; a pause keeps all of it."""
        with contextlib.suppress(LeaseLostError):
            try:
                if has_ended(self._context):
                    renew(self._context, self._directory, ended=True)
            except FerrymanError as error:
                if error.code not in METADB_AWAY:
                    raise


def _opened(context: TaskContext) -> Source:
    source = source_of(context)
    return source.selecting(context.spec.selection) if isinstance(source, PolledSource) else source


def _start_of(context: TaskContext) -> Position:
    ensure_start(context)
    document = context.note("schema.start")
    if document is None:
        raise FerrymanError("internal.error", "capture has no position to start at: the note schema.start is missing")
    return from_json(Position, document)
