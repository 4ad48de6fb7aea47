"""The operations that change what is there: components, settings, the start of following, the step a project is in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ferryman.api.oms import component_settings, creation, requests
from ferryman.api.oms.component_settings import Kind
from ferryman.api.oms.components import ADDRESS, project_of_key, task_number
from ferryman.api.oms.envelope import Answer
from ferryman.api.oms.steps import ADVANCED_NOTE, STEP_NAMES
from ferryman.api.oms.surroundings import Body, Operation, Surroundings, identifier
from ferryman.api.oms.wire import fold, parse
from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.foundation.errors import UsageError
from ferryman.model.project import ProjectSpec, ProjectStatus, StepName, StepStatus

_LIVING = [s for s in ProjectStatus if s not in {ProjectStatus.RELEASED, ProjectStatus.DELETED}]


def update_store(here: Surroundings, body: Body) -> Answer:
    """UpdateStore."""
    return _update(here, body, component_settings.STORE)


def update_full_import(here: Surroundings, body: Body) -> Answer:
    """UpdateFullImport."""
    return _update(here, body, component_settings.FULL_IMPORT)


def update_incr_sync(here: Surroundings, body: Body) -> Answer:
    """UpdateIncrSync: of one component, or of all of a task or an address."""
    return _update(here, body, component_settings.INCR_SYNC)


def update_full_verification(here: Surroundings, body: Body) -> Answer:
    """UpdateFullVerification."""
    return _update(here, body, component_settings.FULL_VERIFICATION)


def update_project_config(here: Surroundings, body: Body) -> Answer:
    """UpdateProjectConfig: members left out stay as they are; what runs takes the rest without a restart."""
    request = parse(requests.ProjectConfig, body)
    project = here.service.project(request.id.strip(), tables=False)
    here.service.change_project(project.id, lambda spec: creation.reconfigured(spec, request))
    return Answer()


def submit_precheck(here: Surroundings, body: Body) -> Answer:
    """SubmitPreCheck: of a project that is there, or of one as CreateProject would make it."""
    project_id = (parse(requests.PreCheck, body).project_id or "").strip()
    if project_id:
        return Answer(data=here.prechecks.submit(here.service.project(project_id, tables=False).spec, project_id))
    return Answer(data=here.prechecks.submit(creation.asked_spec(here.service, here.labels, body)))


def reset_start(here: Surroundings, body: Body) -> Answer:
    """ResetIncrStartTimestamp: of a project that has not begun and has no full transfer."""
    request = parse(requests.StartTimestamp, body)
    if request.reverse:
        raise UsageError("api.not_supported", "reverse: its place is where the switchover came to rest, and no other")
    project = here.service.project(request.id.strip(), tables=False)
    return Answer(data=here.service.change_project(project.id, lambda spec: _from(project, spec, request)))


def advance_project(here: Surroundings, body: Body) -> Answer:
    """AdvanceProject: leaves verification behind, then switches over what shall flow back; answers the step that goes on."""
    return Answer(data=STEP_NAMES[_advance(here.service, identifier(body))])


def _advance(service: Service, project_id: str) -> StepName:
    """Go to the next stage: out of verification, into the switchover, past the operator's confirmation."""
    project = service.project(project_id, tables=False)
    verify = project.step(StepName.VERIFY)
    leaves = verify is not None and not (verify.status is StepStatus.FINISHED and project.notes.get(ADVANCED_NOTE))
    if StepName.REVERSE not in project.spec.steps or (leaves and project.switchover is None):
        step = service.advance_project(project_id)
        return StepName.SWITCHOVER if StepName.REVERSE in project.spec.steps else step
    if project.switchover is None:
        service.switchovers.start(project_id)
    else:
        service.switchovers.confirm(project_id)
    return StepName.SWITCHOVER


def _from(project: ProjectView, spec: ProjectSpec, request: requests.StartTimestamp) -> ProjectSpec:
    """Begin at another second; only before anything was read: else changes would be lost or come twice."""
    if project.status is not ProjectStatus.INIT:
        raise UsageError(
            "project.wrong_status",
            f"project {project.id} is {project.status.value}: where it begins can be changed only before its start",
            hint="clone it, and let the clone begin at that second",
        )
    if StepName.APPLY not in spec.steps or StepName.LOAD in spec.steps:
        message = f"project {project.id} does not begin at a second: it has full transfer, or no incremental one"
        raise UsageError("project.invalid", message)
    return replace(spec, apply=replace(spec.apply, start_timestamp=request.start_timestamp, start_position=""))


def _update(here: Surroundings, body: Body, kind: Kind) -> Answer:
    request = parse(requests.ComponentUpdate, body)
    # The keys of `config` are settings' names, which must arrive as they were written.
    config = next(value for name, value in body.items() if fold(name) == "config")
    whole = bool(request.allow_delete) and request.dimension == "NAME"
    tickets = [
        _update_one(here.service, project, kind, config, whole=whole) for project in _targets(here, request, kind)
    ]
    return Answer(data=tickets[-1])


def _update_one(service: Service, project: ProjectView, kind: Kind, config: dict[str, Any], *, whole: bool) -> int:
    step = project.step(kind.step)
    if step is not None and step.status is StepStatus.FINISHED and kind.step is StepName.LOAD:
        raise UsageError(
            "project.wrong_status", f"the Full-Import of {project.id} is completed: nothing of it runs any more"
        )
    return service.change_project(project.id, lambda spec: component_settings.changed(spec, kind, config, whole=whole))


def _targets(here: Surroundings, request: requests.ComponentUpdate, kind: Kind) -> list[ProjectView]:
    """Return the projects whose component is meant; ``component.unknown``."""
    if request.dimension != "NAME" and kind is not component_settings.INCR_SYNC:
        raise UsageError("api.wrong_parameter", "parameter dimension: must be NAME")
    if request.dimension == "IP":
        found = _with_step(here.service, kind.step) if request.key.strip() == ADDRESS else []
    else:
        found = [_named(here.service, request.key, kind)]
    if not found:
        raise UsageError("component.unknown", f"no component answers to {request.key.strip()[:64]!r}")
    return found


def _named(service: Service, key: str, kind: Kind) -> ProjectView:
    project_id = project_of_key(key) or _verification_of(service, key)
    project = service.project(project_id, tables=False) if project_id else None
    if project is None or project.step(kind.step) is None:
        raise UsageError("component.unknown", f"no component is called {key.strip()[:96]!r}")
    return project


def _verification_of(service: Service, key: str) -> str | None:
    numbers = set(key.strip().split(":"))
    return next((p.id for p in _with_step(service, StepName.VERIFY) if str(task_number(p.id)) in numbers), None)


def _with_step(service: Service, step: StepName) -> list[ProjectView]:
    found: list[ProjectView] = []
    number = 1
    while True:
        page = service.projects(statuses=_LIVING, page=number, size=100)
        found += [project for project in page.items if project.step(step) is not None]
        if not page.items or number * 100 >= page.total:
            return found
        number += 1


CHANGING: dict[str, Operation] = {
    "UpdateStore": update_store,
    "UpdateFullImport": update_full_import,
    "UpdateIncrSync": update_incr_sync,
    "UpdateFullVerification": update_full_verification,
    "UpdateProjectConfig": update_project_config,
    "SubmitPreCheck": submit_precheck,
    "ResetIncrStartTimestamp": reset_start,
    "AdvanceProject": advance_project,
}
