"""``/metrics`` in Prometheus's format, read from the metadb when asked: all projects in three queries.

What a step has said is turned into lines once and kept until it says something else, so that a scrape stays quick with
thousands of projects. Of a state only the one that holds is shown, as 1.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import REGISTRY, generate_latest

from ferryman import __version__
from ferryman.control.alerts.book import Alerts
from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.foundation.clock import unix_now
from ferryman.metadb import alerts, outbox, tasks
from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import unpack

Progress = dict[str, Any]
Figure = Callable[[Progress, Row], float | int | None]


@dataclass(frozen=True, slots=True)
class StepMetric:
    """A figure of each step; `None` leaves it out."""

    name: str
    kind: str
    help: str
    figure: Figure


def _said(member: str) -> Figure:
    return lambda progress, _: progress.get(member)


def _of_store(member: str) -> Figure:
    """Return a figure of the log store that a capture is about; projects that share one say the same."""
    return lambda progress, _: (progress.get("info", {}).get("log_store") or {}).get(member)


# Counters may fall back to 0: a step that begins anew counts from there, which `rate` understands.
STEP_METRICS = (
    StepMetric("ferryman_step_rows_total", "counter", "Rows loaded or compared, changes applied", _said("rows")),
    StepMetric("ferryman_step_bytes_total", "counter", "Bytes read or written", _said("bytes")),
    StepMetric(
        "ferryman_step_restarts_total",
        "counter",
        "Times a step's task began again after an error",
        lambda _, row: row["restarts"],
    ),
    StepMetric("ferryman_step_rows_per_second", "gauge", "Rows or changes per second", _said("rows_per_second")),
    StepMetric("ferryman_step_bytes_per_second", "gauge", "Bytes per second", _said("bytes_per_second")),
    StepMetric(
        "ferryman_step_progress_ratio",
        "gauge",
        "How far the step is, 0 to 1",
        lambda said, _: said.get("percent", 0) / 100,
    ),
    StepMetric("ferryman_step_latency_seconds", "gauge", "Seconds behind the source", _said("latency_seconds")),
    StepMetric(
        "ferryman_step_checkpoint_timestamp_seconds",
        "gauge",
        "Up to when all is captured or applied",
        _said("checkpoint_seconds"),
    ),
    StepMetric(
        "ferryman_step_streams",
        "gauge",
        "Streams that a load uses",
        lambda said, _: said.get("info", {}).get("speed", {}).get("streams"),
    ),
    StepMetric(
        "ferryman_step_dead_letters",
        "gauge",
        "Changes put aside instead of applied",
        lambda said, _: said.get("info", {}).get("dead_letters"),
    ),
    StepMetric("ferryman_step_log_store_bytes", "gauge", "Size of the log store on disk", _of_store("bytes")),
    StepMetric("ferryman_step_log_store_projects", "gauge", "Projects that read it", _of_store("projects")),
)

_STEPS = (
    "SELECT s.project_id, s.name, s.status, s.progress, s.restarts, p.name AS project FROM step s"
    " JOIN project p ON p.id = s.project_id WHERE s.enabled = 1 AND p.status <> 'DELETED'"
)
_PROJECTS = (
    "SELECT p.name, p.status, p.alarm_count, (SELECT count(*) FROM mismatch m WHERE m.project_id = p.id) AS mismatches"
    " FROM project p WHERE p.status <> 'DELETED' ORDER BY p.name"
)


class Exposition:
    """Writes ``/metrics``. Thread-safe."""

    def __init__(self, book: Alerts) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[object, tuple[str, ...]]] = {}

    def render(self) -> bytes:
        """Return the text."""
        with self._book.metadb.reading() as tx:
            steps, projects = tx.rows(_STEPS), tx.rows(_PROJECTS)
            service = list(self._service(tx))
        with self._lock:
            lines = self._step_lines(steps)
        text = "\n".join([*_project_lines(projects), *lines, *service, ""])
        return text.encode() + generate_latest(REGISTRY)

    def _step_lines(self, rows: list[Row]) -> Iterator[str]:
        fresh = {(row["project_id"], row["name"]): self._of_step(row) for row in rows}
        self._known = fresh
        yield from _heads("ferryman_step_state", "gauge", "1 for the status a step is in")
        yield from (lines[0] for _, lines in fresh.values())
        for place, metric in enumerate(STEP_METRICS, start=1):
            yield from _heads(metric.name, metric.kind, metric.help)
            yield from (lines[place] for _, lines in fresh.values() if lines[place])

    def _of_step(self, row: Row) -> tuple[object, tuple[str, ...]]:
        mark = (row["progress"], row["status"], row["restarts"], row["project"])
        known = self._known.get((row["project_id"], row["name"]))
        return known if known is not None and known[0] == mark else (mark, _lines_of(row))

    def _service(self, tx: Transaction) -> Iterator[str]:
        yield from _family(
            "ferryman_build_info", "gauge", "The version that runs", [(f'{{version="{__version__}"}}', 1)]
        )
        now = unix_now()
        alive = sum(row.expires_at > now for row in tasks.held(tx))
        yield from _family("ferryman_tasks", "gauge", "Tasks with a living process", [("", alive)])
        found = alerts.open_counts(tx).items()
        opened = [(f'{{rule="{rule}",level="{level}"}}', count) for (rule, level), count in sorted(found)]
        yield from _family("ferryman_alerts_open", "gauge", "Alerts that are open", opened)
        notices = [(f'{{state="{state}"}}', count) for state, count in sorted(outbox.counts(tx).items())]
        yield from _family("ferryman_alert_notices", "gauge", "Notices of the last 30 days by state", notices)
        usage = shutil.disk_usage(self._book.metadb.data_dir)
        yield from _family(
            "ferryman_data_dir_free_bytes", "gauge", "Room on the data directory's disk", [("", usage.free)]
        )
        yield from _family("ferryman_data_dir_size_bytes", "gauge", "Size of that disk", [("", usage.total)])


def all_projects(service: Service) -> Iterator[ProjectView]:
    """Yield every project that is not deleted."""
    number = 1
    while True:
        page = service.projects(page=number, size=150)
        yield from page.items
        if not page.items or number * page.size >= page.total:
            return
        number += 1


def _project_lines(rows: list[Row]) -> Iterator[str]:
    names = [f'project="{_escaped(row["name"])}"' for row in rows]
    states = [(f'{{{name},state="{row["status"]}"}}', 1) for name, row in zip(names, rows, strict=True)]
    yield from _family("ferryman_project_state", "gauge", "1 for the status a project is in", states)
    failures = [(f"{{{name}}}", row["alarm_count"]) for name, row in zip(names, rows, strict=True)]
    yield from _family("ferryman_project_failures_total", "counter", "Times a project has failed", failures)
    mismatches = [(f"{{{name}}}", row["mismatches"]) for name, row in zip(names, rows, strict=True)]
    yield from _family("ferryman_project_mismatches", "gauge", "Differences that verification has stored", mismatches)


def _lines_of(row: Row) -> tuple[str, ...]:
    """Return the line of its state and one of each metric, empty where there is no figure."""
    progress = unpack(row["progress"])
    labels = f'project="{_escaped(row["project"])}",step="{row["name"]}"'
    lines = [f'ferryman_step_state{{{labels},state="{row["status"]}"}} 1']
    for metric in STEP_METRICS:
        value = metric.figure(progress, row)
        lines.append("" if value is None else f"{metric.name}{{{labels}}} {value}")
    return tuple(lines)


def _family(name: str, kind: str, text: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield from _heads(name, kind, text)
    yield from (f"{name}{labels} {value}" for labels, value in values)


def _heads(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
