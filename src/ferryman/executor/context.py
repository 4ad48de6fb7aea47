"""What a task sees of the world (`ferryman.spi.task.TaskContext`), in a child process.

Reports are gathered and written by one background thread, about twice a second; the same thread renews the lease and
asks whether the task shall end. Everything written is fenced: it is written only while the epoch is ours (I7).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ferryman.executor import processes
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.foundation.logs import rotate_stderr
from ferryman.metadb import events, mismatches, notes, samples, steps, tasks
from ferryman.metadb.database import Transaction
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import ProjectSpec, StepName, StepProgress, TableProgress
from ferryman.spi.task import METADB_AWAY

PULSE_SECONDS = 0.5
"""How often reports are written and the wish to stop is asked for."""

LEASE_SECONDS = 15.0
"""How long a lease holds without being renewed."""

RENEW_SECONDS = 3.0
"""How often a lease is renewed."""

AGAIN_SECONDS = 0.5
"""How often a metadb that is away is tried again."""

FOLLOWING = frozenset({StepName.CAPTURE.value, StepName.APPLY.value})
"""Tasks that do without the metadb while it is away: changes flow on. All others wait for it."""

T = TypeVar("T")
_LOGGER = logging.getLogger("ferryman.task")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class ChildContext:
    """The surroundings of one task in a child process; implements `TaskContext`. Thread-safe."""

    def __init__(self, metadb: MetaDb, key: TaskKey, epoch: int, spec: ProjectSpec, *, parent: int) -> None:
        self.project_id = key.project_id
        self.task_name = key.name
        self.spec = spec
        self.epoch = epoch
        self.data_dir: Path = metadb.data_dir
        self._metadb = metadb
        self._key = key
        self._parent = parent
        self._stop = threading.Event()
        self._closing = threading.Event()
        self._lost: LeaseLostError | None = None
        self._renewed_at = time.monotonic()
        self._away = False
        self._lock = threading.Lock()
        self._progress: StepProgress | None = None
        self._tables: dict[str, TableProgress] = {}
        self._written: dict[str, TableProgress] = {}
        self._pulse = threading.Thread(target=self._run_pulse, name="task pulse", daemon=True)

    @property
    def step(self) -> StepName:
        """The step this task runs; `ValueError` for the release task, which is none."""
        return StepName(self._key.name)

    def start(self) -> None:
        """Begin to write reports, to renew the lease, and to listen."""
        self._pulse.start()

    def stop_requested(self) -> bool:
        """Whether the task shall end soon (pause, shutdown, lost lease)."""
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Let the task end soon."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake at once when the task shall end; returns `stop_requested`."""
        return self._stop.wait(seconds)

    def report(self, progress: StepProgress, tables: Sequence[TableProgress] = ()) -> None:
        """Say how far the step is; tables not named keep what was said of them last."""
        self._check()
        with self._lock:
            self._progress = progress
            for table in tables:
                self._tables[table.table] = table

    def record_mismatches(self, table: str, mismatches_: Sequence[Mismatch]) -> None:
        """Replace the stored differences of a table."""
        self._fenced(lambda tx: mismatches.replace(tx, self.project_id, table, mismatches_))

    def event(self, level: str, message: str, **fields: object) -> None:
        """Log an event of this project; a metadb that cannot take it does not stop the task."""
        _LOGGER.log(_LEVELS.get(level, logging.INFO), "%s", message)
        now, told = unix_now(), _plain(fields)
        try:
            self._fenced_at_once(
                lambda tx: events.add(tx, self.project_id, now, level, message, step=self._key.name, fields=told)
            )
        except LeaseLostError:
            raise
        except FerrymanError as error:
            _LOGGER.warning("an event could not be kept: %s", error)

    def note(self, name: str) -> Any | None:
        """Return a note's JSON document, or `None`."""

        def read() -> Any | None:
            with self._metadb.reading() as tx:
                return notes.get(tx, self.project_id, name)

        return read() if self._key.name in FOLLOWING else self._patiently(read)

    def set_note(self, name: str, document: Any) -> None:
        """Write a note, durably."""
        self._fenced(lambda tx: notes.put(tx, self.project_id, name, document, unix_now()))

    def finish(self, outcome: str, error: FerrymanError | None) -> None:
        """Write the last report and how the task ended, both or neither."""
        self._closing.set()
        if self._pulse.is_alive():
            self._pulse.join()
        document = None if error is None else error.to_json() | {"context": _plain(error.context)}
        taken = self._take()

        def write(tx: Transaction) -> None:
            self._store(tx, taken)
            tasks.record_outcome(tx, self._key, self.epoch, outcome, document, unix_now())

        self._patiently(lambda: self._fenced_at_once(write))

    def _fenced(self, write: Callable[[Transaction], object]) -> None:
        """Write as `_fenced_at_once`; what is written must bear being written twice: a commit may be lost on its way."""
        if self._key.name in FOLLOWING:
            self._fenced_at_once(write)
        else:
            self._patiently(lambda: self._fenced_at_once(write))

    def _fenced_at_once(self, write: Callable[[Transaction], object]) -> None:
        """Write durably, but only while the epoch is ours."""
        self._check()
        try:
            with self._metadb.writing() as tx:
                tasks.guard(tx, self._key, self.epoch)
                write(tx)
        except LeaseLostError as error:
            self._lose(error)
            raise

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it; a metadb that is away is waited for, for as long as the lease holds."""
        while True:
            self._check()
            try:
                return work()
            except FerrymanError as error:
                if error.code not in METADB_AWAY or self._has_run_out():
                    raise
            time.sleep(AGAIN_SECONDS)

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _lose(self, error: LeaseLostError) -> None:
        self._lost = error
        self._stop.set()

    # The pulse ----------------------------------------------------------------------------------------------------

    def _run_pulse(self) -> None:
        log = log_path(self.data_dir, self._key)
        while not self._closing.wait(PULSE_SECONDS):
            if processes.parent_is_gone(self._parent):
                _LOGGER.error("the service is gone: ending")
                processes.end_now()
            try:
                self._beat()
            except LeaseLostError as error:
                _LOGGER.error("%s", error)
                self._lose(error)
                return
            except FerrymanError as error:
                self._survive(error)
            else:
                self._recovered()
            rotate_stderr(log)

    def _beat(self) -> None:
        with self._metadb.reading() as tx:
            if tasks.stop_requested(tx, self._key, self.epoch):
                self._stop.set()
        taken = self._take()
        if taken is None and time.monotonic() - self._renewed_at < RENEW_SECONDS:
            return
        try:
            self._write(taken)
        except BaseException:
            self._take_back(taken)
            raise

    def _write(self, taken: _Report | None) -> None:
        asked = time.monotonic()
        # Not durable: after a power cut the report is said again, and the lease has run out anyway.
        with self._metadb.writing(durable=False) as tx:
            tasks.renew(tx, self._key, self.epoch, unix_now() + LEASE_SECONDS)
            self._store(tx, taken)
        self._renewed_at = asked
        if taken is not None:
            self._written.update(taken.tables)

    def _store(self, tx: Transaction, taken: _Report | None) -> None:
        if taken is None:
            return
        # Only what changed: with 10,000 tables a report must stay cheap.
        changed = [table for name, table in taken.tables.items() if self._written.get(name) != table]
        steps.report(tx, self.project_id, self.step, taken.progress, self.epoch)
        steps.report_tables(tx, self.project_id, self.step, changed)
        samples.add(tx, self.project_id, self.step, taken.progress, unix_now())

    def _take(self) -> _Report | None:
        with self._lock:
            progress, self._progress = self._progress, None
            tables, self._tables = self._tables, {}
        return None if progress is None else _Report(progress, tables)

    def _take_back(self, taken: _Report | None) -> None:
        if taken is None:
            return
        with self._lock:
            self._progress = self._progress or taken.progress
            self._tables = taken.tables | self._tables

    def _survive(self, error: FerrymanError) -> None:
        """Go on through trouble with the metadb (a full disk), but not longer than the lease holds."""
        if not self._away:
            _LOGGER.warning("the metadb cannot be written: %s (tried again)", error)
        self._away = True
        if self._has_run_out():
            self._lose(LeaseLostError("lease.lost", f"the lease of {self._key} ran out: {error.message}"))

    def _recovered(self) -> None:
        if self._away:
            _LOGGER.info("the metadb can be written again")
        self._away = False

    def _has_run_out(self) -> bool:
        """Whether the lease has ended, by a clock that nobody sets."""
        return time.monotonic() - self._renewed_at > LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class _Report:
    """What was said since the last report was written."""

    progress: StepProgress
    tables: dict[str, TableProgress]


def log_path(data_dir: Path, key: TaskKey) -> Path:
    """Return the log file of a task."""
    return data_dir / "logs" / key.project_id / f"{key.name}.log"


def _plain(fields: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in fields.items()
    }
