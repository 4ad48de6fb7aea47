"""Looking before moving: connection tests, the objects of an endpoint, a precheck without a project, schema, samples, logs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ferryman.api.native import documents
from ferryman.api.native.naming import project_id_of
from ferryman.api.native.routes import PageNumber, PageSize, endpoint_of, spec_of_request
from ferryman.api.native.ssh_documents import SshDocument, endpoint_asked
from ferryman.control.reachability import check_endpoint
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec, StepName, TableProgress
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.precheck import check_project
from ferryman.serializers.registry import FORMATS
from ferryman.spi.connector import Connector, connector_for, connectors, is_sink
from ferryman.spi.dialect import Conversion, SchemaPlan

SAMPLES_SHOWN = 400
"""Points of a chart: longer spans are thinned to the worst of each interval."""


class ConnectionTest(documents.Model):
    """What to connect to: a URL, or the id of an endpoint."""

    url: str
    ssh: SshDocument | None = Field(default=None, description="The SSH server a URL is reached through.")


class ConnectionOutcome(documents.Model):
    """How the connection went; `error` says why not."""

    ok: bool
    milliseconds: int
    error: documents.Problem | None = None


class KindDocument(documents.Model):
    """A kind of endpoint, and what it can be in a project."""

    scheme: str
    default_port: int
    source: bool
    target: bool
    sink: bool


class ObjectDocument(documents.Model):
    """A table or a view of an endpoint."""

    name: str
    kind: str
    columns: int
    has_key: bool
    rows: int | None = None


class DatabaseDocument(documents.Model):
    """A database with its objects."""

    name: str
    objects: list[ObjectDocument]


class MisfitDocument(documents.Model):
    """Values of one column that do not fit the target, and what a value policy could make of them."""

    policy: str = Field(description="With =null or =clamp behind it: a member of `on_value`; empty: none can be had.")
    column: str
    misfit: str
    count: int
    action: str
    actions: list[str]


class CheckDocument(documents.Model):
    """One item of a precheck."""

    item: str
    side: str
    verdict: str
    title: str
    message: str
    hint: str
    fix_sql: str
    skippable: bool
    code: str
    misfits: list[MisfitDocument] = Field(description="Of the item that counts values: what it has found.")


class SampleDocument(documents.Model):
    """Rates of a step at one moment (Unix seconds)."""

    at: int
    rows_per_second: float
    bytes_per_second: float
    latency_seconds: float | None
    latency_p50: float | None = Field(
        default=None, description="What half of the changes of five minutes took at most; null where none came."
    )
    latency_p99: float | None = Field(default=None, description="What 99 in 100 of them took at most.")


class ConversionDocument(documents.Model):
    """One thing that is not the same at the target; `lossy`: information is lost."""

    path: str
    message: str
    lossy: bool = False


class ObjectSchema(documents.Model):
    """One object on both sides; `source` is empty for what only the target has."""

    object: str
    kind: str
    state: str
    message: str
    source: str
    target: str
    conversions: list[ConversionDocument]


class SchemaDocument(documents.Model):
    """A page of the objects of a project's schema."""

    items: list[ObjectSchema]
    total: int
    page: int
    size: int


def browsing_router(service: Service) -> APIRouter:
    """Return the routes; none of them changes anything."""
    router = APIRouter(prefix="/api/v1")
    _add_endpoint_routes(router, service)
    _add_project_routes(router, service)
    return router


def _add_endpoint_routes(router: APIRouter, service: Service) -> None:
    @router.get("/kinds", tags=["endpoints"])
    def list_kinds() -> list[KindDocument]:
        """Show which kinds of endpoints there are: those of the installed connectors."""
        return [_kind(scheme, connector) for scheme, connector in sorted(connectors().items())]

    @router.get("/formats", tags=["endpoints"])
    def list_formats() -> list[str]:
        """Show the formats of messages."""
        return list(FORMATS)

    @router.post("/endpoints/test", tags=["endpoints"])
    def test_connection(asked: ConnectionTest) -> ConnectionOutcome:
        """Connect and log in, keep nothing."""
        endpoint = endpoint_of(service, asked.url)[0] if asked.ssh is None else endpoint_asked(asked.url, asked.ssh)
        began = time.monotonic()
        error = None
        try:
            check_endpoint(endpoint)
        except FerrymanError as problem:
            error = documents.Problem.model_validate(problem.to_json())
        return ConnectionOutcome(ok=error is None, milliseconds=int(1000 * (time.monotonic() - began)), error=error)

    @router.get("/endpoints/{endpoint_id}/objects", tags=["endpoints"])
    def list_objects(endpoint_id: str) -> list[DatabaseDocument]:
        """Show the databases, tables and views of an endpoint, as its catalog has them now."""
        return _tree(service.endpoint(endpoint_id).endpoint)

    @router.post("/precheck", tags=["projects"])
    def precheck(asked: documents.NewProject) -> list[CheckDocument]:
        """Check what a project would need, without making it; nothing is changed at either end."""
        results = check_project(spec_of_request(service, asked))
        return [CheckDocument(**to_json(result)) for result in results]


def _add_project_routes(router: APIRouter, service: Service) -> None:
    @router.get("/projects/{project_id}/samples", tags=["details"])
    def list_samples(
        project_id: str, step: StepName, begin: Annotated[float, Query(ge=0)] = 0, end: float | None = None
    ) -> list[SampleDocument]:
        """Show rates and latency of a step over time; at most 400 points, each the worst of its interval."""
        found = service.samples(project_id_of(service, project_id), step, begin, time.time() if end is None else end)
        points = [
            SampleDocument(
                at=sample.taken_at,
                rows_per_second=sample.rows_per_second,
                bytes_per_second=sample.bytes_per_second,
                latency_seconds=sample.latency_seconds,
                latency_p50=sample.latency_p50,
                latency_p99=sample.latency_p99,
            )
            for sample in found
        ]
        width = -(-len(points) // SAMPLES_SHOWN) or 1
        return [_worst(points[first : first + width]) for first in range(0, len(points), width)]

    @router.get("/projects/{project_id}/schema", tags=["details"])
    def show_schema(
        project_id: str,
        search: str = "",
        only: Annotated[str, Query(pattern="^(|converted|failed)$")] = "",
        page: PageNumber = 1,
        size: PageSize = 50,
    ) -> SchemaDocument:
        """Show what each object is at the source, what it became at the target, and every conversion."""
        found = [each for each in _schema(service, project_id_of(service, project_id)) if _wanted(each, search, only)]
        first = (page - 1) * size
        return SchemaDocument(items=found[first : first + size], total=len(found), page=page, size=size)


def _kind(scheme: str, connector: Connector) -> KindDocument:
    return KindDocument(
        scheme=scheme,
        default_port=connector.default_port,
        source=connector.source is not None,
        target=connector.target is not None,
        sink=connector.sink is not None,
    )


def _tree(endpoint: Endpoint) -> list[DatabaseDocument]:
    make = connector_for(endpoint).source or connector_for(endpoint).target
    if make is None:
        return []
    with contextlib.closing(make(endpoint)) as end:
        schema = end.read_schema(Selection())
        rows = _estimates(end, schema)
    tree: dict[str, list[ObjectDocument]] = {database.name: [] for database in schema.databases}
    for table in schema.tables:
        tree.setdefault(table.name.database, []).append(_table(table, rows.get(str(table.name))))
    for view in schema.views:
        shown = ObjectDocument(name=view.name.table, kind="view", columns=len(view.columns), has_key=False)
        tree.setdefault(view.name.database, []).append(shown)
    return [DatabaseDocument(name=name, objects=objects) for name, objects in sorted(tree.items())]


def _estimates(end: Any, schema: Schema) -> dict[str, int]:
    """Ask the server's guess of the rows of up to a thousand tables: each is a question of its own."""
    if len(schema.tables) > 1000:
        return {}
    with contextlib.closing(end.reader()) as reader:
        return {str(table.name): reader.count_estimate(table) for table in schema.tables}


def _table(table: Table, rows: int | None) -> ObjectDocument:
    return ObjectDocument(
        name=table.name.table, kind="table", columns=len(table.columns), has_key=table.row_key is not None, rows=rows
    )


def _worst(points: list[SampleDocument]) -> SampleDocument:
    """Thin an interval to one point: mean rates, greatest latencies."""
    return SampleDocument(
        at=points[0].at,
        rows_per_second=sum(point.rows_per_second for point in points) / len(points),
        bytes_per_second=sum(point.bytes_per_second for point in points) / len(points),
        latency_seconds=_greatest(point.latency_seconds for point in points),
        latency_p50=_greatest(point.latency_p50 for point in points),
        latency_p99=_greatest(point.latency_p99 for point in points),
    )


def _greatest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _schema(service: Service, project_id: str) -> list[ObjectSchema]:
    project = service.project(project_id)
    made = [step for name in (StepName.SCHEMA, StepName.INDEX) if (step := project.step(name)) is not None]
    rows = {row.table: row for step in made for row in step.tables}
    if is_sink(project.spec.target):
        return [_topic(row) for row in rows.values()]
    noted = service.note(project_id, "schema.plan")
    plan = from_json(SchemaPlan, noted) if noted is not None and made else SchemaPlan()
    sources = _source_statements(project.spec, service.note(project_id, "schema.source"))
    changes = _by_object(plan, [change for step in made for change in step.progress.info.get("conversions", ())])
    return [
        ObjectSchema(
            object=each.object,
            kind=each.kind,
            state=rows[each.label].state,
            message=rows[each.label].message,
            source=sources.get((each.kind, each.object), ""),
            target=each.sql,
            conversions=changes.get(each.object, []) if each.kind in {"table", "view", "database"} else [],
        )
        for each in plan.statements
        if each.label in rows
    ]


def _topic(row: TableProgress) -> ObjectSchema:
    return ObjectSchema(
        object=row.table, kind="topic", state=row.state, message=row.message, source="", target="", conversions=[]
    )


def _source_statements(spec: ProjectSpec, note: Any) -> dict[tuple[str, str], str]:
    """Write the source's own schema in the source's dialect, by kind and the *target's* name."""
    dialect = connector_for(spec.source).dialect
    if note is None or dialect is None:
        return {}
    schema = from_json(Schema, note)
    statements = dialect.fitted(schema.traits).plan(schema, Selection(rename=spec.selection.rename)).statements
    return {(each.kind, each.object): each.sql for each in statements}


def _by_object(plan: SchemaPlan, added: Iterable[dict[str, Any]]) -> dict[str, list[ConversionDocument]]:
    """Return conversions by the target's name of the object they are of: a column's are its table's."""
    targets = {str(source): str(table.name) for source, table in plan.tables.items()}
    names = {name: name for name in targets.values()} | targets
    found: dict[str, list[ConversionDocument]] = {}
    for change in (*plan.conversions, *(from_json(Conversion, each) for each in added)):
        owner = next((names[name] for name in change.owners if name in names), change.path)
        found.setdefault(owner, []).append(ConversionDocument(**to_json(change)))
    return found


def _wanted(each: ObjectSchema, search: str, only: str) -> bool:
    if only == "converted" and not each.conversions:
        return False
    if only == "failed" and each.state != "failed":
        return False
    return search.casefold() in each.object.casefold()
