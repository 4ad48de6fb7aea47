"""The audit log of a real service: what was, and what is."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.control import trail
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service

NEW = {"name": "shop", "source": "mysql://u:hush1@127.0.0.1:1/shop", "target": "oceanbase://r@t:hush2@127.0.0.1:1/"}


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr("ferryman.control.endpoint_book.check_endpoint", lambda _endpoint: None)
    running = Service(tmp_path)
    metadb = running.metadb
    access = open_access(metadb, "open sesame").access
    found = TestClient(create_application(running, Labels(metadb), access, Prechecks(metadb), Alerts(metadb)))
    found.auth = ("admin", "open sesame")
    yield found
    running.close()


def changes(client) -> list[tuple]:
    entry = client.get("/api/v1/audit", params={"limit": 1}).json()[0]
    assert "hush" not in str(entry)
    return [(each["of"].split()[0], each["what"], each["before"], each["after"]) for each in entry["changes"]]


def test_the_audit_log_says_what_was_and_what_is(client):
    project = client.post("/api/v1/projects", json=NEW).json()["id"]
    assert changes(client) == []
    client.post(f"/api/v1/projects/{project}/start")
    assert changes(client) == [("project", "status", "INIT", "RUNNING")]
    client.patch(f"/api/v1/projects/{project}", json={"importance": "HIGH", "load": {"rows_per_second": 9}})
    assert changes(client) == [
        ("project", "importance", "MEDIUM", "HIGH"),
        ("project", "load.rows_per_second", 0, 9),
    ]
    client.post("/api/v2?Action=StopProject", json={"id": project})
    assert changes(client) == [("project", "status", "RUNNING", "SUSPEND")]
    assert client.post(f"/api/v1/projects/{project}/start").status_code == 409
    assert changes(client) == [], "nothing changed"
    other = NEW["source"].replace("hush1", "hush3")
    assert client.post("/api/v1/configuration/apply", json=NEW | {"source": other}).json()["action"] == "change"
    assert ("project", "source secrets", None, "(new)") in changes(client)


def test_of_endpoints_accounts_and_rules(client):
    endpoint = client.post("/api/v1/endpoints", json={"name": "one", "url": NEW["source"]}).json()["id"]
    client.patch(f"/api/v1/endpoints/{endpoint}", json={"name": "two", "url": NEW["source"].replace("hush1", "hush9")})
    assert changes(client) == [("endpoint", "name", "one", "two"), ("endpoint", "secrets", None, "(new)")]
    client.delete(f"/api/v1/endpoints/{endpoint}")
    assert ("endpoint", "name", "two", None) in changes(client)
    client.post("/api/v1/accounts", json={"name": "eve", "password": "hush hush hush", "role": "viewer"})
    client.patch("/api/v1/accounts/eve", json={"role": "operator", "password": "hush hush hush 2"})
    assert changes(client) == [("account", "role", "viewer", "operator"), ("account", "password", None, "(new)")]
    client.delete("/api/v1/accounts/eve")
    assert ("account", "role", "operator", None) in changes(client)
    rule = client.get("/api/v1/alerts/rules").json()[0]
    asked = {name: rule[name] for name in ("level", "threshold", "hold_seconds")} | {"enabled": not rule["enabled"]}
    answer = client.put(f"/api/v1/alerts/rules/{rule['name']}", json=asked)
    assert answer.status_code == 200, answer.text
    assert ("alert", "enabled", rule["enabled"], not rule["enabled"]) in changes(client)


def test_long_values_and_many_changes_are_told_by_their_number():
    token = trail.TRAIL.set([])
    trail.changed("thing", {"long": "x" * 5000}, {"long": "y"})
    assert trail.TRAIL.get()[0]["before"] == "(5002 characters)"
    for number in range(2000):
        trail.changed("thing", {str(number): 1}, {str(number): 2})
    found = trail.TRAIL.get()
    assert (len(found), found[-1]["of"]) == (1001, "more")
    trail.TRAIL.reset(token)


def test_half_a_character_is_refused_before_anything_reads_it(client):
    kind = {"content-type": "application/json"}
    for body in (b'{"project": "\\ud800", "minutes": 5}', b'{"\\uDFFF": 1}'):
        refused = client.post("/api/v1/alerts/silences", content=body, headers=kind)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "api.malformed")
    whole = client.post("/api/v1/alerts/silences", content=b'{"reason": "\\ud83d\\ude00", "minutes": 5}', headers=kind)
    assert whole.status_code == 201, whole.text
