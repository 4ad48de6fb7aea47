"""Settled differences that verification has found."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import pack, unpack
from ferryman.model.mismatch import Mismatch
from ferryman.model.serial import from_json, to_json


def replace(tx: Transaction, project_id: str, table: str, found: Sequence[Mismatch]) -> None:
    """Replace the differences of a table."""
    tx.execute("DELETE FROM mismatch WHERE project_id = :id AND table_name = :name", id=project_id, name=table)
    tx.many(
        "INSERT INTO mismatch (project_id, table_name, place, document) VALUES (:id, :name, :place, :document)",
        [
            {"id": project_id, "name": table, "place": place, "document": pack(to_json(mismatch))}
            for place, mismatch in enumerate(found)
        ],
    )


def move(tx: Transaction, project_id: str, other: str) -> None:
    """Make the differences of a project those of another one."""
    tx.execute("UPDATE mismatch SET project_id = :other WHERE project_id = :id", other=other, id=project_id)


def clear(tx: Transaction, project_id: str) -> None:
    """Remove the differences of a project."""
    tx.execute("DELETE FROM mismatch WHERE project_id = :id", id=project_id)


def count(tx: Transaction, project_id: str, table: str | None = None) -> int:
    """Return how many differences are stored, of one table or of all."""
    found: int = tx.value(
        "SELECT count(*) FROM mismatch WHERE project_id = :id AND (:name IS NULL OR table_name = :name)",
        id=project_id,
        name=table,
    )
    return found


def page(tx: Transaction, project_id: str, table: str | None, first: int, size: int) -> list[Mismatch]:
    """Return `size` differences from the `first` (0-based), by table."""
    rows = tx.rows(
        "SELECT document FROM mismatch WHERE project_id = :id AND (:name IS NULL OR table_name = :name)"
        " ORDER BY table_name, place LIMIT :size OFFSET :first",
        id=project_id,
        name=table,
        size=size,
        first=first,
    )
    return [from_json(Mismatch, unpack(row["document"])) for row in rows]
