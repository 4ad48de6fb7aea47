"""The project that moves changes back after a switchover: which projects can have one, and what it is asked to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.policies import Action
from ferryman.model.project import ApplyOptions, Endpoint, LoadOptions, ProjectSpec, ProjectType, StepName, StopWhen
from ferryman.model.selection import Selection, exact_part, exact_pattern
from ferryman.spi.connector import connector_for, is_sink


def check_reversible(spec: ProjectSpec) -> None:
    """Refuse a project whose changes could not flow back exactly; ``project.not_reversible``."""
    reason = _reason(spec)
    if reason:
        hint = (
            "leave `reverse` (enableReverseIncrTransfer) out, or what stands in its way; a switchover works without it"
        )
        raise UsageError("project.not_reversible", f"changes cannot flow back: {reason}", hint=hint)


def _reason(spec: ProjectSpec) -> str:
    selection = spec.selection
    if spec.type is not ProjectType.MIGRATION or is_sink(spec.target):
        return "only a migration between databases has a way back"
    if StepName.APPLY not in spec.steps:
        return "the project has no incremental step"
    if spec.stop_when is not StopWhen.NEVER:
        return "a project that ends by itself when caught up is not switched over (stop_when)"
    if selection.where:
        return f"the rows of {next(iter(selection.where))} are filtered"
    if selection.columns:
        return f"columns of {next(iter(selection.columns))} are left out, added or changed"
    if any(policy.action is not Action.FAIL for policy in spec.value_policies):
        return "values that do not fit are converted, and could not be converted back"
    if len(set(selection.rename.values())) != len(selection.rename) and any("." in name for name in selection.rename):
        return "several tables may become one"
    return _pair_reason(spec.source, spec.target)


def _pair_reason(source: Endpoint, target: Endpoint) -> str:
    there, back = connector_for(source), connector_for(target)
    if back.source is None or target.scheme == "tidb":
        return f"the log of {target.scheme} cannot be read"
    if there.target is None:
        return f"{source.scheme} cannot be written to"
    if there.holds_schemas != back.holds_schemas:
        return f"from {target.scheme} to {source.scheme} there is no way for every type of value"
    return ""


def reverse_spec(spec: ProjectSpec, name: str, selection: Selection, *, applies: bool) -> ProjectSpec:
    """Return what the reverse project is asked to do; until it `applies` it only spools the target's log."""
    target = spec.source if connector_for(spec.source).holds_schemas else replace(spec.source, database="")
    return ProjectSpec(
        name=name,
        source=spec.target,
        target=target,
        source_endpoint_id=spec.target_endpoint_id,
        target_endpoint_id=spec.source_endpoint_id,
        selection=selection,
        steps=(StepName.CAPTURE, StepName.APPLY) if applies else (StepName.CAPTURE,),
        load=LoadOptions(),
        apply=replace(
            spec.apply, start_timestamp=0, start_position="", conflicts=ApplyOptions().conflicts, conflicts_of={}
        ),
        importance=spec.importance,
    )


def provisional(selection: Selection) -> Selection:
    """Return about what flows back, by patterns: what exactly is known only when the switchover has come to rest."""
    turned = {new: old for old, new in selection.rename.items()}
    objects = tuple(selection.rename.get(each, each) for each in selection.objects)
    return Selection(objects=objects, rename=turned)


def turned(moved: Mapping[TableName, TableName], there: Collection[TableName]) -> Selection:
    """Return what flows back: the tables that came, each to where it came from.

    Args:
        moved: Source table → the target's table as that server spells it.
        there: All tables of the target's databases. A database that holds nothing else flows back as a whole, with
            tables that are made in it later; of others just the tables that came.
    """
    homes: dict[str, list[tuple[TableName, TableName]]] = {}
    for source, target in moved.items():
        homes.setdefault(target.database, []).append((source, target))
    objects: list[str] = []
    rename: dict[str, str] = {}
    for database, pairs in sorted(homes.items()):
        whole = _home_of(pairs)
        alone = {target for _, target in pairs} >= {name for name in there if name.database == database}
        if whole is not None and alone:
            objects.append(f"{exact_part(database)}.*")
        else:
            objects += [exact_pattern(target) for _, target in pairs]
        if whole is None:
            rename |= {exact_pattern(target): exact_pattern(source) for source, target in pairs}
        elif whole != database:
            rename[database] = exact_part(whole)
    return Selection(objects=tuple(objects), rename=rename)


def _home_of(pairs: Sequence[tuple[TableName, TableName]]) -> str | None:
    """Return the one database from which all these tables came under their own names; `None` when there is none."""
    homes = {source.database for source, _ in pairs}
    same = all(source.table == target.table for source, target in pairs)
    return next(iter(homes)) if same and len(homes) == 1 else None
