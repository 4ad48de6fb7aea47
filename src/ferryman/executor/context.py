"""What a task sees of the world (`ferryman.spi.task.TaskContext`), in a child process.

Reports are gathered and written by one background thread, about twice a second; the same thread renews the lease and
asks whether the task shall end. Everything written is fenced: it is written only while the epoch is ours (I7).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

PULSE_SECONDS = 0.5
"""How often reports are written and the wish to stop is asked for."""

LEASE_SECONDS = 15.0
"""How long a lease holds without being renewed."""

RENEW_SECONDS = 3.0
"""How often a lease is renewed."""

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
        self._renewed_at = unix_now()
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
        with self._fenced() as tx:
            mismatches.replace(tx, self.project_id, table, mismatches_)

    def event(self, level: str, message: str, **fields: object) -> None:
        """Log an event of this project; a metadb that cannot take it does not stop the task."""
        _LOGGER.log(_LEVELS.get(level, logging.INFO), "%s", message)
        try:
            with self._fenced() as tx:
                events.add(tx, self.project_id, unix_now(), level, message, step=self._key.name, fields=_plain(fields))
        except LeaseLostError:
            raise
        except FerrymanError as error:
            _LOGGER.warning("an event could not be kept: %s", error)

    def note(self, name: str) -> Any | None:
        """Return a note's JSON document, or `None`."""
        with self._metadb.reading() as tx:
            return notes.get(tx, self.project_id, name)

    def set_note(self, name: str, document: Any) -> None:
        """Write a note, durably."""
        with self._fenced() as tx:
            notes.put(tx, self.project_id, name, document, unix_now())

    def finish(self, outcome: str, error: FerrymanError | None) -> None:
        """Write the last report and how the task ended, both or neither."""
        self._closing.set()
        if self._pulse.is_alive():
            self._pulse.join()
        document = None if error is None else error.to_json() | {"context": _plain(error.context)}
        taken = self._take()
        with self._fenced() as tx:
            self._store(tx, taken)
            tasks.record_outcome(tx, self._key, self.epoch, outcome, document, unix_now())

    @contextlib.contextmanager
    def _fenced(self) -> Iterator[Transaction]:
        """Write durably, but only while the epoch is ours."""
        self._check()
        try:
            with self._metadb.writing() as tx:
                tasks.guard(tx, self._key, self.epoch)
                yield tx
        except LeaseLostError as error:
            self._lose(error)
            raise

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
            rotate_stderr(log)

    def _beat(self) -> None:
        with self._metadb.reading() as tx:
            if tasks.stop_requested(tx, self._key, self.epoch):
                self._stop.set()
        taken = self._take()
        if taken is None and unix_now() - self._renewed_at < RENEW_SECONDS:
            return
        try:
            self._write(taken)
        except BaseException:
            self._take_back(taken)
            raise

    def _write(self, taken: _Report | None) -> None:
        now = unix_now()
        # Not durable: after a power cut the report is said again, and the lease has run out anyway.
        with self._metadb.writing(durable=False) as tx:
            tasks.renew(tx, self._key, self.epoch, now + LEASE_SECONDS)
            self._store(tx, taken)
        self._renewed_at = now
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
        _LOGGER.warning("the metadb cannot be written: %s", error)
        if unix_now() - self._renewed_at > LEASE_SECONDS:
            self._lose(LeaseLostError("lease.lost", f"the lease of {self._key} ran out: {error.message}"))


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
