"""Projects: spec, status, error. Every change of status is a compare-and-set on the revision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack, unpack_optional
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus
from ferryman.model.serial import from_json, to_json

SPEC_VERSION = 1
"""Of the stored form of a spec; raise it together with a migration."""


_STATUSES = {status.value: status for status in ProjectStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """One project; times in Unix seconds. `revision` is raised by each change of status or spec; no `owner`: everybody's."""

    id: str
    spec: ProjectSpec
    status: ProjectStatus
    created_at: float
    changed_at: float
    started_at: float | None = None
    finished_at: float | None = None
    error: dict[str, Any] | None = None
    alarm_count: int = 0
    revision: int = 1
    owner: str = ""


@dataclass(frozen=True, slots=True)
class ProjectHead:
    """What a listing sorts and filters by, and the control loop looks at."""

    id: str
    name: str
    type: str
    status: ProjectStatus
    source_scheme: str
    target_scheme: str
    labels: tuple[str, ...]
    created_at: float
    changed_at: float
    revision: int


def insert(tx: Transaction, box: SecretBox, row: ProjectRow) -> None:
    """Keep a new project; the caller has looked whether the name is free."""
    tx.execute(
        "INSERT INTO project (id, name, living_name, type, status, source_scheme, target_scheme, spec_version, spec,"
        " sealed, labels, created_at, changed_at, alarm_count, revision, owner)"
        " VALUES (:id, :name, :name, :type, :status, :source_scheme, :target_scheme, :spec_version, :spec,"
        " :sealed, :labels, :created_at, :changed_at, 0, 1, :owner)",
        id=row.id,
        status=row.status.value,
        owner=row.owner or None,
        created_at=row.created_at,
        changed_at=row.changed_at,
        **_spec_columns(box, row.spec),
    )


def update_spec(tx: Transaction, box: SecretBox, project_id: str, spec: ProjectSpec, now: float) -> None:
    """Replace the spec."""
    tx.execute(
        "UPDATE project SET name = :name, living_name = :name, type = :type, source_scheme = :source_scheme,"
        " target_scheme = :target_scheme, spec_version = :spec_version, spec = :spec, sealed = :sealed,"
        " labels = :labels, changed_at = :now, revision = revision + 1 WHERE id = :id",
        id=project_id,
        now=now,
        **_spec_columns(box, spec),
    )


def name_holder(tx: Transaction, name: str) -> str | None:
    """Return the id of the undeleted project of that name, or `None`."""
    found: str | None = tx.value("SELECT id FROM project WHERE living_name = :name AND status <> 'DELETED'", name=name)
    return found


def get(tx: Transaction, box: SecretBox, project_id: str) -> ProjectRow | None:
    """Return one project, or `None`."""
    row = tx.row("SELECT * FROM project WHERE id = :id", id=project_id)
    return None if row is None else _row(box, row)


def user_of_endpoint(tx: Transaction, box: SecretBox, endpoint_id: str) -> str | None:
    """Return the id of a project that uses an endpoint and is not over, or `None`."""
    for found in tx.rows("SELECT * FROM project WHERE status NOT IN ('RELEASED', 'DELETED')"):
        spec = _row(box, found).spec
        if endpoint_id in {spec.source_endpoint_id, spec.target_endpoint_id}:
            return str(found["id"])
    return None


def heads(tx: Transaction, statuses: Sequence[ProjectStatus] = ()) -> list[ProjectHead]:
    """Return all projects in these statuses (any when empty), oldest first."""
    where = ", ".join(f"'{status.value}'" for status in statuses)
    rows = tx.rows(
        "SELECT id, name, type, status, source_scheme, target_scheme, labels, created_at, changed_at, revision"
        f" FROM project{f' WHERE status IN ({where})' if where else ''} ORDER BY created_at, id"
    )
    return [_head(row) for row in rows]


def status(tx: Transaction, project_id: str) -> ProjectStatus | None:
    """Return a project's status, or `None` when there is no such project."""
    found = tx.value("SELECT status FROM project WHERE id = :id", id=project_id)
    return None if found is None else ProjectStatus(found)


def labels_of(tx: Transaction, project_id: str) -> tuple[str, ...]:
    """Return the ids of a project's labels; none when there is no such project."""
    found: str | None = tx.value("SELECT labels FROM project WHERE id = :id", id=project_id)
    return tuple(json.loads(found)) if found else ()


def owner(tx: Transaction, project_id: str) -> str:
    """Return whose project it is; empty: everybody's, or there is none."""
    return str(tx.value("SELECT owner FROM project WHERE id = :id", id=project_id) or "")


def set_owner(tx: Transaction, project_id: str, account: str) -> bool:
    """Give a project to an account (empty: to everybody); returns whether it is there."""
    sql = "UPDATE project SET owner = :owner, revision = revision + 1 WHERE id = :id"
    return tx.execute(sql, id=project_id, owner=account or None) == 1


def revision(tx: Transaction, project_id: str) -> int | None:
    """Return how often status and spec of a project were written, or `None` when there is no such project."""
    found: int | None = tx.value("SELECT revision FROM project WHERE id = :id", id=project_id)
    return found


def set_status(
    tx: Transaction, project_id: str, new: ProjectStatus, now: float, *, revision: int | None = None
) -> bool:
    """Change the status; with `revision` only if nothing changed since it was read. Returns whether it was changed."""
    changed = tx.execute(
        "UPDATE project SET status = :new, changed_at = :now, revision = revision + 1"
        " WHERE id = :id AND (:revision IS NULL OR revision = :revision)",
        id=project_id,
        new=new.value,
        now=now,
        revision=revision,
    )
    return changed == 1


def mark_started(tx: Transaction, project_id: str, now: float) -> None:
    """Forget the last end and error; the first start stays."""
    tx.execute(
        "UPDATE project SET started_at = COALESCE(started_at, :now), finished_at = NULL, error = NULL WHERE id = :id",
        id=project_id,
        now=now,
    )


def mark_finished(tx: Transaction, project_id: str, now: float) -> None:
    """Write down when the project ended."""
    tx.execute("UPDATE project SET finished_at = :now WHERE id = :id", id=project_id, now=now)


def mark_failed(tx: Transaction, project_id: str, error: dict[str, Any]) -> None:
    """Write down why the project failed, and count the alarm."""
    tx.execute(
        "UPDATE project SET error = :error, alarm_count = alarm_count + 1 WHERE id = :id",
        id=project_id,
        error=pack(error),
    )


def free_name(tx: Transaction, project_id: str) -> None:
    """Let another project take the name (this one is deleted)."""
    tx.execute("UPDATE project SET living_name = id WHERE id = :id", id=project_id)


def _spec_columns(box: SecretBox, spec: ProjectSpec) -> dict[str, Any]:
    ends = {"source": to_json(spec.source), "target": to_json(spec.target), "hash_key": spec.hash_key}
    open_spec = replace(spec, source=_without_secrets(spec.source), target=_without_secrets(spec.target), hash_key="")
    return {
        "name": spec.name,
        "type": spec.type.value,
        "source_scheme": spec.source.scheme,
        "target_scheme": spec.target.scheme,
        "spec_version": SPEC_VERSION,
        "spec": pack(to_json(open_spec)),
        "sealed": box.seal(json.dumps(ends)),
        "labels": json.dumps(spec.labels),
    }


def _without_secrets(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, password="", options={})


def _row(box: SecretBox, row: Row) -> ProjectRow:
    ends = json.loads(box.open(row["sealed"]))
    return ProjectRow(
        id=row["id"],
        spec=from_json(ProjectSpec, unpack(row["spec"]) | ends),
        status=ProjectStatus(row["status"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=unpack_optional(row["error"]),
        alarm_count=row["alarm_count"],
        revision=row["revision"],
        owner=row["owner"] or "",
    )


def _head(row: Row) -> ProjectHead:
    """Read a head; quickly, for a listing and each round of the control loop read all of them."""
    (id_, name, type_, status_, source, target, labels, created, changed, revision) = row
    marked = () if labels == "[]" else tuple(json.loads(labels))
    return ProjectHead(id_, name, type_, _STATUSES[status_], source, target, marked, created, changed, revision)
