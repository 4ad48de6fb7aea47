"""The end of a project, together with the projects that stand beside it: those that bring objects up, or changes back."""

from __future__ import annotations

from ferryman.control import lifecycle
from ferryman.control.object_changes import delete_all, end_all
from ferryman.control.switchovers import delete_reverse, end_reverse
from ferryman.metadb.database import Transaction


def release(tx: Transaction, project_id: str) -> None:
    """SUSPEND, FAILED or FINISHED → RELEASING."""
    lifecycle.release(tx, project_id)
    end_all(tx, project_id)
    end_reverse(tx, project_id)


def delete(tx: Transaction, project_id: str) -> None:
    """INIT or RELEASED → DELETED."""
    lifecycle.delete(tx, project_id)
    delete_all(tx, project_id)
    delete_reverse(tx, project_id)
