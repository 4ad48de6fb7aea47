"""What ``ferryman run`` says at the end, as a JSON document and as an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ferryman.control.views import ErrorView, ProjectView
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectStatus, StepName, TableProgress

DIFFERENT = 4
FAILED = 1


def report_of(project: ProjectView) -> dict[str, Any]:
    """Return the report: its members are a contract (design §5)."""
    apply = project.step(StepName.APPLY)
    return {
        "project": project.spec.name,
        "status": project.status.value,
        "steps": [
            {
                "name": step.name.value,
                "status": step.status.value,
                "seconds": round(step.seconds, 3),
                "rows": step.progress.rows,
                "bytes": step.progress.bytes,
            }
            for step in project.steps
        ],
        "tables": tables_of(project),
        "latency_seconds": apply.progress.latency_seconds if apply else None,
        "checkpoint": apply.progress.checkpoint_seconds if apply else None,
        "errors": errors_of(project),
    } | ({"converted": converted} if (converted := converted_of(project)) else {})


def tables_of(project: ProjectView) -> list[dict[str, Any]]:
    """Return every table with its rows and differences; ``mismatches`` is null where nothing was compared."""
    loaded, verified = _tables(project, StepName.LOAD), _tables(project, StepName.VERIFY)
    names = dict.fromkeys((*loaded, *verified))
    return [
        {
            "name": name,
            "rows": (verified.get(name) or loaded[name]).rows,
            "mismatches": verified[name].mismatches if name in verified else None,
        }
        for name in names
    ]


def converted_of(project: ProjectView) -> list[dict[str, Any]]:
    """Return what the user's policies have made of values that did not fit: by the target's table, column and misfit.

    Values that were written again after a crash count again.
    """
    found: dict[tuple[str, str, str], int] = {}
    for step in project.steps:
        for each in step.progress.info.get("converted", ()):
            at = (each["table"], each["column"], each["misfit"])
            found[at] = found.get(at, 0) + each["values"]
    return [
        {"table": table, "column": column, "misfit": misfit, "values": values}
        for (table, column, misfit), values in sorted(found.items())
    ]


def differences(project: ProjectView) -> int:
    """Return how many rows differ, as far as they were compared."""
    return sum(table["mismatches"] or 0 for table in tables_of(project))


def errors_of(project: ProjectView) -> list[dict[str, Any]]:
    """Return what stopped steps, and the project where no step says it."""
    found = [_error(step.error) | {"step": step.name.value} for step in project.steps if step.error]
    if project.error and project.error.code not in {error["code"] for error in found}:
        found.append(_error(project.error) | {"step": None})
    return found


def failure_report(name: str | None, error: FerrymanError) -> dict[str, Any]:
    """Return the report of a run that ended before there was a project."""
    empty: dict[str, Any] = {"steps": [], "tables": [], "latency_seconds": None, "checkpoint": None}
    return {"project": name, "status": None, **empty, "errors": [error.to_json() | {"step": None}]}


def exit_code_of(project: ProjectView) -> int:
    """Return 0 when done and equal, 4 when rows differ, else the code of what stopped it."""
    if project.status is ProjectStatus.FAILED:
        code = project.error.code if project.error else "internal.error"
        return CODES[code].exit_code if code in CODES else FAILED
    if project.status is not ProjectStatus.FINISHED:
        return FAILED
    return DIFFERENT if differences(project) else 0


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write the report as a whole; ``report.not_written`` when the file cannot be."""
    if path is not None:
        write_text(path, as_text(report))


def write_text(path: Path, text: str) -> None:
    """Write a file, making the folder it lies in; ``report.not_written``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FerrymanError("report.not_written", f"{path}: {error.strerror or error}") from error


def as_text(document: Any) -> str:
    """Return JSON for people and programs."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def _tables(project: ProjectView, name: StepName) -> dict[str, TableProgress]:
    step = project.step(name)
    return {table.table: table for table in step.tables} if step else {}


def _error(error: ErrorView) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "hint": error.hint, "retry": error.retry}
