"""The load step: existing rows, copied chunk by chunk while the source goes on (algorithms.md §§1-4)."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ferryman.foundation.errors import TABLE_CHANGED, FerrymanError
from ferryman.foundation.memory import keep_freed_memory
from ferryman.model.position import Position
from ferryman.model.project import StepName
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.converting import converted_info, converting
from ferryman.pipeline.load.governor import Governor
from ferryman.pipeline.load.job import TableJob, jobs_of
from ferryman.pipeline.load.keyless import KeylessStream, keyless_note
from ferryman.pipeline.load.planner import Marks, Planner
from ferryman.pipeline.load.progress import Progress
from ferryman.pipeline.load.stream import Stream
from ferryman.pipeline.load.work import GIVE_UP_SECONDS, LANES, Work
from ferryman.pipeline.plan import ensure_plan, source_of, target_of
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.spi.dialect import SchemaPlan
from ferryman.spi.source import FlashbackSource, Source, TableReader
from ferryman.spi.target import Target
from ferryman.spi.task import TaskContext, load_options

REPORT_SECONDS = 0.5
ADJUST_SECONDS = 2.0
"""How often the options are read again."""


def run(context: TaskContext) -> None:
    """Copy all rows that are not yet there, then note the position at the end of the load.

    Raises:
        FerrymanError: ``load.*``, or whatever an endpoint raised for longer than patience lasts.
    """
    keep_freed_memory()
    plain = source_of(context)
    source = ruled_source(_at_one_moment(context, plain), rules_of(context.spec))
    target = converting(context, target_of(context))
    try:
        Load(context, source, target, watched=plain).run()
    finally:
        source.close()
        target.close()


class Load:
    """One run of the step over a source and a target."""

    def __init__(
        self,
        context: TaskContext,
        source: Source,
        target: Target,
        *,
        watched: object = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        """Make a run; `watched` is the source as it is, which may say how busy it is."""
        self._context = context
        self._target = target
        self._adjust_at = 0.0
        schema, plan = _plan(context)
        self._jobs = jobs_of(schema, plan)
        self._progress = Progress(self._jobs)
        self._work = Work(
            context=context,
            source=source,
            target=target,
            progress=self._progress,
            chunks=queue.Queue(2 * LANES),
            give_up_seconds=give_up_seconds,
        )
        self._governor = Governor(self._work, watched)

    def run(self) -> None:
        """Copy, and report while copying."""
        marks = self._work.patiently(self._begin)
        with self._governor.governing():
            self._watch(self._start(marks))
        if self._work.failure is not None:
            self._report()
            raise self._work.failure
        if self._context.stop_requested():
            self._report()
        else:
            self._work.patiently(self._finish)

    def _begin(self) -> Marks:
        """Become the one who writes (I7), then read what earlier runs have finished."""
        self._target.prepare()
        self._target.raise_epoch(self._work.task, self._context.epoch, self._work.lanes + 1)
        marks = self._target.finished_chunks(self._context.project_id)
        self._require_empty(marks)
        self._note_keyless(marks)
        return marks

    def _require_empty(self, marks: Marks) -> None:
        """Refuse tables that hold rows of somebody else; what we began to fill is ours (note ``load.begun``)."""
        begun = set(self._context.note("load.begun") or ())
        fresh = [job for job in self._jobs if str(job.name) not in begun and not marks.get(job.name)]
        allowed = self._context.spec.load.allow_target_not_empty
        asked = [job for job in fresh if not (allowed and job.keyed)]
        with contextlib.closing(self._target.reader()) as reader:
            full = [str(job.target.name) for job in asked if not _is_empty(job, reader)]
        if full:
            raise FerrymanError("load.target_not_empty", f"tables at the target hold rows: {', '.join(full)}")
        self._context.set_note("load.begun", sorted(begun | {str(job.name) for job in self._jobs}))

    def _note_keyless(self, marks: Marks) -> None:
        names = [job.name for job in self._jobs if not job.keyed]
        if names and self._work.captures:
            self._context.set_note("load.keyless", keyless_note(marks, names))

    def _note_unfollowed(self) -> None:
        """Tables without a key that were not read at a place in the log: their changes cannot be applied later."""
        names = [str(job.name) for job in self._jobs if not job.keyed]
        if names and not self._work.captures:
            self._context.set_note("load.unfollowed", names)

    def _start(self, marks: Marks) -> list[threading.Thread]:
        self._note_unfollowed()
        keyed = [job for job in self._jobs if job.keyed]
        keyless = self._unfinished([job for job in self._jobs if not job.keyed], marks)
        bodies: list[Callable[[], None]] = [Planner(self._work, keyed, marks).run]
        bodies += [Stream(self._work, lane).run for lane in range(self._work.lanes)]
        bodies.append(KeylessStream(self._work, keyless, self._work.lanes).run)
        threads = [threading.Thread(target=self._guarded, args=(body,), daemon=True) for body in bodies]
        for thread in threads:
            thread.start()
        return threads

    def _unfinished(self, jobs: Sequence[TableJob], marks: Marks) -> list[TableJob]:
        for job in jobs:
            for _, rows in marks.get(job.name, ()):
                self._progress.add(job.name, rows)
                self._progress.planned(job.name)
        return [job for job in jobs if not marks.get(job.name)]

    def _guarded(self, body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 -- the thread's edge: the main thread raises it
            self._work.fail(error)

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        while any(thread.is_alive() for thread in threads):
            if self._context.stop_requested():
                self._work.stop()
            self._report()
            self._adjust()
            next((thread for thread in threads if thread.is_alive()), threads[0]).join(REPORT_SECONDS)

    def _adjust(self) -> None:
        """Go by the options as they are now; a metadb that cannot be read for a while changes nothing."""
        if time.monotonic() < self._adjust_at:
            return
        self._adjust_at = time.monotonic() + ADJUST_SECONDS
        with contextlib.suppress(FerrymanError):
            self._work.adjust(load_options(self._context))

    def _finish(self) -> None:
        """Note where the load ended: taken after the last chunk was read, written once (algorithms.md §9)."""
        followable = self._work.captures or self._context.note("schema.start") is not None
        if followable and self._context.note("load.end") is None:
            self._note_keyless(self._target.finished_chunks(self._context.project_id))
            self._context.set_note("load.end", to_json(self._work.source.current_position()))
        self._report(finished=True)

    def _report(self, *, finished: bool = False) -> None:
        changed = self._progress.changes()  # before the totals: these are then never behind the tables
        progress = self._progress.step(finished=finished)
        info = {**converted_info(self._context, self._target), "speed": self._governor.shown()}
        message = "" if finished else self._governor.message()
        self._context.report(replace(progress, info=info, message=message), changed)


def _is_empty(job: TableJob, reader: TableReader) -> bool:
    limit = 1 if job.target.row_key else None
    batches = reader.read(job.target, [job.target.columns[0].name], limit=limit, batch_bytes=1)
    try:
        return not any(batch.row_count for batch in batches)  # stops at the first row, which ends the connection
    except FerrymanError as error:
        if error.code not in TABLE_CHANGED:
            raise
        raise FerrymanError("load.table_missing", f"{job.target.name} is missing at the target") from error


def _at_one_moment(context: TaskContext, source: Source) -> Source:
    """Let a source that can look back show all rows as they were at one position: where capture begins, if there is one.

    The position is noted, so that a resumed load reads the same moment. Without capture it is now, however long ago the
    schema was read: no source remembers for long.
    """
    if not isinstance(source, FlashbackSource):
        return source
    follows = StepName.CAPTURE in context.spec.steps or context.note("load.begun") is not None
    noted = context.note("load.snapshot") or (context.note("schema.start") if follows else None)
    if noted is None:
        noted = to_json(source.current_position())
        context.set_note("load.snapshot", noted)
    return source.at(from_json(Position, noted))


def _plan(context: TaskContext) -> tuple[Schema, SchemaPlan]:
    """Return the schema behind the rules and its conversion, from the notes or made from the tables that exist."""
    if context.note("schema.source") is None or context.note("schema.plan") is None:
        ensure_plan(context)
    schema = rules_of(context.spec).schema(from_json(Schema, context.note("schema.source")))
    return schema, from_json(SchemaPlan, context.note("schema.plan"))
