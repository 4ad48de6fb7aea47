"""The verify step, and the comparison of two endpoints without a project."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ferryman.foundation.errors import FerrymanError
from ferryman.model.mismatch import Mismatch
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec, StepName, StepProgress, TableProgress
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.pipeline.verify.correction import Quote
from ferryman.pipeline.verify.meeting import MeetingPoint
from ferryman.pipeline.verify.settling import AppliedWatch
from ferryman.pipeline.verify.verification import TableResult, Verification
from ferryman.spi.connector import connector_for
from ferryman.spi.ends import source_of, target_of
from ferryman.spi.source import Source
from ferryman.spi.target import Target
from ferryman.spi.task import STILL_NOTE, TaskContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a comparison has found.

    Attributes:
        tables: One entry a table; `TableProgress.mismatches` counts the rows that differ.
        mismatches: Table → its differences, at most ``spec.verify.mismatch_limit`` each.
        facts: Table → rows, counts of each kind, digest, rows that did not settle.
    """

    tables: tuple[TableProgress, ...]
    mismatches: dict[str, tuple[Mismatch, ...]]
    facts: dict[str, dict[str, Any]]

    @property
    def differences(self) -> int:
        """Rows that differ in all tables."""
        return sum(table.mismatches or 0 for table in self.tables)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Both endpoints, open."""

    source: Source
    target: Target
    quote: Quote

    def close(self) -> None:
        """Release both."""
        self.source.close()
        self.target.close()


def open_endpoints(spec: ProjectSpec) -> Endpoints:
    """Open both endpoints of a project, the source behind its rules."""
    dialect = _role(connector_for(spec.target).dialect, spec.target.scheme)
    return Endpoints(
        ruled_source(source_of(spec), rules_of(spec)),
        target_of(spec),
        dialect.quote,
    )


def _role(part: T | None, scheme: str) -> T:
    if part is None:
        raise FerrymanError("usage.bad_url", f"{scheme}:// cannot be used in this role")
    return part


def run(context: TaskContext) -> None:
    """Compare every table of the project; differences are recorded, they are no failure.

    Raises:
        FerrymanError: What an endpoint raised for longer than patience lasts.
    """
    endpoints = open_endpoints(context.spec)
    try:
        verify(context, endpoints)
    finally:
        endpoints.close()


def verify(context: TaskContext, endpoints: Endpoints) -> None:
    """Run the step; a task that died goes on with the tables that have no result yet."""
    run_id = _run_id(context)
    verification = Verification(
        spec=context.spec,
        source=endpoints.source,
        target=endpoints.target,
        quote=endpoints.quote,
        watch=_watch(context, endpoints),
        stopped=context.stop_requested,
        finished=lambda result: _record(context, run_id, result),
        report=context.report,
        earlier=lambda name: _earlier(context, run_id, name),
    )
    verification.run()
    if not context.stop_requested():
        context.set_note("verify.run", {"id": run_id, "finished": True})


def _watch(context: TaskContext, endpoints: Endpoints) -> AppliedWatch | None:
    if StepName.APPLY not in context.spec.steps or context.note(STILL_NOTE):
        return None
    patience = context.spec.verify.recheck_seconds
    meetings = MeetingPoint(context, endpoints.source, endpoints.target, patience)
    return AppliedWatch(context, endpoints.source, patience, meetings)


def _run_id(context: TaskContext) -> str:
    """Return this run's name: that of one broken off, else a new one."""
    note = context.note("verify.run")
    if note is not None and not note["finished"]:
        return str(note["id"])
    name = uuid.uuid4().hex
    context.set_note("verify.run", {"id": name, "finished": False})
    return name


def _record(context: TaskContext, run_id: str, result: TableResult) -> None:
    """Keep the differences first: a result without them would hide them after a kill (I8)."""
    context.record_mismatches(str(result.name), result.mismatches)
    document = {"run": run_id, "progress": to_json(result.progress), "facts": result.facts}
    context.set_note(f"verify.done/{result.name}", document)


def _earlier(context: TaskContext, run_id: str, name: TableName) -> TableResult | None:
    """Return the result this run had of a table before it was broken off."""
    document = context.note(f"verify.done/{name}")
    if document is None or document["run"] != run_id:
        return None
    return TableResult(name, from_json(TableProgress, document["progress"]), document["facts"])


def compare_endpoints(
    spec: ProjectSpec,
    *,
    progress: Callable[[StepProgress, Sequence[TableProgress]], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> VerifyReport:
    """Compare two endpoints at rest: no project, no metadb, nothing is written anywhere.

    Args:
        spec: Source, target, selection and ``verify`` options count; steps do not.
        progress: Called about twice a second.
        stop: Whether to end soon; the report then holds what is finished.
    """
    endpoints = open_endpoints(spec)
    try:
        return compare(spec, endpoints, progress=progress, stop=stop)
    finally:
        endpoints.close()


def compare(
    spec: ProjectSpec,
    endpoints: Endpoints,
    *,
    progress: Callable[[StepProgress, Sequence[TableProgress]], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> VerifyReport:
    """Compare endpoints that are open; see `compare_endpoints`."""
    results: list[TableResult] = []
    Verification(
        spec=spec,
        source=endpoints.source,
        target=endpoints.target,
        quote=endpoints.quote,
        watch=None,
        stopped=stop or (lambda: False),
        finished=results.append,
        report=progress or (lambda step, tables: None),
    ).run()
    results.sort(key=lambda result: result.name)
    return VerifyReport(
        tables=tuple(result.progress for result in results),
        mismatches={str(result.name): result.mismatches for result in results},
        facts={str(result.name): result.facts for result in results},
    )
