"""Many projects at once, clones and new names."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ferryman.api.native import documents
from ferryman.api.native.naming import project_id_of
from ferryman.control.batches import MOST_PROJECTS, Item, act_on, ids_with_label
from ferryman.control.service import Service
from ferryman.control.validation import check_name
from ferryman.foundation.errors import UsageError
from ferryman.model.project import ProjectSpec


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Batch(_Model):
    """An action and the projects it is for: named one by one, or by a label."""

    action: Literal["start", "stop", "resume", "release", "delete"]
    projects: list[str] = Field(default=[], max_length=MOST_PROJECTS, description="Ids or names.")
    label: str = Field(default="", description="Id of a label: every project that has it.")


class BatchItem(_Model):
    """What became of one project; `code` is empty where it has been done."""

    project_id: str
    done: bool
    code: str
    message: str
    hint: str


class Owner(documents.Model):
    """Whose a project shall be."""

    owner: str = Field(max_length=64, description="An account; empty: every operator's.")


class NewName(_Model):
    """A project's name."""

    name: str


def add_batch_routes(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.post("/projects/batch", tags=["life cycle"])
    def batch(asked: Batch) -> list[BatchItem]:
        """Start, stop, resume, release or delete many projects; each answers for itself."""
        if bool(asked.projects) == bool(asked.label):
            raise UsageError("api.wrong_parameter", "give either `projects` or `label`")
        named = [project_id_of(service, name) for name in asked.projects]
        return [_shown(item) for item in act_on(service, asked.action, named or ids_with_label(service, asked.label))]

    @router.post("/projects/{project_id}/clone", tags=["projects"], status_code=201)
    def clone(project_id: str, asked: NewName) -> documents.ProjectDocument:
        """Make another project with the same endpoints, objects and options; it waits to be started."""
        spec = service.project(project_id_of(service, project_id), tables=False).spec
        return documents.project_document(service.create_project(replace(spec, name=asked.name)))

    @router.put("/projects/{project_id}/owner", tags=["projects"])
    def give(project_id: str, asked: Owner) -> documents.ProjectDocument:
        """Give a project to another account, or to every operator; its owner and admins may."""
        service.give_project(found := project_id_of(service, project_id), asked.owner)
        return documents.project_document(service.project(found), with_tables=False)

    @router.post("/projects/{project_id}/rename", tags=["projects"])
    def rename(project_id: str, asked: NewName) -> documents.ProjectDocument:
        """Give a project another name; nothing else is touched."""
        check_name(asked.name)

        def renamed(spec: ProjectSpec) -> ProjectSpec:
            return replace(spec, name=asked.name)

        service.change_project(found := project_id_of(service, project_id), renamed)
        return documents.project_document(service.project(found), with_tables=False)


def _shown(item: Item) -> BatchItem:
    error = item.error
    return BatchItem(
        project_id=item.project_id,
        done=error is None,
        code=error.code if error else "",
        message=error.message if error else "",
        hint=error.hint if error else "",
    )
