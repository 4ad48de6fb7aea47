"""Tables without a key: each exactly once, all from one snapshot whose log position is known (algorithms.md §4).

The position is kept in the table's chunk mark, which commits with the table's last rows: so rows and position can
never disagree, whenever the task dies. The note ``load.keyless`` is made from the marks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing

from ferryman.foundation.backoff import Backoff
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.load.collision import CollisionGuard
from ferryman.pipeline.load.job import TableJob
from ferryman.pipeline.load.planner import Marks
from ferryman.pipeline.load.progress import Attempt
from ferryman.pipeline.load.readahead import ReadAhead
from ferryman.pipeline.load.work import MOST_CATALOG_READS, Work
from ferryman.pipeline.load.writer import ChunkWriter
from ferryman.spi.source import Chunk, TableReader
from ferryman.spi.target import TargetSession


def mark_of(position: Position | None) -> Chunk:
    """Return the mark of a whole table read at `position` (`None`: nothing captures, any moment will do)."""
    if position is None:
        return Chunk()
    return Chunk(start=(json.dumps(to_json(position), sort_keys=True).encode(),))


def position_of(mark: Chunk) -> Position | None:
    """Return the position in a mark."""
    if mark.start is None or mark.start[0] is None:
        return None
    return from_json(Position, json.loads(mark.start[0]))


def keyless_note(marks: Marks, names: Sequence[TableName]) -> object:
    """Return the note ``load.keyless``: finished tables → position of their snapshot."""
    found = {name: position_of(mark) for name in names for mark, _ in marks.get(name, ())}
    return to_json({name: position for name, position in found.items() if position is not None})


class KeylessStream:
    """Copies the tables without a key, one after the other."""

    def __init__(self, work: Work, jobs: Sequence[TableJob], lane: int) -> None:
        self._work = work
        self._pending = list(jobs)
        self._lease = work.lease(lane)
        self._guard = CollisionGuard(work.source.reader)
        self._backoff: Backoff = work.backoff()
        self._names = [job.name for job in jobs]

    def run(self) -> None:
        """Copy until all tables are done: a failure starts its table again from empty, at a new snapshot."""
        changes = 0
        while self._pending and not self._work.stopped:
            try:
                self._copy_pending()
            except FerrymanError as error:
                if error.code == "source.table_changed" and (changes := changes + 1) <= MOST_CATALOG_READS:
                    self._see_changes(error)
                else:
                    self._work.pause(self._backoff, error)

    def _see_changes(self, error: FerrymanError) -> None:
        """Look at all tables left: the snapshot is made of all of them, and any may be the one that is gone."""
        for job in self._pending:
            if (current := self._work.current(job)) is not None:
                self._work.table_changed(current, error)

    def _copy_pending(self) -> None:
        self._leave_out_vanished()
        if not self._pending:
            return
        session = self._work.target.session()
        try:
            reader, position = self._snapshot()
            try:
                self._copy_tables(session, reader, position)
            finally:
                reader.close()
        finally:
            session.rollback()
            session.close()

    def _leave_out_vanished(self) -> None:
        """Tables that are gone count as read now, without rows: their changes before this must find none."""
        for job in [job for job in self._pending if self._work.current(job) is None]:
            if self._work.captures:
                self._mark_vanished(job)
            self._done(job)

    def _mark_vanished(self, job: TableJob) -> None:
        mark = mark_of(self._work.source.current_position())
        with closing(self._work.target.session()) as session:
            session.begin(self._lease)
            session.truncate(job.target)
            session.mark_chunk(self._work.context.project_id, job.name, mark, 0)
            session.commit()
        self._note()

    def _snapshot(self) -> tuple[TableReader, Position | None]:
        if not self._work.captures:
            return self._work.source.reader(), None
        return self._work.source.consistent_reader([job.name for job in self._pending])

    def _copy_tables(self, session: TargetSession, reader: TableReader, position: Position | None) -> None:
        for job in list(self._pending):
            # At the front, so that an error is known to be this table's.
            current = self._work.current(job)
            if current is not None and not self._copy(session, reader, position, current):
                return
            self._done(job)

    def _done(self, job: TableJob) -> None:
        self._pending.remove(job)
        self._work.progress.planned(job.name)

    def _copy(self, session: TargetSession, reader: TableReader, position: Position | None, job: TableJob) -> bool:
        """Copy one table; false when stopped."""
        attempt = Attempt(self._work.progress, job.name)
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
            writer.begin()
            if self._is_marked(job):
                session.rollback()
                return True
            session.truncate(job.target)
            if not self._write(reader, job, writer):
                attempt.abandon()
                return False
            writer.finish(self._work.context.project_id, mark_of(position))
        except BaseException:
            attempt.abandon()
            raise
        self._note()
        return True

    def _is_marked(self, job: TableJob) -> bool:
        """Whether a commit whose outcome was unknown did take place.

        Asked within a transaction that holds the lane's lock: what the server still did for the lost one is over.
        """
        marks = self._work.target.finished_chunks(self._work.context.project_id).get(job.name, ())
        for _, rows in marks:
            self._work.progress.add(job.name, rows)
        return bool(marks)

    def _write(self, reader: TableReader, job: TableJob, writer: ChunkWriter) -> bool:
        with ReadAhead(lambda: reader.read(job.source, job.reads), reader.close) as batches:
            for batch in batches:
                if self._work.stopped:
                    return False
                writer.write(batch)
                del batch  # a giant row is gone before the next is read
        return True

    def _note(self) -> None:
        marks = self._work.target.finished_chunks(self._work.context.project_id)
        self._work.context.set_note("load.keyless", keyless_note(marks, self._names))
