"""Adding objects to a living project and removing them: ``/api/v1/projects/{id}/objects``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ferryman.api.native.naming import project_id_of
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.model.object_change import ObjectChange


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewObjectChange(_Model):
    """Objects to add, or objects to remove."""

    add: list[str] = Field(
        default=[], description="`database.table`, or `database.*` of a database that does not move."
    )
    rename: dict[str, str] = Field(default={}, description="New names of what is added.")
    remove: list[str] = Field(default=[], description="Patterns of what moves no more; rows at the target stay.")


class ObjectChangeDocument(_Model):
    """A change of objects as it stands."""

    id: str
    project_id: str
    kind: Literal["INCREASE_OBJECT", "DECREASE_OBJECT"]
    status: str
    objects: list[str]
    rename: dict[str, str]
    sub_project_id: str = Field(description="The project that brings added tables up; empty before and for removals.")
    error: dict[str, Any] | None
    created_at: datetime
    changed_at: datetime


def add_object_routes(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.post("/projects/{project_id}/objects", tags=["objects"], status_code=201)
    def change_objects(project_id: str, asked: NewObjectChange) -> ObjectChangeDocument:
        """Add objects to a project, or remove some, while it runs."""
        found = project_id_of(service, project_id)
        if bool(asked.add) == bool(asked.remove):
            raise UsageError("api.wrong_parameter", "give either `add` or `remove`")
        if asked.remove:
            return document(service.objects.remove(found, asked.remove))
        return document(service.objects.add(found, asked.add, asked.rename))

    @router.get("/projects/{project_id}/objects", tags=["objects"])
    def list_changes(project_id: str) -> list[ObjectChangeDocument]:
        """List the changes of a project's objects, youngest first."""
        return [document(change) for change in service.objects.of_project(project_id_of(service, project_id))]

    @router.post("/object-changes/{change_id}/{action}", tags=["objects"])
    def tell_change(change_id: str, action: Literal["cancel", "stop", "retry"]) -> ObjectChangeDocument:
        """Take a change back before it begins, give it up, or let a failed one go on."""
        acts = {"cancel": service.objects.cancel, "stop": service.objects.stop, "retry": service.objects.retry}
        return document(acts[action](change_id))


def document(change: ObjectChange) -> ObjectChangeDocument:
    """Show a change."""
    return ObjectChangeDocument(
        id=change.id,
        project_id=change.project_id,
        kind=change.kind.value,
        status=change.status.value,
        objects=list(change.objects),
        rename=change.rename,
        sub_project_id=change.sub_project_id,
        error=change.error,
        created_at=datetime.fromtimestamp(change.created_at, UTC),
        changed_at=datetime.fromtimestamp(change.changed_at, UTC),
    )
