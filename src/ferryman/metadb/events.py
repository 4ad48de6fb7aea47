"""What happened to a project, oldest first; the youngest `KEPT` events of each project are kept."""

from __future__ import annotations

from typing import Any

from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import pack, unpack

KEPT = 5000
"""Events kept of each project."""

_PRUNE_EVERY = 100


def add(
    tx: Transaction,
    project_id: str,
    now: float,
    level: str,
    message: str,
    *,
    step: str = "",
    fields: dict[str, Any] | None = None,
) -> int:
    """Append an event and return its id; now and then the oldest ones go."""
    tx.execute(
        "INSERT INTO event (project_id, happened_at, level, step, message, fields)"
        " VALUES (:project, :now, :level, :step, :message, :fields)",
        project=project_id,
        now=now,
        level=level,
        step=step,
        message=message,
        fields=pack(fields or {}),
    )
    newest: int = tx.value("SELECT MAX(id) FROM event WHERE project_id = :id", id=project_id)
    if newest % _PRUNE_EVERY == 0:
        prune(tx, project_id)
    return newest


def prune(tx: Transaction, project_id: str, kept: int = KEPT) -> None:
    """Remove all but the youngest events of a project."""
    border = tx.value(
        "SELECT id FROM event WHERE project_id = :id ORDER BY id DESC LIMIT 1 OFFSET :kept", id=project_id, kept=kept
    )
    if border is not None:
        tx.execute("DELETE FROM event WHERE project_id = :id AND id <= :border", id=project_id, border=border)


def after(tx: Transaction, project_id: str, after_id: int, limit: int) -> list[dict[str, Any]]:
    """Return the events behind an id, oldest first: id, at (Unix seconds), level, step, message, fields."""
    rows = tx.rows(
        "SELECT * FROM event WHERE project_id = :project AND id > :after ORDER BY id LIMIT :limit",
        project=project_id,
        after=after_id,
        limit=limit,
    )
    return [
        {
            "id": row["id"],
            "at": row["happened_at"],
            "level": row["level"],
            "step": row["step"],
            "message": row["message"],
            "fields": unpack(row["fields"]),
        }
        for row in rows
    ]
