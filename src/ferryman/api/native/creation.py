"""From the options of a project, as people give them, to a `ProjectSpec`; the command line uses it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ferryman.foundation.errors import UsageError, cited
from ferryman.model.misfits import Misfit
from ferryman.model.policies import CONVERTED, Action, ValuePolicy
from ferryman.model.project import (
    LOG_KEPT_BYTES,
    LOG_KEPT_HOURS,
    ApplyOptions,
    ConflictPolicy,
    Endpoint,
    Importance,
    LoadOptions,
    ProjectSpec,
    ProjectType,
    PublishOptions,
    SpeedMode,
    StepName,
    StopWhen,
    VerifyOptions,
)
from ferryman.model.rules import ColumnRules
from ferryman.model.selection import Selection, split_name
from ferryman.spi.connector import connectors, is_sink
from ferryman.spi.publishing import publish_options

STEPS_OF_TYPE: dict[str, tuple[StepName, ...]] = {
    "schema": (StepName.SCHEMA,),
    "full": (StepName.LOAD,),
    "incremental": (StepName.CAPTURE, StepName.APPLY),
    "verify": (StepName.VERIFY,),
    "reverse": (StepName.REVERSE,),
}
"""Steps by the word people use."""

LONGEST_SECOND = 12
"""Digits of a Unix second."""
USUAL_TYPES = ("schema", "full", "incremental", "verify")
"""What a project does when nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for; members as the options of ``ferryman run``."""

    name: str
    source: Endpoint
    target: Endpoint
    source_endpoint_id: str = ""
    target_endpoint_id: str = ""
    objects: Sequence[str] = ()
    exclude: Sequence[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, ColumnRules] = field(default_factory=dict)
    hash_key: str = field(default="", repr=False)
    types: Sequence[str] = USUAL_TYPES
    stop_when: StopWhen = StopWhen.NEVER
    streams: int = 0
    speed: SpeedMode = SpeedMode.NORMAL
    defer_indexes: bool | None = None
    allow_not_empty: bool = False
    skip_prechecks: Sequence[str] = ()
    value_policies: Sequence[ValuePolicy] = ()
    importance: Importance = Importance.MEDIUM
    publish: PublishOptions | None = None
    conflicts: ConflictPolicy = ConflictPolicy.STOP
    conflicts_of: Mapping[str, ConflictPolicy] = field(default_factory=dict)
    log_kept_hours: int = LOG_KEPT_HOURS
    log_kept_bytes: int = LOG_KEPT_BYTES
    atomic: bool = False
    start_at: str = ""
    two_way: bool = False


def policies_of(texts: Sequence[str]) -> tuple[ValuePolicy, ...]:
    """Read ``database.table.column:misfit=action``.

    Raises:
        UsageError: ``usage.wrong_option``.
    """
    return tuple(map(_policy, texts))


def _policy(text: str) -> ValuePolicy:
    column, _, wish = text.rpartition(":")
    misfit, _, action = wish.partition("=")
    misfits, actions = {each.value: each for each in Misfit}, {each.value: each for each in Action}
    parts = [*split_name(column)[:1], *split_name(split_name(column)[1])]
    if misfit not in misfits or action not in actions or not all(parts):
        known = ", ".join(each.value for each in Misfit if each in CONVERTED[Action.NULL])
        hint = f"write database.table.column:MISFIT=null (or clamp, fail); a MISFIT is one of {known}"
        raise UsageError("usage.wrong_option", f"--on-value {cited(text)} cannot be read", hint=hint)
    policy = ValuePolicy(column=column, misfit=misfits[misfit], action=actions[action])
    if policy.misfit not in CONVERTED[policy.action]:
        raise UsageError("usage.wrong_option", f"--on-value {cited(text)}: no {action} is known for {misfit}")
    return policy


def spec_of(wish: Wish) -> ProjectSpec:
    """Turn a wish into a project.

    Raises:
        UsageError: ``usage.wrong_option`` for no type, or an unknown one.
    """
    target, publish = publish_options(wish.target) if is_sink(wish.target) else (wish.target, PublishOptions())
    return ProjectSpec(
        name=wish.name,
        type=ProjectType.SYNC if is_sink(target) else ProjectType.MIGRATION,
        source=wish.source,
        target=target if _holds_schemas(target) else replace(target, database=""),  # see `selection_of`
        source_endpoint_id=wish.source_endpoint_id,
        target_endpoint_id=wish.target_endpoint_id,
        selection=selection_of(wish),
        steps=steps_of(_types(wish)),
        stop_when=wish.stop_when,
        load=LoadOptions(
            mode=wish.speed,
            streams=wish.streams,
            allow_target_not_empty=wish.allow_not_empty,
            defer_index_creation=wish.defer_indexes,
        ),
        apply=ApplyOptions(
            conflicts=wish.conflicts,
            conflicts_of=dict(wish.conflicts_of),
            atomic=wish.atomic,
            **start_of(wish),
            log_kept_hours=wish.log_kept_hours,
            log_kept_bytes=wish.log_kept_bytes,
        ),
        verify=VerifyOptions(streams=wish.streams),
        publish=wish.publish or publish,
        skip_prechecks=tuple(wish.skip_prechecks),
        hash_key=wish.hash_key,
        value_policies=tuple(wish.value_policies),
        two_way=wish.two_way,
        importance=wish.importance,
    )


def start_of(wish: Wish) -> dict[str, Any]:
    """Return where changes begin: a Unix second, or the name of a place in the log; nothing where that is not said.

    Raises:
        UsageError: ``usage.wrong_option`` for a project to which it says nothing.
    """
    text = wish.start_at.strip()
    if not text:
        return {}
    if "full" in wish.types or "incremental" not in wish.types:
        raise UsageError(
            "usage.wrong_option",
            f"no place to begin at (--start-at) can be chosen for the types {','.join(wish.types)}",
            hint="with a load the changes begin before it; name the types without it: --types incremental",
        )
    if not text.isdecimal():
        return {"start_position": text}
    if len(text) > LONGEST_SECOND:
        raise UsageError("usage.wrong_option", f"{text} is no Unix second")
    return {"start_timestamp": int(text)}


def _types(wish: Wish) -> Sequence[str]:
    """Return the types; what is asked of every project by default is no wish to verify messages."""
    default = set(wish.types) == set(USUAL_TYPES) and is_sink(wish.target)
    return [name for name in wish.types if not (default and name == "verify")]


def steps_of(types: Sequence[str]) -> tuple[StepName, ...]:
    """Return the steps of the types asked for, in running order, the precheck first."""
    if unknown := [name for name in types if name not in STEPS_OF_TYPE]:
        raise UsageError(
            "usage.wrong_option", f"unknown type {cited(unknown[0])}; known are {', '.join(STEPS_OF_TYPE)}"
        )
    if not types:
        raise UsageError("usage.wrong_option", f"no type is chosen; known are {', '.join(STEPS_OF_TYPE)}")
    chosen = {StepName.PRECHECK, *(step for name in types for step in STEPS_OF_TYPE[name])}
    return tuple(name for name in StepName if name in chosen)


def selection_of(wish: Wish) -> Selection:
    """Return what moves.

    A database in the source's URL stands for ``--objects database.*`` when no objects are named; one in the target's URL
    then is its name there.
    """
    objects, rename = tuple(wish.objects), dict(wish.rename)
    database, new_name = _named_database(wish.source), _named_database(wish.target)
    if database and not objects:
        objects = (f"{quoted(database)}.*",)
        if new_name and new_name != database:
            rename.setdefault(database, new_name)
    return Selection(
        objects=objects,
        exclude=tuple(wish.exclude),
        rename=rename,
        where=dict(wish.where),
        columns=dict(wish.columns),
    )


def _named_database(endpoint: Endpoint) -> str:
    """Return the database that an endpoint's URL names; none where that one only holds the schemas that move."""
    return "" if _holds_schemas(endpoint) else endpoint.database


def _holds_schemas(endpoint: Endpoint) -> bool:
    """Whether the URL's database is where we connect to; elsewhere it is a name, and may not exist yet."""
    connector = connectors().get(endpoint.scheme)
    return connector is not None and connector.holds_schemas


def quoted(name: str) -> str:
    """Write a name so that a pattern takes it as it is."""
    return "`" + name.replace("`", "``") + "`"
