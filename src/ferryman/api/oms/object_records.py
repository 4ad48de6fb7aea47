"""CreateProjectModifyRecords and its kin: objects that join or leave a project while it lives."""

from __future__ import annotations

from typing import Any

from ferryman.api.oms import requests
from ferryman.api.oms.envelope import Answer
from ferryman.api.oms.mapping import selection_of
from ferryman.api.oms.requests import TransferMapping
from ferryman.api.oms.steps import time_text
from ferryman.api.oms.surroundings import Body, Operation, Surroundings, identifier
from ferryman.api.oms.wire import parse
from ferryman.foundation.clock import as_datetime
from ferryman.foundation.errors import UsageError
from ferryman.model.object_change import ObjectChange, ObjectChangeKind


def create_record(here: Surroundings, body: Body) -> Answer:
    """CreateProjectModifyRecords: answers the record's id."""
    request = parse(requests.ModifyRecord, body)
    selection = selection_of(TransferMapping(mode="SPECIFIC", databases=request.databases))
    if selection.where:
        raise UsageError("api.not_supported", "rows of objects that are added cannot be filtered")
    project_id = request.id.strip()
    if request.type == ObjectChangeKind.REMOVE.value:
        return Answer(data=here.service.objects.remove(project_id, selection.objects).id)
    return Answer(data=here.service.objects.add(project_id, selection.objects, selection.rename).id)


def list_records(here: Surroundings, body: Body) -> Answer:
    """ListProjectModifyRecords."""
    return Answer(data=[record_document(change) for change in here.service.objects.of_project(identifier(body))])


def record_document(change: ObjectChange) -> dict[str, Any]:
    """Return one record."""
    error = change.error
    return {
        "id": change.id,
        "projectId": change.project_id,
        "subProjectId": change.sub_project_id or None,
        "mergeRequestId": None,
        "updateRequestId": None,
        "type": change.kind.value,
        "status": change.status.value,
        "objects": list(change.objects),
        "errorDetail": {name: error.get(name) for name in ("code", "message", "hint")} if error else None,
        "gmtCreate": time_text(as_datetime(change.created_at)),
        "gmtModified": time_text(as_datetime(change.changed_at)),
    }


def cancel_record(here: Surroundings, body: Body) -> Answer:
    """CancelProjectModifyRecord."""
    here.service.objects.cancel(_record_of(here, body))
    return Answer()


def retry_record(here: Surroundings, body: Body) -> Answer:
    """RetryProjectModifyRecords."""
    here.service.objects.retry(_record_of(here, body))
    return Answer()


def stop_record(here: Surroundings, body: Body) -> Answer:
    """StopProjectModifyRecords."""
    here.service.objects.stop(_record_of(here, body))
    return Answer()


def _record_of(here: Surroundings, body: Body) -> str:
    """Take the id of a record, or of the project whose youngest record is meant."""
    given = identifier(body)
    if not given.startswith(("np_", "p_")):
        return given
    records = here.service.objects.of_project(given)
    if not records:
        raise UsageError("project.unknown_change", f"the objects of project {given} have never been changed")
    return records[0].id


OBJECT_RECORDS: dict[str, Operation] = {
    "CreateProjectModifyRecords": create_record,
    "ListProjectModifyRecords": list_records,
    "CancelProjectModifyRecord": cancel_record,
    "RetryProjectModifyRecords": retry_record,
    "StopProjectModifyRecords": stop_record,
}
