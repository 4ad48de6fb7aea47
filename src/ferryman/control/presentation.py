"""Turns rows of the metadb into the views that others see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ferryman.control.views import EndpointView, ErrorView, Page, ProjectView, StepView
from ferryman.foundation.clock import as_datetime, as_optional_datetime, unix_now
from ferryman.metadb import alerts, notes, object_changes, steps, switchovers
from ferryman.metadb.database import Transaction
from ferryman.metadb.endpoints import EndpointRow
from ferryman.metadb.projects import ProjectHead, ProjectRow
from ferryman.metadb.steps import ORDER, StepRow
from ferryman.model.project import StepName, TableProgress
from ferryman.model.switchover import Switchover

SHOWN_NOTE_BYTES = 1 << 10
"""Notes that take more than this in the metadb are not shown in a view: the schema of thousands of tables takes kilobytes
there, packed, and a good part of a second to unpack, at each look."""

T = TypeVar("T")

ENDPOINT_KEYS: dict[str, Callable[[EndpointRow], Any]] = {
    "created": lambda row: (row.created_at, row.id),
    "changed": lambda row: (row.changed_at, row.id),
    "name": lambda row: (row.name.casefold(), row.id),
}
"""What endpoints can be sorted by."""

PROJECT_KEYS: dict[str, Callable[[ProjectHead], Any]] = {
    "created": lambda head: (head.created_at, head.id),
    "changed": lambda head: (head.changed_at, head.id),
    "name": lambda head: (head.name.casefold(), head.id),
    "status": lambda head: (head.status.value, head.id),
}
"""What projects can be sorted by."""


def endpoint_view(row: EndpointRow) -> EndpointView:
    """Show an endpoint."""
    return EndpointView(
        id=row.id,
        name=row.name,
        endpoint=row.endpoint,
        description=row.description,
        region=row.region,
        created_at=as_datetime(row.created_at),
        changed_at=as_datetime(row.changed_at),
        api_document=row.api_document,
    )


def project_view(tx: Transaction, row: ProjectRow, *, tables: bool, most_tables: int | None = None) -> ProjectView:
    """Show a project with its steps; `tables`: also with each table's progress, or that of the foremost ones."""
    switchover = switchovers.of_project(tx, row.id)
    return ProjectView(
        id=row.id,
        spec=row.spec,
        status=row.status,
        steps=tuple(
            step_view(tx, _shown(tx, step, switchover), most_tables=most_tables if tables else 0)
            for step in steps.of_project(tx, row.id)
        ),
        created_at=as_datetime(row.created_at),
        changed_at=as_datetime(row.changed_at),
        started_at=as_optional_datetime(row.started_at),
        finished_at=as_optional_datetime(row.finished_at),
        error=_error(row.error),
        alarm_count=row.alarm_count,
        revision=row.revision,
        owner=row.owner,
        alerts=alerts.summary(tx, row.id, unix_now()),
        notes=notes.small(tx, row.id, SHOWN_NOTE_BYTES),
        change=object_changes.open_one(tx, row.id),
        parent_id=object_changes.parent_of(tx, row.id) or switchovers.parent_of(tx, row.id) or "",
        switchover=switchover,
    )


def _shown(tx: Transaction, step: StepRow, switchover: Switchover | None) -> StepRow:
    """Return a step with the progress it shows: that of the reverse project's apply is the reverse step's."""
    if step.name is not StepName.REVERSE or switchover is None or not switchover.reverse_id:
        return step
    rows = steps.of_project(tx, switchover.reverse_id)
    apply = next((row for row in rows if row.name is StepName.APPLY), None)
    return step if apply is None else replace(step, progress=apply.progress, restarts=apply.restarts)


def step_view(tx: Transaction, row: StepRow, *, most_tables: int | None = None) -> StepView:
    """Show a step with all of its tables, or the foremost ones."""
    tables, more = _tables(tx, row, most_tables)
    running = unix_now() - row.running_since if row.running_since is not None else 0.0
    return StepView(
        order=ORDER[row.name],
        name=row.name,
        status=row.status,
        progress=row.progress,
        tables=tables,
        more_tables=more,
        started_at=as_optional_datetime(row.started_at),
        finished_at=as_optional_datetime(row.finished_at),
        seconds=row.seconds + max(running, 0.0),
        error=_error(row.error),
        restarts=row.restarts,
    )


def _tables(tx: Transaction, row: StepRow, most: int | None) -> tuple[tuple[TableProgress, ...], int]:
    if most is None:
        return steps.tables(tx, row.project_id, row.name), 0
    return steps.foremost(tx, row.project_id, row.name, most) if most else ((), 0)


def page_of(items: Sequence[T], number: int, size: int) -> tuple[Sequence[T], Page]:
    """Cut a page (from 1) out of a listing; returns its items and a page without items."""
    number, size = max(1, number), max(1, size)
    first = (number - 1) * size
    return items[first : first + size], Page(items=(), total=len(items), number=number, size=size)


def _error(document: dict[str, Any] | None) -> ErrorView | None:
    if document is None:
        return None
    return ErrorView(
        code=document["code"],
        message=document["message"],
        hint=document["hint"],
        retry=document["retry"],
        failed_at=as_datetime(document["failed_at"]),
        context=document.get("context", {}),
    )


def mentions(search: str, *texts: str) -> bool:
    """Whether one of the texts holds what is searched for."""
    wanted = search.strip().casefold()
    return not wanted or any(wanted in text.casefold() for text in texts)
