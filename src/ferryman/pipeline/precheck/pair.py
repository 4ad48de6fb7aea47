"""Items that concern both endpoints: names, types and collations as the target will have them."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.schema import Schema
from ferryman.pipeline.plan import refuse_twins
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import Conversion, Dialect, SchemaPlan
from ferryman.spi.precheck import CheckResult, Verdict

_SHOWN = 8


def pair_checks(spec: ProjectSpec, schema: Schema, target: Schema | None) -> list[CheckResult]:
    """Plan the schema without running anything, and say what that shows."""
    dialect = connector_for(spec.target).dialect
    if dialect is None or target is None:
        return []
    dialect = ruled_dialect(dialect.fitted(target.traits), rules_of(spec))
    return [_case(schema, target), *_planned(spec, schema, dialect)]


def _case(schema: Schema, target: Schema) -> CheckResult:
    source, there = schema.traits.lower_case_names, target.traits.lower_case_names
    title = "both servers treat upper and lower case of names alike"
    if (source == 0) == (there == 0):
        return _item("DB_LOWER_CASE_TABLE_NAMES", Verdict.PASSED, title, f"lower_case_table_names {source} and {there}")
    message = f"lower_case_table_names is {source} at the source and {there} at the target"
    hint = "names arrive in lower case there" if there else "queries must spell names as the source stored them"
    return _item("DB_LOWER_CASE_TABLE_NAMES", Verdict.WARNED, title, message, hint)


def _planned(spec: ProjectSpec, schema: Schema, dialect: Dialect) -> list[CheckResult]:
    names, types = "no two objects take the same name", "the target has types for all columns"
    try:
        refuse_twins(schema)
        plan = dialect.plan(schema, spec.selection)
    except FerrymanError as error:
        item, title = (
            ("DB_TABLE_NAME_UNIQUE", names) if error.code == "schema.name_collision" else ("DB_DATA_TYPE", types)
        )
        return [_item(item, Verdict.FAILED, title, error.message, error.hint, error.code)]
    return [
        _item("DB_TABLE_NAME_UNIQUE", Verdict.PASSED, names),
        _item("DB_DATA_TYPE", Verdict.PASSED, types),
        _charset(plan, spec),
    ]


def _charset(plan: SchemaPlan, spec: ProjectSpec) -> CheckResult:
    title = "the schema arrives without loss"
    lost = [each for each in plan.conversions if each.lossy]
    if not lost or StepName.SCHEMA not in spec.steps:
        return _item("DB_CHARSET", Verdict.PASSED, title, f"{len(plan.conversions)} conversions without loss")
    message = f"{len(lost)} things are not the same at the target: {'; '.join(_shown(each) for each in lost[:_SHOWN])}"
    message += f"; and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    return _item("DB_CHARSET", Verdict.WARNED, title, message, "the schema step's report lists them all")


def _shown(conversion: Conversion) -> str:
    return f"{conversion.path}: {conversion.message}"


def _item(
    item: str, verdict: Verdict, title: str, message: str = "", hint: str = "", code: str = "precheck.failed"
) -> CheckResult:
    return CheckResult(
        item=item,
        side="both",
        verdict=verdict,
        title=title,
        message=message,
        hint=hint,
        skippable=verdict is Verdict.WARNED,
        code=code,
    )
