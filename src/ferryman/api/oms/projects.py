"""Projects in OMS's words, as ListProjects and DescribeProject answer them."""

from __future__ import annotations

from typing import Any

from ferryman.api.oms.endpoint_types import oms_type
from ferryman.api.oms.progress import current_step
from ferryman.api.oms.steps import (
    STEP_NAMES,
    failure_document,
    percent,
    shown_status,
    step_documents,
    time_text,
    unix_seconds,
)
from ferryman.control.views import EndpointView, ProjectView, StepView
from ferryman.model.project import Endpoint, ProjectSpec, StepName, StepStatus
from ferryman.model.selection import Selection, split_name

_CONFIGS = ("commonTransferConfig", "structTransferConfig", "fullTransferConfig", "incrTransferConfig")


def project_document(
    project: ProjectView,
    labels: dict[str, str],
    endpoints: dict[str, EndpointView],
    owner: str,
) -> dict[str, Any]:
    """Return one project.

    Args:
        project: The project.
        labels: All labels, id → name.
        endpoints: Known endpoints by id, for their names and regions.
        owner: The user whose project it is.
    """
    spec = project.spec
    asked = spec.api_document
    return {
        "id": project.id,
        "type": spec.type.value,
        "name": spec.name,
        "labels": [{"id": key, "name": labels[key]} for key in spec.labels if key in labels],
        "owner": owner,
        "importance": spec.importance.value,
        "status": shown_status(project),
        "gmtCreate": time_text(project.created_at),
        "gmtModified": time_text(project.changed_at),
        "gmtStart": time_text(project.started_at),
        "gmtFinish": time_text(project.finished_at),
        "destConnId": _connection_id(spec.target_endpoint_id),
        "isMerging": shown_status(project) == "RUNNING_MERGING",
        "isModifying": shown_status(project) == "RUNNING_MODIFYING",
        "isSubProject": bool(project.parent_id),
        "sourceEndpointType": oms_type(spec.source.scheme),
        "sinkEndpointType": oms_type(spec.target.scheme),
        "transferMapping": asked.get("transferMapping") or mapping_document(spec.selection),
        **{name: asked.get(name) for name in _CONFIGS},
        **_switches(spec),
        "sourceConnectInfo": _connect_info(spec.source, endpoints.get(spec.source_endpoint_id), "source", owner),
        "sinkConnectInfo": _connect_info(spec.target, endpoints.get(spec.target_endpoint_id), "dest", owner),
        "steps": step_documents(project),
        "extraInfo": _extra_info(project),
        "alarmStats": _alarm_stats(project),
    }


def mapping_document(selection: Selection) -> dict[str, Any]:
    """Return ``transferMapping`` of a project that was not made through CreateProject."""
    return {
        "mode": "WILDCARD",
        "databases": [_renamed_database(name, new) for name, new in selection.rename.items() if "." not in name],
        "databasesBlack": None,
        "tableAndViewWhiteList": list(selection.objects or ("*.*",)),
        "tableAndViewBlackList": list(selection.exclude),
    }


def _renamed_database(name: str, new_name: str) -> dict[str, Any]:
    tables = ("tables", "views", "specificTables", "specificViews")
    return {"name": split_name(name)[0], "mappedName": new_name, "id": None, **dict.fromkeys(tables)}


def _switches(spec: ProjectSpec) -> dict[str, bool]:
    return {
        "enableStructTransfer": StepName.SCHEMA in spec.steps,
        "enableFullTransfer": StepName.LOAD in spec.steps,
        "enableFullVerify": StepName.VERIFY in spec.steps,
        "enableIncrTransfer": StepName.APPLY in spec.steps,
        "enableIncrVerify": False,
        "enableReverseIncrTransfer": StepName.REVERSE in spec.steps,
    }


def _connect_info(endpoint: Endpoint, view: EndpointView | None, side: str, owner: str) -> dict[str, Any]:
    address = f"{endpoint.host}:{endpoint.port}"
    return {
        "id": _connection_id(view.id if view else ""),
        "endpointName": view.name if view else None,
        "endpointId": view.id if view else None,
        "endpointSide": side,
        "dbEngine": f"{oms_type(endpoint.scheme)}_PUBLIC",
        "connectionInfo": address,
        "username": endpoint.username,
        "version": None,
        "timezone": None,
        "charset": None,
        "nlsLengthSemantics": None,
        "operatingSystem": None,
        "region": (view.region or None) if view else None,
        "ocpName": (view.api_document.get("ocpName") if view else None) or None,
        "connExtraAttributes": extra_attributes(view),
        "owner": owner,
        "host": endpoint.host,
        "port": endpoint.port,
    }


def extra_attributes(view: EndpointView | None) -> dict[str, Any]:
    """Return ``connExtraAttributes``: documented for OceanBase, empty for MySQL."""
    if view is None or oms_type(view.endpoint.scheme) != "OB_MYSQL":
        return {}
    given = view.api_document
    return {
        "cluster": given.get("cluster"),
        "tenant": given.get("tenant"),
        "isLogicSource": False,
        "useLogProxy": False,
        "drcUser": given.get("drcUserName"),
        "configUrl": given.get("configUrl"),
        "logProxyIp": None,
        "logProxyPort": None,
        "noUserAuth": False,
    }


def _connection_id(endpoint_id: str) -> str | None:
    return f"c_{endpoint_id.removeprefix('e_')}" if endpoint_id else None


def _extra_info(project: ProjectView) -> dict[str, Any]:
    """Return the table's members and the sample's, which are those of a failure (contradiction 22)."""
    running = next((step for step in project.steps if _is_current(step, project)), None)
    apply = project.step(StepName.APPLY)
    latency = apply.progress.latency_seconds if apply else None
    members = (
        "subtopics reverseSubtopics logServiceStartCheckpoint accessObSource overwriteConfig ignoreUnsupportDdl subDbs "
        "subConds subIds maxConnectorCount storeIncr"
    )
    return {
        **dict.fromkeys(members.split()),
        "runningStep": current_step(project),
        "runningProgress": percent(running.progress.percent) if running else None,
        "monitoringIncr": apply is not None and apply.status is StepStatus.MONITORING,
        "sourceStoreKeptHour": project.spec.apply.log_kept_hours,
        "syncDelay": None if latency is None else round(latency),
        "syncDelaySampleTimestamp": None if latency is None else unix_seconds(project.changed_at),
        "incrSyncTimestamp": apply.progress.checkpoint_seconds if apply else None,
        **failure_document(project.error),
    }


def _is_current(step: StepView, project: ProjectView) -> bool:
    name = current_step(project)
    return STEP_NAMES[step.name] == name or (name == "PRE_CHECK" and step.name is StepName.PRECHECK)


def _alarm_stats(project: ProjectView) -> dict[str, Any]:
    return {
        "target": project.id,
        "alarming": project.alerts.open > 0,
        "recentlyTriggerCount": sum(project.alerts.recent.values()),
        "ruleToRecentlyTriggerCount": project.alerts.recent,
        "alarmContent": project.alerts.message or None,
    }
