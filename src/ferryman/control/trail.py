"""What a call changed, before and after, for the audit log.

The list lives for the length of a call (`TRAIL`); where nobody listens (the service itself, ``ferryman run``) nothing is
kept. Secrets never enter it: endpoints are written without them, other secrets by the word that they are new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.model.serial import to_json
from ferryman.spi.url import format_url

MOST_CHANGES = 1000
"""Of one call (a batch of many projects); the entry says when there were more."""
LONGEST_VALUE = 2000
"""Characters; a longer value (a list of tables) is told by its length."""

TRAIL: ContextVar[list[dict[str, Any]] | None] = ContextVar("trail", default=None)


def changed(of: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Note the members of a thing that differ; `of` names it: ``project np_1``."""
    trail = TRAIL.get()
    if trail is None:
        return
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old != new and len(trail) < MOST_CHANGES:
            trail.append({"of": of, "what": name, "before": _short(old), "after": _short(new)})
        elif old != new and len(trail) == MOST_CHANGES:
            trail.append({"of": "more", "what": f"more than {MOST_CHANGES} changes", "before": None, "after": None})


def secrets_changed(old: Endpoint, new: Endpoint) -> bool:
    """Whether only what is not shown differs."""
    return old != new and format_url(old) == format_url(new)


def spec_changed(project_id: str, old: ProjectSpec, new: ProjectSpec) -> None:
    """Note how a project's spec differs."""
    before, after = _spec_facts(old), _spec_facts(new)
    for side, one, two in (("source", old.source, new.source), ("target", old.target, new.target)):
        if secrets_changed(one, two):
            after[f"{side} secrets"] = "(new)"
    if old.hash_key != new.hash_key:
        after["hash_key"] = "(new)"
    changed(f"project {project_id}", before, after)


def _spec_facts(spec: ProjectSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {"source": format_url(spec.source), "target": format_url(spec.target)}
    for name in ("name", "labels", "importance", "stop_when", "steps", "skip_prechecks", "value_policies"):
        facts[name] = to_json(getattr(spec, name))
    for part in ("selection", "load", "apply", "verify", "publish"):
        facts |= {f"{part}.{name}": value for name, value in to_json(getattr(spec, part)).items()}
    return facts


def _short(value: Any) -> Any:
    length = len(json.dumps(value, default=str))
    return f"({length} characters)" if length > LONGEST_VALUE else value
