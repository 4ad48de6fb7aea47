"""What stands before every operation: login, size, origin, shape; and errors that leave in the right form."""

from __future__ import annotations

import base64

import pytest
from oms_schema import validate

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Bearer x",
        "Basic " + base64.b64encode(b"admin").decode(),
        "Basic " + base64.b64encode(b"admin:wrong").decode(),
        "Basic " + base64.b64encode(b"root:open sesame").decode(),
        "Basic " + base64.b64encode(b"admin:open sesame ").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(),
    ],
)
@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/v2?Action=ListProjects", "ListProjects"), ("/api/omsp/v2/sync/x/progress", "GetSyncProjectProgress")],
)
def test_a_wrong_login_answers_401_in_the_envelope(client, header, path, name):
    client.auth = None
    method = "POST" if name == "ListProjects" else "GET"
    answer = client.request(method, path, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    validate(name, answer.json())


@pytest.mark.parametrize(
    "path", ["/status", "/docs", "/openapi.json", "/metrics", "/api/v1/projects", "/nothing", "/style.css"]
)
def test_every_page_needs_the_login(client, path):
    client.auth = None
    assert client.get(path).status_code == 401


def test_health_needs_no_login(client):
    client.auth = None
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b'"x"', b'{"id": NaN}', b"\xff\xfe", b"[" * 50_000, b'{"a":1} x', b"null", b"{'id': 1}"],
)
def test_malformed_bodies_answer_in_the_envelope(client, body):
    answer = client.post("/api/v2?Action=StartProject", content=body, headers=JSON)
    assert answer.status_code == 400
    validate("StartProject", answer.json())
    assert answer.json()["errorDetail"]["extraContext"]["code"] == "api.malformed"


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": 7}, {"id": ""}, {"id": ["np_1"]}, {"id": {"a": 1}}])
def test_wrong_types_answer_in_the_envelope(call, body):
    answer = call("StartProject", **body)
    validate("StartProject", answer)
    assert answer["code"] == "PARAM_ERROR"
    assert "parameter id" in answer["message"]


def test_an_unknown_id(call, client):
    for action in ("StartProject", "DescribeProject", "DescribeProjectSteps", "DescribeProjectProgress"):
        answer = call(action, id="np_nope")
        validate(action, answer)
        assert answer["code"] == "GHANA-PROJECT000001"
    answer = client.get("/api/omsp/v2/migrations/np_nope/progress")
    assert answer.status_code == 200
    validate("GetMigrationProjectProgress", answer.json())


@pytest.mark.parametrize("query", ["", "?Action=", "?Action=DropEverything", "?action=%00"])
def test_an_unknown_action(client, query):
    answer = client.post(f"/api/v2{query}", json={})
    assert answer.status_code == 200
    assert answer.json()["errorDetail"]["extraContext"]["code"] == "api.unknown_action"
    assert not answer.json()["success"]
    missing = query in {"", "?Action="}
    assert ("parameter Action is missing" in answer.json()["message"]) == missing


def test_what_a_caller_sent_is_not_repeated_at_length(call, client):
    long = "x" * 5000
    answers = [
        call("DescribeProject", id=long),
        call(long),
        client.get(f"/api/v1/projects/{long}").json()["error"],
        client.get(f"/api/v1/{long}").json()["error"],
        client.get(f"/api/v1/endpoints/{long}").json()["error"],
        client.delete(f"/api/v1/keys/{long}").json()["error"],
        client.post("/api/v1/labels", json={"name": "night", long: 1}).json()["error"],
    ]
    for answer in answers:
        assert 128 <= len(answer["message"]) < 250, answer["message"]


def test_a_large_body_is_refused(client):
    def chunks():
        for _ in range(30):
            yield b" " * 10_000

    for content in (b" " * 100_001, chunks()):
        answer = client.post("/api/v2?Action=ListProjects", content=content, headers=JSON)
        assert answer.status_code == 413
        validate("ListProjects", answer.json())


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_sites_page_cannot_act(client, call, project_request, headers):
    project_id = call("CreateProject", **project_request)["data"]
    answer = client.post("/api/v2?Action=StartProject", json={"id": project_id}, headers=headers)
    assert answer.status_code == 403
    validate("StartProject", answer.json())
    assert call("DescribeProjectProgress", id=project_id)["data"]["status"] == "INIT"


def test_our_own_page_can_act(client):
    answer = client.post("/api/v2?Action=ListProjects", json={}, headers={"Origin": "http://testserver"})
    assert answer.json()["success"]


def test_a_defect_is_told_without_its_traceback(client, service):
    service.broken = True
    answer = client.post("/api/v2?Action=DescribeProject", json={"id": "np_1"})
    assert answer.status_code == 500
    validate("DescribeProject", answer.json())
    assert "secret" not in answer.text
    answer = client.get("/api/v1/projects/np_1")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal.error"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v2", 405), ("POST", "/api/v2/x", 404), ("PUT", "/", 405)]
)
def test_unknown_paths_and_methods(client, method, path, status):
    answer = client.request(method, path, json={})
    assert answer.status_code == status
    if path.startswith("/api/v2"):
        validate("StartProject", answer.json())


def test_every_answer_carries_the_strict_policy(client):
    for path in ("/status", "/docs", "/nothing", "/metrics"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
