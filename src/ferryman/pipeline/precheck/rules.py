"""The item for row rules: which tables have them, and whether they can be kept."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Schema
from ferryman.model.selection import matches
from ferryman.pipeline.rules.rules import rules_of
from ferryman.spi.precheck import CheckResult, Verdict

_TITLE = "row filters and rules of columns can be kept exactly"


def rules_checks(spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
    """Read all rules against the tables they are for; nothing to say where there is none."""
    rules = rules_of(spec)
    if rules.is_empty:
        return []
    known = {str(table.name) for table in schema.tables}
    chosen = [name for name in rules.names if _is_chosen(spec, name)]  # what is excluded may have moved before
    missing = [name for name in chosen if name not in known]
    if missing:
        message = f"rules are given for {', '.join(missing)}, which is no table of the project"
        return [_item(Verdict.FAILED, message, "name tables as the source spells them", "rules.table_missing")]
    try:
        rules.schema(schema)
    except FerrymanError as error:
        return [_item(Verdict.FAILED, error.message, error.hint, error.code)]
    return [_item(Verdict.PASSED, f"rules of {', '.join(chosen)}")]


def _is_chosen(spec: ProjectSpec, name: str) -> bool:
    table = TableName(*name.partition(".")[::2])
    return not any(matches(pattern, table) for pattern in spec.selection.exclude)


def _item(verdict: Verdict, message: str, hint: str = "", code: str = "precheck.failed") -> CheckResult:
    return CheckResult(
        item="ROW_RULES", side="both", verdict=verdict, title=_TITLE, message=message, hint=hint, code=code
    )
