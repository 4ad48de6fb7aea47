"""Notes: small (and not so small) JSON documents that the steps of a project leave for each other."""

from __future__ import annotations

from typing import Any

from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import pack, unpack


def get(tx: Transaction, project_id: str, name: str) -> Any | None:
    """Return a note, or `None`."""
    stored = tx.value("SELECT document FROM note WHERE project_id = :id AND name = :name", id=project_id, name=name)
    return None if stored is None else unpack(stored)


def put(tx: Transaction, project_id: str, name: str, document: Any, now: float) -> None:
    """Write a note; `None` removes it."""
    if document is None:
        tx.execute("DELETE FROM note WHERE project_id = :id AND name = :name", id=project_id, name=name)
        return
    packed = pack(document)
    params = {"id": project_id, "name": name, "document": packed, "size": len(packed), "now": now}
    if not tx.execute(
        "UPDATE note SET document = :document, size = :size, changed_at = :now WHERE project_id = :id AND name = :name",
        **params,
    ):
        tx.execute(
            "INSERT INTO note (project_id, name, document, size, changed_at)"
            " VALUES (:id, :name, :document, :size, :now)",
            **params,
        )


def small(tx: Transaction, project_id: str, most_bytes: int) -> dict[str, Any]:
    """Return the notes of a project of at most so many stored bytes, without those of single tables (``name/table``)."""
    rows = tx.rows(
        "SELECT name, document FROM note WHERE project_id = :id AND size <= :size AND name NOT LIKE '%/%' ORDER BY name",
        id=project_id,
        size=most_bytes,
    )
    return {row["name"]: unpack(row["document"]) for row in rows}


def clear(tx: Transaction, project_id: str, prefix: str = "") -> None:
    """Remove the notes of a project whose names begin so, or all."""
    tx.execute("DELETE FROM note WHERE project_id = :id AND name LIKE :pattern", id=project_id, pattern=f"{prefix}%")
