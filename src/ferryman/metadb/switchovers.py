"""Switchovers of projects, and which projects move changes back."""

from __future__ import annotations

from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack
from ferryman.model.serial import from_json, to_json
from ferryman.model.switchover import Stage, Switchover


def insert(tx: Transaction, switchover: Switchover) -> None:
    """Keep a new switchover."""
    tx.execute(
        "INSERT INTO switchover (id, project_id, reverse_id, stage, document, created_at, changed_at)"
        " VALUES (:id, :project, :reverse, :stage, :document, :created, :changed)",
        id=switchover.id,
        project=switchover.project_id,
        reverse=switchover.reverse_id,
        stage=switchover.stage.value,
        document=pack(to_json(switchover)),
        created=switchover.created_at,
        changed=switchover.changed_at,
    )


def update(tx: Transaction, switchover: Switchover) -> None:
    """Replace all but whose it is."""
    tx.execute(
        "UPDATE switchover SET reverse_id = :reverse, stage = :stage, document = :document, changed_at = :changed"
        " WHERE id = :id",
        id=switchover.id,
        reverse=switchover.reverse_id,
        stage=switchover.stage.value,
        document=pack(to_json(switchover)),
        changed=switchover.changed_at,
    )


def get(tx: Transaction, switchover_id: str) -> Switchover | None:
    """Return one switchover, or `None`."""
    row = tx.row("SELECT * FROM switchover WHERE id = :id", id=switchover_id)
    return None if row is None else _switchover(row)


def of_project(tx: Transaction, project_id: str) -> Switchover | None:
    """Return the switchover of a project that was not cancelled; there is at most one."""
    row = tx.row(
        "SELECT * FROM switchover WHERE project_id = :project AND stage <> :cancelled",
        project=project_id,
        cancelled=Stage.CANCELLED.value,
    )
    return None if row is None else _switchover(row)


def active(tx: Transaction) -> list[Switchover]:
    """Return what control has to see to, oldest first: also those done, whose changes flow back."""
    rows = tx.rows(
        "SELECT * FROM switchover WHERE stage <> :cancelled ORDER BY created_at, id", cancelled=Stage.CANCELLED.value
    )
    return [_switchover(row) for row in rows]


def parent_of(tx: Transaction, project_id: str) -> str | None:
    """Return the project whose changes this one moves back; `None` for any other."""
    found = tx.value("SELECT project_id FROM switchover WHERE reverse_id = :id", id=project_id)
    return None if found is None else str(found)


def reverse_projects(tx: Transaction) -> frozenset[str]:
    """Return the ids of all projects that move changes back, those that are being freed with them."""
    return frozenset(each for found in active(tx) for each in (found.reverse_id, *found.stale) if each)


def delete_all(tx: Transaction, project_id: str) -> None:
    """Forget the switchovers of a project that is deleted."""
    tx.execute("DELETE FROM switchover WHERE project_id = :project", project=project_id)


def _switchover(row: Row) -> Switchover:
    found: Switchover = from_json(Switchover, unpack(row["document"]))
    return found
