"""Whose project a project is: owners and admins act, other operators look on (every way to change a project)."""

from __future__ import annotations

import pytest

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.control.alerts.book import Alerts
from ferryman.control.ownership import ACTING
from ferryman.control.prechecks import Prechecks
from ferryman.control.roles import Role
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError

PASSWORD = "open sesame"
PROJECT = {"name": "shop", "source": "mysql://a:b@127.0.0.1:1/shop", "target": "mysql://a:b@127.0.0.1:2/shop"}


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("state"))
    metadb = service.metadb
    access = open_access(metadb, PASSWORD).access
    for name in ("ada", "bob"):
        access.create_account(name, PASSWORD, Role.OPERATOR)
    access.create_account("eve", PASSWORD, Role.VIEWER)
    yield create_application(service, Labels(metadb), access, Prechecks(metadb), Alerts(metadb))
    service.close()


@pytest.fixture
def as_(application):
    from starlette.testclient import TestClient

    def of(name):
        found = TestClient(application, raise_server_exceptions=False)
        found.auth = (name, PASSWORD)
        return found

    return of


@pytest.fixture
def project(as_):
    made = as_("ada").post("/api/v1/projects", json=PROJECT)
    assert made.status_code == 201, made.text
    yield made.json()["id"]
    as_("admin").delete(f"/api/v1/projects/{made.json()['id']}")


CALLS = [
    ("POST", "start", None),
    ("POST", "stop", None),
    ("POST", "resume", None),
    ("POST", "release", None),
    ("DELETE", "", None),
    ("PATCH", "", {"importance": "HIGH"}),
    ("PATCH", "settings", {"importance": "HIGH"}),
    ("POST", "rename", {"name": "other"}),
    ("POST", "objects", {"add": ["shop.t"]}),
    ("POST", "objects", {"remove": ["shop.t"]}),
    ("POST", "choose", {"choice": "skip"}),
    ("POST", "repair", {"name": "shop"}),
    ("POST", "verify", None),
    ("PUT", "owner", {"owner": "bob"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_another_operator_looks_on(as_, project, method, path, body):
    place = f"/api/v1/projects/{project}/{path}".rstrip("/")
    answer = as_("bob").request(method, place, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "project.not_owner")
    assert as_("bob").get(f"/api/v1/projects/{project}").json()["owner"] == "ada"


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("StartProject", {}),
        ("DeleteProject", {}),
        ("AdvanceProject", {}),
        ("UpdateProjectConfig", {"importance": "HIGH"}),
    ],
)
def test_neither_by_an_operation_of_oms(as_, project, action, more):
    told = as_("bob").post("/api/v2", params={"Action": action}, json={"id": project, **more}).json()
    assert (told["success"], told["errorDetail"]["extraContext"]["code"]) == (False, "project.not_owner")


def test_a_batch_tells_each_ones_refusal(as_, project):
    (item,) = as_("bob").post("/api/v1/projects/batch", json={"action": "start", "projects": [project]}).json()
    assert (item["done"], item["code"]) == (False, "project.not_owner")


def test_a_file_of_somebody_elses_project_changes_nothing(as_, project):
    asked = PROJECT | {"importance": "HIGH"}
    answer = as_("bob").post("/api/v1/configuration/apply", json=asked)
    assert answer.json()["error"]["code"] == "project.not_owner"


def test_owner_and_admin_act(as_, project):
    for name in ("ada", "admin"):
        answer = as_(name).patch(f"/api/v1/projects/{project}", json={"importance": "HIGH"})
        assert answer.status_code == 200, answer.text
    described = as_("eve").post("/api/v2", params={"Action": "DescribeProject"}, json={"id": project}).json()
    assert described["data"][0]["owner"] == "ada"


def test_a_project_changes_hands(as_, project):
    place = f"/api/v1/projects/{project}/owner"
    assert as_("ada").put(place, json={"owner": "nobody"}).json()["error"]["code"] == "account.unknown"
    assert as_("ada").put(place, json={"owner": "eve"}).json()["error"]["code"] == "account.invalid"
    assert as_("ada").put(place, json={"owner": "bob"}).json()["owner"] == "bob"
    assert as_("ada").put(place, json={"owner": "ada"}).json()["error"]["code"] == "project.not_owner"
    assert as_("admin").put(place, json={"owner": ""}).json()["owner"] == ""
    for name in ("ada", "bob"):  # everybody's now
        assert as_(name).patch(f"/api/v1/projects/{project}", json={"importance": "LOW"}).status_code == 200
    assert as_("admin").put("/api/v1/projects/np_none/owner", json={"owner": ""}).status_code == 404


def test_who_called_last_is_nobody_elsewhere(as_, project):
    as_("bob").get("/api/v1/projects")
    assert ACTING.get() is None


def test_head_is_answered_as_get_and_a_wrong_method_names_the_right_one(as_, project):
    client = as_("eve")
    path = f"/api/omsp/v2/sync/{project}/progress"
    assert client.head(path).status_code == 200
    assert client.head("/healthz").status_code == 200
    assert client.post("/healthz").status_code in (403, 405)
    refused = as_("ada").post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert client.head("/api/v1/live/overview").status_code == 405


def test_the_service_itself_may_do_everything(as_, project):
    from ferryman.control.ownership import require_owner

    assert ACTING.get() is None
    require_owner(None, project)
    assert FerrymanError("project.not_owner", "x").hint
