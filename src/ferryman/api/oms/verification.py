"""Results of full verification in OMS's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import ProjectStatus, StepName, TableProgress
from ferryman.model.selection import split_name

_READ_AT_ONCE = 1000


def statistics_of(service: Service, project: ProjectView) -> list[dict[str, Any]]:
    """Return one entry per table, in the order of the step; empty before verification has begun."""
    step = project.step(StepName.VERIFY)
    return [_table_statistic(service, project, table) for table in (step.tables if step else ())]


def _table_statistic(service: Service, project: ProjectView, table: TableProgress) -> dict[str, Any]:
    source = TableName(*split_name(table.table))
    status = _status(table, project.status)
    counts = _counts(service, project.id, table)
    different = sum(counts.values())
    return {
        "sourceTableName": source.table,
        "sourceSchemaName": source.database,
        "destSchemaName": project.spec.selection.target_name(source).database,
        "sourceOnlyCount": counts[MismatchKind.MASTER_ONLY],
        "destOnlyCount": counts[MismatchKind.IMAGE_ONLY],
        "mismatchedCount": counts[MismatchKind.MISMATCHED],
        "consistentCount": max(0, table.rows - different),
        "progress": _fraction(table),
        "message": table.message or None,
        "status": status,
        "resultType": _result_type(table, status, different),
        "resultDesc": _result_text(table, status, different),
        "errorDetails": table.message or None if status == "ERROR" else None,
    }


def _counts(service: Service, project_id: str, table: TableProgress) -> dict[MismatchKind, int]:
    counts = dict.fromkeys(MismatchKind, 0)
    for mismatch in all_mismatches(service, project_id, table.table) if table.mismatches else ():
        counts[mismatch.kind] += mismatch.count
    return counts


def all_mismatches(service: Service, project_id: str, table: str) -> Iterator[Mismatch]:
    """Yield every settled difference of a table."""
    number, seen = 1, 0
    while True:
        page = service.mismatches(project_id, table, page=number, size=_READ_AT_ONCE)
        yield from page.items
        seen += len(page.items)
        if not page.items or seen >= page.total:
            return
        number += 1


def inconsistency_document(mismatch: Mismatch) -> dict[str, Any]:
    """Return one differing row."""
    columns = list(dict.fromkeys((*mismatch.source, *mismatch.target)))
    return {
        "failedRecordDetails": [
            {
                "columnName": column,
                "sourceValue": mismatch.source.get(column),
                "destValue": mismatch.target.get(column),
            }
            for column in columns
        ],
        "failedRecordUniqueKeys": [{"columnName": name, "columnValue": value} for name, value in mismatch.key.items()],
        "type": mismatch.kind.value,
    }


def _status(table: TableProgress, project: ProjectStatus) -> str:
    if table.state == "done":
        return "FINISHED"
    if table.state == "failed":
        return "ERROR"
    return "RUNNING" if project is ProjectStatus.RUNNING else "SUSPEND"


def _fraction(table: TableProgress) -> str:
    if table.state == "done":
        return "1.0"
    done = table.rows / table.rows_total if table.rows_total else 0.0
    return str(round(min(done, 0.99), 2))


def _result_type(table: TableProgress, status: str, different: int) -> str:
    if status == "ERROR":
        return "RUNTIME_EXCEPTION"
    if status != "FINISHED":
        return "RUNNING"
    if different:
        return "INCONSISTENT"
    return "CONSISTENT" if table.rows else "BOTH_EMPTY"


def _result_text(table: TableProgress, status: str, different: int) -> str:
    if status == "ERROR":
        return table.message or "Verification of this table has stopped."
    if status != "FINISHED":
        return "Being compared."
    if different:
        return f"{different} rows differ."
    return "All rows are equal." if table.rows else "Both sides are empty."
