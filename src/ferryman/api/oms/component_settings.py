"""What the settings of a component change in a project's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ferryman.api.oms.components import KEPT_CONFIG, MASK
from ferryman.api.oms.wire import fold
from ferryman.foundation.errors import UsageError
from ferryman.model.project import ProjectSpec, StepName

SpecChange = Callable[[ProjectSpec, int], ProjectSpec]

MOST_LANES = 32
MOST_STREAMS = 256
_PARTS = ("coordinator", "condition", "source", "sink")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of component: its step, and what its settings change; names as ``part.member``, or as they are when flat."""

    name: str
    step: StepName
    settings: Mapping[str, SpecChange]
    flat: bool = False


def _option(group: str, member: str, least: int = 0, most: int = 2**62) -> SpecChange:
    """Set a member of a group of options, kept within bounds."""

    def change(spec: ProjectSpec, value: int) -> ProjectSpec:
        members: dict[str, Any] = {member: min(max(value, least), most)}
        groups: dict[str, Any] = {group: replace(getattr(spec, group), **members)}
        return replace(spec, **groups)

    return change


def _kept_hours(spec: ProjectSpec, seconds: int) -> ProjectSpec:
    return replace(spec, apply=replace(spec.apply, log_kept_hours=min(max(1, -(-seconds // 3600)), 8760)))


STORE = Kind("store", StepName.CAPTURE, {"store.clearer.outdated": _kept_hours}, flat=True)
FULL_IMPORT = Kind(
    "fullImport",
    StepName.LOAD,
    {
        "source.workerNum": _option("load", "streams", 1, MOST_STREAMS),
        "sink.workerNum": _option("load", "streams", 1, MOST_STREAMS),
        "source.sliceBatchSize": _option("load", "chunk_rows", 100),
        "source.batchSize": _option("load", "batch_rows", 1, 100_000),
        "coordinator.throttleRps": _option("load", "rows_per_second"),
        "coordinator.throttleIOPS": _option("load", "bytes_per_second"),
    },
)
INCR_SYNC = Kind(
    "incrSync",
    StepName.APPLY,
    {
        "sink.workerNum": _option("apply", "lanes", 1, MOST_LANES),
        "coordinator.throttleRps": _option("apply", "rows_per_second"),
        "coordinator.throttleIOPS": _option("apply", "bytes_per_second"),
    },
)
FULL_VERIFICATION = Kind(
    "fullVerification",
    StepName.VERIFY,
    {
        "limitator.platform.threads.number": _option("verify", "streams", 1, MOST_STREAMS),
        "limitator.select.batch.max": _option("verify", "chunk_rows", 100),
        "limitator.reviewer.time.max": _option("verify", "recheck_seconds", 0, 86_400),
        "limitator.table.diff.max": _option("verify", "mismatch_limit", 1, 1_000_000),
    },
    flat=True,
)


def changed(spec: ProjectSpec, kind: Kind, config: dict[str, Any], *, whole: bool) -> ProjectSpec:
    """Return the project with a component's settings changed; `whole`: what `config` lacks is forgotten.

    Raises:
        UsageError: ``api.wrong_parameter`` when a setting that has an effect is no whole number.
    """
    given = config if kind.flat else _parts(config)
    known = {fold(name): change for name, change in kind.settings.items()}
    for name, value in _named(given, flat=kind.flat):
        if change := known.get(fold(name)):
            spec = change(spec, _number(name, value))
    kept = spec.api_document.get(KEPT_CONFIG, {})
    before = {} if whole else kept.get(kind.name, {})
    return replace(spec, api_document={**spec.api_document, KEPT_CONFIG: {**kept, kind.name: _merged(before, given)}})


def _parts(config: dict[str, Any]) -> dict[str, Any]:
    """Return the four parts under their documented names (``Coordinator`` is taken too)."""
    parts: dict[str, Any] = {}
    for name, members in config.items():
        if fold(name) not in _PARTS or not isinstance(members, dict | None):
            message = f"parameter config: {str(name)[:32]!r} is none of the objects {', '.join(_PARTS)}"
            raise UsageError("api.wrong_parameter", message)
        parts[fold(name)] = members or {}
    return parts


def _named(config: dict[str, Any], *, flat: bool) -> list[tuple[str, Any]]:
    if flat:
        return list(config.items())
    return [(f"{part}.{name}", value) for part, members in config.items() for name, value in members.items()]


def _number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not str(value).strip().isdecimal():
        raise UsageError("api.wrong_parameter", f"parameter config.{name}: must be a whole number")
    return int(str(value).strip()[:18])


def _merged(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Merge settings, secrets masked: a password belongs to the data source."""
    merged = dict(before)
    for name, value in given.items():
        if isinstance(value, dict):
            merged[name] = _merged(before.get(name, {}) if isinstance(before.get(name), dict) else {}, value)
        else:
            merged[name] = MASK if "password" in str(name).lower() else value
    return merged
