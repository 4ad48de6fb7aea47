"""The routes under ``/api/v1``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ferryman.api.native import documents
from ferryman.api.native.batch_routes import add_batch_routes
from ferryman.api.native.creation import Wish, policies_of, spec_of
from ferryman.api.native.endpoint_routes import add_endpoint_changes
from ferryman.api.native.naming import project_id_of as project_id_of
from ferryman.api.native.object_routes import add_object_routes
from ferryman.api.native.revisions import IfMatch, expected_revision, tag_of
from ferryman.api.native.ssh_documents import endpoint_asked
from ferryman.api.native.switchover_routes import add_switchover_routes
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.model.project import (
    ConflictPolicy,
    Endpoint,
    Importance,
    ProjectSpec,
    ProjectStatus,
    PublishOptions,
    SpeedMode,
    StopWhen,
)
from ferryman.model.rules import ColumnRules
from ferryman.model.serial import from_json, to_json
from ferryman.spi.connector import is_sink
from ferryman.spi.url import parse_url

LARGEST = 2**53
"""Numbers beyond are no ids or places of ours, and not every client of JSON holds them exactly."""

PageNumber = Annotated[int, Query(ge=1, le=10**9)]
PageSize = Annotated[int, Query(ge=1, le=500)]


def native_router(service: Service) -> APIRouter:
    """Return all routes."""
    router = APIRouter(prefix="/api/v1")
    _add_project_routes(router, service)
    _add_life_cycle_routes(router, service)
    _add_detail_routes(router, service)
    _add_endpoint_routes(router, service)
    add_endpoint_changes(router, service)
    add_object_routes(router, service)
    add_switchover_routes(router, service)
    add_batch_routes(router, service)
    return router


def _add_project_routes(router: APIRouter, service: Service) -> None:
    @router.get("/projects", tags=["projects"])
    def list_projects(
        search: str = "",
        status: Annotated[list[ProjectStatus] | None, Query()] = None,
        page: PageNumber = 1,
        size: PageSize = 50,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before; `page` is 1 then.")] = "",
    ) -> documents.ProjectPage:
        """List projects, youngest first, without their tables; by cursor none comes twice and none is passed over."""
        found = service.projects(search=search, statuses=status or (), page=page, size=size, older_than=cursor)
        items = [documents.project_document(project, with_tables=False) for project in found.items]
        more = found.total > found.number * found.size
        after = items[-1].id if items and more else None
        return documents.ProjectPage(items=items, total=found.total, page=found.number, size=found.size, next=after)

    @router.post("/projects", tags=["projects"], status_code=201)
    def create_project(asked: documents.NewProject) -> documents.ProjectDocument:
        """Make a project; it waits to be started."""
        return documents.project_document(service.create_project(spec_of_request(service, asked)))

    @router.get("/projects/{project_id}", tags=["projects"])
    def show_project(project_id: str, response: Response) -> documents.ProjectDocument:
        """Show a project with its steps and tables; takes the id or the name. Its ETag goes into If-Match of changes."""
        view = service.project(project_id_of(service, project_id))
        response.headers["ETag"] = tag_of(view)
        return documents.project_document(view)

    @router.get("/projects/{project_id}/steps", tags=["projects"])
    def list_steps(project_id: str) -> list[documents.StepDocument]:
        """Show the steps of a project with their tables."""
        return [documents.step_document(step) for step in service.project(project_id_of(service, project_id)).steps]

    @router.delete("/projects/{project_id}", tags=["projects"], status_code=204)
    def delete_project(project_id: str, if_match: IfMatch = None) -> None:
        """Remove a project that was never started or is released."""
        found = project_id_of(service, project_id)
        service.delete_project(found, revision=expected_revision(if_match, found))


def _add_life_cycle_routes(router: APIRouter, service: Service) -> None:
    @router.post("/projects/{project_id}/start", tags=["life cycle"])
    def start(project_id: str, if_match: IfMatch = None) -> documents.ProjectDocument:
        """Start a project that was never started."""
        found = project_id_of(service, project_id)
        service.start_project(found, revision=expected_revision(if_match, found))
        return documents.project_document(service.project(found), with_tables=False)

    @router.post("/projects/{project_id}/stop", tags=["life cycle"])
    def stop(project_id: str, if_match: IfMatch = None) -> documents.ProjectDocument:
        """Pause a running project; progress is kept."""
        found = project_id_of(service, project_id)
        service.stop_project(found, revision=expected_revision(if_match, found))
        return documents.project_document(service.project(found), with_tables=False)

    @router.post("/projects/{project_id}/resume", tags=["life cycle"])
    def resume(project_id: str, if_match: IfMatch = None) -> documents.ProjectDocument:
        """Go on with a paused or failed project from where it stood."""
        found = project_id_of(service, project_id)
        service.resume_project(found, revision=expected_revision(if_match, found))
        return documents.project_document(service.project(found), with_tables=False)

    @router.post("/projects/{project_id}/release", tags=["life cycle"])
    def release(project_id: str, if_match: IfMatch = None) -> documents.ProjectDocument:
        """End a project for good and free what it holds; its record stays."""
        found = project_id_of(service, project_id)
        service.release_project(found, revision=expected_revision(if_match, found))
        return documents.project_document(service.project(found), with_tables=False)

    @router.post("/projects/{project_id}/choose", tags=["life cycle"], status_code=204)
    def choose(project_id: str, choice: documents.Choice) -> None:
        """Decide about the schema statement at which apply has stopped, or about an object that could not be made."""
        found = project_id_of(service, project_id)
        service.choose(found, choice.choice, sql=choice.sql, object_name=choice.object)


def _add_detail_routes(router: APIRouter, service: Service) -> None:
    @router.get("/projects/{project_id}/events", tags=["details"])
    def list_events(
        project_id: str,
        after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[documents.EventDocument]:
        """Show events, oldest first, those with an id greater than `after`."""
        found = service.events(project_id_of(service, project_id), after=after, limit=limit)
        return [documents.EventDocument(**event) for event in found]

    @router.get("/projects/{project_id}/mismatches", tags=["details"])
    def list_mismatches(
        project_id: str, table: str | None = None, page: PageNumber = 1, size: PageSize = 50
    ) -> documents.MismatchPage:
        """Show settled differences, of one source table (``database.table``) or of all."""
        found = service.mismatches(project_id_of(service, project_id), table, page=page, size=size)
        items = [documents.mismatch_document(mismatch) for mismatch in found.items]
        return documents.MismatchPage(items=items, total=found.total, page=found.number, size=found.size)


def _add_endpoint_routes(router: APIRouter, service: Service) -> None:
    @router.get("/endpoints", tags=["endpoints"])
    def list_endpoints(search: str = "", page: PageNumber = 1, size: PageSize = 50) -> documents.EndpointPage:
        """List endpoints; passwords are never shown."""
        found = service.endpoints(search=search, page=page, size=size)
        items = [documents.endpoint_document(view) for view in found.items]
        return documents.EndpointPage(items=items, total=found.total, page=found.number, size=found.size)

    @router.post("/endpoints", tags=["endpoints"], status_code=201)
    def create_endpoint(asked: documents.NewEndpoint) -> documents.EndpointDocument:
        """Keep an endpoint; it is connected to first."""
        view = service.create_endpoint(
            asked.name, endpoint_asked(asked.url, asked.ssh), description=asked.description, region=asked.region
        )
        return documents.endpoint_document(view)

    @router.get("/endpoints/{endpoint_id}", tags=["endpoints"])
    def show_endpoint(endpoint_id: str) -> documents.EndpointDocument:
        """Show one endpoint."""
        return documents.endpoint_document(service.endpoint(endpoint_id))


def spec_of_request(service: Service, asked: documents.NewProject) -> ProjectSpec:
    """Return the project that is asked for; endpoints may be named by id."""
    (source, source_id), (target, target_id) = endpoint_of(service, asked.source), endpoint_of(service, asked.target)
    wish = Wish(
        name=asked.name,
        source=source,
        target=target,
        source_endpoint_id=source_id,
        target_endpoint_id=target_id,
        objects=asked.objects,
        exclude=asked.exclude,
        rename=asked.rename,
        where=asked.where,
        columns=from_json(dict[str, ColumnRules], {name: each.model_dump() for name, each in asked.columns.items()}),
        hash_key=asked.hash_key,
        types=asked.types,
        stop_when=StopWhen(asked.stop_when),
        streams=asked.streams,
        speed=SpeedMode(asked.speed),
        defer_indexes=asked.defer_indexes,
        allow_not_empty=asked.allow_not_empty,
        skip_prechecks=asked.skip_prechecks,
        value_policies=policies_of(asked.on_value),
        importance=Importance(asked.importance),
        publish=_publish(asked.publish) if asked.publish and is_sink(target) else None,
        conflicts=ConflictPolicy(asked.conflicts),
        conflicts_of={table: ConflictPolicy(policy) for table, policy in asked.conflicts_of.items()},
        log_kept_hours=asked.log_kept_hours,
        log_kept_bytes=asked.log_kept_bytes,
        atomic=asked.atomic,
        start_at=asked.start_at,
        two_way=asked.two_way,
    )
    return spec_of(wish)


def _publish(asked: documents.PublishDocument) -> PublishOptions:
    return from_json(PublishOptions, to_json(PublishOptions()) | asked.model_dump())


def endpoint_of(service: Service, text: str) -> tuple[Endpoint, str]:
    """Return the endpoint that an id or a URL stands for, and its id (empty for a URL)."""
    if text.startswith("e_"):
        return service.endpoint(text).endpoint, text
    if "://" not in text:
        raise UsageError("usage.bad_url", "source and target are URLs, or ids of endpoints (e_…)")
    return parse_url(text), ""
