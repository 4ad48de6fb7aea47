"""One stream: a reader of the source and a session of the target, chunk after chunk."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.pipeline.load.collision import CollisionGuard
from ferryman.pipeline.load.job import TableJob
from ferryman.pipeline.load.progress import Attempt
from ferryman.pipeline.load.readahead import ReadAhead
from ferryman.pipeline.load.work import MOST_CATALOG_READS, ChunkTask, Work
from ferryman.pipeline.load.writer import ChunkWriter
from ferryman.spi.source import TableReader
from ferryman.spi.target import TargetSession


class Connections:
    """A reader and a session, opened when needed and dropped after a failure."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._reader: TableReader | None = None
        self._session: TargetSession | None = None

    @property
    def reader(self) -> TableReader:
        """The source's side."""
        if self._reader is None:
            self._reader = self._work.source.reader()
        return self._reader

    @property
    def session(self) -> TargetSession:
        """The target's side."""
        if self._session is None:
            self._session = self._work.target.session()
        return self._session

    def drop(self) -> None:
        """Close both; the next use opens new ones."""
        if self._session is not None:
            self._session.rollback()
            self._session.close()
        if self._reader is not None:
            self._reader.close()
        self._reader = self._session = None


class Stream:
    """Copies chunks until none is left; `lane` is its lease row.

    A chunk that failed is tried again by the *same* stream: its lane's lock makes the new transaction wait for whatever
    the server still does for the old one, so nothing of it can appear later (I8).
    """

    def __init__(self, work: Work, lane: int) -> None:
        self._work = work
        self._lane = lane
        self._lease = work.lease(lane)
        self._connections = Connections(work)
        self._guard = CollisionGuard(work.source.reader)
        self._backoff = work.backoff()

    def run(self) -> None:
        """Copy until the queue ends."""
        try:
            while (task := self._work.take(self._lane)) is not None:
                self._copy_patiently(task)
        finally:
            self._connections.drop()

    def _copy_patiently(self, task: ChunkTask) -> None:
        changes = 0
        while not self._work.stopped and (job := self._work.current(task.job)) is not None:
            try:
                self._copy(job, task)
            except FerrymanError as error:
                self._connections.drop()
                if error.code == "source.table_changed" and (changes := changes + 1) <= MOST_CATALOG_READS:
                    self._work.table_changed(job, error)
                else:
                    self._work.pause(self._backoff, error)
            else:
                break
        if not self._work.stopped:
            self._work.progress.chunk_done(task.job.name)

    def _copy(self, job: TableJob, task: ChunkTask) -> None:
        attempt = Attempt(self._work.progress, job.name)
        session, reader = self._connections.session, self._connections.reader
        writer = ChunkWriter(
            session,
            self._lease,
            job,
            attempt,
            self._guard,
            self._backoff.succeeded,
            self._work.pace,
            self._work.distance,
            self._work.meter,
            lambda: self._work.bounds.rest,
            self._work.loosened,
        )
        try:
            size = self._work.speed.batch
            with (
                self._work.meter.reading(),
                ReadAhead(
                    lambda: reader.read(job.source, job.reads, chunk=task.chunk, batch_bytes=size), reader.close
                ) as batches,
            ):
                for batch in batches:
                    if self._work.stopped:
                        break
                    writer.write(batch)
                    del batch  # a giant row is gone before the next is read
            if self._work.stopped:
                attempt.abandon()
                self._connections.drop()
                return
            writer.finish(self._work.context.project_id, task.chunk)
        except BaseException:
            attempt.abandon()
            raise
