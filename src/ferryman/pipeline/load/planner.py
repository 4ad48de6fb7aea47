"""Cuts the tables with a key into chunks, the greatest table first, while earlier chunks are being copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.pipeline.load.chunk_plan import ChunkPlan
from ferryman.pipeline.load.job import TableJob
from ferryman.pipeline.load.work import MOST_CATALOG_READS, ChunkTask, Work
from ferryman.spi.source import Chunk, TableReader

Marks = Mapping[TableName, Sequence[tuple[Chunk, int]]]
"""Finished chunks of each source table with their row counts."""


class Planner:
    """Feeds the queue; finished chunks are left out."""

    def __init__(self, work: Work, jobs: Sequence[TableJob], marks: Marks) -> None:
        self._work = work
        self._jobs = jobs
        self._marks = marks
        self._reader: TableReader | None = None

    def run(self) -> None:
        """Plan every table over one connection, then say that no more will come."""
        try:
            for job in self._jobs:
                self._plan_patiently(job)
        finally:
            self._drop_reader()
        self._work.put(None)

    def _plan_patiently(self, job: TableJob) -> None:
        seen: set[Chunk] = set()
        backoff, changes = self._work.backoff(), 0
        while not self._work.stopped and (current := self._work.current(job)) is not None:
            try:
                self._plan(current, self._opened_reader(), seen)
            except FerrymanError as error:
                self._drop_reader()
                if error.code == "source.table_changed" and (changes := changes + 1) <= MOST_CATALOG_READS:
                    self._work.table_changed(current, error)
                else:
                    self._work.pause(backoff, error)
            else:
                break
        if not self._work.stopped:
            self._work.progress.planned(job.name)

    def _opened_reader(self) -> TableReader:
        if self._reader is None:
            self._reader = self._work.source.reader()
        return self._reader

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _plan(self, job: TableJob, reader: TableReader, seen: set[Chunk]) -> None:
        """Queue the table's chunks; `seen` are those queued before a failure."""
        done = dict(self._marks.get(job.name, ()))
        self._work.progress.estimate(job.name, reader.count_estimate(job.source))
        plan = ChunkPlan(self._work.context, job.name, job.source, self._work.context.spec.load.chunk_rows)
        for chunk in plan.chunks(reader):
            if chunk in seen:
                continue
            seen.add(chunk)
            if not self._offer(job, chunk, done):
                return

    def _offer(self, job: TableJob, chunk: Chunk, done: dict[Chunk, int]) -> bool:
        self._work.progress.chunk_opened(job.name)
        if chunk in done:
            self._work.progress.add(job.name, done[chunk])
            self._work.progress.chunk_done(job.name)
            return not self._work.stopped
        return self._work.put(ChunkTask(job, chunk))
