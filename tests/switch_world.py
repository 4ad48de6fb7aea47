"""A switchover in a world of its own: the real control loop on a real metadb, with processes that do what a test says.

The data plane is three numbers: how much the source has written, how far apply has come, what verification has compared.
No server is needed: what is tried here is which of them control lets go on, ends, and calls back.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ferryman.control import lifecycle, switch_acts
from ferryman.control.object_changes import ObjectChanges
from ferryman.control.observation import STOP_NOTE
from ferryman.control.reconciler import Reconciler
from ferryman.control.switchovers import Switchovers
from ferryman.control.workers import Workers
from ferryman.executor.local import TaskExit
from ferryman.foundation.clock import unix_now
from ferryman.metadb import migration, mismatches, notes, projects, steps, switchovers, tasks
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepProgress, StepStatus
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.model.switchover import Stage, Switchover
from ferryman.spi.task import SWITCH_ANSWER_NOTE, SWITCH_ASK_NOTE

PROJECT = "np_world"
TABLE = TableName("shop", "item")
SELECTION = Selection(objects=("shop.*",))
WRITTEN = {"code": "switchover.source_written", "message": "written", "hint": "", "retry": "manual", "context": {}}
BROKEN = {"code": "target.ddl_failed", "message": "told to fail", "hint": "", "retry": "manual", "context": {}}
NOBODY = 1 << 22
"""The number of no process."""


class Processes:
    """The executor: processes that end when the world says so."""

    def __init__(self, metadb: MetaDb) -> None:
        self._metadb = metadb
        self.epochs: dict[TaskKey, int] = {}
        self.asked: set[TaskKey] = set()
        self._exits: list[TaskExit] = []

    def launch(self, key: TaskKey, epoch: int) -> None:
        assert key not in self.epochs, f"two processes of {key}"
        self.epochs[key] = epoch
        self.asked.discard(key)

    def running(self) -> frozenset[TaskKey]:
        return frozenset(self.epochs) | {ended.key for ended in self._exits}

    def exits(self) -> list[TaskExit]:
        return list(self._exits)

    def settled(self, ended: TaskExit) -> None:
        self._exits.remove(ended)

    def terminate(self, key: TaskKey) -> None:
        self.asked.add(key)

    def kill(self, key: TaskKey) -> None:
        self.end(key, None)

    def close(self, _grace_seconds: float) -> None:
        """Nothing outlives the test."""

    def end(self, key: TaskKey, outcome: str | None, error: dict[str, Any] | None = None) -> None:
        """A process ends; without an outcome it was killed."""
        epoch = self.epochs.pop(key, None)
        if epoch is None:
            return
        if outcome is not None:
            with self._metadb.writing(durable=False) as tx:
                tasks.record_outcome(tx, key, epoch, outcome, error, unix_now())
        self._exits.append(TaskExit(key, epoch, 0 if outcome else -9, 0.0))


@cache
def _template() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="ferryman-world-"))
    metadb = MetaDb.open(directory)
    migration.upgrade(metadb.database)
    metadb.close()
    return directory


def place(number: int) -> Position:
    return Position(kind="binlog", token={"file": "b.1", "offset": str(number)}, order=(1, number))


@dataclass
class World:
    """One project that follows its source, and what is true of its data.

    Attributes:
        written: Changes the source has committed.
        applied: How many of them the target has.
        damaged: Whether a row of the target differs for another reason.
        behind: Seconds that apply is behind.
        moving: Rows of which verification will not be able to say anything.
        compared: What the last verification has seen: changes applied then, and whether a row differed.
        ends_at: Where the running apply believes it shall end: it looks now and then only.
    """

    directory: Path
    written: int = 1
    applied: int = 1
    damaged: bool = False
    behind: float = 0.0
    moving: int = 0
    compared: tuple[int, bool] | None = None
    ends_at: int | None = None
    processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        shutil.copytree(_template(), self.directory, dirs_exist_ok=True)
        self.metadb = MetaDb.open(self.directory)
        self._serve()
        spec = ProjectSpec(
            name="world",
            source=Endpoint(scheme="mysql", host="a"),
            target=Endpoint(scheme="mysql", host="b"),
            selection=SELECTION,
            steps=(StepName.CAPTURE, StepName.APPLY, StepName.VERIFY, StepName.REVERSE),
        )
        with self.metadb.writing() as tx:
            row = ProjectRow(id=PROJECT, spec=spec, status=ProjectStatus.INIT, created_at=1.0, changed_at=1.0)
            lifecycle.create(tx, self.metadb.box, row)
            lifecycle.start(tx, PROJECT)
        self.settle()

    def _serve(self) -> None:
        self.processes = Processes(self.metadb)
        self.workers = Workers(self.metadb, self.processes, "machine:1")  # type: ignore[arg-type]
        self.switchovers = Switchovers(self.metadb, self.workers, lambda: None)
        objects = ObjectChanges(self.metadb, self.workers, lambda: None)
        self.loop = Reconciler(self.metadb, self.workers, objects, self.switchovers, lambda: None)
        self.ends_at = None

    def close(self) -> None:
        """Forget it."""
        self.metadb.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # what control and the service do

    def round(self) -> None:
        """One round of the control loop; the time that restarts wait has passed."""
        for project in self.projects():
            self.workers.pardon(project)
        assert self.loop.round(), "a part of the round failed: see the log"

    def restart(self) -> None:
        """The service dies with all its processes, and another begins."""
        self._serve()
        self.workers.recover()

    def settle(self, rounds: int = 40) -> None:
        """Let all processes work until nothing changes any more."""
        for _ in range(rounds):
            before = self.fingerprint()
            self.round()
            for key in list(self.processes.epochs):
                self.work(key)
            self.round()
            if before == self.fingerprint():
                return

    def fingerprint(self) -> object:
        found = self.switchover
        with self.metadb.reading() as tx:
            alive = [(project, projects.status(tx, project)) for project in self.projects()]
        rows = [(project, row.name, row.status) for project in self.projects() for row in self.steps(project).values()]
        return (
            found and (found.stage, found.round, found.error, found.stale),
            rows,
            alive,
            dict(self.processes.epochs),
            self.applied,
            self.compared,
        )

    # what processes do

    def work(self, key: TaskKey) -> None:
        """A process comes on a bit, or to its end."""
        if key not in self.processes.epochs:
            return
        if key in self.processes.asked:
            self.processes.end(key, "stopped")
        elif key.name == "release":
            self.processes.end(key, "finished")
        elif key.name == StepName.SWITCHOVER.value:
            self.answer(key)
        elif key == TaskKey(PROJECT, StepName.APPLY.value):
            self._apply(key)
        elif key.name == StepName.VERIFY.value:
            self._verify(key)
        else:
            self.report(key, StepProgress(caught_up=key.name == StepName.APPLY.value))

    def report(self, key: TaskKey, progress: StepProgress) -> None:
        with self.metadb.writing(durable=False) as tx:
            steps.report(tx, key.project_id, StepName(key.name), progress, self.processes.epochs[key])

    def _apply(self, key: TaskKey) -> None:
        if self.ends_at is not None and self.applied >= self.ends_at:
            self.ends_at = None
            self.processes.end(key, "finished")
            return
        told = self.note(STOP_NOTE)
        self.ends_at = None if told is None else from_json(Position, told).order[1]
        self.applied = self.written if self.ends_at is None else max(self.applied, min(self.ends_at, self.written))
        self.report(key, StepProgress(caught_up=True, latency_seconds=self.behind, checkpoint_seconds=self.applied))

    def _verify(self, key: TaskKey) -> None:
        differs = self.damaged or self.applied != self.written
        row = Mismatch(table=TABLE, kind=MismatchKind.MISMATCHED, key={"id": "1"}, source={"v": "1"}, target={"v": "2"})
        with self.metadb.writing(durable=False) as tx:
            mismatches.replace(tx, PROJECT, str(TABLE), [row] if differs else [])
        self.compared = (self.applied, differs)
        self.report(key, StepProgress(info={"tables": {str(TABLE): {"moving": self.moving}}}))
        self.processes.end(key, "finished")

    def answer(self, key: TaskKey, error: dict[str, Any] | None = None) -> None:
        """The switchover's task does what it was asked, as truth has it."""
        asked = self.note(SWITCH_ASK_NOTE)
        self.report(key, StepProgress())
        if asked is None or not asked["stage"]:
            return
        if asked["stage"] == "over":
            self.processes.end(key, "finished")
            return
        answered = self.note(SWITCH_ANSWER_NOTE)
        if answered is not None and answered["round"] == asked["round"]:
            return
        if asked["stage"] in {Stage.STILL.value, Stage.STILL_AGAIN.value} and self.written != self.applied:
            error = WRITTEN
        data = {
            Stage.END.value: {"source_end": to_json(place(self.written))},
            Stage.STILL.value: {"target_start": to_json(place(1)), "selection": to_json(SELECTION)},
        }.get(asked["stage"], {})
        self.put(SWITCH_ANSWER_NOTE, {"round": asked["round"], "error": error, "data": {} if error else data})

    def fail(self, key: TaskKey) -> None:
        """A process fails for a reason somebody has to mend."""
        if key.name == StepName.SWITCHOVER.value:
            self.answer(key, BROKEN)
        elif key.name != "release":
            self.processes.end(key, "failed", BROKEN)

    # what is there

    def note(self, name: str) -> Any:
        with self.metadb.reading() as tx:
            return notes.get(tx, PROJECT, name)

    def put(self, name: str, document: Any) -> None:
        with self.metadb.writing(durable=False) as tx:
            notes.put(tx, PROJECT, name, document, unix_now())

    @property
    def switchover(self) -> Switchover | None:
        with self.metadb.reading() as tx:
            return switchovers.of_project(tx, PROJECT)

    @property
    def status(self) -> ProjectStatus | None:
        with self.metadb.reading() as tx:
            return projects.status(tx, PROJECT)

    def projects(self) -> list[str]:
        """The project, and those that move changes back, in an order that their names have no part in."""
        found = self.switchover
        guests = (*found.stale, found.reverse_id) if found else ()
        return [PROJECT, *(guest for guest in guests if guest)]

    def steps(self, project: str = PROJECT) -> switch_acts.Rows:
        with self.metadb.reading() as tx:
            return {row.name: row for row in steps.of_project(tx, project)}

    def set_project(self, action: str) -> None:
        """Pause or resume, where that is allowed."""
        with self.metadb.writing(durable=False) as tx:
            {"stop": lifecycle.stop, "resume": lifecycle.resume}[action](tx, PROJECT)
        self.workers.pardon(PROJECT)

    def follows(self) -> bool:
        """Whether the way from the source runs: nobody has told it to end, and it brings what was written."""
        apply = self.steps()[StepName.APPLY]
        key = TaskKey(PROJECT, StepName.APPLY.value)
        alive = key in self.processes.epochs and TaskKey(PROJECT, StepName.CAPTURE.value) in self.processes.epochs
        told = self.note(STOP_NOTE) is not None
        return alive and not told and apply.status is StepStatus.MONITORING and self.applied == self.written
