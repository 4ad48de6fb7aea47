"""What the streams share: the project's surroundings, the queue of chunks, the stop."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ferryman.foundation.backoff import Backoff
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import LoadOptions, StepName
from ferryman.model.schema import Table
from ferryman.pipeline.load import drift
from ferryman.pipeline.load.distance import FAR_STREAMS, NEAR_STREAMS, Distance
from ferryman.pipeline.load.job import TableJob
from ferryman.pipeline.load.meter import Meter
from ferryman.pipeline.load.pace import Pace
from ferryman.pipeline.load.progress import Progress
from ferryman.pipeline.load.speed import Bounds, Speed, begin, bounds_of, fitted
from ferryman.spi.source import Chunk, Source
from ferryman.spi.target import Lease, Target
from ferryman.spi.task import REREAD_NOTE, TaskContext, load_options

T = TypeVar("T")

GIVE_UP_SECONDS = 600.0
"""How long a chunk is tried again while nothing can be committed: a server keeps the transaction of a connection that has
vanished, and with it the lane's lock, for up to 300 s."""

LANES = FAR_STREAMS
"""Lanes there are at least, one a stream: so the number of streams can change while they run."""

IDLE_SECONDS = 0.5
"""How soon a stream that waits notices that it may go on."""

MOST_CATALOG_READS = 5
"""How often one chunk may find its table changed."""


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """One chunk to copy."""

    job: TableJob
    chunk: Chunk


@dataclass(slots=True)
class Work:
    """One run of the step."""

    context: TaskContext
    source: Source
    target: Target
    progress: Progress
    chunks: queue.Queue[ChunkTask | None]
    give_up_seconds: float = GIVE_UP_SECONDS
    failure: BaseException | None = None
    pace: Pace = field(init=False)
    distance: Distance = field(default_factory=Distance)
    meter: Meter = field(default_factory=Meter)
    bounds: Bounds = field(init=False)
    speed: Speed = field(init=False)
    options: LoadOptions = field(init=False)
    lanes: int = field(init=False)
    _refused: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _jobs: dict[TableName, TableJob | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.options = options = load_options(self.context)
        self.lanes = max(LANES, options.streams)
        self.pace = Pace(self.wait)
        self.bounds = bounds_of(options)
        self.speed = begin(self.bounds)
        self.adjust(options)

    def adjust(self, options: LoadOptions) -> None:
        """Go by these options from now on: how many streams take chunks, and how fast all go together."""
        wanted = options.streams
        if wanted > self.lanes and wanted != self._refused:
            self.context.event(
                "warning", f"{wanted} streams from the next start of the load on; {self.lanes} until then"
            )
            self._refused = wanted
        self.pace.limit(options.rows_per_second, options.bytes_per_second, options.batch_rows)
        bounds = bounds_of(options)
        if bounds != self.bounds:
            self.bounds, self.speed = bounds, fitted(self.speed, bounds)
        self.options = options

    @property
    def streams(self) -> int:
        """How many streams take chunks: as the user has chosen, else as source and target bear, times the distance."""
        near = 1.0 if self.options.streams else self.distance.streams / NEAR_STREAMS
        return min(int(self.speed.streams * near), self.lanes)

    @property
    def captures(self) -> bool:
        """Whether the log brings what changes after a row has been read."""
        return StepName.CAPTURE in self.context.spec.steps

    @property
    def task(self) -> str:
        """The name of the lease."""
        return f"{self.context.project_id}/load"

    def lease(self, lane: int) -> Lease:
        """Return the right to write on one lane."""
        return Lease(task=self.task, epoch=self.context.epoch, lane=lane)

    def backoff(self) -> Backoff:
        """Return the patience for one piece of work."""
        return Backoff(self.give_up_seconds)

    def stop(self) -> None:
        """Ask every thread to end."""
        self._stop.set()

    def fail(self, error: BaseException) -> None:
        """Keep the first failure and end the others."""
        with self._lock:
            self.failure = self.failure or error
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether threads shall end."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep; returns at once, and true, when threads shall end."""
        return self._stop.wait(seconds)

    def pause(self, backoff: Backoff, error: FerrymanError) -> None:
        """Wait before trying again; raises `error` when that cannot help any more."""
        seconds = backoff.failed(error)
        self.context.event("warning", f"trying again in {seconds:.1f} s: {error}")
        self.wait(seconds)

    def patiently(self, action: Callable[[], T]) -> T:
        """Return what `action` returns, trying again like any chunk; for the main thread."""
        backoff = self.backoff()
        while True:
            try:
                return action()
            except FerrymanError as error:
                if self.context.stop_requested():
                    raise
                self.pause(backoff, error)

    def put(self, item: ChunkTask | None) -> bool:
        """Queue a chunk; false when stopped."""
        return self._until_stopped(lambda: self.chunks.put(item, timeout=0.2), queue.Full)

    def take(self, lane: int) -> ChunkTask | None:
        """Return the next chunk for a stream; `None` at the end or when stopped. A stream too many waits."""
        while not self.stopped and not self._ended.is_set():
            if lane >= self.streams:
                self._ended.wait(IDLE_SECONDS)
                continue
            with contextlib.suppress(queue.Empty):
                if (task := self.chunks.get(timeout=0.2)) is not None:
                    return task
                self._ended.set()
                self.chunks.put_nowait(None)  # wakes the next stream that waits
        return None

    def _until_stopped(self, action: Callable[[], None], again: type[Exception]) -> bool:
        while not self.stopped:
            try:
                action()
            except again:
                continue
            return True
        return False

    def current(self, job: TableJob) -> TableJob | None:
        """Return the job as the table stands now; `None` when the table is gone and its end is in the log."""
        with self._lock:
            return self._jobs.get(job.name, job)

    def loosened(self, job: TableJob) -> bool:
        """Whether the source has given up a unique key that the target still enforces; asked when a value is taken.

        Then two rows may hold it at the source, and REPLACE keeps one of them, though the other may never change again:
        such a table is read again once apply has dropped the key, too (note ``load.reread``). The catalog is read after
        the rows were: a key that it shows held for them.

        Raises:
            FerrymanError: ``load.table_changed``: nothing would follow, so rows would be lost.
        """
        table = self._found(job)
        if table is None or not drift.loosened(job, table):
            return False
        if not self.captures:
            raise FerrymanError(
                "load.table_changed", f"{job.name}: {job.target.name} has a unique key that the source does not have"
            )
        self._read_later(job, f"{job.name} lost a unique key while it was copied: it is read again later")
        return True

    def _found(self, job: TableJob) -> Table | None:
        """Return the table as it is now; `None`: it is gone, or only the log can tell which one it is."""
        try:
            return drift.reread(self.source, job, self.progress.names, self.context.spec.selection)
        except FerrymanError as untold:
            self._leave_to_log(job, untold)
            return None

    def _adapted(self, job: TableJob, table: Table) -> TableJob | None:
        try:
            return drift.adapted(job, table)
        except FerrymanError as untold:
            self._leave_to_log(job, untold)
            return None

    def _leave_to_log(self, job: TableJob, untold: FerrymanError) -> None:
        """Have the table read again once the log has told what became of it, if there is a log; else raise `untold`.

        Without a key that asks for a source that can show one moment of its log again: such a load stops instead.
        """
        if untold.code != "load.table_changed" or not (self.captures and job.keyed):
            raise untold
        self._read_later(job, f"{untold.message}: it is read again later")

    def _read_later(self, job: TableJob, why: str) -> None:
        """Note that apply has to read all of a table again, under the name it then has (note ``load.reread``)."""
        with self._lock:
            known = {TableName(*name) for name in self.context.note(REREAD_NOTE) or ()}
            if job.name not in known:
                names = sorted({*known, job.name})
                self.context.set_note(REREAD_NOTE, [[name.database, name.table] for name in names])
                self.context.event("warning", why)

    def table_changed(self, used: TableJob, error: FerrymanError) -> None:
        """Read the catalog again after ``source.table_changed``; `used` is the job that met it.

        What cannot be told from the catalog is left to the log: apply reads the table again once it has told.

        Raises:
            FerrymanError: The change cannot be followed, and the project captures no log or the table has no key.
        """
        if self.current(used) != used:
            return  # another stream has seen to it
        table = self._found(used)
        if table is None and not self.captures:
            raise FerrymanError("load.table_gone", f"{used.name} has vanished from the source") from error
        after = self._adapted(used, table) if table is not None else None
        with self._lock:
            self._jobs[used.name] = after
        if after is None:
            self.progress.remark(used.name, "dropped or renamed at the source while it was copied")
            self.context.event("warning", f"{used.name} is gone from the source: the log says what became of it")
        elif after != used:
            self.context.event("warning", f"{used.name} changed while it was copied: its rows are read as it is now")
