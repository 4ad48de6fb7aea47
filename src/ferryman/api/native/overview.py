"""The overview: how many projects are in which status, what moves now, and what needs a look."""

from __future__ import annotations

from ferryman.api.native.documents import Model, ProjectDocument, project_document
from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.model.project import ProjectStatus, StepName, StepStatus

SHOWN = 8
"""So many projects are named in each list."""
LOOKED_AT = 200
"""Rates are summed over at most so many running projects."""


class OverviewDocument(Model):
    """Everything on one page.

    Attributes:
        by_status: Projects by status, all statuses named.
        workers: Processes of steps that live now.
        rates_of: How many running projects the rates and the latency are of (at most 200).
        failed: Projects that wait for a person.
        latest: The youngest ones.
    """

    by_status: dict[str, int]
    workers: int
    endpoints: int
    rates_of: int
    rows_per_second: float
    bytes_per_second: float
    latency_seconds: float | None
    failed: list[ProjectDocument]
    latest: list[ProjectDocument]


def overview_document(service: Service) -> OverviewDocument:
    """Read the service once."""
    by_status = {
        status.value: service.projects(statuses=[status], size=1).total
        for status in ProjectStatus
        if status is not ProjectStatus.DELETED
    }
    running = service.projects(statuses=[ProjectStatus.RUNNING], sort="changed", size=LOOKED_AT).items
    failed = service.projects(statuses=[ProjectStatus.FAILED], sort="changed", size=SHOWN).items
    latencies = [latency for project in running if (latency := _latency(project)) is not None]
    return OverviewDocument(
        by_status=by_status,
        workers=service.workers(),
        endpoints=service.endpoints(size=1).total,
        rates_of=len(running),
        rows_per_second=sum(_rate(project)[0] for project in running),
        bytes_per_second=sum(_rate(project)[1] for project in running),
        latency_seconds=max(latencies, default=None),
        failed=[_short(project) for project in failed],
        latest=[_short(project) for project in service.projects(size=SHOWN).items],
    )


def _short(project: ProjectView) -> ProjectDocument:
    document = project_document(project, with_tables=False)
    for step in document.steps:
        step.info = {}
    return document


def _rate(project: ProjectView) -> tuple[float, float]:
    """Return rows and bytes a second of load and apply: what is written, not what is read twice."""
    moving = [
        step.progress
        for step in project.steps
        if step.name in {StepName.LOAD, StepName.APPLY} and step.status in {StepStatus.RUNNING, StepStatus.MONITORING}
    ]
    return sum(each.rows_per_second for each in moving), sum(each.bytes_per_second for each in moving)


def _latency(project: ProjectView) -> float | None:
    apply = project.step(StepName.APPLY)
    following = apply is not None and apply.status in {StepStatus.RUNNING, StepStatus.MONITORING}
    return apply.progress.latency_seconds if apply is not None and following else None
