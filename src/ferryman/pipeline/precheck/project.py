"""Runs all items of a project: both endpoints side by side, then those that concern both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.pipeline.plan import find_table
from ferryman.pipeline.precheck.pair import pair_checks
from ferryman.pipeline.precheck.policies import policy_checks
from ferryman.pipeline.precheck.publishing import publishing_checks
from ferryman.pipeline.precheck.questions import as_read, questions_of
from ferryman.pipeline.precheck.rules import rules_checks
from ferryman.pipeline.precheck.start import start_checks
from ferryman.pipeline.precheck.values import MOST_ROWS, Asked, value_checks
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.spi.connector import connector_for, is_sink
from ferryman.spi.precheck import CheckResult, EndpointChecks, Verdict

_NOWHERE = Selection(objects=("`_ferryman`",))


def check_project(spec: ProjectSpec) -> list[CheckResult]:
    """Check both endpoints and what a project asks of them; needs no project, changes nothing.

    Returns:
        Every item's answer; those whose failure the user accepted (`skip_prechecks`) are WARNED.

    Raises:
        UsageError: ``usage.bad_url`` for an endpoint of unknown kind or in a role it does not have.
    """
    return examine(spec)[1]


def examine(spec: ProjectSpec) -> tuple[Schema, list[CheckResult]]:
    """Check as `check_project` does; returns the source's catalog, too (empty where it cannot be read)."""
    schema, trouble = _read_schema(spec)
    source, target = _checks(spec.source, "source"), _checks(spec.target, "target")
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="precheck-side") as pool:
        sides = [
            pool.submit(source.source_checks, spec, schema),
            pool.submit(target.target_checks, spec, schema),
        ]
        results = [result for side in sides for result in side.result()]
    if not any(result.item == "RDB_CONNECT" and result.verdict is Verdict.FAILED for result in results):
        results += trouble or _both(spec, schema)
    return schema, [_accepted(result, spec) for result in results]


def _both(spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
    rules = [*start_checks(spec), *rules_checks(spec, schema)]
    if any(result.verdict is Verdict.FAILED for result in rules):
        return rules
    if is_sink(spec.target):
        return [*rules, *publishing_checks(spec, schema)]
    target = _target_traits(spec)
    return [*rules, *pair_checks(spec, schema, target), *(_values(spec, schema, target) if target is not None else [])]


def _values(spec: ProjectSpec, schema: Schema, target: Schema) -> list[CheckResult]:
    """Look at the values themselves, where rows are to be copied."""
    make = connector_for(spec.source).source
    if StepName.LOAD not in spec.steps or make is None or not schema.tables:
        return []
    targets = _target_tables(spec, schema, target)
    flavours = schema.traits.flavour, target.traits.flavour
    rules = rules_of(spec)
    asked = [
        _asked(as_read(table, rules.table(table)), targets[table.name], flavours)
        for table in schema.tables
        if table.name in targets
    ]
    source = make(spec.source)
    try:
        counted = value_checks(spec, source, [each for each in asked if each.questions])
    finally:
        source.close()
    return [*policy_checks(spec, schema, targets), *counted]


def _asked(table: Table, target: Table, flavours: tuple[str, str]) -> Asked:
    rows = MOST_ROWS if table.row_estimate > MOST_ROWS else None
    return Asked(source=table, target=target, questions=tuple(questions_of(table, target, flavours)), rows=rows)


def _target_tables(spec: ProjectSpec, schema: Schema, target: Schema) -> dict[TableName, Table]:
    """Return each table as it will be at the target, or as it is there where nobody makes it; none that cannot be."""
    connector = connector_for(spec.target)
    try:
        if StepName.SCHEMA in spec.steps and connector.dialect is not None:
            return (
                ruled_dialect(connector.dialect.fitted(target.traits), rules_of(spec))
                .plan(schema, spec.selection)
                .tables
            )
        there = _existing(spec, schema)
    except FerrymanError:
        return {}  # another item says so
    wanted = {table.name: find_table(there, spec.selection.target_name(table.name)) for table in schema.tables}
    return {name: table for name, table in wanted.items() if table is not None}


def _existing(spec: ProjectSpec, schema: Schema) -> Schema:
    make = connector_for(spec.target).target
    if make is None:
        return Schema()
    target = make(spec.target)
    try:
        names = tuple(exact_pattern(spec.selection.target_name(table.name)) for table in schema.tables)
        return target.read_schema(Selection(objects=names))
    finally:
        target.close()


def _checks(endpoint: Endpoint, role: str) -> EndpointChecks:
    connector = connector_for(endpoint)
    has_role = connector.source if role == "source" else (connector.target or connector.sink)
    if connector.checks is None or has_role is None:
        raise FerrymanError("usage.bad_url", f"{endpoint.scheme} cannot be a {role}")
    return connector.checks(endpoint)


def _read_schema(spec: ProjectSpec) -> tuple[Schema, list[CheckResult]]:
    """Read the source's catalog; an empty one and a failed item when that cannot be."""
    connector = connector_for(spec.source)
    if connector.source is None:
        return Schema(), []
    source = connector.source(spec.source)
    try:
        return source.read_schema(spec.selection), []
    except FerrymanError as error:
        failed = CheckResult(
            item="STRUCT_SYS_VIEW_READ_PRIV",
            side="source",
            verdict=Verdict.FAILED,
            title="the catalog can be read",
            message=error.message,
            hint=error.hint,
            code=error.code,
        )
        return Schema(), [failed]
    finally:
        source.close()


def _target_traits(spec: ProjectSpec) -> Schema | None:
    """Read the target's traits (no tables); `None` when it does not answer, which its own items say."""
    connector = connector_for(spec.target)
    if connector.target is None:
        return None
    target = connector.target(spec.target)
    try:
        return target.read_schema(_NOWHERE)
    except FerrymanError:
        return None
    finally:
        target.close()


def _accepted(result: CheckResult, spec: ProjectSpec) -> CheckResult:
    """A failure the user accepted beforehand is a warning."""
    if result.verdict is Verdict.FAILED and result.skippable and result.item in spec.skip_prechecks:
        return replace(result, verdict=Verdict.WARNED, message=f"{result.message} (accepted)")
    return result
