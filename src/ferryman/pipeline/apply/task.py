"""The apply task: opens what it needs, goes on from the checkpoint, begins anew after a failure that passes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

from ferryman.foundation.errors import FerrymanError, LeaseLostError, UsageError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import StepName
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json
from ferryman.pipeline.apply.applier import Applier
from ferryman.pipeline.apply.conflicts import CHOICE_NOTE, Policies
from ferryman.pipeline.apply.evidence import Evidence
from ferryman.pipeline.apply.follower import Follower
from ferryman.pipeline.apply.ground import NOTE as GROUND_NOTE
from ferryman.pipeline.apply.ground import Ground
from ferryman.pipeline.apply.joining import Joining, followed
from ferryman.pipeline.apply.lanes import FENCED_LANES, Lanes
from ferryman.pipeline.apply.ledger import NOTE, Ledger
from ferryman.pipeline.apply.letter_desk import DECISIONS_NOTE, LetterDesk
from ferryman.pipeline.apply.meeting import Meeting
from ferryman.pipeline.apply.patience import Patience
from ferryman.pipeline.apply.progress import Progress
from ferryman.pipeline.apply.settling import Unsettled
from ferryman.pipeline.apply.stages import Stages, TimedDecoder, TimedLog
from ferryman.pipeline.apply.statement import Decision, Statements
from ferryman.pipeline.apply.surroundings import Surroundings
from ferryman.pipeline.apply.watched import Watch
from ferryman.pipeline.apply.window import Cutter
from ferryman.pipeline.apply.writer import Writer
from ferryman.pipeline.converting import converted_info, converting
from ferryman.pipeline.logstore import in_commit_order, open_reader
from ferryman.pipeline.plan import source_of
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source, unruled_source
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import Dialect
from ferryman.spi.ends import target_of
from ferryman.spi.source import Source
from ferryman.spi.target import Target
from ferryman.spi.task import REREAD_NOTE, TaskContext, apply_options

_NOTHING = Selection(objects=("`_ferryman`.`lease`",))
"""Selects no table: our own are never moved."""


def run(context: TaskContext) -> None:
    """Apply the source's changes until the place to stop at is reached, or the task is asked to end."""
    patience = Patience(context)
    options = context.spec.apply
    progress = Progress(caught_up_seconds=options.caught_up_seconds, atomic=options.atomic)
    with ExitStack() as stack:
        source = stack.enter_context(closing(_source(context)))
        target = stack.enter_context(closing(converting(context, target_of(context.spec))))
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
            two_way=context.spec.two_way,
        ),
        behind_rules=rules.schema,
        target_table=lambda table: dialect.target_table(table, selection),
        keyless_from=from_json(dict[TableName, Position], context.note("load.keyless") or {}),
        consistent_from=load_end_of(context),
        unsettled=Unsettled(
            Ledger.begun(context.note(NOTE), context.note(REREAD_NOTE)),
            lambda ledger: context.set_note(NOTE, ledger.to_document()),
        ),
        atomic=context.spec.apply.atomic,
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


def _dialect(context: TaskContext, target: Target) -> Dialect:
    """Return the target's dialect, knowing the very server, as the schema step had it."""
    connector = connector_for(context.spec.target)
    if connector.dialect is None:
        raise UsageError("usage.bad_url", f"{context.spec.target.scheme} has no dialect of its own")
    return connector.dialect.fitted(target.read_schema(_NOTHING).traits)
