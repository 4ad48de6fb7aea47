"""Components in OMS's words: the steps of a project that work on data, their names, and the settings they take.

====================  ==========================================================  =======================================
component             name                                                        settings with an effect
====================  ==========================================================  =======================================
Store                 ``ip-7100:<TYPE>_<project>_1-1-0:0000000003``               ``store.clearer.outdated`` (s)
Full-Import           ``ip-9000:connector_v2:<project>-full_trans-1-0:…4``        ``source.workerNum``, ``sink.workerNum``,
                                                                                  ``source.sliceBatchSize``,
                                                                                  ``source.batchSize``, throttles
Incr-Sync             ``ip-9000:connector_v2:<project>-incr_trans-1-0:…6``        ``sink.workerNum``, throttles
Full-Verification     ``ip-9000:<task id>:0000000007``                            ``limitator.platform.threads.number``,
                                                                                  ``limitator.select.batch.max``,
                                                                                  ``limitator.reviewer.time.max`` (s),
                                                                                  ``limitator.table.diff.max``
====================  ==========================================================  =======================================

Throttles are ``coordinator.throttleRps`` (rows/s) and ``coordinator.throttleIOPS`` (bytes/s). Other settings are kept
and answered, and have no effect.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from ferryman.api.oms.endpoint_types import oms_type
from ferryman.api.oms.projects import mapping_document
from ferryman.api.oms.steps import failure_document, percent, time_text, unix_seconds
from ferryman.control.views import ProjectView, StepView
from ferryman.foundation.clock import as_datetime
from ferryman.model.project import Endpoint, ProjectStatus, StepName, StepStatus

ADDRESS = "127.0.0.1"
REGION = "default"
MASK = "******"
KEPT_CONFIG = "componentConfig"
"""Where a project's document keeps what Update operations have set."""

_CONNECTOR_STATUS = {
    StepStatus.INIT: "STOPPED",
    StepStatus.RUNNING: "RUNNING",
    StepStatus.MONITORING: "RUNNING",
    StepStatus.SUSPEND: "STOPPED",
    StepStatus.FAILED: "EXCEPTION",
    StepStatus.FINISHED: "FINISHED",
}
_STORE_STATUS = _CONNECTOR_STATUS | {
    StepStatus.INIT: "STOP",
    StepStatus.RUNNING: "ACTIVE",
    StepStatus.SUSPEND: "STOP",
    StepStatus.FINISHED: "STOP",
}
_VERIFY_STATUS = {
    StepStatus.INIT: "INIT",
    StepStatus.RUNNING: "RUNNING",
    StepStatus.MONITORING: "RUNNING",
    StepStatus.SUSPEND: "SHUTDOWNED",
    StepStatus.FAILED: "FAILED",
    StepStatus.FINISHED: "DONE",
}
_PROJECT_IN_NAME = re.compile(r"(?:^|[:_])((?:np|p)_[0-9A-Za-z]+)")


def component_document(project: ProjectView) -> dict[str, Any]:
    """Return ``data`` of DescribeProjectComponents: six lists, empty where a project has no such component."""
    makers = {
        "storeList": (StepName.CAPTURE, _store),
        "fullVerifyComponents": (StepName.VERIFY, _verification),
        "fullImportComponents": (StepName.LOAD, _full_import),
        "incrSyncComponents": (StepName.APPLY, _incremental),
    }
    lists: dict[str, Any] = {"reverseStoreList": [], "reverseIncrSyncComponents": []}
    gone = project.status in {ProjectStatus.RELEASED, ProjectStatus.DELETED}
    for name, (step_name, make) in makers.items():
        step = project.step(step_name)
        begun = step is not None and step.started_at is not None and not gone
        lists[name] = [make(project, step)] if step is not None and begun else []
    return lists


def project_of_key(key: str) -> str | None:
    """Return the project id within a component's name, a task's name, or an id alone."""
    found = _PROJECT_IN_NAME.search(key.strip())
    return found.group(1) if found else None


def task_number(project_id: str) -> int:
    """Return the number a verification component is named by."""
    return zlib.crc32(project_id.encode())


def _store(project: ProjectView, step: StepView) -> dict[str, Any]:
    topic = f"{oms_type(project.spec.source.scheme)}_{project.id}_1"
    progress = step.progress
    reached = progress.checkpoint_seconds
    return {
        "name": f"{ADDRESS}-7100:{topic}-1-0:0000000003",
        "ip": ADDRESS,
        "type": oms_type(project.spec.source.scheme),
        "region": REGION,
        "topic": topic,
        "subtopic": f"{topic}-1-0",
        "tps": round(progress.rows_per_second),
        "delay": None if reached is None else max(0, unix_seconds(project.changed_at) - reached),
        "gmt": reached,
        "conn": 1,
        "status": _STORE_STATUS[step.status],
        "errorDetails": failure_document(step.error)["errorDetails"] or [],
        "toSwitch": False,
        "port": None,
        "storePort": None,
        "beginCheckpoint": time_text(step.started_at),
        "endCheckpoint": None if reached is None else time_text(as_datetime(reached)),
        "config": _flat(project, "store", {"store.clearer.outdated": project.spec.apply.log_kept_hours * 3600}),
        "errMsg": step.error.message if step.error else None,
        "gmtCreate": time_text(step.started_at),
        "gmtModified": time_text(project.changed_at),
        "latelyHeartbeatTimeSec": reached,
    }


def _full_import(project: ProjectView, step: StepView) -> dict[str, Any]:
    load = project.spec.load
    config = _connector_config(project, "full_trans", load.rows_per_second, load.bytes_per_second)
    streams = step.progress.info.get("speed", {}).get("streams") or load.side_by_side
    config["source"] |= {"workerNum": streams, "sliceBatchSize": load.chunk_rows, "batchSize": load.batch_rows}
    config["sink"] |= {"workerNum": streams}
    config["coordinator"] |= {"checkDstTableEmpty": not load.allow_target_not_empty}
    return {
        **_connector(project, step, "full_trans", 4),
        "type": "FULL_TRANS",
        "progress": 100 if step.status is StepStatus.FINISHED else percent(step.progress.percent),
        "config": _with_kept(project, "fullImport", config),
    }


def _incremental(project: ProjectView, step: StepView) -> dict[str, Any]:
    apply, progress = project.spec.apply, step.progress
    config = _connector_config(project, "incr_trans", apply.rows_per_second, apply.bytes_per_second)
    config["sink"] |= {"workerNum": apply.lanes}
    reached = progress.checkpoint_seconds
    return {
        **_connector(project, step, "incr_trans", 6),
        "type": "INCR_TRANS",
        "subtopics": [f"{oms_type(project.spec.source.scheme)}_{project.id}_1-1-0"],
        "checkpoint": None if reached is None else time_text(as_datetime(reached)),
        "tps": round(progress.rows_per_second),
        "delay": None if progress.latency_seconds is None else round(progress.latency_seconds),
        "checkpointSampleTimestamp": None if reached is None else unix_seconds(project.changed_at),
        "config": _with_kept(project, "incrSync", config),
    }


def _verification(project: ProjectView, step: StepView) -> dict[str, Any]:
    options, tables = project.spec.verify, step.tables
    done = sum(table.state == "done" for table in tables)
    return {
        "region": REGION,
        "name": f"{ADDRESS}-9000:{task_number(project.id)}:0000000007",
        "inconsistentQuantity": sum(1 for table in tables if table.mismatches),
        "consistentQuantity": sum(1 for table in tables if table.state == "done" and not table.mismatches),
        "progress": str(round(done / len(tables), 2)) if tables else "0.0",
        "recordProgress": percent(step.progress.percent),
        "status": _VERIFY_STATUS[step.status],
        "errorDetails": failure_document(step.error)["errorDetails"] or [],
        "ip": ADDRESS,
        "taskId": task_number(project.id),
        "config": _flat(
            project,
            "fullVerification",
            {
                "limitator.platform.threads.number": options.streams,
                "limitator.select.batch.max": options.chunk_rows,
                "limitator.reviewer.time.max": round(options.recheck_seconds),
                "limitator.table.diff.max": options.mismatch_limit,
            },
        ),
    }


def _connector(project: ProjectView, step: StepView, kind: str, number: int) -> dict[str, Any]:
    return {
        "region": REGION,
        "name": f"{ADDRESS}-9000:connector_v2:{project.id}-{kind}-1-0:{number:010}",
        "ip": ADDRESS,
        "identity": project.id,
        "status": _CONNECTOR_STATUS[step.status],
        "gmtCreate": time_text(step.started_at),
        "gmtModify": time_text(project.changed_at),
        "errorDetails": failure_document(step.error)["errorDetails"] or [],
    }


def _connector_config(project: ProjectView, kind: str, rows: int, size: int) -> dict[str, Any]:
    spec = project.spec
    mapping = spec.api_document.get("transferMapping") or mapping_document(spec.selection)
    return {
        "coordinator": {
            "taskIdentity": f"{project.id}-{kind}",
            "sourceType": oms_type(spec.source.scheme),
            "sinkType": oms_type(spec.target.scheme),
            "throttleRps": rows,
            "throttleIOPS": size,
        },
        "condition": {"transferMapping": mapping},
        "source": _login(spec.source),
        "sink": _login(spec.target),
    }


def _login(endpoint: Endpoint) -> dict[str, Any]:
    return {"instance": f"{endpoint.host}:{endpoint.port}", "username": endpoint.username, "password": MASK}


def _with_kept(project: ProjectView, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Add what an Update operation has set and we do not use; what we use is answered as it is."""
    kept: dict[str, Any] = project.spec.api_document.get(KEPT_CONFIG, {}).get(kind, {})
    return {part: {**kept.get(part, {}), **members} for part, members in config.items()}


def _flat(project: ProjectView, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = project.spec.api_document.get(KEPT_CONFIG, {}).get(kind, {})
    return {**kept, **{name: str(value) for name, value in config.items()}}
