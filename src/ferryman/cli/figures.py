"""The words and figures of steps and tables, as every screen shows them."""

from __future__ import annotations

from typing import Any

from ferryman.cli import words
from ferryman.cli.rates import Rates
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import StepName, StepStatus, TableProgress

STEP_WORDS = {
    StepName.PRECHECK: "precheck",
    StepName.SCHEMA: "schema",
    StepName.CAPTURE: "record log",
    StepName.LOAD: "copy rows",
    StepName.INDEX: "indexes",
    StepName.APPLY: "apply changes",
    StepName.VERIFY: "compare rows",
}
STATUS_WORDS = {
    StepStatus.INIT: "waiting",
    StepStatus.RUNNING: "running",
    StepStatus.MONITORING: "following",
    StepStatus.SUSPEND: "paused",
    StepStatus.FAILED: "failed",
    StepStatus.FINISHED: "done",
}
STYLES = {
    StepStatus.INIT: "dim",
    StepStatus.RUNNING: "cyan",
    StepStatus.MONITORING: "green",
    StepStatus.SUSPEND: "yellow",
    StepStatus.FAILED: "red",
    StepStatus.FINISHED: "green",
}
UNDER_WAY = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})
WITH_TABLES = (StepName.VERIFY, StepName.LOAD)


def rows_text(step: StepView) -> str:
    """Return rows or changes done, of how many."""
    progress = step.progress
    if step.name is StepName.APPLY:
        return words.plural(progress.rows, "change") if progress.rows else ""
    if step.name not in WITH_TABLES or step.status is StepStatus.INIT:
        return ""
    if step.status is StepStatus.FINISHED or progress.rows_total <= progress.rows:
        return words.plural(progress.rows, "row")
    return f"{words.count(progress.rows)} of {words.count(progress.rows_total)} rows"


def tables_to_show(project: ProjectView, most: int) -> tuple[list[TableProgress], int]:
    """Return the tables of the step under way that are worth a line, those being worked on first, and how many more."""
    step = next((s for name in WITH_TABLES for s in project.steps if s.name is name and s.status in UNDER_WAY), None)
    if step is None:
        return [], 0
    ranks = {"failed": 0, "running": 1, "waiting": 2, "done": 3}
    ordered = sorted(step.tables, key=lambda table: (ranks.get(table.state, 2), -table.rows_total, table.table))
    return ordered[:most], max(0, len(ordered) + step.more_tables - most)


def table_facts(table: TableProgress, rates: Rates) -> dict[str, Any]:
    """Return the cells of a table's line."""
    left = rates.seconds_left(table)
    total = max(table.rows, table.rows_total)
    return {
        "table": table.table,
        "state": table.state,
        "rows": words.count(table.rows),
        "total": words.count(total),
        "rate": words.rate(rates.rate(table.table)),
        "left": words.duration(left) if left is not None else "",
        "share": 1.0 if table.state == "done" else (table.rows / total if total else 0.0),
    }
