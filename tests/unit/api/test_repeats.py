"""A POST with an Idempotency-Key is made once; pages by cursor; on a real service that runs nothing."""

from __future__ import annotations

import threading

import pytest

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.repeats import KEEP_SECONDS
from ferryman.control.service import Service

NEW = {"name": "shop", "source": "mysql://u:p@127.0.0.1:1/shop", "target": "oceanbase://r@t:p@127.0.0.1:1/"}
KEY = {"Idempotency-Key": "order 66"}


@pytest.fixture
def running(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def application(running):
    metadb = running.metadb
    access = open_access(metadb, "open sesame").access
    return create_application(running, Labels(metadb), access, Prechecks(metadb), Alerts(metadb))


def test_a_call_sent_twice_is_made_once(client, running):
    first = client.post("/api/v1/projects", json=NEW, headers=KEY)
    again = client.post("/api/v1/projects", json=NEW, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert running.projects().total == 1
    other = client.post("/api/v1/projects", json=NEW | {"name": "bank"}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "api.key_reused")
    elsewhere = client.post("/api/v1/endpoints/test", json={"url": NEW["source"]}, headers=KEY)
    assert elsewhere.status_code == 409


def test_a_refusal_is_an_answer_too(client):
    client.post("/api/v1/projects", json=NEW)
    answers = [client.post("/api/v1/projects", json=NEW, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[1].headers["x-ferryman-code"] == "project.name_taken"


def test_oms_operations_take_keys(client, running):
    call = {"params": {"Action": "CreateLabel"}, "json": {"name": "night"}, "headers": KEY}
    assert client.post("/api/v2", **call).json() == client.post("/api/v2", **call).json()


def test_a_key_whose_call_never_ended_is_not_tried_again(client, running):
    client.post("/api/v1/projects", json=NEW, headers=KEY)
    with running.metadb.writing() as tx:
        assert "shop" not in str(tx.value("SELECT answer FROM repeated_call")), "answers are sealed"
        tx.execute("UPDATE repeated_call SET answer = ''")  # as a kill in between leaves it
    answer = client.post("/api/v1/projects", json=NEW, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "api.key_in_use")
    with running.metadb.writing() as tx:
        tx.execute("UPDATE repeated_call SET created_at = created_at - :age", age=KEEP_SECONDS + 1)
    assert client.post("/api/v1/projects", json=NEW, headers=KEY).json()["error"]["code"] == "project.name_taken"


def test_many_at_once_make_one_project(client, running):
    codes: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: codes.append(client.post("/api/v1/projects", json=NEW, headers=KEY).status_code)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert running.projects().total == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none(client, key):
    answer = client.post("/api/v1/projects", json=NEW, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "api.wrong_parameter")


def test_by_cursor_none_comes_twice_though_others_are_made_meanwhile(client):
    for number in range(7):
        client.post("/api/v1/projects", json=NEW | {"name": f"p{number}"})
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/api/v1/projects", params={"size": 3, "cursor": cursor}).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
        client.post("/api/v1/projects", json=NEW | {"name": f"late{len(seen)}"})
    assert seen == [f"p{number}" for number in reversed(range(7))]
    assert client.get("/api/v1/projects", params={"cursor": "np_nope"}).status_code == 404
