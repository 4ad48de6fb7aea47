"""Changes of a living project's settings: name, labels, alert level, speed; what runs takes them without a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import events, notes, projects
from ferryman.metadb.database import Transaction
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.serial import to_json

Change = Callable[[ProjectSpec], ProjectSpec]

OPTION_NOTES = ("options.load", "options.apply", "options.verify")
"""Where running tasks read their options again (`ferryman.spi.task`)."""

OPTIONS_SHOWN = ("name", "labels", "importance", "load", "apply", "verify", "stop_when")
"""Members of a spec that may change while a project lives."""


_AT_START = ("lanes", "window_changes", "atomic")
"""Options that apply reads when it begins."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of settings has done: its event, and the steps that have to begin again to take it."""

    event_id: int
    restarts: tuple[StepName, ...]


def change_spec(tx: Transaction, box: SecretBox, project_id: str, old: ProjectSpec, spec: ProjectSpec) -> int:
    """Write changed settings, and lay the options where running tasks look for them; returns the event's id.

    Raises:
        UsageError: ``project.invalid`` when something else would change with them.
    """
    require_settings_only(old, spec)
    now = unix_now()
    projects.update_spec(tx, box, project_id, spec, now)
    for name, options in zip(OPTION_NOTES, (spec.load, spec.apply, spec.verify), strict=True):
        notes.put(tx, project_id, name, to_json(options), now)
    changed = [name for name in OPTIONS_SHOWN if getattr(old, name) != getattr(spec, name)]
    fields = {name: f"{_shown(old, name)} -> {_shown(spec, name)}" for name in changed}
    message = f"settings were changed: {', '.join(changed) or 'nothing'}"
    return events.add(tx, project_id, now, "info", message, fields=fields)


def require_settings_only(old: ProjectSpec, new: ProjectSpec) -> None:
    """Refuse a change of what a project moves; ``project.invalid``."""
    kept = {name: getattr(old, name) for name in (*OPTIONS_SHOWN, "api_document", "skip_prechecks", "value_policies")}
    if replace(new, **kept) != old:
        raise UsageError("project.invalid", "only name, labels, alert level and options of a living project can change")


def forget_options(tx: Transaction, project_id: str) -> None:
    """Remove the options laid out for running tasks: the next ones begin with the spec."""
    for name in OPTION_NOTES:
        notes.put(tx, project_id, name, None, unix_now())


def restarts(old: ProjectSpec, new: ProjectSpec) -> tuple[StepName, ...]:
    """Return the steps that take a change only from their start: they begin again at their checkpoint.

    Limits of speed are read in the running step; the number of connections is not.
    """
    found: list[StepName] = []
    if any(getattr(old.apply, name) != getattr(new.apply, name) for name in _AT_START):
        found.append(StepName.APPLY)
    if old.verify != new.verify:
        found.append(StepName.VERIFY)
    return tuple(found)


def _shown(spec: ProjectSpec, name: str) -> str:
    value = getattr(spec, name)
    return str(to_json(value))
