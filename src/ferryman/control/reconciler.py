"""The control loop: looks at every project, asks `steps.decide` and `endings.judge`, and does what they say.

One thread; a round every `ROUND_SECONDS`, and at once when a process has ended or a user has asked for something. What a
round does is written in one transaction per project, which holds only if the project is still as it was when looked at.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from ferryman.control import observation
from ferryman.control.changes import Changes
from ferryman.control.object_changes import ObjectChanges
from ferryman.control.settlement import settle
from ferryman.control.steps import Command, Drain, Launch, SetProject, SetStep, Stop, decide
from ferryman.control.switchovers import Switchovers
from ferryman.control.workers import Workers
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import projects
from ferryman.metadb.projects import ProjectHead
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.project import ProjectSpec, ProjectStatus

ROUND_SECONDS = 0.25
SILENCE_LOOK_SECONDS = 15.0
TROUBLE_SECONDS = 2.0
"""A round that failed (a full disk) is repeated after this."""

WATCHED = (ProjectStatus.RUNNING, ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.RELEASING)
"""Projects in other states have no tasks."""

_LOGGER = logging.getLogger("ferryman.control")


class Reconciler:
    """Brings what runs in line with what is wanted."""

    def __init__(
        self,
        metadb: MetaDb,
        workers: Workers,
        objects: ObjectChanges,
        switchovers: Switchovers,
        on_change: Callable[[], None],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._metadb = metadb
        self._workers = workers
        self._objects = objects
        self._switchovers = switchovers
        self._on_change = on_change
        self._leads = leads
        self._leading = False
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
        self._specs: dict[str, tuple[int, ProjectSpec]] = {}
        self._quiet: dict[str, int] = {}
        self._troubles: dict[str, str] = {}
        self._silence_looked = time.monotonic()

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def wake(self) -> None:
        """Begin the next round now. Thread-safe."""
        self._wake.set()

    def close(self) -> None:
        """End the loop and the task processes; what their ends mean is written, so far as possible."""
        self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        # The processes die with this thread (see executor.processes), so it also ends them.
        while not self._closing:
            well = self._round_of_leader() if self._leads() else self._stand_by()
            pause = ROUND_SECONDS if well else TROUBLE_SECONDS
            self._wake.wait(pause)
            self._wake.clear()
        self._workers.close()
        if self._leads() and self._leading:
            self._guarded("the last ends", self._settle_exits)
            self._guarded("the last pauses", self._rest)

    def _round_of_leader(self) -> bool:
        if not self._leading:
            if not self._guarded("tasks of a service before", self._workers.recover):
                return False
            self._leading = True
        return self.round()

    def _stand_by(self) -> bool:
        """End what still runs here: another service controls, or will soon."""
        if self._leading:
            _LOGGER.warning("this service no longer controls: its tasks end")
            self._workers.end_all()
            self._leading = False
        return True

    def round(self) -> bool:
        """Do one round; returns whether all went well. One project's trouble does not keep the others waiting."""
        self._workers.look()
        heads: list[ProjectHead] = []
        well = [
            self._guarded("ends of tasks", self._settle_exits),
            self._guarded("stubborn tasks", self._end_hanging),
            self._guarded("restarts", self._workers.restart_asked),
            self._guarded("projects", lambda: heads.extend(self._watched())),
        ]
        well += [self._guarded(head.id, partial(self._reconcile, head)) for head in heads if not self._is_quiet(head)]
        well.append(self._guarded("changes of objects", self._objects.advance))
        well.append(self._guarded("switchovers", self._switchovers.advance))
        return all(well)

    def _guarded(self, what: str, work: Callable[[], None]) -> bool:
        """Do a part of a round; trouble is said once, the part is repeated in the next round."""
        try:
            work()
        except (FerrymanError, OSError) as error:
            problem = getattr(error, "code", type(error).__name__)
            if self._troubles.get(what) != problem:
                _LOGGER.error("%s: %s (tried again)", what, error)
            self._troubles[what] = problem
            return False
        except Exception:  # the loop must outlive a defect: running tasks depend on it
            _LOGGER.exception("%s: the control loop goes on after a defect", what)
            return False
        self._troubles.pop(what, None)
        return True

    def _watched(self) -> list[ProjectHead]:
        with self._metadb.reading() as tx:
            return projects.heads(tx, WATCHED)

    def _rest(self) -> None:
        """Say of paused projects that their steps rest; nothing is started any more."""
        for head in self._watched():
            if head.status is ProjectStatus.SUSPEND:
                self._reconcile(head)

    def _settle_exits(self) -> None:
        for ended in self._workers.exits():
            with self._metadb.writing() as tx:
                remember = settle(tx, ended, self._workers)
            self._workers.remember(ended.key, remember)
            self._workers.settled(ended)
            self._quiet.pop(ended.key.project_id, None)
            self._on_change()
        self._workers.look()

    def _end_hanging(self) -> None:
        self._workers.kill_stubborn()
        self._look_for_silence()

    def _look_for_silence(self) -> None:
        if time.monotonic() - self._silence_looked < SILENCE_LOOK_SECONDS:
            return
        self._silence_looked = time.monotonic()
        for key in self._workers.kill_silent():
            _LOGGER.warning("%s has not renewed its lease for long and is killed", key)

    def _is_quiet(self, head: ProjectHead) -> bool:
        """Whether nothing can have changed since a round in which there was nothing to do."""
        if head.status is ProjectStatus.RUNNING or self._workers.busy(head.id):
            return False
        return self._quiet.get(head.id) == head.revision

    def _reconcile(self, head: ProjectHead) -> None:
        with self._metadb.reading() as tx:
            state = observation.observe(tx, head, self._spec(head), self._workers)
        commands = decide(state)
        if not commands:
            if not any(step.held for step in state.steps) and not state.release_held:
                self._quiet[head.id] = head.revision
            return
        self._quiet.pop(head.id, None)
        if self._write(head, commands):
            self._act(head, commands)
        self._on_change()

    def _write(self, head: ProjectHead, commands: list[Command]) -> bool:
        """Write what the commands change in the metadb; false when the project is no longer as it was looked at."""
        written = [command for command in commands if isinstance(command, SetStep | SetProject | Drain)]
        if not written:
            return True
        with self._metadb.writing() as tx:
            changes = Changes(tx, head)
            if not changes.hold():
                return False
            for command in written:
                changes.make(command)
        self.wake()  # one change allows the next: look again at once
        return True

    def _act(self, head: ProjectHead, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Stop):
                self._workers.stop(TaskKey(head.id, command.task))
            elif isinstance(command, Launch):
                self._launch(TaskKey(head.id, command.task))

    def _launch(self, key: TaskKey) -> None:
        if not self._workers.launch(key):
            _LOGGER.warning("%s is held by another service; waiting for its lease to run out", key)

    def _spec(self, head: ProjectHead) -> ProjectSpec:
        known = self._specs.get(head.id)
        if known is None or known[0] != head.revision:
            with self._metadb.reading() as tx:
                row = projects.get(tx, self._metadb.box, head.id)
            if row is None:
                raise FerrymanError("project.unknown", f"there is no project {head.id}")
            known = self._specs[head.id] = (row.revision, row.spec)
        return known[1]
