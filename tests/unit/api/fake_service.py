"""A `Service` in memory: same answers and errors, no engine. Tests put projects into any state by hand."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ferryman.control.service import Service
from ferryman.control.steps import enabled_steps
from ferryman.control.views import EndpointView, ErrorView, Page, ProjectView, StepView
from ferryman.foundation.errors import FerrymanError, UsageError, cited
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.mismatch import Mismatch
from ferryman.model.project import (
    PROJECT_TRANSITIONS,
    Endpoint,
    ProjectSpec,
    ProjectStatus,
    StepName,
    StepProgress,
    StepStatus,
)

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class FakeService(Service):
    """Projects and endpoints in dictionaries."""

    def __init__(self) -> None:
        self.kept_endpoints: dict[str, EndpointView] = {}
        self.kept_projects: dict[str, ProjectView] = {}
        self.kept_mismatches: dict[str, list[Mismatch]] = {}
        self.kept_letters: list[DeadLetter] = []
        self.kept_events: list[dict[str, Any]] = []
        self.kept_samples: dict[StepName, list[Any]] = {}
        self.choices: list[tuple[str, str, str]] = []
        self.password: str | None = None
        self.connect_error: FerrymanError | None = None
        self.broken = False
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def workers(self):
        return 0

    def require_owner(self, project_id):
        pass

    # Endpoints

    def create_endpoint(self, name, endpoint: Endpoint, *, description="", region="", api_document=None, check=True):
        if any(view.name == name for view in self.kept_endpoints.values()):
            raise UsageError("endpoint.name_taken", f"an endpoint is already called {name}")
        if check and self.connect_error is not None:
            raise self.connect_error
        if check and self.password is not None and endpoint.password != self.password:
            raise FerrymanError("endpoint.access_denied", f"{endpoint} refuses the login")
        view = EndpointView(
            id=f"e_{next(self._numbers)}",
            name=name,
            endpoint=endpoint,
            description=description,
            region=region,
            created_at=START,
            changed_at=START,
            api_document=api_document or {},
        )
        self.kept_endpoints[view.id] = view
        return view

    def endpoint(self, endpoint_id):
        if endpoint_id not in self.kept_endpoints:
            raise UsageError("endpoint.unknown", f"there is no endpoint {cited(endpoint_id)}")
        return self.kept_endpoints[endpoint_id]

    def endpoints(self, *, search="", schemes=(), sort="created", descending=True, page=1, size=10):
        found = [
            view
            for view in self.kept_endpoints.values()
            if (search in view.name or search == view.id) and (not schemes or view.endpoint.scheme in schemes)
        ]
        return _page(found[::-1] if descending else found, page, size)

    # Projects

    def create_project(self, spec: ProjectSpec):
        if self.find_project(spec.name):
            raise UsageError("project.name_taken", f"a project is already called {spec.name}")
        steps = tuple(
            StepView(order=order, name=name, status=StepStatus.INIT, progress=StepProgress())
            for order, name in enumerate(StepName, 1)
            if name in enabled_steps(spec)
        )
        project = ProjectView(
            id=f"np_{next(self._numbers)}",
            spec=spec,
            status=ProjectStatus.INIT,
            steps=steps,
            created_at=START,
            changed_at=START,
        )
        self.kept_projects[project.id] = project
        return project

    def find_project(self, name):
        return next(
            (p for p in self.kept_projects.values() if p.spec.name == name and p.status is not ProjectStatus.DELETED),
            None,
        )

    def project(self, project_id, *, tables=True, most_tables=None):
        if self.broken:
            raise RuntimeError("a secret detail")
        if project_id not in self.kept_projects:
            raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
        return self.kept_projects[project_id]

    def projects(
        self,
        *,
        search="",
        type_=None,
        statuses=(),
        labels=(),
        source_schemes=(),
        target_schemes=(),
        sort="created",
        descending=True,
        sub_projects=False,
        page=1,
        size=10,
        older_than="",
    ):
        wanted = set(statuses) or set(ProjectStatus) - {ProjectStatus.DELETED}
        found = [
            p
            for p in self.kept_projects.values()
            if p.status in wanted
            and (search in p.spec.name or search == p.id)
            and (type_ is None or p.spec.type is type_)
            and (not labels or set(labels) & set(p.spec.labels))
            and (not source_schemes or p.spec.source.scheme in source_schemes)
            and (not target_schemes or p.spec.target.scheme in target_schemes)
        ]
        return _page(found[::-1] if descending else found, page, size)

    def start_project(self, project_id, *, revision=None):
        self._expect(project_id, revision)
        self._move(project_id, ProjectStatus.RUNNING, {ProjectStatus.INIT})

    def stop_project(self, project_id, *, revision=None):
        self._expect(project_id, revision)
        self._move(project_id, ProjectStatus.SUSPEND, {ProjectStatus.RUNNING})

    def resume_project(self, project_id, *, revision=None):
        self._expect(project_id, revision)
        self._move(project_id, ProjectStatus.RUNNING, {ProjectStatus.SUSPEND, ProjectStatus.FAILED})

    def release_project(self, project_id, *, revision=None):
        self._expect(project_id, revision)
        allowed = {ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED}
        self._move(project_id, ProjectStatus.RELEASING, allowed)
        self.put(project_id, status=ProjectStatus.RELEASED)

    def delete_project(self, project_id, *, revision=None):
        self._expect(project_id, revision)
        self._move(project_id, ProjectStatus.DELETED, {ProjectStatus.INIT, ProjectStatus.RELEASED})

    def change_project(self, project_id, change, *, revision=None):
        self._expect(project_id, revision)
        project = self.project(project_id)
        if project.status in {ProjectStatus.RELEASED, ProjectStatus.DELETED, ProjectStatus.RELEASING}:
            raise UsageError("project.wrong_status", f"project {project_id} is {project.status.value}")
        self.put(project_id, spec=change(project.spec))
        return next(self._numbers)

    def update_project(self, project_id, spec):
        return self.put(project_id, spec=spec)

    def advance_project(self, project_id):
        if self.project(project_id).status is not ProjectStatus.RUNNING:
            raise UsageError("project.wrong_status", f"project {project_id} is not running")
        self.put_step(project_id, StepName.VERIFY, status=StepStatus.FINISHED)
        self.put(project_id, notes={"verify.advanced": {"skipped": False}})
        return StepName.APPLY

    def samples(self, project_id, step, begin, end):
        self.project(project_id)
        return [s for s in self.kept_samples.get(step, []) if begin <= s.taken_at <= end]

    def change_endpoint(self, endpoint_id, *, name=None, endpoint=None, description=None, region=None, check=True):
        given = {"name": name, "endpoint": endpoint, "description": description, "region": region}
        changed = {what: value for what, value in given.items() if value is not None}
        self.kept_endpoints[endpoint_id] = replace(self.endpoint(endpoint_id), **changed)
        return self.kept_endpoints[endpoint_id]

    def delete_endpoint(self, endpoint_id):
        self.endpoint(endpoint_id)
        specs = [project.spec for project in self.kept_projects.values()]
        if any(endpoint_id in {spec.source_endpoint_id, spec.target_endpoint_id} for spec in specs):
            raise UsageError("endpoint.in_use", f"a project uses the endpoint {endpoint_id}")
        del self.kept_endpoints[endpoint_id]

    def choose(self, project_id, choice, *, sql="", object_name=""):
        self.choices.append((self.project(project_id).id, choice, sql))

    def dead_letters(self, project_id, *, after=0, limit=100, open_only=True):
        self.project(project_id)
        return [each for each in self.kept_letters if each.number > after][:limit]

    def decide_letter(self, project_id, number, action):
        if not any(each.number == number for each in self.dead_letters(project_id)):
            raise UsageError("project.unknown_letter", f"there is no open dead letter {number}")
        self.choices.append((project_id, action, str(number)))

    def mismatches(self, project_id, table=None, *, page=1, size=10):
        self.project(project_id)
        chosen = self.kept_mismatches.get(table, []) if table else [m for t in self.kept_mismatches.values() for m in t]
        return _page(chosen, page, size)

    def events(self, project_id, *, after=0, limit=200):
        self.project(project_id)
        return [event for event in self.kept_events if event["id"] > after][:limit]

    def wait(self, project_id, timeout_seconds=None):
        return self.project(project_id)

    # By hand

    def put(self, project_id: str, **changes: Any) -> ProjectView:
        kept = self.kept_projects[project_id]
        raised = kept.revision + bool({"spec", "status"} & changes.keys())
        self.kept_projects[project_id] = dataclasses.replace(kept, revision=raised, **changes)
        return self.kept_projects[project_id]

    def put_step(self, project_id: str, name: StepName, **changes: Any) -> None:
        steps = tuple(
            dataclasses.replace(step, **changes) if step.name is name else step
            for step in self.kept_projects[project_id].steps
        )
        self.put(project_id, steps=steps)

    def _expect(self, project_id, revision):
        if revision not in {None, self.project(project_id).revision}:
            raise UsageError("project.changed_meanwhile", f"project {project_id} was changed")

    def _move(self, project_id, to, allowed):
        with self._lock:
            status = self.project(project_id).status
            if status not in allowed:
                raise UsageError("project.wrong_status", f"project {project_id} is {status.value}")
            assert to in PROJECT_TRANSITIONS[status]
            self.put(project_id, status=to, started_at=START)


FAILURE = ErrorView(code="endpoint.unreachable", message="no answer from db:3306", hint="start it", failed_at=START)


def _page(found, page, size):
    return Page(items=tuple(found[(page - 1) * size :][:size]), total=len(found), number=page, size=size)
