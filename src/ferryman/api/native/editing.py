"""Changing what is there: settings of a living project, objects of a draft, the rows in which the target differs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from ferryman.api.labels import Labels
from ferryman.api.native import documents
from ferryman.api.native.routes import project_id_of
from ferryman.control import lifecycle
from ferryman.control.service import Service
from ferryman.control.steps import UNDER_WAY
from ferryman.control.views import ProjectView
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError
from ferryman.metadb import events
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import Importance, ProjectSpec, ProjectStatus, SpeedMode, StepName, StopWhen
from ferryman.model.selection import Selection
from ferryman.model.switchover import NO_RETURN
from ferryman.pipeline.verify import repair

REST_SECONDS = 20.0
"""A project that was just paused comes to rest within this time; a repair waits for it."""

MOST_AT_ONCE = 1000
"""Differences read from the metadb at once."""

Limit = Annotated[int, Field(ge=0, le=2**53)]
Streams = Annotated[int, Field(ge=0, le=256)]

OBJECTS = ("objects", "exclude", "rename", "where")
"""Settings of a draft only: a project that has begun belongs to its objects."""

_OPTIONS: dict[str, tuple[str, str]] = {
    "load_streams": ("load", "streams"),
    "load_rows_per_second": ("load", "rows_per_second"),
    "load_bytes_per_second": ("load", "bytes_per_second"),
    "apply_lanes": ("apply", "lanes"),
    "apply_rows_per_second": ("apply", "rows_per_second"),
    "apply_bytes_per_second": ("apply", "bytes_per_second"),
    "verify_streams": ("verify", "streams"),
}
"""Setting → the group of options and the member it is."""


class ProjectSettings(documents.Model):
    """What may change of a project; limits of 0 are none, streams of 0 are chosen by the machine."""

    name: str
    labels: list[str] = Field(description="Ids of labels.")
    importance: str
    stop_when: str
    load_mode: str
    load_streams: int
    load_rows_per_second: int
    load_bytes_per_second: int
    apply_lanes: int
    apply_rows_per_second: int
    apply_bytes_per_second: int
    verify_streams: int
    objects: list[str]
    exclude: list[str]
    rename: dict[str, str]
    where: dict[str, str]
    objects_may_change: bool
    mark: str = Field(
        description="Stands for these settings; a change that names it fails when they are others by then."
    )


class ProjectSettingsChange(documents.Model):
    """Settings to change; those left out stay as they are."""

    mark: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$")] | None = None
    labels: list[str] | None = None
    importance: Literal["HIGH", "MEDIUM", "LOW", "IGNORE"] | None = None
    stop_when: Literal["caught-up", "never"] | None = None
    load_mode: Literal["steady", "normal", "fast"] | None = None
    load_streams: Streams | None = None
    load_rows_per_second: Limit | None = None
    load_bytes_per_second: Limit | None = None
    apply_lanes: Annotated[int, Field(ge=1, le=32)] | None = None
    apply_rows_per_second: Limit | None = None
    apply_bytes_per_second: Limit | None = None
    verify_streams: Streams | None = None
    objects: list[str] | None = None
    exclude: list[str] | None = None
    rename: dict[str, str] | None = None
    where: dict[str, str] | None = None


class RepairRequest(documents.Model):
    """What to repair; the project's name has to be said again, for the target's rows change."""

    name: str
    table: str | None = Field(default=None, description="A source table (``database.table``); else all.")


class RepairOutcome(documents.Model):
    """Rows corrected, by source table; verification proves it."""

    tables: dict[str, int]


class LabelDocument(documents.Model):
    """A label."""

    id: str
    name: str


class NewLabel(documents.Model):
    """A label to make, or its new name."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


def editing_router(service: Service, labels: Labels) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1")
    _add_settings_routes(router, service, labels)
    _add_repair_routes(router, service)
    _add_label_routes(router, labels)
    return router


def _add_settings_routes(router: APIRouter, service: Service, labels: Labels) -> None:
    @router.get("/projects/{project_id}/settings", tags=["projects"])
    def show_settings(project_id: str) -> ProjectSettings:
        """Show what may change of a project."""
        view = service.project(project_id_of(service, project_id), tables=False)
        return settings_document(view.spec, labels.all(), draft=view.status is ProjectStatus.INIT)

    @router.patch("/projects/{project_id}/settings", tags=["projects"])
    def change_settings(project_id: str, asked: ProjectSettingsChange) -> ProjectSettings:
        """Change settings; limits of speed take effect in what runs, objects may change before the start."""
        found = project_id_of(service, project_id)
        labels.known(asked.labels or ())
        draft = service.project(found, tables=False).status is ProjectStatus.INIT
        if any(getattr(asked, name) is not None for name in OBJECTS):
            _change_draft(service, found, asked)
        else:
            service.change_project(found, lambda spec: changed_spec(spec, asked, draft=draft))
        view = service.project(found, tables=False)
        return settings_document(view.spec, labels.all(), draft=view.status is ProjectStatus.INIT)


def _change_draft(service: Service, project_id: str, asked: ProjectSettingsChange) -> None:
    view = service.project(project_id, tables=False)
    if view.status is not ProjectStatus.INIT:
        raise UsageError(
            "project.wrong_status",
            f"project {project_id} is {view.status.value}: its objects can be changed only before its start",
            hint="make another project for other objects",
        )
    service.update_project(project_id, changed_spec(view.spec, asked, draft=True))


def settings_document(spec: ProjectSpec, labels: Container[str], *, draft: bool) -> ProjectSettings:
    """Show the settings of a project; of its labels those that still are."""
    found = _settings(spec)
    shown = found | {"labels": [label for label in spec.labels if label in labels]}
    return ProjectSettings(**shown, objects_may_change=draft, mark=_mark(found))


def _settings(spec: ProjectSpec) -> dict[str, Any]:
    chosen = spec.selection
    return {
        "name": spec.name,
        "labels": list(spec.labels),
        "importance": spec.importance.value,
        "stop_when": spec.stop_when.value,
        "load_mode": spec.load.mode.value,
        **{name: getattr(getattr(spec, group), member) for name, (group, member) in _OPTIONS.items()},
        "objects": list(chosen.objects),
        "exclude": list(chosen.exclude),
        "rename": dict(chosen.rename),
        "where": dict(chosen.where),
    }


def _mark(found: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]


def changed_spec(spec: ProjectSpec, asked: ProjectSettingsChange, *, draft: bool) -> ProjectSpec:
    """Return the project with its settings changed; ``project.changed_meanwhile`` when the mark is another by now."""
    if asked.mark is not None and asked.mark != _mark(_settings(spec)):
        raise UsageError("project.changed_meanwhile", f"somebody else has changed project {spec.name!r} meanwhile")
    wanted = asked.model_dump(exclude_none=True, exclude={"mark"})
    for name, (group, member) in _OPTIONS.items():
        if name in wanted:
            members: dict[str, Any] = {member: wanted[name]}
            groups: dict[str, Any] = {group: replace(getattr(spec, group), **members)}
            spec = replace(spec, **groups)
    return replace(
        spec,
        load=replace(spec.load, mode=SpeedMode(wanted.get("load_mode", spec.load.mode))),
        name=wanted.get("name", spec.name),
        labels=tuple(wanted.get("labels", spec.labels)),
        importance=Importance(wanted.get("importance", spec.importance)),
        stop_when=StopWhen(wanted.get("stop_when", spec.stop_when)),
        selection=_selection(spec.selection, wanted) if draft else spec.selection,
    )


def _selection(old: Selection, wanted: dict[str, Any]) -> Selection:
    return replace(
        old,
        objects=tuple(wanted.get("objects", old.objects)),
        exclude=tuple(wanted.get("exclude", old.exclude)),
        rename=wanted.get("rename", old.rename),
        where=wanted.get("where", old.where),
    )


def _add_repair_routes(router: APIRouter, service: Service) -> None:
    @router.post("/projects/{project_id}/repair", tags=["life cycle"])
    def repair_target(project_id: str, asked: RepairRequest) -> RepairOutcome:
        """Make the target equal in the rows that verification found to differ; the project must be paused or at its end.

        With a key, each row is read from the source now, then written or deleted at the target.
        """
        found = project_id_of(service, project_id)
        if service.project(found, tables=False).spec.name != asked.name:
            raise UsageError("project.invalid", "the name is not the project's: nothing has been repaired")
        with _held_still(service, found) as view:
            mismatches = _differences(service, found, asked.table)
            done = repair.apply(view.spec, mismatches)
        _say_repaired(service, found, done)
        return RepairOutcome(tables=done)

    @router.post("/projects/{project_id}/verify", tags=["life cycle"])
    def verify_again(project_id: str) -> documents.ProjectDocument:
        """Compare every row anew; the project must be paused or at its end, and goes on."""
        found = project_id_of(service, project_id)
        view = service.project(found, tables=False)
        if view.step(StepName.VERIFY) is None:
            raise UsageError("project.invalid", f"project {view.spec.name!r} has no verification")
        service.update_project(found, view.spec)
        service.resume_project(found)
        return documents.project_document(service.project(found), with_tables=False)


@contextmanager
def _held_still(service: Service, project_id: str) -> Iterator[ProjectView]:
    """Yield a project of which nothing writes, and which nobody can resume, change or release meanwhile.

    One that was just paused comes to rest within a while, which is waited for.

    Raises:
        UsageError: ``project.wrong_status`` while it writes, ``project.being_repaired``.
    """
    service.require_owner(project_id)
    with service.stillness.hold(project_id):
        deadline = time.monotonic() + REST_SECONDS
        while True:
            view = service.project(project_id, tables=False)
            lifecycle.require(project_id, view.status, "repair")
            if view.switchover is not None and view.switchover.stage in NO_RETURN:
                raise UsageError(
                    "switchover.under_way", f"project {project_id} has been switched over: its target leads"
                )
            if not any(step.status in UNDER_WAY for step in view.steps if step.name is not StepName.CAPTURE):
                yield view
                return
            if time.monotonic() > deadline:
                raise UsageError("project.wrong_status", f"project {project_id} has not come to rest yet: try again")
            time.sleep(0.1)


def _differences(service: Service, project_id: str, table: str | None) -> list[Mismatch]:
    found: list[Mismatch] = []
    while True:
        page = service.mismatches(project_id, table, page=len(found) // MOST_AT_ONCE + 1, size=MOST_AT_ONCE)
        found += page.items
        if len(page.items) < MOST_AT_ONCE:
            return found


def _say_repaired(service: Service, project_id: str, done: dict[str, int]) -> None:
    message = f"the target was repaired: {sum(done.values())} rows in {len(done)} tables"
    with service.metadb.writing() as tx:
        events.add(tx, project_id, unix_now(), "warning", message, step=StepName.VERIFY.value, fields=dict(done))


def _add_label_routes(router: APIRouter, labels: Labels) -> None:
    @router.get("/labels", tags=["projects"])
    def list_labels() -> list[LabelDocument]:
        """List labels, oldest first."""
        return [LabelDocument(id=key, name=name) for key, name in labels.all().items()]

    @router.post("/labels", tags=["projects"], status_code=201)
    def create_label(asked: NewLabel) -> LabelDocument:
        """Make a label."""
        return LabelDocument(id=labels.create(asked.name), name=asked.name)

    @router.patch("/labels/{label_id}", tags=["projects"])
    def rename_label(label_id: str, asked: NewLabel) -> LabelDocument:
        """Give a label another name, on every project that has it."""
        labels.rename(label_id, asked.name)
        return LabelDocument(id=label_id, name=asked.name)

    @router.delete("/labels/{label_id}", tags=["projects"], status_code=204)
    def delete_label(label_id: str) -> None:
        """Remove a label; the projects that had it stay as they are otherwise."""
        labels.delete(label_id)
