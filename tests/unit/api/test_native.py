"""The native API, metrics and pages."""

from __future__ import annotations

import pytest
from fake_service import FAILURE, START

from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import ProjectStatus

NEW = {
    "name": "shop",
    "source": "mysql://u:secret@a:3306/shop",
    "target": "oceanbase://root:secret@b/",
    "objects": ["shop.*"],
}
NASTY = "<script>alert(1)</script>&\"'"


@pytest.fixture
def project_id(client) -> str:
    answer = client.post("/api/v1/projects", json=NEW)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_project_from_making_to_deleting(client, service, project_id):
    for action, status in (("start", "RUNNING"), ("stop", "SUSPEND"), ("resume", "RUNNING"), ("stop", "SUSPEND")):
        assert client.post(f"/api/v1/projects/shop/{action}").json()["status"] == status
    assert client.delete(f"/api/v1/projects/{project_id}").status_code == 409
    assert client.post(f"/api/v1/projects/{project_id}/release").json()["status"] == "RELEASED"
    assert client.delete(f"/api/v1/projects/{project_id}").status_code == 204


def test_showing(client, service, project_id):
    shown = client.get("/api/v1/projects/shop").json()
    assert shown["types"] == ["precheck", "schema", "capture", "load", "index", "apply", "verify"]
    assert "secret" not in str(shown)
    assert client.get("/api/v1/projects", params={"status": "INIT"}).json()["total"] == 1
    assert next(s["name"] for s in client.get(f"/api/v1/projects/{project_id}/steps").json()) == "precheck"
    service.kept_events = [
        {"id": n, "at": START, "level": "info", "step": "", "message": "m", "fields": {}} for n in (1, 2, 3)
    ]
    events = client.get(f"/api/v1/projects/{project_id}/events", params={"after": 1, "limit": 1}).json()
    assert [event["id"] for event in events] == [2]
    service.kept_mismatches["shop.t"] = [
        Mismatch(
            table=TableName("shop", "t"), kind=MismatchKind.MASTER_ONLY, key={"id": "1"}, source={"a": None}, target={}
        )
    ]
    page = client.get(f"/api/v1/projects/{project_id}/mismatches", params={"table": "shop.t"}).json()
    assert (page["total"], page["items"][0]["kind"]) == (1, "MASTER_ONLY")
    assert client.post(f"/api/v1/projects/{project_id}/choose", json={"choice": "skip"}).status_code == 204
    assert service.choices == [(project_id, "skip", "")]


def test_endpoints(client):
    made = client.post("/api/v1/endpoints", json={"name": "a", "url": "mysql://u:secret@h/d"})
    assert made.status_code == 201
    assert made.json()["url"] == "mysql://u@h:3306/d"
    assert client.get(f"/api/v1/endpoints/{made.json()['id']}").json() == made.json()
    assert client.get("/api/v1/endpoints").json()["total"] == 1
    project = client.post("/api/v1/projects", json=NEW | {"source": made.json()["id"]}).json()
    assert project["source"] == "mysql://u@h:3306/d"
    place = f"/api/v1/endpoints/{made.json()['id']}"
    changed = client.patch(place, json={"name": "b", "url": "mysql://w:secret@other/d"})
    assert (changed.json()["name"], changed.json()["url"]) == ("b", "mysql://w@other:3306/d")
    assert client.patch(place, json={"name": ""}).status_code == 400
    assert client.delete(place).json()["error"]["code"] == "endpoint.in_use"
    free = client.post("/api/v1/endpoints", json={"name": "c", "url": "mysql://u@h/d"}).json()["id"]
    assert client.delete(f"/api/v1/endpoints/{free}").status_code == 204
    assert client.delete(f"/api/v1/endpoints/{free}").status_code == 404


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"types": []}, "usage.wrong_option", 400),
        ({"types": ["all"]}, "api.wrong_parameter", 400),
        ({"source": "mysql://u:secret@h:x/"}, "usage.bad_url", 400),
        ({"source": "shop"}, "usage.bad_url", 400),
        ({"source": "e_nope"}, "endpoint.unknown", 404),
        ({"name": "a b"}, "api.wrong_parameter", 400),
        ({"streams": -1}, "api.wrong_parameter", 400),
        ({"colour": "red"}, "api.wrong_parameter", 400),
    ],
)
def test_errors_have_code_hint_and_true_status(client, change, code, status):
    answer = client.post("/api/v1/projects", json=NEW | change)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert "secret" not in answer.text


def test_malformed_native_calls(client):
    answer = client.post("/api/v1/projects", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "api.wrong_parameter")
    assert client.get("/api/v1/projects?page=0").status_code == 400
    assert client.get("/api/v1/projects/np_nope").json()["error"]["code"] == "project.unknown"
    assert client.get("/api/v1/nope").json()["error"]["code"] == "api.not_found"


def test_openapi_names_every_call(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/v2", "/api/omsp/v2/sync/{project_id}/progress", "/api/v1/projects/{project_id}/choose"} <= set(paths)
    page = client.get("/docs")
    assert "/api/v1/projects/{project_id}/choose" in page.text
    assert "<script" not in page.text


def test_the_status_page_escapes_all_names(client, service):
    source = "mysql://" + "%3Cb%3E" + ":secret@h/%3Ci%3E"
    made = client.post("/api/v1/projects", json=NEW | {"name": NASTY.replace(" ", ""), "source": source})
    assert made.status_code == 201, made.text
    service.put(made.json()["id"], error=FAILURE, status=ProjectStatus.FAILED)
    page = client.get("/status").text
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "secret" not in page
    assert "endpoint.unreachable" in page
    assert "no answer from db:3306" in page


def test_the_empty_status_page_says_what_to_do(client):
    assert "ferryman projects create" in client.get("/status").text


def test_clones_and_new_names_and_many_at_once(client, service, project_id):
    made = client.post("/api/v1/projects/shop/clone", json={"name": "twin"})
    assert made.status_code == 201, made.text
    twin = made.json()
    assert (twin["name"], twin["objects"], twin["status"]) == ("twin", ["shop.*"], "INIT")
    answer = client.post("/api/v1/projects/batch", json={"action": "start", "projects": ["shop", "twin", "np_none"]})
    assert [(item["done"], item["code"]) for item in answer.json()] == [
        (True, ""),
        (True, ""),
        (False, "project.unknown"),
    ]
    assert client.post("/api/v1/projects/batch", json={"action": "start"}).status_code == 400
    assert client.post("/api/v1/projects/shop/rename", json={"name": " "}).status_code == 422


def test_a_project_is_assessed_without_being_made(client, service):
    found = client.post("/api/v1/assessment", json=NEW | {"source": "mysql://u:secret@127.0.0.1:1/shop"})
    assert found.status_code == 200, found.text
    document = found.json()
    assert "secret" not in found.text
    assert {item["item"] for item in document["items"] if item["verdict"] == "FAILED"} >= {"RDB_CONNECT"}
    assert document["risks"][0]["level"] == "BLOCKS"
    assert document["estimate"] | {"tables": []} == {
        "tables": [], "rows": 0, "bytes": 0, "load_seconds": {"least": 0.0, "most": 0.0},
        "verify_seconds": {"least": 0.0, "most": 0.0}, "log_bytes_per_second": None, "log_store_bytes": None,
        "unknown": 0, "secondary_indexes": 0,
    }  # fmt: skip
    assert client.get("/api/v1/projects").json()["total"] == 0
