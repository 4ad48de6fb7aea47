"""Projects as files, live settings, and lists of objects as OMS's CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Response

from ferryman.api.labels import Labels
from ferryman.api.native import documents
from ferryman.api.native.object_lists import ObjectList, list_of, read_list, write_list
from ferryman.api.native.planning import Plan, carry_out, planned
from ferryman.api.native.project_files import ProjectFile, SettingsChange, as_yaml, file_of
from ferryman.api.native.revisions import IfMatch, expected_revision, tag_of
from ferryman.api.native.routes import project_id_of, spec_of_request
from ferryman.control.service import Service
from ferryman.model.project import Importance, ProjectSpec, StopWhen
from ferryman.model.serial import from_json, to_json

T = TypeVar("T")


def _text(media_type: str, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The document.", "content": {media_type: {"schema": schema}}}}


def configuration_router(service: Service, labels: Labels) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1")
    _add_settings_route(router, service, labels)
    _add_file_routes(router, service, labels)
    _add_list_routes(router, service)
    return router


def _add_settings_route(router: APIRouter, service: Service, labels: Labels) -> None:
    @router.patch("/projects/{project_id}", tags=["projects"])
    def change_project(
        project_id: str, asked: SettingsChange, response: Response, if_match: IfMatch = None
    ) -> documents.ProjectDocument:
        """Change name, labels, alert level, speed of a project; limits count at once in what runs."""
        found = service.project(project_id_of(service, project_id), tables=False)
        known = labels.known(asked.labels or ())
        service.change_project(
            found.id, lambda spec: _changed(spec, asked, known), revision=expected_revision(if_match, found.id)
        )
        view = service.project(found.id, tables=False)
        response.headers["ETag"] = tag_of(view)
        return documents.project_document(view, with_tables=False)


def _add_file_routes(router: APIRouter, service: Service, labels: Labels) -> None:
    @router.get(
        "/projects/{project_id}/export",
        tags=["configuration"],
        response_class=Response,
        responses=_text("application/yaml", {"$ref": "#/components/schemas/ProjectFile"}),
    )
    def export_project(project_id: str) -> Response:
        """Write a project as the YAML that `ferryman apply` takes; without passwords, defaults left out."""
        view = service.project(project_id_of(service, project_id), tables=False)
        return Response(as_yaml(file_of(view.spec, labels.all())), media_type="application/yaml")

    @router.post(
        "/configuration/yaml",
        tags=["configuration"],
        response_class=Response,
        responses=_text("application/yaml", {"$ref": "#/components/schemas/ProjectFile"}),
    )
    def write_project(asked: documents.NewProject) -> Response:
        """Write a project that is not made yet as the YAML that `ferryman apply` takes; nothing is changed."""
        spec = spec_of_request(service, asked)
        return Response(as_yaml(file_of(spec, labels.all())), media_type="application/yaml")

    @router.post("/configuration/plan", tags=["configuration"])
    def plan_project(asked: ProjectFile) -> Plan:
        """Say what applying a file would do; nothing is changed."""
        return planned(service, labels, asked).plan

    @router.post("/configuration/apply", tags=["configuration"])
    def apply_project(asked: ProjectFile, if_match: IfMatch = None) -> Plan:
        """Make the project of a file, or change the one of its name; refused where it would have to be made anew."""
        found = service.find_project(asked.name)
        revision = expected_revision(if_match, found.id if found else "")
        return carry_out(service, labels, asked, revision).plan


def _add_list_routes(router: APIRouter, service: Service) -> None:
    @router.get(
        "/projects/{project_id}/objects.csv",
        tags=["configuration"],
        response_class=Response,
        responses=_text("text/csv", {"type": "string"}),
    )
    def export_objects(project_id: str) -> Response:
        """Write the objects of a project, which names them one by one, as OMS's CSV."""
        view = service.project(project_id_of(service, project_id))
        return Response(write_list(list_of(view)), media_type="text/csv; charset=utf-8")

    @router.post("/objects/import", tags=["configuration"])
    def import_objects(asked: Annotated[str, Body(media_type="text/csv", max_length=8_000_000)]) -> ObjectList:
        """Read OMS's CSV: which objects, under which names, with which rows; nothing is changed."""
        return read_list(asked)


def _merged(options: T, said: dict[str, Any]) -> T:
    return from_json(type(options), to_json(options) | said)


def _changed(spec: ProjectSpec, asked: SettingsChange, labels: tuple[str, ...]) -> ProjectSpec:
    sections = {
        name: _merged(getattr(spec, name), section.model_dump(mode="json", exclude_unset=True))
        for name in ("load", "apply", "verify")
        if (section := getattr(asked, name)) is not None
    }
    return replace(
        spec,
        name=asked.name or spec.name,
        importance=Importance(asked.importance) if asked.importance else spec.importance,
        labels=labels if asked.labels is not None else spec.labels,
        stop_when=StopWhen(asked.stop_when) if asked.stop_when else spec.stop_when,
        **sections,
    )
