"""What the native API takes and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ferryman.api.native.ssh_documents import SshDocument
from ferryman.api.native.switchover_documents import SwitchoverDocument, switchover_document
from ferryman.control.views import EndpointView, ErrorView, ProjectView, StepView
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import LEAST_LOG_BYTES, START_LENGTH, ApplyOptions, ProjectSpec, ProjectType, TableProgress
from ferryman.model.serial import to_json
from ferryman.spi.url import format_url

_APPLY = ApplyOptions()


class Model(BaseModel):
    """What goes over the wire: no member is taken or answered that is not described."""

    model_config = ConfigDict(extra="forbid")


class Problem(Model):
    """What is wrong, and what to do about it."""

    code: str = Field(description="Ferryman's own code, as docs/errors lists them; never renamed.")
    message: str
    hint: str
    retry: Literal["auto", "manual", "never"]


class ErrorAnswer(Model):
    """The answer to a call that failed."""

    error: Problem


class ErrorDocument(Model):
    """What stopped a step or a project."""

    code: str
    message: str
    hint: str
    retry: str
    failed_at: datetime
    context: dict[str, Any] = Field(description="Names and numbers: where it stopped, which choices there are.")


class TableDocument(Model):
    """How far a table is within a step."""

    table: str
    state: str
    rows: int
    rows_total: int
    bytes: int
    mismatches: int | None
    message: str


class StepDocument(Model):
    """A step as it stands."""

    order: int
    name: str
    status: str
    percent: int
    rows: int
    rows_total: int
    bytes: int
    rows_per_second: float
    bytes_per_second: float
    latency_seconds: float | None
    checkpoint_seconds: int | None
    caught_up: bool
    message: str
    info: dict[str, Any]
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float = Field(description="Time under way over all its runs, as rows are; pauses are not counted.")
    restarts: int
    error: ErrorDocument | None
    tables: list[TableDocument]


class ColumnRulesDocument(Model):
    """Rules for the columns of a table: which move, which stay, what becomes of values, what is added."""

    keep: list[str] = []
    leave_out: list[str] = []
    transforms: dict[str, str] = Field(default={}, description="mask(FIRST,LAST), hash, null or constant(VALUE).")
    add: dict[str, str] = Field(default={}, description="Text with {database} and {table}, or a whole number.")


class PublishDocument(Model):
    """How a synchronization publishes; members as the options of a target's URL."""

    format: str = "DEFAULT"
    with_schema: bool = False
    rule: Literal["HASH", "TABLE", "ONE"] = "HASH"
    partition: int = Field(default=0, ge=0)
    topic: str = Field(default="{database}.{table}", min_length=1, max_length=249)
    partitions: int = Field(default=3, ge=1, le=10_000)
    replication: int = Field(default=1, ge=1, le=100)
    exactly_once: bool = True
    heartbeat_seconds: float = Field(default=0.0, ge=0, le=86_400)
    transactions: bool = False
    key_columns: dict[str, list[str]] = Field(default={}, description="Source table → columns that stand for its key.")
    business: str = ""
    producer_group: str = "OMS"
    tags: str = ""
    message_trace: bool = False


class ProjectDocument(Model):
    """A project as it stands."""

    id: str
    name: str
    type: str
    status: str
    source: str = Field(description="The source's URL, without its password.")
    target: str = Field(description="The target's URL, without its password.")
    objects: list[str]
    exclude: list[str]
    rename: dict[str, str]
    where: dict[str, str]
    columns: dict[str, ColumnRulesDocument]
    types: list[str] = Field(description="Steps that are switched on, in order.")
    stop_when: str
    importance: str
    labels: list[str]
    owner: str = Field(description="Whose it is: others look on, admins act; empty: every operator's.")
    revision: int = Field(description="Raised by each change of status or settings; the ETag holds it.")
    publish: PublishDocument | None = Field(description="Of a synchronization only.")
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    current_step: str | None
    error: ErrorDocument | None
    open_alerts: int = Field(description="Alerts of the project that are open now.")
    steps: list[StepDocument]
    parent_id: str = Field(description="Of a sub-project: the project whose new objects it brings up, or moves back.")
    switchover: SwitchoverDocument | None = Field(description="Under way or done; docs/switchover.md.")


class ProjectPage(Model):
    """A page of projects; `next` is the cursor of the page behind it, null when there is none."""

    next: str | None = None

    items: list[ProjectDocument]
    total: int
    page: int
    size: int


class EndpointDocument(Model):
    """An endpoint; never its password."""

    id: str
    name: str
    url: str
    description: str
    region: str
    created_at: datetime
    changed_at: datetime


class EndpointPage(Model):
    """A page of endpoints."""

    items: list[EndpointDocument]
    total: int
    page: int
    size: int


class MismatchDocument(Model):
    """A row that differs."""

    table: str
    kind: str
    key: dict[str, str | None]
    source: dict[str, str | None]
    target: dict[str, str | None]
    count: int
    correction: str


class MismatchPage(Model):
    """A page of differences."""

    items: list[MismatchDocument]
    total: int
    page: int
    size: int


class EventDocument(Model):
    """Something that happened to a project."""

    id: int
    at: datetime
    level: str
    step: str
    message: str
    fields: dict[str, Any] = Field(description="Names and numbers, never values of rows.")


class NewEndpoint(Model):
    """An endpoint to keep."""

    name: str = Field(min_length=1, max_length=128)
    url: str
    ssh: SshDocument | None = Field(default=None, description="The SSH server it is reached through.")
    description: str = Field(default="", max_length=128)
    region: str = ""


Kind = Literal["schema", "full", "incremental", "verify", "reverse"]
ConflictWord = Literal["stop", "overwrite", "skip-to-dead-letters"]


class NewProject(Model):
    """A project to make: the options of ``ferryman run``."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^\S+$")
    source: str = Field(description="URL, or the id of an endpoint.")
    target: str = Field(description="URL, or the id of an endpoint.")
    objects: list[str] = []
    exclude: list[str] = []
    rename: dict[str, str] = {}
    where: dict[str, str] = {}
    columns: dict[str, ColumnRulesDocument] = {}
    hash_key: str = Field(default="", repr=False, description="Keys the hashes of columns; never shown again.")
    types: list[Kind] = ["schema", "full", "incremental", "verify"]
    stop_when: Literal["caught-up", "never"] = "never"
    streams: int = Field(default=0, ge=0, le=256)
    speed: Literal["steady", "normal", "fast"] = Field(default="normal", description="What the load may take.")
    defer_indexes: bool | None = Field(default=None, description="Make indexes after the load; null: if sooner.")
    allow_not_empty: bool = False
    skip_prechecks: list[str] = []
    on_value: list[str] = Field(
        default=[], description="What becomes of values that do not fit: database.table.column:misfit=null, or =clamp."
    )
    importance: Literal["HIGH", "MEDIUM", "LOW", "IGNORE"] = "MEDIUM"
    publish: PublishDocument | None = Field(default=None, description="Of a synchronization; else the URL says it.")
    conflicts: ConflictWord = Field(default="stop", description="What is done with changes that the target refuses.")
    conflicts_of: dict[str, ConflictWord] = Field(default={}, description="Another policy for a table, database.table.")
    log_kept_hours: int = Field(default=_APPLY.log_kept_hours, ge=0, le=87_600)
    log_kept_bytes: int = Field(default=_APPLY.log_kept_bytes, ge=LEAST_LOG_BYTES, le=2**53)
    atomic: bool = Field(default=False, description="Readers see each source transaction whole, or not at all.")
    start_at: str = Field(default="", max_length=START_LENGTH, description="A Unix second, FILE:OFFSET, or GTIDs.")
    two_way: bool = Field(default=False, description="Another project moves changes the other way.")


class Choice(Model):
    """What to do with the schema statement, or the conflict (skip, overwrite), at which apply has stopped."""

    choice: Literal["skip", "apply", "done", "overwrite"]
    sql: str = ""
    object: str = Field(default="", description="One not made: `apply` runs `sql`, `skip` leaves an index out.")


def error_document(error: ErrorView | None) -> ErrorDocument | None:
    """Show an error."""
    if error is None:
        return None
    return ErrorDocument(
        code=error.code,
        message=error.message,
        hint=error.hint,
        retry=error.retry,
        failed_at=_utc(error.failed_at),
        context=error.context,
    )


def table_document(table: TableProgress) -> TableDocument:
    """Show a table's progress."""
    return TableDocument(
        table=table.table,
        state=table.state,
        rows=table.rows,
        rows_total=table.rows_total,
        bytes=table.bytes,
        mismatches=table.mismatches,
        message=table.message,
    )


def step_document(step: StepView, *, with_tables: bool = True) -> StepDocument:
    """Show a step."""
    progress = step.progress
    return StepDocument(
        order=step.order,
        name=step.name.value,
        status=step.status.value,
        percent=progress.percent,
        rows=progress.rows,
        rows_total=progress.rows_total,
        bytes=progress.bytes,
        rows_per_second=progress.rows_per_second,
        bytes_per_second=progress.bytes_per_second,
        latency_seconds=progress.latency_seconds,
        checkpoint_seconds=progress.checkpoint_seconds,
        caught_up=progress.caught_up,
        message=progress.message,
        info=progress.info,
        started_at=step.started_at and _utc(step.started_at),
        finished_at=step.finished_at and _utc(step.finished_at),
        seconds=round(step.seconds, 3),
        restarts=step.restarts,
        error=error_document(step.error),
        tables=[table_document(table) for table in step.tables] if with_tables else [],
    )


def project_document(project: ProjectView, *, with_tables: bool = True) -> ProjectDocument:
    """Show a project."""
    spec, current = project.spec, project.current_step
    return ProjectDocument(
        id=project.id,
        name=spec.name,
        type=spec.type.value,
        status=project.status.value,
        source=format_url(spec.source),
        target=format_url(spec.target),
        objects=list(spec.selection.objects),
        exclude=list(spec.selection.exclude),
        rename=spec.selection.rename,
        where=spec.selection.where,
        columns={
            table: ColumnRulesDocument.model_validate(to_json(rules)) for table, rules in spec.selection.columns.items()
        },
        types=[step.name.value for step in project.steps],
        stop_when=spec.stop_when.value,
        importance=spec.importance.value,
        labels=list(spec.labels),
        owner=project.owner,
        revision=project.revision,
        publish=publish_document(spec),
        created_at=_utc(project.created_at),
        changed_at=_utc(project.changed_at),
        started_at=project.started_at and _utc(project.started_at),
        finished_at=project.finished_at and _utc(project.finished_at),
        current_step=current.name.value if current else None,
        error=error_document(project.error),
        open_alerts=project.alerts.open,
        steps=[step_document(step, with_tables=with_tables) for step in project.steps],
        parent_id=project.parent_id,
        switchover=switchover_document(project.switchover) if project.switchover else None,
    )


def publish_document(spec: ProjectSpec) -> PublishDocument | None:
    """Show how a synchronization publishes."""
    if spec.type is not ProjectType.SYNC:
        return None
    known = {name: to_json(getattr(spec.publish, name)) for name in PublishDocument.model_fields}
    return PublishDocument(**known)


def endpoint_document(view: EndpointView) -> EndpointDocument:
    """Show an endpoint."""
    return EndpointDocument(
        id=view.id,
        name=view.name,
        url=format_url(view.endpoint),
        description=view.description,
        region=view.region,
        created_at=_utc(view.created_at),
        changed_at=_utc(view.changed_at),
    )


def mismatch_document(mismatch: Mismatch) -> MismatchDocument:
    """Show a difference."""
    return MismatchDocument(
        table=str(mismatch.table),
        kind=mismatch.kind.value,
        key=mismatch.key,
        source=mismatch.source,
        target=mismatch.target,
        count=mismatch.count,
        correction=mismatch.correction,
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
