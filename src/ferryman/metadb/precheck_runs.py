"""Prechecks asked for on their own, and their outcome; the youngest `KEPT` are kept."""

from __future__ import annotations

from typing import Any

from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import pack, unpack

KEPT = 1000
"""Runs kept."""


def insert(tx: Transaction, run_id: str, project_id: str, status: str, document: Any, now: float) -> None:
    """Keep a new run; the oldest ones go."""
    tx.execute(
        "INSERT INTO precheck_run (id, project_id, status, document, created_at)"
        " VALUES (:id, :project, :status, :document, :now)",
        id=run_id,
        project=project_id,
        status=status,
        document=pack(document),
        now=now,
    )
    border = tx.value("SELECT created_at FROM precheck_run ORDER BY created_at DESC LIMIT 1 OFFSET :kept", kept=KEPT)
    if border is not None:
        tx.execute("DELETE FROM precheck_run WHERE created_at <= :border", border=border)


def update(tx: Transaction, run_id: str, status: str, document: Any) -> None:
    """Write how far a run is."""
    tx.execute(
        "UPDATE precheck_run SET status = :status, document = :document WHERE id = :id",
        id=run_id,
        status=status,
        document=pack(document),
    )


def get(tx: Transaction, run_id: str) -> tuple[str, Any] | None:
    """Return status and document of a run, or `None`."""
    row = tx.row("SELECT status, document FROM precheck_run WHERE id = :id", id=run_id)
    return None if row is None else (row["status"], unpack(row["document"]))


def abandon(tx: Transaction) -> None:
    """Say of runs under way that they have failed."""
    tx.execute("UPDATE precheck_run SET status = 'FAILED' WHERE status IN ('PENDING', 'RUNNING')")
