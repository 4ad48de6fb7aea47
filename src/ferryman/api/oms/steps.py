"""Steps in OMS's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ferryman.control.views import ErrorView, ProjectView, StepView
from ferryman.foundation.codes import CODES
from ferryman.model.object_change import ObjectChangeStatus
from ferryman.model.project import ProjectStatus, ProjectType, StepName, StepStatus, StopWhen

ADVANCED_NOTE = "verify.advanced"

STEP_NAMES = {
    StepName.PRECHECK: "TRANSFER_PRECHECK",
    StepName.SCHEMA: "STRUCT_TRANSFER",
    StepName.CAPTURE: "TRANSFER_INCR_LOG_PULL",
    StepName.LOAD: "FULL_TRANSFER",
    StepName.INDEX: "INDEX_TRANSFER",
    StepName.APPLY: "INCR_TRANSFER",
    StepName.VERIFY: "FULL_VERIFIER",
    StepName.SWITCHOVER: "TRANSFER_APP_SWITCH",
    StepName.REVERSE: "REVERSE_INCR_TRANSFER",
}

DESCRIPTIONS = {
    StepName.PRECHECK: "Precheck",
    StepName.SCHEMA: "Schema migration",
    StepName.CAPTURE: "Incremental log pull",
    StepName.LOAD: "Full migration",
    StepName.INDEX: "Index migration",
    StepName.APPLY: "Incremental synchronization",
    StepName.VERIFY: "Full verification",
    StepName.SWITCHOVER: "Forward switchover",
    StepName.REVERSE: "Reverse incremental synchronization",
}

_CHANGING = {
    ObjectChangeStatus.RUNNING: "RUNNING_MODIFYING",
    ObjectChangeStatus.FAILED: "RUNNING_MODIFYING",
    ObjectChangeStatus.MERGING: "RUNNING_MERGING",
}
"""What a running project is called while its objects are being changed."""
_MIGRATION_ORDER = {name: place for place, name in enumerate(STEP_NAMES, 1)}
_QUEUE_ORDER = {
    name: place
    for place, name in enumerate(
        (StepName.PRECHECK, StepName.SCHEMA, StepName.CAPTURE, StepName.LOAD, StepName.APPLY), 1
    )
}


def step_documents(project: ProjectView) -> list[dict[str, Any]]:
    """Return the project's steps in order; a step that is off is left out, the others keep their order number."""
    steps = [step_document(step, project) for step in project.steps]
    return sorted(steps, key=lambda step: int(step["order"]))


def step_document(step: StepView, project: ProjectView) -> dict[str, Any]:
    """Return one step."""
    status = wire_status(step)
    return {
        "order": _order(step, project),
        "name": STEP_NAMES[step.name],
        "description": DESCRIPTIONS[step.name],
        "status": _shown_status(step, status, project).value,
        "extraInfo": failure_document(step.error),
        "startTime": time_text(step.started_at),
        "finishTime": time_text(step.finished_at),
        "progress": _progress(step, status),
        "stepInfo": _step_info(step, project),
    }


def shown_status(project: ProjectView) -> str:
    """Return the project's status as the newer operations tell it: also that its objects are being changed."""
    change = project.change
    if project.status is not ProjectStatus.RUNNING or change is None or change.status not in _CHANGING:
        return project.status.value
    return _CHANGING[change.status]


def wire_status(step: StepView) -> StepStatus:
    """Return the status OMS would tell: its log pull is finished once the log flows, though it goes on flowing."""
    flowing = step.status in {StepStatus.RUNNING, StepStatus.MONITORING} and (
        step.progress.caught_up or step.progress.checkpoint_seconds is not None
    )
    return StepStatus.FINISHED if step.name is StepName.CAPTURE and flowing else step.status


def _progress(step: StepView, status: StepStatus) -> int:
    """Return the percentage; of verification 100 means that it is done, for its status does not say so."""
    if status is StepStatus.FINISHED:
        return 100
    reached = percent(step.progress.percent)
    return min(reached, 99) if step.name is StepName.VERIFY else reached


def _shown_status(step: StepView, status: StepStatus, project: ProjectView) -> StepStatus:
    """Return FULL_VERIFIER as OMS tells it: beside changes that flow it stays RUNNING at 100 until the user moves on."""
    open_ended = (
        project.status is ProjectStatus.RUNNING
        and StepName.APPLY in project.spec.steps
        and project.spec.stop_when is StopWhen.NEVER
        and not project.notes.get(ADVANCED_NOTE)
    )
    if step.name is StepName.VERIFY and status is StepStatus.FINISHED and open_ended:
        return StepStatus.RUNNING
    return status


def failure_document(error: ErrorView | None) -> dict[str, Any]:
    """Return ``extraInfo``: all members null when nothing failed."""
    if error is None:
        return {"errorDetails": None, "errorCode": None, "errorMsg": None, "errorParam": None, "failedTime": None}
    code = CODES[error.code].oms if error.code in CODES else "INNER_ERROR"
    detail = {"code": code, "level": "ERROR", "message": error.message, "proposal": error.hint or None}
    return {
        "errorDetails": [detail | {"extraContext": {"code": error.code, "retry": error.retry}}],
        "errorCode": code,
        "errorMsg": error.message,
        "errorParam": {"code": error.code},
        "failedTime": time_text(error.failed_at),
    }


def time_text(moment: datetime | None) -> str | None:
    """Return UTC without fraction and zone, as OMS writes times."""
    return None if moment is None else _utc(moment).strftime("%Y-%m-%dT%H:%M:%S")


def percent(value: float) -> int:
    """Clamp to 0..100 (the samples' 842 is filler: contradiction 2)."""
    return max(0, min(100, int(value)))


def unix_seconds(moment: datetime) -> int:
    """Return whole seconds since 1970; a time without zone is UTC."""
    return int(_utc(moment).timestamp())


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _order(step: StepView, project: ProjectView) -> int:
    """Return the step's fixed number; synchronization into a database has a migration's steps, so its numbers too."""
    names = {other.name for other in project.steps}
    queue = project.spec.type is ProjectType.SYNC and names <= set(_QUEUE_ORDER)
    return (_QUEUE_ORDER if queue else _MIGRATION_ORDER).get(step.name, step.order)


def _step_info(step: StepView, project: ProjectView) -> dict[str, Any] | None:
    if step.name in {StepName.APPLY, StepName.REVERSE}:
        return _incremental_info(step, project)
    if step.name in {StepName.LOAD, StepName.VERIFY}:
        return _full_info(step)
    if step.name is StepName.SWITCHOVER:
        return {"checkpointSampleTimestamp": unix_seconds(project.changed_at)}
    return None


def _incremental_info(step: StepView, project: ProjectView) -> dict[str, Any]:
    reached = step.progress.checkpoint_seconds
    return {
        "incrTimestampCheckpoint": reached,
        "checkpointSampleTimestamp": None if reached is None else unix_seconds(project.changed_at),
        "enableIncrStatistics": project.spec.apply.statistics,
    }


def _full_info(step: StepView) -> dict[str, Any]:
    """Return the figures of load and verification: all null before the step has begun; no baselines are kept."""
    names = "processedRecords capacity srcRps srcRt srcIops dstRps dstRt dstIops srcRpsRef srcRtRef dstRpsRef dstRtRef srcIopsRef"
    info: dict[str, Any] = dict.fromkeys(names.split())
    if step.status is StepStatus.INIT:
        return info
    progress = step.progress
    rate, traffic = round(progress.rows_per_second), round(progress.bytes_per_second)
    return info | {
        "processedRecords": progress.rows,
        "capacity": max(progress.rows_total, progress.rows),
        "srcRps": rate,
        "srcIops": traffic,
        "dstRps": rate,
        "dstIops": traffic,
    }
