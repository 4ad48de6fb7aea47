"""The processes of the tasks as control sees them: who runs, who was told to end, who has to wait, who has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ferryman.control.endings import Health
from ferryman.control.renewals import Renewals
from ferryman.executor import processes
from ferryman.executor.context import LEASE_SECONDS
from ferryman.executor.local import LocalExecutor, TaskExit
from ferryman.foundation.clock import unix_now
from ferryman.metadb import tasks
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey, TaskRow

GRACE_SECONDS = 10.0
"""A process told to end is killed after this; nothing is lost by that (I8), it only repeats some work."""

START_SECONDS = 60.0
"""A new process takes its lease over within this time, or is killed."""

LOST_WITH_SERVICE = -(1 << 16)
"""The exit code of a process that died with a service before this one."""


class Workers:
    """Starts, stops and watches task processes. Not thread-safe but for `pardon`: the reconciling thread owns it."""

    def __init__(
        self,
        metadb: MetaDb,
        executor: LocalExecutor,
        owner: str,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._metadb = metadb
        self._executor = executor
        self._owner = owner
        self._leads = leads
        self._lock = threading.Lock()
        self._health: dict[TaskKey, Health] = {}
        self._stopping: dict[TaskKey, float] = {}
        self._orphans: list[TaskExit] = []
        self._running: frozenset[TaskKey] = frozenset()
        self._restarts: set[TaskKey] = set()
        self._renewals = Renewals()

    def recover(self) -> None:
        """Take over what a service before us left behind; its processes died with it, a stubborn one is killed.

        One on another machine cannot be killed from here: the next epoch of its task fences it (I7).
        """
        with self._metadb.reading() as tx:
            held = tasks.held(tx)
        for row in held:
            if row.process_id is not None and _machine(row.owner) == _machine(self._owner):
                processes.kill_if_same(row.process_id, row.process_born or "")
            self._orphans.append(TaskExit(row.key, row.epoch, LOST_WITH_SERVICE, 0.0))

    def look(self) -> None:
        """Refresh who runs; once at the beginning of each round."""
        self._running = self._executor.running() | {ended.key for ended in self._orphans}

    def alive(self, key: TaskKey) -> bool:
        """Whether the task has a process, or one that has ended and is not settled."""
        return key in self._running

    def busy(self, project_id: str) -> bool:
        """Whether any task of the project is alive."""
        return any(key.project_id == project_id for key in self._running)

    def stopping(self, key: TaskKey) -> bool:
        """Whether the task has been told to end."""
        return key in self._stopping

    def held(self, key: TaskKey) -> bool:
        """Whether the task's restart has to wait."""
        return self.health(key).not_before > time.monotonic()

    def health(self, key: TaskKey) -> Health:
        """Return what is remembered of the task."""
        with self._lock:
            return self._health.get(key, Health())

    def remember(self, key: TaskKey, health: Health | None) -> None:
        """Replace what is remembered of a task; `None` forgets it."""
        with self._lock:
            if health is None:
                self._health.pop(key, None)
            else:
                self._health[key] = health

    def pardon(self, project_id: str) -> None:
        """Forget the failures of a project's tasks: the user has resumed it. Thread-safe."""
        with self._lock:
            self._health = {key: kept for key, kept in self._health.items() if key.project_id != project_id}

    def ask_restart(self, key: TaskKey) -> None:
        """Have a task begin again at its checkpoint: its options have changed. Thread-safe."""
        if not self._leads():  # the service that runs it is another one: its process reads this
            with self._metadb.writing() as tx:
                tasks.request_stop(tx, key)
            return
        with self._lock:
            self._restarts.add(key)

    def restart_asked(self) -> None:
        """End the tasks that are to begin again; the next round starts them."""
        with self._lock:
            asked, self._restarts = self._restarts, set()
        for key in asked:
            if self.alive(key) and not self.stopping(key):
                self.stop(key)

    def launch(self, key: TaskKey) -> bool:
        """Claim a task and start its process; returns whether it was ours to claim."""
        with self._metadb.writing() as tx:
            epoch = tasks.claim(tx, key, self._owner, unix_now(), START_SECONDS)
        if epoch is None:
            return False
        try:
            self._executor.launch(key, epoch)
        except OSError:
            with self._metadb.writing() as tx:
                tasks.release(tx, key, unix_now())
            raise
        self._stopping.pop(key, None)
        self._running |= {key}
        return True

    def stop(self, key: TaskKey) -> None:
        """Tell a task to end; it is killed when it does not within `GRACE_SECONDS`."""
        self._stopping.setdefault(key, time.monotonic() + GRACE_SECONDS)
        self._executor.terminate(key)
        with self._metadb.writing() as tx:
            tasks.request_stop(tx, key)

    def kill_stubborn(self) -> None:
        """Kill what was told to end and did not."""
        for key, deadline in self._stopping.items():
            if time.monotonic() > deadline:
                self._executor.kill(key)

    def kill_silent(self, silent_seconds: float = 5 * LEASE_SECONDS) -> list[TaskKey]:
        """Kill processes that have not renewed their lease for long: they hang, and would hang for ever."""
        with self._metadb.reading() as tx:
            held = tasks.held(tx)
        self._renewals.forget_others(row.key for row in held)
        silent = [row.key for row in held if self._is_silent(row, silent_seconds)]
        for key in silent:
            self._executor.kill(key)
        return silent

    def _is_silent(self, row: TaskRow, silent_seconds: float) -> bool:
        return self._renewals.unchanged_seconds(row) > silent_seconds and row.key in self._running

    def exits(self) -> list[TaskExit]:
        """Return the ends that are not settled."""
        return [*self._orphans, *self._executor.exits()]

    def settled(self, ended: TaskExit) -> None:
        """Forget an end: what followed from it stands in the metadb."""
        if ended in self._orphans:
            self._orphans.remove(ended)
        else:
            self._executor.settled(ended)
        self._stopping.pop(ended.key, None)

    def end_all(self) -> None:
        """End all processes and forget how they ended: the service that controls now finds out what they did."""
        self.close()
        for ended in self.exits():
            self.settled(ended)
        self.look()

    def close(self) -> None:
        """End all processes, politely first."""
        for key in self._executor.running():
            self._stopping.setdefault(key, time.monotonic())
        self._executor.close(GRACE_SECONDS)
        self.look()


def _machine(owner: str | None) -> str:
    """Return the machine of a service's name, ``machine:process``."""
    return (owner or "").rpartition(":")[0]
