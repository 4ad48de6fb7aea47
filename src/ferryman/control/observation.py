"""Reads what `steps.decide` needs to know of a project."""

from __future__ import annotations

from ferryman.control.steps import LONG_RUNNING, RELEASE, TAIL, ProjectState, StepState
from ferryman.control.workers import Workers
from ferryman.metadb import notes, steps, switchovers
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectHead
from ferryman.metadb.steps import StepRow
from ferryman.metadb.tasks import TaskKey, get
from ferryman.model.position import Position
from ferryman.model.project import ProjectSpec, StepName, StepStatus
from ferryman.model.serial import from_json
from ferryman.model.switchover import NO_RETURN

DRAIN_NOTE = "apply.drain"
STOP_NOTE = "apply.stop_at"
LOAD_END_NOTE = "load.end"
APPLIED_NOTE = "apply.position"


def observe(tx: Transaction, head: ProjectHead, spec: ProjectSpec, workers: Workers) -> ProjectState:
    """Return the state of a project as it is now."""
    rows = steps.of_project(tx, head.id)
    release = TaskKey(head.id, RELEASE)
    switchover = switchovers.of_project(tx, head.id)
    return ProjectState(
        status=head.status,
        steps=tuple(_step(tx, row, workers) for row in rows),
        stop_when=spec.stop_when,
        consistent=_consistent(tx, head.id, rows),
        draining=bool(notes.get(tx, head.id, DRAIN_NOTE)),
        switching=switchover is not None,
        keeps_log=switchover is not None and switchover.stage not in NO_RETURN,
        release_alive=workers.alive(release),
        release_held=workers.held(release),
    )


def _step(tx: Transaction, row: StepRow, workers: Workers) -> StepState:
    key = TaskKey(row.project_id, row.name.value)
    alive = workers.alive(key)
    is_apply = row.name is StepName.APPLY
    return StepState(
        name=row.name,
        status=row.status,
        reported=row.reported_epoch > 0,
        caught_up=is_apply and alive and row.progress.caught_up and _is_fresh(tx, key, row),
        caught_up_once=is_apply and row.caught_up,
        alive=alive,
        stopping=workers.stopping(key),
        held=workers.held(key),
    )


def _is_fresh(tx: Transaction, key: TaskKey, row: StepRow) -> bool:
    """Whether the progress was said by the task under way, not by one before a pause of hours."""
    task = get(tx, key)
    return task is not None and task.epoch == row.reported_epoch


def _consistent(tx: Transaction, project_id: str, rows: list[StepRow]) -> bool:
    """Whether every row of the target is one the source had (algorithms §9): apply has passed the end of the load."""
    names = {row.name for row in rows}
    if not {StepName.LOAD, StepName.APPLY} <= names:
        return True
    load_end = notes.get(tx, project_id, LOAD_END_NOTE)
    if load_end is None:
        return True
    applied = notes.get(tx, project_id, APPLIED_NOTE)
    return applied is not None and from_json(Position, applied) >= from_json(Position, load_end)


def follows(tx: Transaction, project_id: str, workers: Workers, *, alone: bool) -> bool:
    """Whether a project's apply has caught up and is consistent; `alone`: and nothing else is left to do."""
    rows = steps.of_project(tx, project_id)
    states = {row.name: _step(tx, row, workers) for row in rows}
    apply = states.get(StepName.APPLY)
    if apply is None or apply.status is not StepStatus.MONITORING or not apply.caught_up:
        return False
    others = (state for name, state in states.items() if name not in LONG_RUNNING | TAIL)
    done = all(state.status is StepStatus.FINISHED for state in others)
    return (done or not alone) and _consistent(tx, project_id, rows)
