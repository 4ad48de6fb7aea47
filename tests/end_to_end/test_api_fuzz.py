"""No generated call makes the service fail or answer other than it says: every route, every OMS action.

``make api-fuzz`` makes 10,000 calls; here a few hundred. ``FERRYMAN_SEED`` repeats a run.
"""

from __future__ import annotations

import asyncio

import pytest
from api_cases import CASES, SEED, Fuzz, as_action, oms_document

from ferryman.api import events
from ferryman.api.application import create_application, routed_application
from ferryman.api.credentials import open_access
from ferryman.api.description import description_of
from ferryman.api.labels import Labels
from ferryman.api.native import browsing
from ferryman.control import endpoint_book
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.roles import Role
from ferryman.control.service import Service
from ferryman.model.project import Endpoint, ProjectSpec

NOWHERE = Endpoint(scheme="mysql", host="127.0.0.1", port=1, username="u", password="p")


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("FERRYMAN_CALLS_PER_SECOND", "0")
    monkeypatch.setattr(endpoint_book, "check_endpoint", lambda _endpoint: None)
    monkeypatch.setattr(browsing, "check_endpoint", lambda _endpoint: None)
    service = Service(tmp_path)  # nothing runs: what is asked of projects is kept, and that is what is looked at
    yield service
    service.close()


@pytest.fixture
def fuzz(service, monkeypatch):
    ended = asyncio.Event()
    ended.set()
    monkeypatch.setattr(events.STREAMS, "opened", lambda: ended)  # a stream says what it has to say, and ends
    access, labels = open_access(service.metadb, "open sesame").access, Labels(service.metadb)
    prechecks, alerts = Prechecks(service.metadb), Alerts(service.metadb)
    app = create_application(service, labels, access, prechecks, alerts)
    _, key = access.create_key("fuzz", "admin", Role.ADMIN, lives_seconds=None)
    ids = _things(service, labels)
    fuzz = Fuzz(app, key, ids)
    fuzz.description = description_of(routed_application(service, labels, access, prechecks, alerts))
    fuzz.before = access.throttle.forget
    return fuzz


def _things(service, labels) -> dict[str, list[str]]:
    one, two = (service.create_endpoint(name, NOWHERE).id for name in ("one", "two"))
    projects = []
    for name in ("shop", "bank", "gone"):
        spec = ProjectSpec(name=name, source=NOWHERE, target=NOWHERE, source_endpoint_id=one, target_endpoint_id=two)
        projects.append(service.create_project(spec).id)
    service.start_project(projects[1])
    service.delete_project(projects[2])
    label = labels.create("night")
    urls = ["mysql://u:p@127.0.0.1:1/shop", one]
    everything = [*projects, one, two, label]
    return {
        "project_id": [*projects, "shop", "bank"],
        "endpoint_id": [one, two],
        "source": urls,
        "target": urls,
        "url": urls,
        "id": everything,
        "projectId": projects,
        "sourceEndpointId": [one],
        "sinkEndpointId": [two],
        "labelIds": [label],
    }


def test_no_generated_call_breaks_the_service(fuzz):
    print(f"FERRYMAN_SEED={SEED} FERRYMAN_FUZZ_CASES={CASES}")
    fuzz.run(fuzz.description, CASES * 6 // 10, fuzz.before)
    native = fuzz.calls
    fuzz.app = as_action(fuzz.app)
    fuzz.run(oms_document(), CASES * 4 // 10, fuzz.before)
    print(f"{native} calls of routes, {fuzz.calls - native} of OMS actions; answers by status: {fuzz.statuses}")
    assert not fuzz.problems, f"seed {SEED}\n" + "\n\n".join(f"{k}\n{v}" for k, v in fuzz.problems.items())
    assert fuzz.calls >= CASES * 9 // 10
    assert len({200, 201, 400, 404} & fuzz.statuses.keys()) == 4, fuzz.statuses
