"""Reads what the rules look at: of all projects at once, from the metadb and the data directory."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.control.alerts.evaluation import ProjectFacts, ServiceFacts
from ferryman.metadb import alert_settings, outbox, projects, tasks
from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import unpack
from ferryman.metadb.projects import ProjectHead
from ferryman.metadb.store import MetaDb
from ferryman.model.project import Importance, ProjectStatus, StepName
from ferryman.pipeline.logstore import store_directories
from ferryman.pipeline.logstore.claims import kept_for
from ferryman.pipeline.logstore.retention import store_bytes

STORE_LOOK_SECONDS = 60.0
"""The log stores are measured this often."""

FAILURES_SECONDS = 3600.0
"""A delivery that was given up is a matter of alert for so long."""

WATCHED = (
    ProjectStatus.RUNNING,
    ProjectStatus.SUSPEND,
    ProjectStatus.FAILED,
    ProjectStatus.FINISHED,
    ProjectStatus.RELEASING,
    ProjectStatus.RELEASED,
)

_RESTING = frozenset({ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED, ProjectStatus.RELEASED})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look at the metadb has shown, by project."""

    progress: dict[str, dict[str, Any]]
    under_way: dict[str, set[str]]
    caught_up: set[str]
    alive: dict[str, set[str]]
    mismatches: dict[str, int]
    errors: dict[str, str]


class FactReader:
    """Reads facts; remembers alert levels and how full the log stores are between two looks. For one thread."""

    def __init__(self, metadb: MetaDb) -> None:
        self._metadb = metadb
        self._levels: dict[str, tuple[int, Importance]] = {}
        self._fill: dict[str, float] = {}
        self._measured = float("-inf")

    def projects(self, tx: Transaction, now: float) -> list[ProjectFacts]:
        """Return the facts of every project that has been started and is not deleted."""
        heads = projects.heads(tx, WATCHED)
        self._learn_levels(tx, heads)
        self._measure()
        seen = _look(tx, now)
        return [self._facts(head, seen, now) for head in heads]

    def service(self, tx: Transaction, now: float) -> ServiceFacts:
        """Return the facts of the service."""
        failed = outbox.failed_since(tx, now - FAILURES_SECONDS)
        names = (
            [row.name for row in alert_settings.channels(tx, self._metadb.box) if row.id in failed] if failed else []
        )
        return ServiceFacts(disk_free_percent=_free_percent(self._metadb.data_dir), failed_channels=tuple(names))

    def _learn_levels(self, tx: Transaction, heads: list[ProjectHead]) -> None:
        for head in heads:
            if self._levels.get(head.id, (0, None))[0] != head.revision:
                spec = unpack(tx.value("SELECT spec FROM project WHERE id = :id", id=head.id))
                self._levels[head.id] = (head.revision, Importance(spec["importance"]))
        for gone in set(self._levels) - {head.id for head in heads}:
            del self._levels[gone]

    def _measure(self) -> None:
        if time.monotonic() - self._measured < STORE_LOOK_SECONDS:
            return
        self._measured = time.monotonic()
        stores = store_directories(self._metadb.data_dir)
        percent = {each: 100 * store_bytes(each) / kept_for(each).bytes for each in set(stores.values())}
        self._fill = {project: percent[each] for project, each in stores.items()}

    def _facts(self, head: ProjectHead, seen: _Seen, now: float) -> ProjectFacts:
        running = head.status is ProjectStatus.RUNNING
        alive, under_way = seen.alive.get(head.id, set()), seen.under_way.get(head.id, set())
        wanted_beside = {StepName.CAPTURE.value} if head.status is ProjectStatus.FAILED else set()
        progress = seen.progress.get(f"{head.id}/apply", {})
        capture = seen.progress.get(f"{head.id}/capture", {})
        return ProjectFacts(
            id=head.id,
            name=head.name,
            status=head.status,
            level=self._levels[head.id][1],
            labels=head.labels,
            error=seen.errors.get(head.id, ""),
            latency_seconds=_latency(progress, "apply" in alive, now)
            if running and head.id in seen.caught_up
            else None,
            mismatches=seen.mismatches.get(head.id, 0),
            lost_steps=tuple(sorted(under_way - alive)) if running else (),
            stray_tasks=tuple(sorted(alive - wanted_beside)) if head.status in _RESTING else (),
            log_store_percent=self._fill.get(head.id, 0.0),
            log_left_seconds=_log_left(capture, "capture" in alive, now),
            dead_letters=int(progress.get("info", {}).get("dead_letters") or 0),
        )


def _look(tx: Transaction, now: float) -> _Seen:
    steps = tx.rows(
        "SELECT project_id, name, status, caught_up, CASE WHEN name IN ('apply', 'capture') THEN progress END AS progress"
        " FROM step WHERE enabled = 1 AND status IN ('RUNNING', 'MONITORING', 'FAILED', 'SUSPEND')"
    )
    found = _Seen({}, {}, set(), {}, {}, {})
    for row in steps:
        if row["progress"] is not None:
            found.progress[f"{row['project_id']}/{row['name']}"] = unpack(row["progress"])
        if row["status"] in {"RUNNING", "MONITORING"}:
            found.under_way.setdefault(row["project_id"], set()).add(row["name"])
        if row["name"] == "apply" and row["caught_up"]:
            found.caught_up.add(row["project_id"])
    for task in tasks.held(tx):
        if task.expires_at > now:
            found.alive.setdefault(task.key.project_id, set()).add(task.key.name)
    for row in tx.rows("SELECT project_id, count(*) AS n FROM mismatch GROUP BY project_id"):
        found.mismatches[row["project_id"]] = row["n"]
    for row in tx.rows("SELECT id, error FROM project WHERE status = 'FAILED' AND error IS NOT NULL"):
        found.errors[row["id"]] = str(unpack(row["error"])["message"])
    return found


def _latency(progress: dict[str, Any], alive: bool, now: float) -> float | None:
    """Return how far the target is behind: as its process says, and while there is none by the time that passes."""
    said: float | None = progress.get("latency_seconds")
    checkpoint: int | None = progress.get("checkpoint_seconds")
    return said if alive or not checkpoint else max(now - checkpoint, 0.0)


def _log_left(capture: dict[str, Any], alive: bool, now: float) -> float | None:
    """Return how long the source still keeps the log behind what is captured; `None` when all of it is captured."""
    if alive and capture.get("caught_up"):
        return None
    kept, checkpoint = capture.get("info", {}).get("log_kept_seconds"), capture.get("checkpoint_seconds")
    return None if not kept or not checkpoint else float(checkpoint) + float(kept) - now


def _free_percent(path: Path) -> float | None:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return 100 * usage.free / usage.total if usage.total else None
