"""Steps of a project: status, times, progress, and the progress of each table in a row of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack, unpack_optional
from ferryman.model.project import StepName, StepProgress, StepStatus, TableProgress
from ferryman.model.serial import from_json, to_json

UNDER_WAY = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})
"""While in these the clock of a step runs."""

ORDER = {name: place for place, name in enumerate(StepName, start=1)}
"""The place of each step among all steps, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step; times in Unix seconds.

    Attributes:
        reported_epoch: Epoch of the task that reported last, 0 = nobody yet.
        caught_up: Whether the step has ever said so since it was (re)set.
        seconds: Time under way before `running_since`.
    """

    project_id: str
    name: StepName
    enabled: bool
    status: StepStatus
    progress: StepProgress
    reported_epoch: int
    caught_up: bool
    started_at: float | None
    finished_at: float | None
    seconds: float
    running_since: float | None
    error: dict[str, Any] | None
    restarts: int


def insert(tx: Transaction, project_id: str, name: StepName, *, enabled: bool) -> None:
    """Make a step in INIT."""
    tx.execute(
        "INSERT INTO step (project_id, name, place, enabled, status, progress, reported_epoch, caught_up, seconds,"
        " restarts) VALUES (:project, :name, :place, :enabled, 'INIT', :progress, 0, 0, 0, 0)",
        project=project_id,
        name=name.value,
        place=ORDER[name],
        enabled=int(enabled),
        progress=pack(to_json(StepProgress())),
    )


def enable(tx: Transaction, project_id: str, name: StepName, *, enabled: bool) -> None:
    """Say whether a step takes part."""
    tx.execute(
        "UPDATE step SET enabled = :enabled WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
        enabled=int(enabled),
    )


def reset(tx: Transaction, project_id: str, name: StepName) -> None:
    """Put a step back to INIT, with nothing done."""
    tx.execute(
        "UPDATE step SET status = 'INIT', progress = :progress, reported_epoch = 0, caught_up = 0, started_at = NULL,"
        " finished_at = NULL, seconds = 0, running_since = NULL, error = NULL, restarts = 0"
        " WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
        progress=pack(to_json(StepProgress())),
    )
    tx.execute("DELETE FROM table_progress WHERE project_id = :p AND step = :step", p=project_id, step=name.value)


def reopen(tx: Transaction, project_id: str, name: StepName) -> None:
    """Let a finished step go on where it stood."""
    tx.execute(
        "UPDATE step SET status = 'INIT', caught_up = 0, reported_epoch = 0, finished_at = NULL, error = NULL"
        " WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
    )


def of_project(tx: Transaction, project_id: str) -> list[StepRow]:
    """Return the enabled steps of a project, in running order."""
    rows = tx.rows("SELECT * FROM step WHERE project_id = :id AND enabled = 1 ORDER BY place", id=project_id)
    return [_row(row) for row in rows]


def names(tx: Transaction, project_id: str) -> dict[StepName, bool]:
    """Return every step that has ever taken part, and whether it still does."""
    rows = tx.rows("SELECT name, enabled FROM step WHERE project_id = :id ORDER BY place", id=project_id)
    return {StepName(row["name"]): bool(row["enabled"]) for row in rows}


def set_status(
    tx: Transaction, project_id: str, name: StepName, new: StepStatus, now: float, error: dict[str, Any] | None = None
) -> None:
    """Change the status; the step's clock starts, stops and is read as the new status asks for."""
    under_way = new in UNDER_WAY
    tx.execute(
        "UPDATE step SET status = :new, error = :error,"
        # A clock that was set back must not take time away.
        " seconds = seconds + CASE WHEN running_since IS NULL OR :under_way = 1 OR :now < running_since THEN 0"
        " ELSE :now - running_since END,"
        " running_since = CASE WHEN :under_way = 1 THEN COALESCE(running_since, :now) ELSE NULL END,"
        " started_at = CASE WHEN :under_way = 1 THEN COALESCE(started_at, :now) ELSE started_at END,"
        " finished_at = CASE WHEN :new = 'FINISHED' THEN :now ELSE NULL END"
        " WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
        new=new.value,
        now=now,
        under_way=int(under_way),
        error=None if error is None else pack(error),
    )


def count_restart(tx: Transaction, project_id: str, name: StepName) -> None:
    """Count one more restart after a failure or a crash."""
    tx.execute(
        "UPDATE step SET restarts = restarts + 1 WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
    )


def report(tx: Transaction, project_id: str, name: StepName, progress: StepProgress, epoch: int) -> None:
    """Replace the progress of a step."""
    tx.execute(
        "UPDATE step SET progress = :progress, reported_epoch = :epoch,"
        " caught_up = CASE WHEN :caught_up = 1 THEN 1 ELSE caught_up END"
        " WHERE project_id = :project AND name = :name",
        project=project_id,
        name=name.value,
        progress=pack(to_json(progress)),
        epoch=epoch,
        caught_up=int(progress.caught_up),
    )


def report_tables(tx: Transaction, project_id: str, name: StepName, tables: Iterable[TableProgress]) -> None:
    """Write the progress of these tables; the others keep theirs."""
    missing = []
    for table in tables:
        params = _table_params(project_id, name, table)
        if tx.execute(_UPDATE_TABLE, **params) == 0:
            missing.append(params)
    if missing:
        first = tx.value(_LAST_PLACE, project=project_id, step=name.value) + 1
        tx.many(_INSERT_TABLE, [params | {"place": first + index} for index, params in enumerate(missing)])


def tables(tx: Transaction, project_id: str, name: StepName) -> tuple[TableProgress, ...]:
    """Return the progress of each table, in the order in which they were first reported."""
    rows = tx.rows(
        "SELECT * FROM table_progress WHERE project_id = :id AND step = :step ORDER BY place",
        id=project_id,
        step=name.value,
    )
    return tuple(_table(row) for row in rows)


def foremost(tx: Transaction, project_id: str, name: StepName, most: int) -> tuple[tuple[TableProgress, ...], int]:
    """Return at most so many tables, those being worked on first, then the greatest; and how many more there are."""
    where = {"id": project_id, "step": name.value}
    rows = tx.rows(_FOREMOST, **where, most=most)
    return tuple(_table(row) for row in rows), int(tx.value(_COUNT_TABLES, **where)) - len(rows)


def forget_table(tx: Transaction, project_id: str, table: str) -> None:
    """Remove the progress of a table in all steps."""
    tx.execute(
        "DELETE FROM table_progress WHERE project_id = :project AND name = :name", project=project_id, name=table
    )


_INSERT_TABLE = (
    "INSERT INTO table_progress (project_id, step, name, place, done_rows, total_rows, done_bytes, mismatches, state,"
    " message) VALUES (:project, :step, :name, :place, :done_rows, :total_rows, :done_bytes, :mismatches, :state,"
    " :message)"
)
_UPDATE_TABLE = (
    "UPDATE table_progress SET done_rows = :done_rows, total_rows = :total_rows, done_bytes = :done_bytes,"
    " mismatches = :mismatches, state = :state, message = :message"
    " WHERE project_id = :project AND step = :step AND name = :name"
)
_FOREMOST = (
    "SELECT * FROM table_progress WHERE project_id = :id AND step = :step ORDER BY CASE state WHEN 'failed' THEN 0"
    " WHEN 'running' THEN 1 WHEN 'done' THEN 3 ELSE 2 END, total_rows DESC, name LIMIT :most"
)
_COUNT_TABLES = "SELECT COUNT(*) FROM table_progress WHERE project_id = :id AND step = :step"
_LAST_PLACE = "SELECT COALESCE(MAX(place), 0) FROM table_progress WHERE project_id = :project AND step = :step"


def _table_params(project_id: str, name: StepName, table: TableProgress) -> dict[str, Any]:
    return {
        "project": project_id,
        "step": name.value,
        "name": table.table,
        "done_rows": table.rows,
        "total_rows": table.rows_total,
        "done_bytes": table.bytes,
        "mismatches": table.mismatches,
        "state": table.state,
        "message": table.message,
    }


def _table(row: Row) -> TableProgress:
    return TableProgress(
        table=row["name"],
        rows=row["done_rows"],
        rows_total=row["total_rows"],
        bytes=row["done_bytes"],
        mismatches=row["mismatches"],
        state=row["state"],
        message=row["message"],
    )


def _row(row: Row) -> StepRow:
    return StepRow(
        project_id=row["project_id"],
        name=StepName(row["name"]),
        enabled=bool(row["enabled"]),
        status=StepStatus(row["status"]),
        progress=from_json(StepProgress, unpack(row["progress"])),
        reported_epoch=row["reported_epoch"],
        caught_up=bool(row["caught_up"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        seconds=row["seconds"],
        running_since=row["running_since"],
        error=unpack_optional(row["error"]),
        restarts=row["restarts"],
    )
