"""Writes batches into the target in transactions of bounded size, each fenced (I7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from ferryman.foundation.errors import DuplicateKeyError
from ferryman.model.batch import Batch
from ferryman.pipeline.load.collision import CollisionGuard
from ferryman.pipeline.load.distance import Distance
from ferryman.pipeline.load.job import TableJob, slices
from ferryman.pipeline.load.meter import Meter
from ferryman.pipeline.load.pace import Pace
from ferryman.pipeline.load.progress import Attempt
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease, TargetSession

MOST_ROWS = 20_000
MOST_BYTES = 8 << 20
"""A transaction ends at about so many rows or bytes."""

LONG_WAIT_SECONDS = 2.0
"""From here on a stream that a speed limit holds up commits before it waits."""


class ChunkWriter:
    """Writes one chunk, one try.

    Args:
        committed: Called after each commit: the target is alive.
        pace: The speed limits.
        distance: Is told how long transactions take to begin.
        meter: Is told what is written.
        rest: Tells the pause behind each write, as a share of the time it took.
        loosened: Tells whether the source has given up a unique key of the target's.
    """

    def __init__(
        self,
        session: TargetSession,
        lease: Lease,
        job: TableJob,
        attempt: Attempt,
        guard: CollisionGuard,
        committed: Callable[[], None],
        pace: Pace,
        distance: Distance,
        meter: Meter,
        rest: Callable[[], float],
        loosened: Callable[[TableJob], bool],
    ) -> None:
        self._session = session
        self._lease = lease
        self._job = job
        self._attempt = attempt
        self._guard = guard
        self._committed = committed
        self._pace = pace
        self._distance = distance
        self._meter = meter
        self._rest = rest
        self._loosened = loosened
        self._open = False
        self._rows = 0
        self._bytes = 0
        self._replacing = self._loose = False

    def begin(self) -> None:
        """Begin a transaction unless one is open."""
        if not self._open:
            asked = time.monotonic()
            self._session.begin(self._lease)
            self._distance.began(time.monotonic() - asked)
            self._open = True

    def write(self, batch: Batch) -> None:
        """Write a batch; commits when the transaction has grown enough."""
        for part in slices(batch, self._pace.part_rows(batch)):
            self._wait_for_turn(part)
            self.begin()
            asked = time.monotonic()
            self._write(self._job.filled(part))
            took = time.monotonic() - asked
            self._meter.wrote(took)
            self._rows += part.row_count
            self._bytes += part.byte_size
            if self._rows >= MOST_ROWS or self._bytes >= MOST_BYTES:
                self._commit()
            self._pace.wait(took * self._rest())

    def _wait_for_turn(self, part: Batch) -> None:
        seconds = self._pace.turn(part.row_count, part.byte_size)
        if seconds >= LONG_WAIT_SECONDS and self._rows:
            self._commit()  # servers end transactions that idle
        self._pace.wait(seconds)

    def finish(self, project: str, chunk: Chunk) -> None:
        """Commit what is left together with the chunk's mark: done means durable."""
        self.begin()
        self._session.mark_chunk(project, self._job.name, chunk, self._attempt.rows + self._rows)
        self._commit()

    def _write(self, batch: Batch) -> None:
        """INSERT is fastest; once a unique value is taken (algorithms.md §3), REPLACE for the rest of the chunk."""
        if not self._replacing:
            try:
                self._session.insert(self._job.target, self._job.writes, batch)
            except DuplicateKeyError:
                if not self._job.keyed:
                    raise  # one snapshot into an empty table: a value is taken only where the target's key is coarser
                self._replacing = True
                self._loose = self._loosened(self._job)
            else:
                return
        with nullcontext() if self._loose else self._guard.watch(self._session, self._job, batch):
            self._session.replace(self._job.target, self._job.writes, batch)

    def _commit(self) -> None:
        self._session.commit()
        self._open = False
        self._attempt.add(self._rows, self._bytes)
        self._meter.committed(self._bytes)
        self._rows = self._bytes = 0
        self._committed()
