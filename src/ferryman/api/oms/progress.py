"""The three progress operations: the newer one, and the older two of the user's document.

Each answers for projects of both types: which type a project is matters to its makers, seldom to who watches it.
"""

from __future__ import annotations

from typing import Any

from ferryman.api.oms.checkpoints import UnixSeconds
from ferryman.api.oms.steps import STEP_NAMES, percent, shown_status, wire_status
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import ProjectType, StepName, StepStatus

_DONE = frozenset({StepStatus.FINISHED, StepStatus.MONITORING})


def project_progress(project: ProjectView) -> dict[str, Any]:
    """Return ``data`` of DescribeProjectProgress."""
    return {
        "projectId": project.id,
        "status": shown_status(project),
        "alarmLevel": project.spec.importance.value,
        "enableIncrSync": _enabled(project, StepName.APPLY),
        "currentStep": current_step(project),
        "incrSyncCheckpoint": _checkpoint(project),
        "enableStructTransfer": _enabled(project, StepName.SCHEMA),
        "enableFullTransfer": _enabled(project, StepName.LOAD),
        "structTransferProgress": _percent(project, StepName.SCHEMA),
        "fullTransferProgress": _percent(project, StepName.LOAD),
        "enableReverseIncrTransfer": _enabled(project, StepName.REVERSE),
        "reverseIncrTransferCheckpoint": _checkpoint(project, StepName.REVERSE),
    }


def sync_progress(project: ProjectView) -> dict[str, Any]:
    """Return ``data`` of the older operation on synchronization projects: the user's document, field by field.

    Its table says ``structMigrationProgress`` and ``fullMigrationProgress``, its sample ``structSyncProgress`` and
    ``fullSyncProgress``: both are answered, pairs equal (contradiction 1). The checkpoint is digits in a string.
    """
    struct, full = _percent(project, StepName.SCHEMA), _percent(project, StepName.LOAD)
    return {
        "status": project.status.value,
        "importance": project.spec.importance.value,
        "enableStructSync": _enabled(project, StepName.SCHEMA),
        "enableFullSync": _enabled(project, StepName.LOAD),
        "enableIncrSync": _enabled(project, StepName.APPLY),
        "currentStep": current_step(project, older=True),
        "structMigrationProgress": struct,
        "structSyncProgress": struct,
        "fullMigrationProgress": full,
        "fullSyncProgress": full,
        "incrSyncCheckpoint": str(UnixSeconds(_checkpoint(project))),
    }


def migration_progress(project: ProjectView) -> dict[str, Any]:
    """Return ``data`` of the older operation on migration projects."""
    return {
        "status": project.status.value,
        "importance": project.spec.importance.value,
        "enableStructMigration": _enabled(project, StepName.SCHEMA),
        "enableFullMigration": _enabled(project, StepName.LOAD),
        "enableIncrSync": _enabled(project, StepName.APPLY),
        "enableReverseIncrSync": _enabled(project, StepName.REVERSE),
        "currentStep": current_step(project, older=True),
        "structMigrationProgress": _percent(project, StepName.SCHEMA),
        "fullMigrationProgress": _percent(project, StepName.LOAD),
        "incrSyncCheckpoint": _checkpoint(project),
        "reverseIncrSyncCheckpoint": _checkpoint(project, StepName.REVERSE),
    }


def current_step(project: ProjectView, *, older: bool = False) -> str | None:
    """Return the step the project is in, in the words of the operation that asks.

    ``PRE_CHECK`` is the precheck's name in all three operations. The older two never name verification (the step before
    it stands for it), and call the incremental step of a synchronization project ``CONNECTOR_INCR_SYNC``.
    """
    steps = sorted(_wanted_steps(project, older=older), key=lambda step: step.order)
    step = _current(steps)
    if step is None:
        return None
    if step.name is StepName.PRECHECK:
        return "PRE_CHECK"
    if older and step.name is StepName.APPLY and project.spec.type is ProjectType.SYNC:
        return "CONNECTOR_INCR_SYNC"
    if older and step.name is StepName.REVERSE:
        return "REVERSE_INCR_SYNC"
    return STEP_NAMES[step.name]


def _wanted_steps(project: ProjectView, *, older: bool) -> list[StepView]:
    return [step for step in project.steps if not (older and step.name is StepName.VERIFY)]


def _current(steps: list[StepView]) -> StepView | None:
    """Return the failed step, else the first that is not done, else the last."""
    failed = next((step for step in steps if step.status is StepStatus.FAILED), None)
    waiting = next((step for step in steps if wire_status(step) not in _DONE), None)
    return failed or waiting or (steps[-1] if steps else None)


def _enabled(project: ProjectView, name: StepName) -> bool:
    return name in project.spec.steps


def _percent(project: ProjectView, name: StepName) -> int:
    step = project.step(name)
    if step is None or not _enabled(project, name):
        return 0
    return 100 if step.status is StepStatus.FINISHED else percent(step.progress.percent)


def _checkpoint(project: ProjectView, name: StepName = StepName.APPLY) -> int:
    """Return the second up to which all changes are applied; 0 before there is one."""
    step = project.step(name)
    return max(0, (step.progress.checkpoint_seconds if step else None) or 0)
