"""``/metrics``: what projects do, in Prometheus's format, read from the service when asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ferryman.control.service import Service
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import ProjectStatus, StepName, StepStatus

_OF_STEP = ("project", "step")


class ProjectCollector(Collector):
    """Turns projects into metrics."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Read every project once."""
        projects = list(all_projects(self._service))
        steps = [(project, step) for project in projects for step in project.steps]
        yield _states(projects)
        yield _step_states(steps)
        yield from _figures(steps)
        yield _latencies(steps)


def all_projects(service: Service) -> Iterator[ProjectView]:
    """Yield every project that is not deleted."""
    number = 1
    while True:
        page = service.projects(page=number, size=150)
        yield from page.items
        if not page.items or number * page.size >= page.total:
            return
        number += 1


def render(service: Service) -> bytes:
    """Return the text of ``/metrics``."""
    registry = CollectorRegistry()
    registry.register(ProjectCollector(service))
    return generate_latest(registry)


def _states(projects: list[ProjectView]) -> Metric:
    family = GaugeMetricFamily(
        "ferryman_project_state", "1 for the status a project is in", labels=("project", "state")
    )
    for project in projects:
        for status in ProjectStatus:
            family.add_metric((project.spec.name, status.value), float(project.status is status))
    return family


def _step_states(steps: list[tuple[ProjectView, StepView]]) -> Metric:
    family = GaugeMetricFamily("ferryman_step_state", "1 for the status a step is in", labels=(*_OF_STEP, "state"))
    for project, step in steps:
        for status in StepStatus:
            family.add_metric((project.spec.name, step.name.value, status.value), float(step.status is status))
    return family


def _figures(steps: list[tuple[ProjectView, StepView]]) -> Iterator[Metric]:
    # Gauges, not counters: a step that begins anew counts from 0 again.
    rows = GaugeMetricFamily("ferryman_rows", "Rows loaded or compared, changes applied", labels=_OF_STEP)
    rate = GaugeMetricFamily("ferryman_rows_per_second", "Rows or changes per second", labels=_OF_STEP)
    restarts = GaugeMetricFamily("ferryman_step_restarts", "Times a step's task was started again", labels=_OF_STEP)
    for project, step in steps:
        labels = (project.spec.name, step.name.value)
        rows.add_metric(labels, step.progress.rows)
        rate.add_metric(labels, step.progress.rows_per_second)
        restarts.add_metric(labels, step.restarts)
    yield from (rows, rate, restarts)


def _latencies(steps: list[tuple[ProjectView, StepView]]) -> Metric:
    family = GaugeMetricFamily(
        "ferryman_latency_seconds", "Seconds the target is behind the source", labels=["project"]
    )
    for project, step in steps:
        if step.name is StepName.APPLY and step.progress.latency_seconds is not None:
            family.add_metric([project.spec.name], step.progress.latency_seconds)
    return family
