"""The life cycle, status by status and action by action, through both APIs over the real service and its metadb.

The expectations are written out, from the OMS documents (oms-api.md, "Life cycle"); none is computed from the tables of
the code, which are held against them instead. Nothing runs here: a project stays where an action has put it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from ferryman.api.application import create_application
from ferryman.api.labels import Labels
from ferryman.control.alerts.book import Alerts
from ferryman.control.lifecycle import ALLOWED
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError
from ferryman.metadb import projects, steps
from ferryman.model.project import (
    PROJECT_TRANSITIONS,
    Endpoint,
    ProjectSpec,
    ProjectStatus,
    StepName,
    StepStatus,
)
from ferryman.model.selection import Selection

INIT, RUNNING, SUSPEND, FAILED = "INIT", "RUNNING", "SUSPEND", "FAILED"
FINISHED, RELEASING, RELEASED, DELETED = "FINISHED", "RELEASING", "RELEASED", "DELETED"
STATUSES = (INIT, RUNNING, SUSPEND, FAILED, FINISHED, RELEASING, RELEASED, DELETED)
NO = "refused"
ACTIONS = ("start", "stop", "resume", "release", "delete")

AFTERWARDS: dict[str, tuple[str, str, str, str, str]] = {
    #           start    stop     resume   release    delete
    INIT:      (RUNNING, NO,      NO,      NO,        DELETED),
    RUNNING:   (NO,      SUSPEND, NO,      NO,        NO),
    SUSPEND:   (NO,      NO,      RUNNING, RELEASING, NO),
    FAILED:    (NO,      NO,      RUNNING, RELEASING, NO),
    FINISHED:  (NO,      NO,      NO,      RELEASING, NO),
    RELEASING: (NO,      NO,      NO,      NO,        NO),
    RELEASED:  (NO,      NO,      NO,      NO,        DELETED),
    DELETED:   (NO,      NO,      NO,      NO,        NO),
}  # fmt: skip
"""The status an action leads to, in each status."""

CHANGES: dict[str, tuple[str, ...]] = {
    "rename": (INIT, RUNNING, SUSPEND, FAILED, FINISHED),
    "settings": (INIT, RUNNING, SUSPEND, FAILED, FINISHED),
    "advance": (RUNNING, SUSPEND, FAILED),
    "add objects": (INIT, RUNNING, SUSPEND),
    "remove objects": (INIT, RUNNING, SUSPEND, FAILED),
}
"""Actions that leave the status as it is, and where they are allowed."""

NEXT: dict[str, tuple[str, ...]] = {
    INIT: (RUNNING, DELETED),
    RUNNING: (SUSPEND, FAILED, FINISHED),
    SUSPEND: (RUNNING, RELEASING),
    FAILED: (RUNNING, RELEASING),
    FINISHED: (RELEASING, SUSPEND),  # ours: a finished project that is given more to do waits for its resume
    RELEASING: (RELEASED,),
    RELEASED: (DELETED,),
    DELETED: (),
}
"""Status → the statuses that may follow."""

CELLS = [(status, action) for status in STATUSES for action in ACTIONS]
OMS = {action: f"{action.capitalize()}Project" for action in ACTIONS}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    service = Service(tmp_path_factory.mktemp("state"))  # not started: nothing runs
    yield service
    service.close()


@pytest.fixture(scope="module")
def labels(service: Service) -> Labels:
    return Labels(service.metadb)


@pytest.fixture(scope="module")
def application(service: Service, labels: Labels, opened_access):
    return create_application(
        service, labels, opened_access, Prechecks(service.metadb), Alerts(service.metadb), body_limit=9999
    )


def put(service: Service, status: str, name: str, *, labels: tuple[str, ...] = ()) -> str:
    """Make a project that is in this status; its name is free again where it is deleted."""
    ends = {"source": Endpoint(scheme="mysql"), "target": Endpoint(scheme="oceanbase")}
    spec = ProjectSpec(name=name, selection=Selection(objects=("shop.a", "shop.b")), labels=labels, **ends)
    project = service.create_project(spec).id
    with service.metadb.writing() as tx:
        if status == DELETED:
            projects.free_name(tx, project)
        if status not in (INIT, DELETED):
            projects.mark_started(tx, project, unix_now())
            steps.set_status(tx, project, StepName.VERIFY, StepStatus.RUNNING, unix_now())
        projects.set_status(tx, project, ProjectStatus[status], unix_now())
    return project


def status_of(service: Service, project: str) -> str:
    with service.metadb.reading() as tx:
        found = projects.status(tx, project)
    assert found is not None
    return found.value


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"p{abs(hash(request.node.name))}"


def expected(status: str, action: str) -> tuple[bool, str]:
    """Return whether it is allowed, and the status behind it."""
    after = AFTERWARDS[status][ACTIONS.index(action)]
    return after != NO, status if after == NO else after


@pytest.mark.parametrize(("status", "action"), CELLS)
def test_oms_operations(client: TestClient, service: Service, name: str, status: str, action: str) -> None:
    project = put(service, status, name)
    answer = client.post("/api/v2", params={"Action": OMS[action]}, json={"id": project})
    allowed, after = expected(status, action)
    assert answer.json()["success"] is allowed
    assert status_of(service, project) == after
    if allowed:
        assert (answer.status_code, answer.json()["data"], answer.json()["errorDetail"]) == (200, None, None)
    else:
        assert answer.json()["code"] == "PARAM_ERROR"
        assert answer.headers["x-ferryman-code"] == "project.wrong_status"
        assert answer.json()["errorDetail"]["extraContext"]["code"] == "project.wrong_status"
        assert status in answer.json()["message"]
        assert answer.json()["advice"]


@pytest.mark.parametrize(("status", "action"), CELLS)
def test_native_routes(client: TestClient, service: Service, name: str, status: str, action: str) -> None:
    project = put(service, status, name)
    if action == "delete":
        answer = client.delete(f"/api/v1/projects/{project}")
    else:
        answer = client.post(f"/api/v1/projects/{project}/{action}")
    allowed, after = expected(status, action)
    assert status_of(service, project) == after
    if allowed:
        assert answer.status_code == (204 if action == "delete" else 200)
        if action != "delete":
            assert answer.json()["status"] == after
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "project.wrong_status")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("by", ["name", "label"])
def test_batches(client: TestClient, service: Service, labels: Labels, name: str, action: str, by: str) -> None:
    label = labels.create(f"{action} {by}")
    made = {put(service, status, f"{name}{status}", labels=(label,)): status for status in STATUSES}
    body: dict[str, Any] = {"action": action} | ({"label": label} if by == "label" else {"projects": list(made)})
    items = client.post("/api/v1/projects/batch", json=body).json()
    shown = {project: status for project, status in made.items() if by == "name" or status != DELETED}
    assert {item["project_id"] for item in items} == set(shown), "what is deleted is on no list"
    for item in items:
        allowed, _ = expected(made[item["project_id"]], action)
        assert (item["done"], item["code"]) == (allowed, "" if allowed else "project.wrong_status")
    assert {project: status_of(service, project) for project in shown} == {
        project: expected(status, action)[1] for project, status in shown.items()
    }


@pytest.mark.parametrize(
    ("operation", "touched", "after"),
    [("StartProjectsByLabel", INIT, RUNNING), ("StopProjectsByLabel", RUNNING, SUSPEND)],
)
def test_by_label_touches_one_status_only(
    client: TestClient, service: Service, labels: Labels, name: str, operation: str, touched: str, after: str
) -> None:
    label = labels.create(operation[:20])
    made = {status: put(service, status, f"{name}{status}", labels=(label,)) for status in STATUSES}
    stranger = put(service, touched, f"{name}stranger")
    answer = client.post("/api/v2", params={"Action": operation}, json={"id": label}).json()
    assert answer["data"] == {"total": 1, "succeedProjectIds": [made[touched]], "failedProjectIds": []}
    assert {status: status_of(service, project) for status, project in made.items()} == {
        status: after if status == touched else status for status in STATUSES
    }
    assert status_of(service, stranger) == touched


CALLS: dict[str, Callable[[TestClient, str], Any]] = {
    "rename": lambda client, project: client.post(
        f"/api/v1/projects/{project}/rename", json={"name": f"{project}-new"}
    ),
    "settings": lambda client, project: client.post(
        "/api/v2",
        params={"Action": "UpdateProjectConfig"},
        json={"id": project, "fullTransferConfig": {"throttleRps": 7}},
    ),
    "advance": lambda client, project: client.post(
        "/api/v2", params={"Action": "AdvanceProject"}, json={"id": project}
    ),
    "add objects": lambda client, project: client.post(f"/api/v1/projects/{project}/objects", json={"add": ["shop.c"]}),
    "remove objects": lambda client, project: client.post(
        f"/api/v1/projects/{project}/objects", json={"remove": ["shop.b"]}
    ),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("change", list(CHANGES))
def test_changes_leave_the_status(client: TestClient, service: Service, name: str, status: str, change: str) -> None:
    project = put(service, status, name)
    answer = CALLS[change](client, project)
    assert status_of(service, project) == status
    told = "" if status in CHANGES[change] else "project.wrong_status"
    assert answer.headers.get("x-ferryman-code", "") == told, answer.text


@pytest.mark.parametrize("status", STATUSES)
def test_questions_are_answered_in_every_status(client: TestClient, service: Service, name: str, status: str) -> None:
    project = put(service, status, name)
    for operation in (
        "DescribeProject",
        "DescribeProjectSteps",
        "DescribeProjectProgress",
        "DescribeProjectComponents",
    ):
        answer = client.post("/api/v2", params={"Action": operation}, json={"id": project})
        assert answer.json()["success"], (operation, answer.text)
    body = {"projectId": project}
    assert client.post("/api/v2", params={"Action": "ListProjectFullVerifyResult"}, json=body).json()["success"]
    assert client.get(f"/api/v1/projects/{project}").json()["status"] == status
    assert client.get(f"/api/v1/projects/{project}/events").status_code == 200
    for kind in ("sync", "migrations"):
        answer = client.get(f"/api/omsp/v2/{kind}/{project}/progress").json()
        assert (answer["code"], answer["data"]["status"]) == ("success", status)


def test_two_clients_at_once_end_in_one_transition(service: Service, name: str) -> None:
    """Of two who tell a project the same at once, exactly one is obeyed."""
    project = put(service, RUNNING, name)
    for action, after in ((service.stop_project, SUSPEND), (service.resume_project, RUNNING)) * 5:
        together = Barrier(4)

        def tell(_: int, action: Callable[[str], None] = action, together: Barrier = together) -> str:
            together.wait()
            try:
                action(project)
            except UsageError as error:
                return error.code
            return "done"

        with ThreadPoolExecutor(4) as pool:
            told = sorted(pool.map(tell, range(4)))
        assert told == ["done", *["project.wrong_status"] * 3]
        assert status_of(service, project) == after


def test_the_tables_say_the_same() -> None:
    for action in ACTIONS:
        allowed = {status.value for status in ALLOWED[action]}
        assert allowed == {status for status in STATUSES if expected(status, action)[0]}, action
    for name, table in (
        ("change", "settings"),
        *((name, name) for name in ("add objects", "remove objects", "advance")),
    ):
        assert {status.value for status in ALLOWED[name]} == set(CHANGES[table]), name
    assert {s.value: {t.value for t in to} for s, to in PROJECT_TRANSITIONS.items()} == {
        status: set(to) for status, to in NEXT.items()
    }
    for status in STATUSES:
        reached = {after for after in AFTERWARDS[status] if after != NO}
        assert reached <= set(NEXT[status]), status
