"""The apply task: opens what it needs, goes on from the checkpoint, begins anew after a failure that passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

from ferryman.foundation.errors import FerrymanError, LeaseLostError, UsageError
from ferryman.foundation.speed_limit import SpeedLimit
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import StepName
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.apply.applier import Applier
from ferryman.pipeline.apply.conflicts import CHOICE_NOTE, Policies
from ferryman.pipeline.apply.evidence import Evidence
from ferryman.pipeline.apply.ground import NOTE as GROUND_NOTE
from ferryman.pipeline.apply.ground import Ground
from ferryman.pipeline.apply.joining import NO_JUNCTION, Joining, Junction, followed
from ferryman.pipeline.apply.lanes import FENCED_LANES, Lanes
from ferryman.pipeline.apply.ledger import NOTE, Ledger
from ferryman.pipeline.apply.letter_desk import DECISIONS_NOTE, LetterDesk
from ferryman.pipeline.apply.lookahead import POLL_SECONDS, Ahead, Lookahead
from ferryman.pipeline.apply.meeting import NO_HALT, Halt, Meeting
from ferryman.pipeline.apply.patience import Patience
from ferryman.pipeline.apply.progress import Progress
from ferryman.pipeline.apply.replay import Replay
from ferryman.pipeline.apply.settling import Unsettled
from ferryman.pipeline.apply.stages import HELD, Stages, TimedDecoder, TimedLog
from ferryman.pipeline.apply.statement import Decision, Statements
from ferryman.pipeline.apply.surroundings import Surroundings
from ferryman.pipeline.apply.watched import Watch
from ferryman.pipeline.apply.window import Cutter, Part
from ferryman.pipeline.apply.writer import Writer
from ferryman.pipeline.converting import converted_info, converting
from ferryman.pipeline.logstore import in_commit_order, open_reader
from ferryman.pipeline.plan import source_of
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source, unruled_source
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import Dialect, shown_sql
from ferryman.spi.source import Source
from ferryman.spi.target import Target
from ferryman.spi.task import METADB_AWAY, REREAD_NOTE, TaskContext, apply_options

STILL_SECONDS = 0.05
"""So often it is asked whether to go on, while apply stands still."""
REPORT_SECONDS = 0.5
STUCK_SECONDS = 2.0
"""A step that takes longer is reported of meanwhile."""
NOTE_SECONDS = 1.0
_NOTHING = Selection(objects=("`_ferryman`.`lease`",))
"""Selects no table: our own are never moved."""


def run(context: TaskContext) -> None:
    """Apply the source's changes until the place to stop at is reached, or the task is asked to end."""
    patience = Patience(context)
    progress = Progress(caught_up_seconds=context.spec.apply.caught_up_seconds)
    with ExitStack() as stack:
        source = stack.enter_context(closing(_source(context)))
        target = stack.enter_context(closing(converting(context, _target(context))))
        progress.facts = partial(converted_info, context, target)
        while not context.stop_requested():
            try:
                if not _run_once(context, source, target, patience, progress):
                    return
            except LeaseLostError:
                raise  # I7: somebody else applies now
            except FerrymanError as error:
                patience.bear(error)


def _run_once(context: TaskContext, source: Source, target: Target, patience: Patience, progress: Progress) -> bool:
    """Apply from the checkpoint on, over new sessions; returns whether to begin again, for the objects have changed."""
    task = f"{context.project_id}/apply"
    target.prepare()
    target.raise_epoch(task, context.epoch, FENCED_LANES)  # I7: whoever held the task before can write no more
    joining, meeting = Joining(context, target.load_checkpoint), Meeting(context)
    checkpoint = target.load_checkpoint(context.project_id) or _first_checkpoint(context)
    selection = joining.selection_at(checkpoint)
    checkpoint = followed(checkpoint, selection)
    watch = Watch(Stages())
    lanes = Lanes(target, task, context.epoch, count=context.spec.apply.lanes, pause=context.wait, watch=watch)
    with closing(lanes), ExitStack() as stack:
        around = _surroundings(context, selection, source, target, lanes, watch.stages)
        applier = stack.enter_context(closing(Applier(around, checkpoint)))
        log = stack.enter_context(closing(open_reader(context.data_dir, context.project_id, checkpoint.position)))
        cutter = Cutter(
            TimedLog(in_commit_order(source, log, context.data_dir, context.project_id), watch.stages),
            TimedDecoder(source.decoder(applier.table_at, applier.wants), watch.stages),
            checkpoint.position,
            window_changes=context.spec.apply.window_changes,
            concerns=applier.concerns,
            fence=lambda: applier.fence,
            junction=lambda: joining.place,
            meeting=lambda: meeting.place,
        )
        applier.resume(cutter)
        joining.bind(applier)
        desk = LetterDesk(applier, lambda: context.note(DECISIONS_NOTE))
        evidence = Evidence(watch, log, lambda: applier.letters.count)
        return Follower(context, applier, cutter, patience, progress, evidence, joining, desk.work, meeting).run()


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
        elif isinstance(item, SchemaStatement):
            outcome = self._applier.run(item)
            self._progress.add_statement(shown_sql(item.sql), item.position, outcome)
            self._context.event("info", f"schema statement applied: {shown_sql(item.sql)}", position=str(item.position))
        else:
            if self._cutter.drained:  # else: amid what is long to read, which is no reason to call it latency 0
                self._progress.nothing_waits()
            self._move_on()
            return
        self._patience.succeeded()

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
        self._stop_at = _position(self._context.note("apply.stop_at"))
        self._joining.look()
        self._meeting.look()


# What it works with ---------------------------------------------------------------------------------------------------


def _surroundings(
    context: TaskContext, selection: Selection, source: Source, target: Target, lanes: Lanes, stages: Stages
) -> Surroundings:
    rules = rules_of(context.spec)
    dialect = ruled_dialect(_dialect(context, target), rules)
    return Surroundings(
        project_id=context.project_id,
        selection=selection,
        source=source,
        target=target,
        lanes=lanes,
        writer=Writer(replace_strangers=context.spec.load.allow_target_not_empty),
        statements=Statements(
            dialect,
            selection,
            _position(context.note("schema.known")),
            lambda: Decision.of(context.note("apply.choice")),
            lambda: unruled_source(source).read_schema(selection),
        ),
        behind_rules=rules.schema,
        target_table=lambda table: dialect.target_table(table, selection),
        keyless_from=from_json(dict[TableName, Position], context.note("load.keyless") or {}),
        consistent_from=load_end_of(context),
        unsettled=Unsettled(
            Ledger.begun(context.note(NOTE), context.note(REREAD_NOTE)),
            lambda ledger: context.set_note(NOTE, ledger.to_document()),
        ),
        stages=stages,
        policies=lambda: Policies.read(apply_options(context), context.note(CHOICE_NOTE)),
        ground=Ground(target.read_schema, context.note(GROUND_NOTE), partial(context.set_note, GROUND_NOTE)),
    )


def load_end_of(context: TaskContext) -> Callable[[], Position | None]:
    """Return how to find the load's end: without a load, everything is consistent from the start."""
    if StepName.LOAD not in context.spec.steps:
        start = _first_position(context)
        return lambda: start
    found: list[Position] = []

    def end_of_load() -> Position | None:
        if not found and (position := _position(context.note("load.end"))) is not None:
            found.append(position)
        return found[0] if found else None

    return end_of_load


def _first_checkpoint(context: TaskContext) -> Checkpoint:
    return Checkpoint(position=_first_position(context), schema=from_json(Schema, _needed(context, "schema.source")))


def _first_position(context: TaskContext) -> Position:
    return from_json(Position, _needed(context, "schema.start"))


def _needed(context: TaskContext, name: str) -> Any:
    document = context.note(name)
    if document is None:
        raise FerrymanError("internal.error", f"apply was started before the note {name} was written")
    return document


def _position(document: Any) -> Position | None:
    return from_json(Position, document) if document else None


def _source(context: TaskContext) -> Source:
    return ruled_source(source_of(context), rules_of(context.spec))


def _target(context: TaskContext) -> Target:
    connector = connector_for(context.spec.target)
    if connector.target is None:
        raise UsageError("usage.bad_url", f"{context.spec.target.scheme} cannot be a target of rows")
    return connector.target(context.spec.target)


def _dialect(context: TaskContext, target: Target) -> Dialect:
    """Return the target's dialect, knowing the very server, as the schema step had it."""
    connector = connector_for(context.spec.target)
    if connector.dialect is None:
        raise UsageError("usage.bad_url", f"{context.spec.target.scheme} has no dialect of its own")
    return connector.dialect.fitted(target.read_schema(_NOTHING).traits)
