"""Looks at the user's value policies before anything runs: each must name something, and be possible there."""

from __future__ import annotations

from collections.abc import Mapping

from ferryman.model.names import TableName
from ferryman.model.policies import ValuePolicy
from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Schema, Table
from ferryman.pipeline.conversion import refusal
from ferryman.spi.precheck import CheckResult, Verdict


def policy_checks(spec: ProjectSpec, schema: Schema, targets: Mapping[TableName, Table]) -> list[CheckResult]:
    """Return one item, for projects that have policies."""
    if not spec.value_policies:
        return []
    problems = [why for policy in spec.value_policies if (why := _problem(policy, schema, targets))]
    return [
        CheckResult(
            item="DB_VALUE_POLICY",
            side="both",
            verdict=Verdict.FAILED if problems else Verdict.PASSED,
            title="the policies for values can be had",
            message="; ".join(problems) or ", ".join(map(str, spec.value_policies)),
            code="precheck.value_policy",
        )
    ]


def _problem(policy: ValuePolicy, schema: Schema, targets: Mapping[TableName, Table]) -> str:
    """Return why a policy cannot be had: one with wildcards may pass over columns, one that names a column may not."""
    reasons = [
        refusal(target, target.column(column.name), policy.misfit, policy.action)
        for table in schema.tables
        if (target := targets.get(table.name)) is not None
        for column in table.written_columns
        if policy.names(table.name, column.name)
        and any(c.name.casefold() == column.name.casefold() for c in target.columns)
    ]
    if not reasons:
        return f"{policy} names no column of the project"
    return "" if "" in reasons else f"{policy}: {reasons[0]}"
