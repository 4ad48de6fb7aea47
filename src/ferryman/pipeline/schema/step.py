"""Runs the schema plan: before the load databases, tables, checks and views; after it indexes and foreign keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.conversion import policy_conversions
from ferryman.pipeline.plan import dialect_of, ensure_plan, read_source, target_of
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.schema.making import Maker
from ferryman.pipeline.schema.report import FAILED, ObjectState, Report
from ferryman.spi.dialect import Dialect, SchemaPlan
from ferryman.spi.target import Target
from ferryman.spi.task import TaskContext


def run(context: TaskContext) -> None:
    """Read the source's schema, plan it, and make everything that must be there before the rows.

    A run that was killed goes on: what is there already and equal is taken as made.

    Raises:
        FerrymanError: ``schema.failed`` when a table or database could not be made (a view, check or index that could
            not is a warning), ``target.table_differs``, ``schema.unsupported_type``, ``schema.name_collision``,
            ``schema.nothing_selected``.
    """
    schema = read_source(context)
    if not schema.tables and not schema.views:
        raise UsageError("schema.nothing_selected", "no table of the source matches the objects of the project")
    target = target_of(context)
    try:
        there = target.read_schema(_selected_there(schema, context.spec.selection))
        dialect = ruled_dialect(dialect_of(context).fitted(there.traits), rules_of(context.spec))
        plan = _plan(context, dialect, schema)
        _make(context, target, dialect, plan, there, after_load=False)
    finally:
        target.close()


def run_indexes(context: TaskContext) -> None:
    """Make what waits for the rows: deferred indexes and foreign keys.

    Indexes that are there are taken as made, so a run that was killed goes on; all others are tried before it ends.

    Raises:
        FerrymanError: ``schema.index_failed``: an index was refused that any server of this kind can have. A refused
            foreign key, full-text or spatial index is a warning.
    """
    ensure_plan(context)
    plan = from_json(SchemaPlan, context.note("schema.plan"))
    target = target_of(context)
    try:
        names = tuple(exact_pattern(table.name) for table in plan.tables.values())
        there = target.read_schema(Selection(objects=names))
        _make(context, target, dialect_of(context).fitted(there.traits), plan, there, after_load=True)
    finally:
        target.close()


def _selected_there(schema: Schema, selection: Selection) -> Selection:
    """Return the selection of what the target may have of it already."""
    names: list[TableName] = [*(table.name for table in schema.tables), *(view.name for view in schema.views)]
    return Selection(objects=tuple(exact_pattern(selection.target_name(name)) for name in names))


def _plan(context: TaskContext, dialect: Dialect, schema: Schema) -> SchemaPlan:
    """Plan once; a resumed run follows the plan it began with."""
    noted = context.note("schema.plan")
    if noted is not None:
        return from_json(SchemaPlan, noted)
    plan = dialect.plan(schema, context.spec.selection, defer_indexes=_deferral(context.spec))
    told = policy_conversions(context.spec.value_policies, plan.tables)
    plan = replace(plan, conversions=(*plan.conversions, *told))
    context.set_note("schema.plan", to_json(plan))
    return plan


def _deferral(spec: ProjectSpec) -> bool | None:
    """Say whether indexes wait for the rows; without a load nobody would make them behind it."""
    return spec.load.defer_index_creation if StepName.LOAD in spec.steps else False


def _make(
    context: TaskContext, target: Target, dialect: Dialect, plan: SchemaPlan, there: Schema, *, after_load: bool
) -> None:
    statements = [statement for statement in plan.statements if statement.after_load == after_load]
    report = Report(context, statements)
    report.show()
    Maker(context, target, dialect, plan, there, report).run()
    _settle(context, report)


def _settle(context: TaskContext, report: Report) -> None:
    """Say what failed: a table or an index that is needed stops the project, anything else is a warning."""
    failed = report.of(FAILED)
    for each in failed:
        context.event("warning", f"{each.statement.kind} {each.statement.object} was not made: {each.message}")
    without = [each for each in failed if each.statement.kind in {"database", "table"}]
    if without:
        code = "target.table_differs" if all("differs" in each.message for each in without) else "schema.failed"
        raise FerrymanError(code, _told(without))
    if needed := [each for each in failed if each.statement.needed]:
        raise FerrymanError("schema.index_failed", _told(needed))


def _told(failed: Sequence[ObjectState]) -> str:
    shown = "; ".join(f"{each.statement.kind} {each.statement.object}: {each.message}" for each in failed[:5])
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    return f"{len(failed)} object{'' if len(failed) == 1 else 's'} could not be made: {shown}{more}"
