"""Changes of a project's objects, and the sub-projects that carry them out."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack
from ferryman.model.object_change import ACTIVE, OPEN, ObjectChange, ObjectChangeKind, ObjectChangeStatus


def insert(tx: Transaction, change: ObjectChange) -> None:
    """Keep a new change."""
    tx.execute(
        "INSERT INTO object_change (id, project_id, sub_project_id, kind, status, document, created_at, changed_at)"
        " VALUES (:id, :project, :sub, :kind, :status, :document, :created, :changed)",
        id=change.id,
        project=change.project_id,
        sub=change.sub_project_id,
        kind=change.kind.value,
        status=change.status.value,
        document=_document(change),
        created=change.created_at,
        changed=change.changed_at,
    )


def update(tx: Transaction, change: ObjectChange) -> None:
    """Replace status, sub-project and error."""
    tx.execute(
        "UPDATE object_change SET sub_project_id = :sub, status = :status, document = :document, changed_at = :changed"
        " WHERE id = :id",
        id=change.id,
        sub=change.sub_project_id,
        status=change.status.value,
        document=_document(change),
        changed=change.changed_at,
    )


def get(tx: Transaction, change_id: str) -> ObjectChange | None:
    """Return one change, or `None`."""
    row = tx.row("SELECT * FROM object_change WHERE id = :id", id=change_id)
    return None if row is None else _change(row)


def of_project(tx: Transaction, project_id: str) -> list[ObjectChange]:
    """Return all changes of a project, youngest first."""
    rows = tx.rows(
        "SELECT * FROM object_change WHERE project_id = :project ORDER BY created_at DESC, id DESC", project=project_id
    )
    return [_change(row) for row in rows]


def open_one(tx: Transaction, project_id: str) -> ObjectChange | None:
    """Return the change of a project that is not over, or `None`; there is at most one."""
    row = tx.row(
        f"SELECT * FROM object_change WHERE project_id = :project AND status IN ({_listed(OPEN)})", project=project_id
    )
    return None if row is None else _change(row)


def active(tx: Transaction) -> list[ObjectChange]:
    """Return the changes of all projects that control has to see to, oldest first."""
    rows = tx.rows(f"SELECT * FROM object_change WHERE status IN ({_listed(ACTIVE)}) ORDER BY created_at, id")
    return [_change(row) for row in rows]


def parent_of(tx: Transaction, project_id: str) -> str | None:
    """Return the project to which a sub-project belongs; `None` for a project of its own."""
    found = tx.value("SELECT project_id FROM object_change WHERE sub_project_id = :id", id=project_id)
    return None if found is None else str(found)


def sub_projects(tx: Transaction) -> frozenset[str]:
    """Return the ids of all sub-projects."""
    rows = tx.rows("SELECT sub_project_id FROM object_change WHERE sub_project_id <> ''")
    return frozenset(str(row["sub_project_id"]) for row in rows)


def _listed(statuses: Iterable[ObjectChangeStatus]) -> str:
    return ", ".join(sorted(f"'{status.value}'" for status in statuses))


def _document(change: ObjectChange) -> bytes:
    return pack({"objects": change.objects, "rename": change.rename, "error": change.error})


def _change(row: Row) -> ObjectChange:
    document = unpack(row["document"])
    return ObjectChange(
        id=row["id"],
        project_id=row["project_id"],
        kind=ObjectChangeKind(row["kind"]),
        status=ObjectChangeStatus(row["status"]),
        objects=tuple(document["objects"]),
        rename=document["rename"],
        sub_project_id=row["sub_project_id"],
        error=document["error"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )
