"""Drives a replay along the log, and says how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.foundation.speed_limit import SpeedLimit
from ferryman.model.changes import SchemaStatement
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.apply.evidence import Evidence
from ferryman.pipeline.apply.joining import NO_JUNCTION, Junction
from ferryman.pipeline.apply.lookahead import POLL_SECONDS, Ahead, Lookahead
from ferryman.pipeline.apply.meeting import NO_HALT, Halt
from ferryman.pipeline.apply.patience import Patience
from ferryman.pipeline.apply.progress import Progress
from ferryman.pipeline.apply.replay import Replay
from ferryman.pipeline.apply.stages import HELD
from ferryman.pipeline.apply.window import Cutter, Part
from ferryman.spi.dialect import shown_sql
from ferryman.spi.task import METADB_AWAY, TaskContext, apply_options

STILL_SECONDS = 0.05
"""So often it is asked whether to go on, while apply stands still."""
REPORT_SECONDS = 0.5
STUCK_SECONDS = 2.0
"""A step that takes longer is reported of meanwhile."""
NOTE_SECONDS = 1.0


class Follower:
    """Drives an applier along the log, and says how far it is."""

    def __init__(
        self,
        context: TaskContext,
        applier: Replay,
        cutter: Cutter,
        patience: Patience,
        progress: Progress,
        evidence: Evidence,
        joining: Junction = NO_JUNCTION,
        between: Callable[[], None] = lambda: None,
        meeting: Halt = NO_HALT,
    ) -> None:
        """Begin at the applier's checkpoint."""
        self._context = context
        self._applier = applier
        self._cutter = cutter
        self._patience = patience
        self._progress = progress
        self._joining = joining
        self._joined = False
        self._meeting = meeting
        self._ahead = Lookahead(cutter, applier.prepare)
        self._stop_at: Position | None = None
        self._between = True
        self._reported = self._noted = self._moved = 0.0
        self._limit = SpeedLimit()
        self._evidence = evidence
        self._do_between = between
        self._telling = threading.Lock()

    def run(self) -> bool:
        """Follow the log to the place to stop at, until asked to end, or until tables have joined (returns true)."""
        self._look_at_notes()
        with closing(self._ahead), self._told_meanwhile():
            finished = self._follow()
        self._tell(finished=finished, ended=True)
        return self._joined

    def _follow(self) -> bool:
        """Take one thing after the other; returns whether the place to stop at is reached."""
        while not self._context.stop_requested():
            checkpoint = self._applier.checkpoint
            if self._joining.holds(checkpoint) or self._meeting.holds(checkpoint):
                self._stand_still()
                continue
            if self._joining.arrive():
                self._joined = True
                return False
            self._step()
            self._tell()
            self._hold_back()
            if self._between and self._applier.consistent:
                self._do_between()
            if self._is_finished():
                return True
        return False

    @contextmanager
    def _told_meanwhile(self) -> Iterator[None]:
        """Report from a second thread while a single step takes long: it is then that people ask."""
        ended = threading.Event()
        teller = threading.Thread(target=self._tell_while_stuck, args=(ended,), name="apply-teller", daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()

    def _tell_while_stuck(self, ended: threading.Event) -> None:
        while not ended.wait(REPORT_SECONDS):
            if time.monotonic() - self._reported > STUCK_SECONDS:
                with suppress(LeaseLostError):  # the thread that works finds out by itself
                    self._report(finished=False)

    def _stand_still(self) -> None:
        """Wait a moment at the checkpoint: tables are to join, or verification looks at both sides."""
        self._context.wait(STILL_SECONDS)
        self._joining.look()
        self._meeting.look()
        self._tell()

    def _step(self) -> None:
        if count := self._applier.settle():
            self._context.event("info", f"read {count} rows again whose values stand in no log")
        ahead = self._ahead.next(self._places())
        item = ahead.item if ahead is not None else None
        if ahead is not None and self._keeps_back(ahead):
            return
        if item is not None and self._joining.passed_by(item):
            return  # it comes again behind the place where tables join
        if ahead is not None and isinstance(item, Part):
            self._ahead.read_on(item)
            self._applier.apply(item, ahead.prepared)
            self._limit.spend(item.row_count, self._progress.add_part(item, time.time()))
            self._between = item.whole
            if not self._progress.is_committed(item):
                return
        elif isinstance(item, SchemaStatement):
            outcome = self._applier.run(item)
            self._progress.add_statement(shown_sql(item.sql), item.position, outcome)
            self._context.event("info", f"schema statement applied: {shown_sql(item.sql)}", position=str(item.position))
            self._tell_torn(item)
        else:
            if self._cutter.drained:  # else: amid what is long to read, which is no reason to call it latency 0
                self._progress.nothing_waits()
            self._move_on()
            return
        self._patience.succeeded()

    def _tell_torn(self, statement: SchemaStatement) -> None:
        """Say where a source transaction could not stay whole at the target."""
        if self._progress.atomic and self._cutter.split:
            message = f"a source transaction became visible in two parts, around {shown_sql(statement.sql)}"
            self._context.event("warning", message, position=str(statement.position))

    def _places(self) -> Sequence[Position | None]:
        """Return where windows end; one that is repeated after a crash stays as it was cut (algorithms.md §5)."""
        if self._applier.checkpoint.intent is not None:
            return ()
        return self._applier.fence, self._joining.place, self._meeting.place

    def _keeps_back(self, ahead: Ahead) -> bool:
        """Go to the place of a meeting before what lies behind it, which is applied after the meeting."""
        place = self._meeting.place
        if place is None or not self._meeting.lies_before(ahead.item):
            return False
        self._applier.move_to(place)
        self._ahead.put_back(ahead)
        return True

    def _move_on(self) -> None:
        """Move the checkpoint over what does not concern us, about once a second, or at once where we shall stop."""
        border = self._cutter.idle_border
        if border is None or border <= self._applier.checkpoint.position:
            return
        halts = [place for place in (self._joining.place, self._meeting.place) if place is not None]
        border = min([border, *halts])
        ends = [place for place in (self._stop_at, self._applier.fence, *halts) if place is not None]
        last = any(self._applier.checkpoint.position < place <= border for place in ends)
        if last or time.monotonic() - self._moved >= NOTE_SECONDS:
            self._applier.move_to(border)
            self._moved = time.monotonic()
            self._patience.succeeded()

    def _is_finished(self) -> bool:
        if self._stop_at is None or self._applier.checkpoint.position < self._stop_at:
            return False
        return self._applier.consistent or self._applier.fence is None

    def _tell(self, *, finished: bool = False, ended: bool = False) -> None:
        """Report about twice a second, write the position down about once a second."""
        now = time.monotonic()
        last = finished or ended
        if last or now - self._reported >= REPORT_SECONDS:
            self._report(finished=finished)
        if last or now - self._noted >= NOTE_SECONDS:
            self._noted = now
            self._exchange_notes(last=last)

    def _exchange_notes(self, *, last: bool) -> None:
        """Write the position down and see what is asked for; while the metadb is away rows go on, and it is done later."""
        try:
            self._context.set_note("apply.position", to_json(self._applier.checkpoint.position))
            self._look_at_notes()
        except FerrymanError as error:
            if last or error.code not in METADB_AWAY:
                raise

    def _report(self, *, finished: bool) -> None:
        with self._telling:
            self._reported = time.monotonic()
            self._context.report(
                self._progress.report(
                    time.time(),
                    self._cutter.seen,
                    self._applier.checkpoint.position,
                    consistent=self._applier.consistent,
                    finished=finished,
                    evidence=self._evidence.report(self._cutter),
                )
            )

    def _hold_back(self) -> None:
        """Wait for the limit of speed, between transactions only; a limit that is changed meanwhile counts at once."""
        stages = self._evidence.stages
        while self._between and (owed := self._limit.owed_seconds()) > 0:
            began = stages.clock()
            ends = self._context.wait(min(owed, POLL_SECONDS))
            stages.add(HELD, stages.clock() - began)
            if ends:
                return
            self._tell()

    def _look_at_notes(self) -> None:
        options = apply_options(self._context)
        self._limit.set(options.rows_per_second, options.bytes_per_second)
        stop_at = self._context.note("apply.stop_at")
        self._stop_at = from_json(Position, stop_at) if stop_at else None
        self._joining.look()
        self._meeting.look()
