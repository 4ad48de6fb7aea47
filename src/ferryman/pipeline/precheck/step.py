"""The precheck as a step of a project."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import StepProgress
from ferryman.model.serial import to_json
from ferryman.pipeline.precheck.project import check_project
from ferryman.spi.connector import connector_for
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.task import TaskContext

_OURS = frozenset({"DB_TABLE_NOT_EMPTY"})
"""Items that fail by what the project itself has done before."""


def run(context: TaskContext) -> None:
    """Run every item and report it.

    Raises:
        FerrymanError: The item's own code when one failed, ``precheck.failed`` when several did; the message names each
            with its remedy.
    """
    context.report(StepProgress(percent=1, message="asking both servers"))
    results = check_project(context.spec)
    if any(result.item in _OURS and result.verdict is Verdict.FAILED for result in results) and _has_begun(context):
        results = [result for result in results if result.item not in _OURS]
    failures = [result for result in results if result.verdict is Verdict.FAILED]
    warnings = [result for result in results if result.verdict is Verdict.WARNED]
    message = f"{len(results)} items: {len(failures)} failed, {len(warnings)} to read"
    context.report(StepProgress(percent=100, message=message, info={"items": to_json(results)}))
    for result in warnings:
        context.event("warning", f"{result.item}: {result.message}", side=result.side)
    if failures:
        raise failure(failures)


def _has_begun(context: TaskContext) -> bool:
    """Whether this project has written to the target before: then the rows there are its own."""
    connector = connector_for(context.spec.target)
    if connector.target is None:
        return False
    target = connector.target(context.spec.target)
    try:
        return (
            bool(target.finished_chunks(context.project_id)) or target.load_checkpoint(context.project_id) is not None
        )
    finally:
        target.close()


def failure(failures: list[CheckResult]) -> FerrymanError:
    """Return the one error that stands for failed items."""
    if len(failures) == 1:
        only = failures[0]
        return FerrymanError(only.code, f"{only.side}: {only.message}", hint=_remedy(only))
    lines = [f"{result.side} {result.item}: {result.message}{_with_remedy(result)}" for result in failures]
    return FerrymanError("precheck.failed", f"{len(failures)} items failed: " + "; ".join(lines))


def _remedy(result: CheckResult) -> str:
    parts = [result.hint, f"run: {result.fix_sql}" if result.fix_sql else ""]
    if result.skippable:
        parts.append(f"or accept it (skip {result.item})")
    return "; ".join(part for part in parts if part)


def _with_remedy(result: CheckResult) -> str:
    remedy = _remedy(result)
    return f" ({remedy})" if remedy else ""
