"""Objects that are added to a living project or removed from it: asked for by users, carried on by the control loop.

A removal is one transaction. An addition is a project of its own (the *sub-project*) with the new tables until it has
caught up; then its tables are handed over (`additions`, `ferryman.pipeline.apply.joining`, ``docs/objects.md``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ferryman.control import handover, lifecycle, objects, ownership
from ferryman.control.additions import AdditionState, next_act
from ferryman.control.workers import Workers
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.metadb import events, notes, object_changes, projects, switchovers
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.object_change import OPEN, ObjectChange, ObjectChangeKind, ObjectChangeStatus
from ferryman.model.project import ProjectSpec, ProjectStatus, StepName
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json
from ferryman.spi.connector import LogScope, connector_for, is_sink

Status = ObjectChangeStatus


class ObjectChanges:
    """The changes of objects of all projects. Thread-safe; `advance` belongs to the control loop."""

    def __init__(self, metadb: MetaDb, workers: Workers, on_change: Callable[[], None]) -> None:
        """Make it; `on_change` is called after each change."""
        self._metadb = metadb
        self._workers = workers
        self._on_change = on_change

    # Asked for by users -----------------------------------------------------------------------------------------------

    def add(self, project_id: str, patterns: Sequence[str], rename: Mapping[str, str] | None = None) -> ObjectChange:
        """Add objects; ``project.invalid``, ``project.wrong_status``.

        A project that was never started just has them; a running one gets them in time, a paused one once it runs again.
        """
        with self._metadb.writing() as tx:
            row = self._changeable(tx, project_id, "add objects")
            known = [table.name for table in _schema(tx, project_id).tables]
            merged, _ = objects.with_added(row.spec.selection, patterns, rename or {}, known)
            change = _new(project_id, ObjectChangeKind.ADD, patterns, rename or {})
            if row.started_at is None:
                change = replace(change, status=Status.SUCCESS)
                handover.select(tx, self._metadb.box, row, merged)
            else:
                _require_joinable(row.spec)
            object_changes.insert(tx, change)
            _say(tx, change, "are to be added" if change.status is Status.PENDING else "were added")
        self._on_change()
        return change

    def remove(self, project_id: str, patterns: Sequence[str]) -> ObjectChange:
        """Remove objects at once; their rows at the target stay. ``project.invalid``, ``project.wrong_status``."""
        with self._metadb.writing() as tx:
            row = self._changeable(tx, project_id, "remove objects")
            schema = _schema(tx, project_id)
            known = [table.name for table in schema.tables]
            smaller = objects.with_removed(row.spec.selection, patterns, known)
            objects.check_cascades(schema, smaller)
            if row.started_at is not None and connector_for(row.spec.source).log_scope is LogScope.POLLED:
                raise UsageError("project.invalid", f"objects of a source of this kind ({row.spec.source.scheme}) stay")
            change = replace(_new(project_id, ObjectChangeKind.REMOVE, patterns, {}), status=Status.SUCCESS)
            handover.select(tx, self._metadb.box, row, smaller)
            handover.forget_tables(tx, project_id, [name for name in known if not smaller.includes(name)])
            object_changes.insert(tx, change)
            _say(tx, change, "were removed; their rows at the target stay")
        for step in (StepName.SCHEMA, StepName.LOAD, StepName.INDEX, StepName.APPLY, StepName.VERIFY):
            self._workers.ask_restart(TaskKey(project_id, step.value))
        self._on_change()
        return change

    def of_project(self, project_id: str) -> list[ObjectChange]:
        """Return the changes of a project, youngest first; ``project.unknown``."""
        with self._metadb.reading() as tx:
            if projects.status(tx, project_id) is None:
                raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
            return object_changes.of_project(tx, project_id)

    def get(self, change_id: str) -> ObjectChange:
        """Return one change; ``project.unknown_change``."""
        with self._metadb.reading() as tx:
            return _found(tx, change_id)

    def cancel(self, change_id: str) -> ObjectChange:
        """Take a change back that has not begun: PENDING → CANCEL."""
        return self._end(change_id, Status.CANCEL, {Status.PENDING})

    def stop(self, change_id: str) -> ObjectChange:
        """Give an addition up: RUNNING, MERGING or FAILED → TERMINATED; what was made at the target stays."""
        return self._end(change_id, Status.TERMINATED, {Status.RUNNING, Status.MERGING, Status.FAILED})

    def retry(self, change_id: str) -> ObjectChange:
        """Let a failed addition go on from where it stood: FAILED → RUNNING."""
        with self._metadb.writing() as tx:
            change = _require(_found(tx, change_id), {Status.FAILED}, "retried")
            ownership.require_owner(tx, change.project_id)
            handover.retry(tx, change)
            change = replace(change, status=Status.RUNNING, error=None, changed_at=unix_now())
            object_changes.update(tx, change)
        self._workers.pardon(change.sub_project_id)
        self._on_change()
        return change

    def _end(self, change_id: str, status: Status, allowed: set[Status]) -> ObjectChange:
        with self._metadb.writing() as tx:
            change = _require(_found(tx, change_id), allowed, status.value)
            ownership.require_owner(tx, change.project_id)
            if change.status is Status.MERGING and notes.get(tx, change.project_id, handover.JOIN_NOTE) is not None:
                raise UsageError("project.wrong_status", f"change {change_id}: the tables are being taken over now")
            change = handover.end(tx, change, status)
        self._on_change()
        return change

    def _changeable(self, tx: Transaction, project_id: str, action: str) -> ProjectRow:
        lifecycle.require(project_id, projects.status(tx, project_id), action)
        ownership.require_owner(tx, project_id)
        row = projects.get(tx, self._metadb.box, project_id)
        assert row is not None
        if object_changes.parent_of(tx, project_id) is not None:
            raise UsageError("project.invalid", f"{project_id} is a sub-project: change the objects of its project")
        if switchovers.of_project(tx, project_id) is not None:
            message = f"project {project_id} is being switched over, or has been: its objects stay"
            raise UsageError("switchover.under_way", message)
        if (other := object_changes.open_one(tx, project_id)) is not None:
            raise UsageError(
                "project.wrong_status",
                f"the objects of project {project_id} are being changed already: {other.id} is {other.status.value}",
                hint="wait until it is over; one that has failed can be retried or given up",
            )
        return row

    # Carried on by the control loop -----------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do what the additions under way need next."""
        with self._metadb.reading() as tx:
            due = [change for change in object_changes.active(tx) if next_act(self._state(tx, change))]
        for change in due:
            with self._metadb.writing() as tx:  # looked at again: a user may have ended it meanwhile
                current = object_changes.get(tx, change.id)
                if current is None or current.status not in OPEN:
                    continue
                act = next_act(self._state(tx, current))
                if act is not None:
                    handover.ACTS[act](tx, self._metadb.box, current)
            self._on_change()

    def _state(self, tx: Transaction, change: ObjectChange) -> AdditionState:
        return handover.observe(tx, change, self._workers)


def _new(project_id: str, kind: ObjectChangeKind, patterns: Sequence[str], rename: Mapping[str, str]) -> ObjectChange:
    now = unix_now()
    return ObjectChange(
        id=f"oc_{secrets.token_hex(6)}",
        project_id=project_id,
        kind=kind,
        status=Status.PENDING,
        objects=tuple(dict.fromkeys(patterns)),
        rename=dict(rename),
        created_at=now,
        changed_at=now,
    )


def _schema(tx: Transaction, project_id: str) -> Schema:
    """Return what the project moves, as far as it has read its source."""
    noted = notes.get(tx, project_id, handover.SOURCE_NOTE)
    return Schema() if noted is None else from_json(Schema, noted)


def _require_joinable(spec: ProjectSpec) -> None:
    """Refuse where tables cannot join under way; ``project.invalid``."""
    if is_sink(spec.target):
        why = f"a project into {spec.target.scheme} takes no further objects"
    elif StepName.APPLY not in spec.steps:
        why = "a project that does not follow its source takes no further objects"
    elif connector_for(spec.source).log_scope is not LogScope.WHOLE:
        why = f"the log of this project holds only what it moved from the start ({spec.source.scheme})"
    else:
        return
    raise UsageError("project.invalid", why, hint="make a project of its own for the new objects")


def _found(tx: Transaction, change_id: str) -> ObjectChange:
    change = object_changes.get(tx, change_id)
    if change is None:
        raise UsageError("project.unknown_change", f"there is no change of objects {cited(change_id)}")
    return change


def _require(change: ObjectChange, allowed: set[Status], what: str) -> ObjectChange:
    if change.status not in allowed or change.kind is not ObjectChangeKind.ADD:
        raise UsageError("project.wrong_status", f"change {change.id} is {change.status.value}: it cannot be {what}")
    return change


def _say(tx: Transaction, change: ObjectChange, what: str) -> None:
    message = f"objects {what}: {', '.join(change.objects)[:2000]}"
    events.add(tx, change.project_id, unix_now(), "info", message, fields={"change": change.id})


def end_all(tx: Transaction, project_id: str) -> None:
    """End the change of a project that is being released; its sub-project is released with it."""
    change = object_changes.open_one(tx, project_id)
    if change is not None:
        handover.end(tx, change, Status.CANCEL if change.status is Status.PENDING else Status.TERMINATED)


def delete_all(tx: Transaction, project_id: str) -> None:
    """Delete the released sub-projects of a project that is deleted."""
    for change in object_changes.of_project(tx, project_id):
        if change.sub_project_id and projects.status(tx, change.sub_project_id) is ProjectStatus.RELEASED:
            lifecycle.delete(tx, change.sub_project_id)
