"""Labels of projects: id and name."""

from __future__ import annotations

from ferryman.metadb.database import Transaction


def names(tx: Transaction) -> dict[str, str]:
    """Return every label, id → name, oldest first."""
    return {row["id"]: row["name"] for row in tx.rows("SELECT id, name FROM label ORDER BY created_at, id")}


def insert(tx: Transaction, label_id: str, name: str, now: float) -> None:
    """Keep a label; the caller has looked whether the name is free."""
    tx.execute("INSERT INTO label (id, name, created_at) VALUES (:id, :name, :now)", id=label_id, name=name, now=now)


def rename(tx: Transaction, label_id: str, name: str) -> None:
    """Give a label another name."""
    tx.execute("UPDATE label SET name = :name WHERE id = :id", id=label_id, name=name)


def delete(tx: Transaction, label_id: str) -> None:
    """Remove a label."""
    tx.execute("DELETE FROM label WHERE id = :id", id=label_id)
