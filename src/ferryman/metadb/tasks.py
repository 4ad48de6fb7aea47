"""Tasks and their leases: who may run a task, until when, under which fencing epoch (I7).

A task belongs to the service that raised its epoch last. Its process renews the lease and writes only while the epoch is
its own; all of that is compare-and-set within one transaction, so it holds on every SQL database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman.foundation.errors import LeaseLostError
from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack_optional


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """Names a task: a project and a step's name, or ``release``."""

    project_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.project_id}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> TaskKey:
        """Read what `str` wrote."""
        project_id, _, name = text.partition("/")
        return cls(project_id, name)


CONTROL = TaskKey("", "control")
"""No task: the lease of the service that controls, among several on one metadb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task; times in Unix seconds.

    Attributes:
        owner: The service that holds the task, `None` when it is free.
        process_born: When the process was started, in the system's own words; with `process_id` it names one process.
        outcome: ``finished``, ``stopped`` or ``failed`` as the process said it; `None`: it has said nothing.
    """

    key: TaskKey
    epoch: int
    owner: str | None
    expires_at: float
    process_id: int | None
    process_born: str | None
    stop_requested: bool
    outcome: str | None
    error: dict[str, Any] | None


def get(tx: Transaction, key: TaskKey) -> TaskRow | None:
    """Return one task, or `None` when it has never run."""
    row = tx.row(
        "SELECT * FROM task WHERE project_id = :project AND name = :name", project=key.project_id, name=key.name
    )
    return None if row is None else _row(row)


def held(tx: Transaction) -> list[TaskRow]:
    """Return all tasks that somebody holds."""
    return [_row(row) for row in tx.rows("SELECT * FROM task WHERE owner IS NOT NULL AND project_id <> ''")]


def claim(tx: Transaction, key: TaskKey, owner: str, now: float, lease_seconds: float) -> int | None:
    """Become the holder of a task that is free, or whose lease has run out; returns the new epoch, else `None`."""
    if get(tx, key) is None:
        tx.execute(
            "INSERT INTO task (project_id, name, epoch, expires_at, stop_requested) VALUES (:project, :name, 0, 0, 0)",
            project=key.project_id,
            name=key.name,
        )
    claimed = tx.execute(
        "UPDATE task SET epoch = epoch + 1, owner = :owner, expires_at = :expires, process_id = NULL,"
        " process_born = NULL, stop_requested = 0, outcome = NULL, error = NULL, started_at = :now, ended_at = NULL"
        " WHERE project_id = :project AND name = :name AND (owner IS NULL OR expires_at < :now)",
        project=key.project_id,
        name=key.name,
        owner=owner,
        now=now,
        expires=now + lease_seconds,
    )
    if not claimed:
        return None
    epoch: int = tx.value(
        "SELECT epoch FROM task WHERE project_id = :project AND name = :name", project=key.project_id, name=key.name
    )
    return epoch


def introduce(tx: Transaction, key: TaskKey, epoch: int, process_id: int, born: str) -> None:
    """Say which process runs the task; `LeaseLostError` when the epoch has passed to another."""
    guard(tx, key, epoch)
    tx.execute(
        "UPDATE task SET process_id = :pid, process_born = :born WHERE project_id = :project AND name = :name",
        pid=process_id,
        born=born,
        project=key.project_id,
        name=key.name,
    )


def guard(tx: Transaction, key: TaskKey, epoch: int) -> None:
    """Raise `LeaseLostError` unless the task is held under this epoch (I7)."""
    held_by = tx.value(
        "SELECT epoch FROM task WHERE project_id = :project AND name = :name AND owner IS NOT NULL",
        project=key.project_id,
        name=key.name,
    )
    if held_by != epoch:
        raise LeaseLostError("lease.lost", f"task {key} is no longer held under epoch {epoch}")


def renew(tx: Transaction, key: TaskKey, epoch: int, expires_at: float) -> None:
    """Put off the end of the lease; `LeaseLostError` when the epoch has passed to another."""
    guard(tx, key, epoch)
    tx.execute(
        "UPDATE task SET expires_at = :expires WHERE project_id = :project AND name = :name",
        expires=expires_at,
        project=key.project_id,
        name=key.name,
    )


def request_stop(tx: Transaction, key: TaskKey) -> None:
    """Ask the process of a task to end."""
    tx.execute(
        "UPDATE task SET stop_requested = 1 WHERE project_id = :project AND name = :name",
        project=key.project_id,
        name=key.name,
    )


def stop_requested(tx: Transaction, key: TaskKey, epoch: int) -> bool:
    """Whether the process shall end; `LeaseLostError` when the epoch has passed to another."""
    guard(tx, key, epoch)
    row = get(tx, key)
    return row is not None and row.stop_requested


def record_outcome(
    tx: Transaction, key: TaskKey, epoch: int, outcome: str, error: dict[str, Any] | None, now: float
) -> None:
    """Say how the process ended; `LeaseLostError` when the epoch has passed to another."""
    guard(tx, key, epoch)
    tx.execute(
        "UPDATE task SET outcome = :outcome, error = :error, ended_at = :now"
        " WHERE project_id = :project AND name = :name",
        outcome=outcome,
        error=None if error is None else pack(error),
        now=now,
        project=key.project_id,
        name=key.name,
    )


def release(tx: Transaction, key: TaskKey, now: float) -> None:
    """Free a task whose process has ended; its epoch stays."""
    tx.execute(
        "UPDATE task SET owner = NULL, expires_at = 0, process_id = NULL, process_born = NULL,"
        " ended_at = COALESCE(ended_at, :now) WHERE project_id = :project AND name = :name",
        now=now,
        project=key.project_id,
        name=key.name,
    )


def _row(row: Row) -> TaskRow:
    return TaskRow(
        key=TaskKey(row["project_id"], row["name"]),
        epoch=row["epoch"],
        owner=row["owner"],
        expires_at=row["expires_at"],
        process_id=row["process_id"],
        process_born=row["process_born"],
        stop_requested=bool(row["stop_requested"]),
        outcome=row["outcome"],
        error=unpack_optional(row["error"]),
    )
