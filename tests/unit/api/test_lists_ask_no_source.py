"""Lists and progress of hundreds of projects come from the metadb alone: no database is asked, and none is waited for."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service
from ferryman.model.project import Endpoint, ProjectSpec

MANY = 300
NOWHERE = Endpoint(scheme="mysql", host="192.0.2.1", port=3306, username="u", password="p")


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def test_no_connection_is_opened(service, monkeypatch):
    spec = ProjectSpec(name="p", source=NOWHERE, target=NOWHERE)
    ids = [service.create_project(replace(spec, name=f"p-{number}")).id for number in range(MANY)]
    for project_id in ids:
        service.start_project(project_id)
    access, labels = open_access(service.metadb, "open sesame").access, Labels(service.metadb)
    app = create_application(service, labels, access, Prechecks(service.metadb), Alerts(service.metadb))
    client = TestClient(app)
    client.auth = ("admin", "open sesame")
    opened: list[object] = []

    def refuse(_socket: object, address: object) -> None:
        opened.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    listed = client.post("/api/v2?Action=ListProjects", json={"pageNumber": 1, "pageSize": 100}).json()
    assert (listed["success"], listed["totalCount"]) == (True, MANY)
    assert client.get("/api/v1/projects", params={"size": 500, "status": "RUNNING"}).json()["total"] == MANY
    for project_id in ids[:20]:
        for action in ("DescribeProject", "DescribeProjectSteps", "DescribeProjectProgress"):
            assert client.post(f"/api/v2?Action={action}", json={"id": project_id}).json()["success"], action
        for part in ("", "/steps", "/lag", "/settings", "/events"):
            assert client.get(f"/api/v1/projects/{project_id}{part}").status_code == 200, part
    for page in ("/status", "/metrics"):
        assert client.get(page).status_code == 200, page
    assert opened == []
    client.post("/api/v1/endpoints/test", json={"url": "mysql://u:p@192.0.2.1/"})
    assert opened, "what connects would not have been noticed"
