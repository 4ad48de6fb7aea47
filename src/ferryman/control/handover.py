"""The acts of an addition of objects, each within one transaction, and what they are decided from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from ferryman.control import lifecycle, objects, observation
from ferryman.control.additions import Act, AdditionState
from ferryman.control.observation import STOP_NOTE
from ferryman.control.workers import Workers
from ferryman.foundation.clock import unix_now
from ferryman.foundation.identifiers import new_id
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import events, mismatches, notes, object_changes, projects, steps
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.model.names import TableName
from ferryman.model.object_change import ObjectChange, ObjectChangeStatus
from ferryman.model.project import ProjectSpec, ProjectStatus, StepName, StopWhen
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.spi.dialect import SchemaPlan
from ferryman.spi.task import SELECTION_NOTE

HOLD_NOTE = "objects.hold"
HELD_NOTE = "objects.held"
JOIN_NOTE = "objects.join"
JOINED_NOTE = "objects.joined"
SOURCE_NOTE = "schema.source"
PLAN_NOTE = "schema.plan"

Status = ObjectChangeStatus


def observe(tx: Transaction, change: ObjectChange, workers: Workers) -> AdditionState:
    """Return how an addition stands."""
    guest = change.sub_project_id
    return AdditionState(
        status=change.status,
        parent=projects.status(tx, change.project_id) or ProjectStatus.DELETED,
        parent_follows=observation.follows(tx, change.project_id, workers, alone=False),
        guest=projects.status(tx, guest) if guest else None,
        guest_follows=bool(guest) and observation.follows(tx, guest, workers, alone=True),
        held=_noted(tx, change, HELD_NOTE),
        stopped=bool(guest) and notes.get(tx, guest, STOP_NOTE) is not None,
        joining=_noted(tx, change, JOIN_NOTE),
        joined=_noted(tx, change, JOINED_NOTE),
    )


def _noted(tx: Transaction, change: ObjectChange, name: str) -> bool:
    note = notes.get(tx, change.project_id, name)
    return note is not None and note["record"] == change.id


# The acts -------------------------------------------------------------------------------------------------------------


def _begin(tx: Transaction, box: SecretBox, change: ObjectChange) -> None:
    parent = _project(tx, box, change.project_id)
    _, added = objects.with_added(parent.spec.selection, change.objects, change.rename)
    now = unix_now()
    spec = guest_spec(parent.spec, change, added)
    guest = ProjectRow(id=new_id("np_"), spec=spec, status=ProjectStatus.INIT, created_at=now, changed_at=now)
    lifecycle.create(tx, box, guest)
    lifecycle.start(tx, guest.id)
    _set(tx, change, Status.RUNNING, sub_project_id=guest.id)
    _say(tx, change, f"sub-project {guest.id} brings the new objects up")


def guest_spec(parent: ProjectSpec, change: ObjectChange, added: Selection) -> ProjectSpec:
    """Return the spec of a sub-project: its project's, with the new objects only."""
    return replace(
        parent,
        name=f"{parent.name[:40]}-{change.id}",
        selection=added,
        stop_when=StopWhen.NEVER,
        apply=replace(parent.apply, start_timestamp=0, start_position=""),
        labels=(),
        api_document={},
    )


def _pause(tx: Transaction, _box: SecretBox, change: ObjectChange) -> None:
    lifecycle.stop(tx, change.sub_project_id)


def _resume(tx: Transaction, _box: SecretBox, change: ObjectChange) -> None:
    lifecycle.resume(tx, change.sub_project_id)


def _hold(tx: Transaction, _box: SecretBox, change: ObjectChange) -> None:
    _put(tx, change.project_id, HOLD_NOTE, {"record": change.id})
    _set(tx, change, Status.MERGING)
    _say(tx, change, "the new objects have caught up and are being taken over")


def _stop(tx: Transaction, _box: SecretBox, change: ObjectChange) -> None:
    held = notes.get(tx, change.project_id, HELD_NOTE)
    assert held is not None, "the act is due when the note is there"
    _put(tx, change.sub_project_id, STOP_NOTE, held["position"])


def _join(tx: Transaction, box: SecretBox, change: ObjectChange) -> None:
    parent = _project(tx, box, change.project_id)
    merged, _ = objects.with_added(parent.spec.selection, change.objects, change.rename)
    document = {"record": change.id, "project": change.sub_project_id, "selection": to_json(merged)}
    _put(tx, change.project_id, JOIN_NOTE, document)


def _settle(tx: Transaction, box: SecretBox, change: ObjectChange) -> None:
    parent = _project(tx, box, change.project_id)
    merged, _ = objects.with_added(parent.spec.selection, change.objects, change.rename)
    select(tx, box, parent, merged)
    _take_notes(tx, change)
    for name in (StepName.SCHEMA, StepName.LOAD, StepName.INDEX, StepName.VERIFY):
        steps.report_tables(tx, change.project_id, name, steps.tables(tx, change.sub_project_id, name))
    mismatches.move(tx, change.sub_project_id, change.project_id)
    _forget_notes(tx, change.project_id)
    _release(tx, change)
    _set(tx, change, Status.SUCCESS)
    _say(tx, change, f"objects were added: {', '.join(change.objects)[:2000]}")


def _fail(tx: Transaction, box: SecretBox, change: ObjectChange) -> None:
    guest = projects.get(tx, box, change.sub_project_id) if change.sub_project_id else None
    error = guest.error if guest is not None else None
    _forget_notes(tx, change.project_id)
    _set(tx, change, Status.FAILED, error=error)
    why = f": {error['message']}" if error else ""
    _say(tx, change, f"the new objects could not be brought up{why}; the others go on", level="warning")


ACTS: dict[Act, Callable[[Transaction, SecretBox, ObjectChange], None]] = {
    Act.BEGIN: _begin,
    Act.PAUSE: _pause,
    Act.RESUME: _resume,
    Act.HOLD: _hold,
    Act.STOP: _stop,
    Act.JOIN: _join,
    Act.SETTLE: _settle,
    Act.FAIL: _fail,
}


def retry(tx: Transaction, change: ObjectChange) -> None:
    """Let the sub-project of a failed addition go on."""
    notes.put(tx, change.sub_project_id, STOP_NOTE, None, unix_now())
    lifecycle.resume(tx, change.sub_project_id)


def end(tx: Transaction, change: ObjectChange, status: ObjectChangeStatus) -> ObjectChange:
    """End an addition before its tables are the project's; says what it leaves."""
    _forget_notes(tx, change.project_id)
    if change.sub_project_id:
        _release(tx, change)
        _say(
            tx, change, f"left at the target: what sub-project {change.sub_project_id} has made there", level="warning"
        )
    return _set(tx, change, status)


def select(tx: Transaction, box: SecretBox, row: ProjectRow, selection: Selection) -> None:
    """Write what a project moves from now on, into its spec and for its running tasks."""
    document = {name: value for name, value in row.spec.api_document.items() if name != "transferMapping"}
    spec = replace(row.spec, selection=selection, api_document=document)
    projects.update_spec(tx, box, row.id, spec, unix_now())
    if row.started_at is not None:
        _put(tx, row.id, SELECTION_NOTE, to_json(selection))


def forget_tables(tx: Transaction, project_id: str, names: Sequence[TableName]) -> None:
    """Take tables out of what the steps know of a project, and out of its listings."""
    source, plan = notes.get(tx, project_id, SOURCE_NOTE), notes.get(tx, project_id, PLAN_NOTE)
    if source is not None:
        schema = from_json(Schema, source)
        tables = tuple(table for table in schema.tables if table.name not in names)
        _put(tx, project_id, SOURCE_NOTE, to_json(replace(schema, tables=tables)))
    if plan is not None:
        kept = from_json(SchemaPlan, plan)
        gone = {str(table.name) for name, table in kept.tables.items() if name in names}
        left = {name: table for name, table in kept.tables.items() if name not in names}
        statements = tuple(each for each in kept.statements if not _is_of(each.object, gone))
        _put(tx, project_id, PLAN_NOTE, to_json(replace(kept, tables=left, statements=statements)))
    for name in names:
        steps.forget_table(tx, project_id, str(name))
        mismatches.replace(tx, project_id, str(name), ())


def _is_of(name: str, tables: Collection[str]) -> bool:
    """Whether a statement makes one of these tables, or a part of one (``db.table.part``)."""
    return name in tables or any(name.startswith(f"{table}.") for table in tables)


# Inside ---------------------------------------------------------------------------------------------------------------


def _project(tx: Transaction, box: SecretBox, project_id: str) -> ProjectRow:
    row = projects.get(tx, box, project_id)
    assert row is not None, "a project with an open change of objects is not deleted"
    return row


def _take_notes(tx: Transaction, change: ObjectChange) -> None:
    """Add the sub-project's tables to what the steps know of the project."""
    ours, theirs = (_schema(tx, project) for project in (change.project_id, change.sub_project_id))
    schema = replace(ours, tables=(*ours.tables, *theirs.tables), views=(*ours.views, *theirs.views))
    _put(tx, change.project_id, SOURCE_NOTE, to_json(schema))
    mine, more = (_plan(tx, project) for project in (change.project_id, change.sub_project_id))
    plan = SchemaPlan(
        tables=mine.tables | more.tables,
        statements=(*mine.statements, *more.statements),
        conversions=(*mine.conversions, *more.conversions),
    )
    _put(tx, change.project_id, PLAN_NOTE, to_json(plan))


def _schema(tx: Transaction, project_id: str) -> Schema:
    noted = notes.get(tx, project_id, SOURCE_NOTE)
    return Schema() if noted is None else from_json(Schema, noted)


def _plan(tx: Transaction, project_id: str) -> SchemaPlan:
    noted = notes.get(tx, project_id, PLAN_NOTE)
    return SchemaPlan() if noted is None else from_json(SchemaPlan, noted)


def _release(tx: Transaction, change: ObjectChange) -> None:
    """Release the sub-project, whatever it is doing."""
    status = projects.status(tx, change.sub_project_id)
    if status not in {ProjectStatus.RELEASING, ProjectStatus.RELEASED, ProjectStatus.DELETED, None}:
        projects.set_status(tx, change.sub_project_id, ProjectStatus.RELEASING, unix_now())


def _forget_notes(tx: Transaction, project_id: str) -> None:
    for name in (HOLD_NOTE, HELD_NOTE, JOIN_NOTE, JOINED_NOTE):
        notes.put(tx, project_id, name, None, unix_now())


def _put(tx: Transaction, project_id: str, name: str, document: Any) -> None:
    notes.put(tx, project_id, name, document, unix_now())


def _set(tx: Transaction, change: ObjectChange, status: ObjectChangeStatus, **members: Any) -> ObjectChange:
    changed = replace(change, status=status, changed_at=unix_now(), **members)
    object_changes.update(tx, changed)
    return changed


def _say(tx: Transaction, change: ObjectChange, message: str, level: str = "info") -> None:
    events.add(tx, change.project_id, unix_now(), level, message, fields={"change": change.id})
