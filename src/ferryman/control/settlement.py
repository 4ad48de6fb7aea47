"""Settles the end of a task's process: asks `endings.judge` what follows, and writes it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ferryman.control.endings import Again, Ending, Failed, Finished, Health, Mark, how_ended, judge, worsened
from ferryman.control.observation import DRAIN_NOTE, STOP_NOTE
from ferryman.control.steps import RELEASE
from ferryman.control.workers import LOST_WITH_SERVICE, Workers
from ferryman.executor.local import TaskExit
from ferryman.foundation.clock import unix_now
from ferryman.metadb import events, notes, projects, steps, tasks
from ferryman.metadb.database import Transaction
from ferryman.metadb.steps import StepRow
from ferryman.metadb.tasks import TaskKey, TaskRow
from ferryman.model.project import ProjectStatus, StepName, StepProgress, StepStatus

RELEASE_TRIES = 3
"""After so many failures a release ends all the same: what is left is named in an event."""


def settle(tx: Transaction, ended: TaskExit, workers: Workers) -> Health | None:
    """Write what follows from an end; returns what is to be remembered of the task.

    All in the caller's transaction: a service that dies here finds the end unsettled and does it again (I8).
    """
    row = tasks.get(tx, ended.key)
    if row is None or row.epoch != ended.epoch:
        return workers.health(ended.key)
    tasks.release(tx, ended.key, unix_now())
    if ended.key.name == RELEASE:
        return _settle_release(tx, ended, row, workers)
    step = _step(tx, ended.key)
    if step is None:
        return None
    return _settle_step(tx, ended, row, step, workers)


def _settle_step(tx: Transaction, ended: TaskExit, row: TaskRow, step: StepRow, workers: Workers) -> Health | None:
    health = workers.health(ended.key)
    if row.outcome is None and ended.exit_code == LOST_WITH_SERVICE:
        _event(tx, ended.key, "info", f"{step.name.value} goes on from its checkpoint: the service was started again")
        return health
    ending = _ending(tx, ended, row, step, stopping=workers.stopping(ended.key))
    verdict = judge(ending, health, time.monotonic())
    if isinstance(verdict, Finished) and _called_back(tx, step):
        _event(tx, ended.key, "info", f"{step.name.value} goes on: the end it was told of has been taken back")
        return None
    if isinstance(verdict, Finished):
        steps.set_status(tx, ended.key.project_id, step.name, StepStatus.FINISHED, unix_now())
        _event(tx, ended.key, "info", f"{step.name.value} finished")
        return None
    if isinstance(verdict, Failed):
        _fail(tx, ended.key, step.name, verdict.error)
        return None
    if isinstance(verdict, Again):
        _again(tx, ended.key, step.name, verdict)
        return verdict.health
    return health


def _ending(tx: Transaction, ended: TaskExit, row: TaskRow, step: StepRow, *, stopping: bool) -> Ending:
    others = [other for other in steps.of_project(tx, ended.key.project_id) if other.name is not step.name]
    return Ending(
        outcome=row.outcome or ("stopped" if stopping else None),
        error=row.error,
        exit_code=ended.exit_code,
        ran_seconds=ended.ran_seconds,
        mark=_mark(step.progress),
        endless=step.name is StepName.CAPTURE,  # it ends with apply, and then because it is told to
        reached_before=_reached_before(step, others),
        last_line=ended.last_line,
    )


def _called_back(tx: Transaction, step: StepRow) -> bool:
    """Whether apply has come to an end that nobody wants any more: it was called back while its process was ending."""
    told = (DRAIN_NOTE, STOP_NOTE)
    return step.name is StepName.APPLY and not any(notes.get(tx, step.project_id, name) for name in told)


def _reached_before(step: StepRow, others: Sequence[StepRow]) -> bool:
    """Whether the endpoints have answered this project once; a precheck reports before it has asked anybody."""
    reported = step.name is not StepName.PRECHECK and step.reported_epoch > 0
    return reported or any(other.status is StepStatus.FINISHED for other in others)


def _fail(tx: Transaction, key: TaskKey, name: StepName, error: dict[str, Any]) -> None:
    now = unix_now()
    steps.set_status(tx, key.project_id, name, StepStatus.FAILED, now, error | {"failed_at": now})
    _event(tx, key, "error", f"{name.value} failed: {error['message']}", code=error["code"], hint=error["hint"])


def _again(tx: Transaction, key: TaskKey, name: StepName, verdict: Again) -> None:
    steps.count_restart(tx, key.project_id, name)
    when = f"in {verdict.delay_seconds:.0f} s" if verdict.delay_seconds >= 1 else "now"
    message = f"{name.value} goes on from its checkpoint {when}: {verdict.error['message']}"
    _event(tx, key, "warning", message, code=verdict.error["code"])


def _settle_release(tx: Transaction, ended: TaskExit, row: TaskRow, workers: Workers) -> Health | None:
    if row.outcome == "stopped" or (row.outcome is None and ended.exit_code == LOST_WITH_SERVICE):
        return None
    if row.outcome != "finished":
        ending = Ending(outcome=row.outcome, error=row.error, exit_code=ended.exit_code, last_line=ended.last_line)
        worse = worsened(workers.health(ended.key), ending, time.monotonic())
        if worse.failures < RELEASE_TRIES:
            return worse
        why = row.error["message"] if row.error else how_ended(ended.exit_code)
        _event(tx, ended.key, "warning", f"released, but not all could be freed: {why}")
    projects.set_status(tx, ended.key.project_id, ProjectStatus.RELEASED, unix_now())
    _event(tx, ended.key, "info", "project is RELEASED")
    return None


def _step(tx: Transaction, key: TaskKey) -> StepRow | None:
    return next((row for row in steps.of_project(tx, key.project_id) if row.name.value == key.name), None)


def _mark(progress: StepProgress) -> Mark:
    return (float(progress.percent), float(progress.rows), float(progress.checkpoint_seconds or 0))


def _event(tx: Transaction, key: TaskKey, level: str, message: str, **fields: str) -> None:
    events.add(tx, key.project_id, unix_now(), level, message, step=key.name, fields=dict(fields))
