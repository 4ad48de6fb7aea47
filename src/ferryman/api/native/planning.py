"""From a file to what would have to be done: make the project, change it, or refuse since it would have to be made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ferryman.api.labels import Labels
from ferryman.api.native.creation import Wish, policies_of, spec_of
from ferryman.api.native.documents import Model
from ferryman.api.native.project_files import ProjectFile, PublishSettings, file_of, place_of, types_of
from ferryman.api.native.routes import endpoint_of
from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.foundation.errors import UsageError
from ferryman.model.project import (
    ApplyOptions,
    Endpoint,
    Importance,
    LoadOptions,
    ProjectSpec,
    ProjectStatus,
    PublishOptions,
    StopWhen,
    VerifyOptions,
)
from ferryman.model.rules import ColumnRules
from ferryman.model.serial import from_json
from ferryman.spi.url import same_place, with_secrets_of

Effect = Literal["now", "step-restart", "when-stopped", "re-creation"]

_RESTARTING = ("apply.lanes", "apply.window_changes", "apply.atomic", "verify.")
_STOPPED = ("types", "source login", "target login")
_FIXED = (
    "source",
    "target",
    "objects",
    "exclude",
    "rename",
    "where",
    "columns",
    "hash_key",
    "publish",
    "two_way",
    "apply.start_timestamp",
    "apply.start_position",
)
_ENDED = frozenset({ProjectStatus.RELEASING, ProjectStatus.RELEASED})


class PlannedChange(Model):
    """One member that differs; `effect` says when it counts, or that the project would have to be made anew."""

    path: str
    old: Any
    new: Any
    effect: Effect


class Plan(Model):
    """What applying a file would do; `revision` is of the project as it was looked at."""

    name: str
    action: Literal["create", "change", "none", "refuse"]
    project: str | None
    revision: int | None
    changes: list[PlannedChange]
    reason: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the project it leads to."""

    plan: Plan
    spec: ProjectSpec


def planned(service: Service, labels: Labels, file: ProjectFile) -> Planned:
    """Compare a file with the project of its name; ``endpoint.unknown``, ``usage.bad_url`` and so on for a file that is wrong."""
    found = service.find_project(file.name)
    names = labels.all()
    spec = _asked_spec(service, names, file, found.spec if found else None)
    if found is None:
        plan = Plan(name=file.name, action="create", project=None, revision=None, changes=[], reason="")
        return Planned(plan, spec)
    changes = list(_changes(found, file_of(found.spec, names), file, spec))
    action, reason = _verdict(found, changes)
    plan = Plan(
        name=file.name, action=action, project=found.id, revision=found.revision, changes=changes, reason=reason
    )
    return Planned(plan, spec)


def carry_out(service: Service, labels: Labels, file: ProjectFile, revision: int | None) -> Planned:
    """Do what the plan says; ``project.needs_recreation``, ``project.wrong_status``, ``project.changed_meanwhile``."""
    wanted = planned(service, labels, file)
    plan = wanted.plan
    if plan.action == "refuse":
        code = "project.wrong_status" if plan.changes and _needs(plan.changes, "when-stopped") else "project.invalid"
        raise UsageError("project.needs_recreation" if _needs(plan.changes, "re-creation") else code, plan.reason)
    if plan.action == "none":
        return wanted
    spec = replace(wanted.spec, labels=_label_ids(labels, file.labels))
    if plan.project is None:
        made = service.create_project(spec)
        return Planned(plan.model_copy(update={"project": made.id, "revision": made.revision}), spec)
    expected = plan.revision if revision is None else revision
    if _whole(service.project(plan.project, tables=False), plan.changes):
        service.update_project(plan.project, spec, revision=expected)
    else:
        service.change_project(plan.project, lambda _old: spec, revision=expected)
    return wanted


def _asked_spec(service: Service, names: dict[str, str], file: ProjectFile, old: ProjectSpec | None) -> ProjectSpec:
    source, source_id = _end(service, file.source, old.source if old else None, old.source_endpoint_id if old else "")
    target, target_id = _end(service, file.target, old.target if old else None, old.target_endpoint_id if old else "")
    wish = Wish(
        name=file.name,
        source=source,
        target=target,
        source_endpoint_id=source_id,
        target_endpoint_id=target_id,
        objects=file.objects,
        exclude=file.exclude,
        rename=file.rename,
        where=file.where,
        columns=from_json(dict[str, ColumnRules], {name: each.model_dump() for name, each in file.columns.items()}),
        hash_key=file.hash_key or (old.hash_key if old else ""),
        types=file.types,
        stop_when=StopWhen(file.stop_when),
        skip_prechecks=file.skip_prechecks,
        value_policies=policies_of(file.on_value),
        importance=Importance(file.importance),
        two_way=file.two_way,
    )
    spec = replace(
        spec_of(wish),
        labels=tuple(key for key, name in names.items() if name in file.labels),
        load=from_json(LoadOptions, file.load.model_dump(mode="json")),
        apply=from_json(ApplyOptions, file.apply.model_dump(mode="json")),
        verify=VerifyOptions(**file.verify.model_dump()),
    )
    if file.publish is not None:
        spec = replace(spec, publish=_publish(file.publish))
    return spec if old is None else _kept(old, spec)


def _publish(asked: PublishSettings) -> PublishOptions:
    options: PublishOptions = from_json(PublishOptions, asked.model_dump(mode="json"))
    return options


def _kept(old: ProjectSpec, spec: ProjectSpec) -> ProjectSpec:
    """Keep of a project what no file tells."""
    steps = old.steps if types_of(old) == types_of(spec) else spec.steps
    return replace(spec, steps=steps, type=old.type, api_document=old.api_document, target=_without_name(spec, old))


def _without_name(spec: ProjectSpec, old: ProjectSpec) -> Endpoint:
    return old.target if replace(spec.target, database="") == replace(old.target, database="") else spec.target


def _end(service: Service, text: str, old: Endpoint | None, old_id: str) -> tuple[Endpoint, str]:
    """Return the endpoint a file names; the one the project has where the file names just that, without its secrets."""
    if old is not None and text == place_of(old, old_id):
        return _renewed(service, old, old_id), old_id
    endpoint, endpoint_id = endpoint_of(service, text)
    if old is not None and with_secrets_of(endpoint, old) == old:
        return old, old_id
    return endpoint, endpoint_id


def _renewed(service: Service, old: Endpoint, old_id: str) -> Endpoint:
    """Return the end of a project with the login and the way that its endpoint has by now, if that is the same server."""
    try:
        kept = service.endpoint(old_id).endpoint if old_id else old
    except UsageError:  # it is gone; the project has what it needs
        return old
    kept = replace(kept, database=old.database)
    return kept if same_place(kept, old) else old


def _changes(project: ProjectView, old: ProjectFile, asked: ProjectFile, spec: ProjectSpec) -> Iterator[PlannedChange]:
    new = asked.model_copy(update={"source": place_of(spec.source, spec.source_endpoint_id)})
    new = new.model_copy(update={"target": place_of(spec.target, spec.target_endpoint_id)})
    new = new.model_copy(update={"objects": list(spec.selection.objects), "rename": spec.selection.rename})
    new = new.model_copy(update={"hash_key": ""})
    if asked.publish is None:
        new = new.model_copy(update={"publish": old.publish})
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    logins = set(_changed_logins(project.spec, spec))
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path) and path not in logins:
            yield _change(project, path, before.get(path), after.get(path))
    for side in sorted(logins):
        yield _change(project, f"{side} login", "(kept)", "(as given)")
    if project.spec.hash_key != spec.hash_key:
        yield _change(project, "hash_key", "(kept)", "(as given)")


def _changed_logins(old: ProjectSpec, new: ProjectSpec) -> Iterator[str]:
    """Yield the sides that are what they were, but for secrets and the way there."""
    for side, one, two, is_kept in (
        ("source", old.source, new.source, old.source_endpoint_id == new.source_endpoint_id),
        ("target", old.target, new.target, old.target_endpoint_id == new.target_endpoint_id),
    ):
        if is_kept and one != two and same_place(one, two):
            yield side


def _change(project: ProjectView, path: str, old: Any, new: Any) -> PlannedChange:
    return PlannedChange(path=path, old=old, new=new, effect=_effect(project, path))


def _effect(project: ProjectView, path: str) -> Effect:
    if project.started_at is None and project.status is ProjectStatus.INIT:
        return "now"
    if path.startswith(_STOPPED):
        return "when-stopped"
    if path.startswith(_FIXED):
        return "re-creation"
    return "step-restart" if path.startswith(_RESTARTING) else "now"


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name the members of sections by path; maps of names stay whole."""
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name in {"load", "apply", "verify", "publish"} and isinstance(item, dict) and not prefix:
            found |= _flat(item, f"{name}.")
        else:
            found[prefix + name] = sorted(item) if name == "labels" else item
    return found


def _needs(changes: list[PlannedChange], effect: Effect) -> bool:
    return any(change.effect == effect for change in changes)


def _verdict(project: ProjectView, changes: list[PlannedChange]) -> tuple[Literal["change", "none", "refuse"], str]:
    if not changes:
        return "none", ""
    fixed = [change.path for change in changes if change.effect == "re-creation"]
    if fixed:
        return "refuse", f"project {project.spec.name} has begun: another {', '.join(fixed)} would be another project"
    if project.status in _ENDED:
        return "refuse", f"project {project.spec.name} is {project.status.value}: nothing of it changes any more"
    if _needs(changes, "when-stopped") and project.status is ProjectStatus.RUNNING:
        stopped = [change.path for change in changes if change.effect == "when-stopped"]
        return "refuse", f"project {project.spec.name} is running: stop it to change {', '.join(stopped)}"
    return "change", ""


def _whole(project: ProjectView, changes: list[PlannedChange]) -> bool:
    """Whether more than settings change."""
    return project.status is ProjectStatus.INIT or _needs(changes, "when-stopped")


def _label_ids(labels: Labels, names: list[str]) -> tuple[str, ...]:
    """Return the labels of these names; those that are not there are made."""
    known = {name: key for key, name in labels.all().items()}
    return tuple(known.get(name) or labels.create(name) for name in dict.fromkeys(names))
