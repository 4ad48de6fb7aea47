"""Changing projects by the native API: settings, drafts, messages of a synchronization."""

from __future__ import annotations

import pytest

from ferryman.control.stillness import Stillness
from ferryman.foundation.errors import UsageError
from ferryman.model.project import PartitionRule

NEW = {"name": "shop", "source": "mysql://u:p@a:3306/", "target": "oceanbase://root:p@b/", "objects": ["shop.*"]}
SETTINGS = "/api/v1/projects/shop/settings"


@pytest.fixture
def project_id(client) -> str:
    return client.post("/api/v1/projects", json=NEW).json()["id"]


def test_limits_change_while_it_runs_and_objects_do_not(client, service, project_id):
    client.post("/api/v1/projects/shop/start")
    changed = client.patch(SETTINGS, json={"apply_rows_per_second": 500, "importance": "HIGH"})
    assert changed.status_code == 200, changed.text
    spec = service.project(project_id).spec
    assert (spec.apply.rows_per_second, spec.importance.value, spec.load.rows_per_second) == (500, "HIGH", 0)
    refused = client.patch(SETTINGS, json={"objects": ["other.*"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "project.wrong_status")
    assert service.project(project_id).spec.selection.objects == ("shop.*",)


def test_a_draft_takes_other_objects(client, service, project_id):
    assert client.get(SETTINGS).json()["objects_may_change"] is True
    answer = client.patch(SETTINGS, json={"objects": ["a.*"], "rename": {"a": "b"}, "where": {"a.t": "id > 1"}})
    assert answer.status_code == 200, answer.text
    chosen = service.project(project_id).spec.selection
    assert (chosen.objects, chosen.rename, chosen.where) == (("a.*",), {"a": "b"}, {"a.t": "id > 1"})


def test_a_label_gets_another_name_and_goes(client, project_id):
    night, day = (client.post("/api/v1/labels", json={"name": name}).json() for name in ("night", "day"))
    place = f"/api/v1/labels/{night['id']}"
    client.patch(SETTINGS, json={"labels": [night["id"], day["id"]]})
    assert client.patch(place, json={"name": " 夜 "}).json() == {"id": night["id"], "name": "夜"}
    assert client.get("/api/v1/labels").json()[0]["name"] == "夜"
    taken = client.patch(place, json={"name": "day"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "label.name_taken")
    assert client.patch(place, json={"name": "  "}).status_code == 400
    assert client.delete(place).status_code == 204
    assert [client.delete(place).status_code, client.patch(place, json={"name": "x"}).status_code] == [404, 404]
    shown = client.get(SETTINGS).json()
    assert shown["labels"] == [day["id"]]
    saved = client.patch(SETTINGS, json={"labels": shown["labels"], "mark": shown["mark"], "importance": "HIGH"})
    assert saved.status_code == 200, saved.text


def test_who_saves_second_is_told_and_changes_nothing(client, service, project_id):
    mark = client.get(SETTINGS).json()["mark"]
    assert client.patch(SETTINGS, json={"mark": mark, "load_streams": 3}).status_code == 200
    second = client.patch(SETTINGS, json={"mark": mark, "load_streams": 4})
    assert (second.status_code, second.json()["error"]["code"]) == (412, "project.changed_meanwhile")
    assert service.project(project_id).spec.load.streams == 3


def test_labels_are_known_ones(client, service, project_id):
    made = client.post("/api/v1/labels", json={"name": "北 <b>"}).json()
    assert client.patch(SETTINGS, json={"labels": [made["id"]]}).json()["labels"] == [made["id"]]
    assert client.patch(SETTINGS, json={"labels": ["l_none"]}).status_code == 404
    assert client.get("/api/v1/labels").json() == [made]


def test_a_synchronization_publishes_as_asked(client, service):
    asked = {"format": "CANAL", "rule": "ONE", "partition": 2, "topic": "all", "key_columns": {"s.t": ["a", "b"]}}
    new = NEW | {"name": "sync", "target": "file:///var/tmp/out", "types": ["incremental"], "publish": asked}
    made = client.post("/api/v1/projects", json=new)
    assert made.status_code == 201, made.text
    assert (made.json()["type"], made.json()["publish"]["format"]) == ("SYNC", "CANAL")
    publish = service.find_project("sync").spec.publish
    assert (publish.rule, publish.partition, publish.topic) == (PartitionRule.ONE, 2, "all")
    assert publish.key_columns == {"s.t": ("a", "b")}


def test_a_repair_wants_the_name(client, service, project_id):
    wrong = client.post("/api/v1/projects/shop/repair", json={"name": "shop "})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "project.invalid")


def test_kinds_are_those_of_the_connectors(client):
    kinds = {kind["scheme"]: kind for kind in client.get("/api/v1/kinds").json()}
    assert kinds["kafka"]["sink"]
    assert not kinds["kafka"]["source"]
    assert kinds["mysql"]["source"]
    assert kinds["oceanbase"]["target"]
    assert "CANAL" in client.get("/api/v1/formats").json()


def test_what_is_held_still_cannot_be_set_going():
    still = Stillness()
    with still.hold("p"):
        with pytest.raises(UsageError, match="being repaired"), still.free("p"):
            pytest.fail("it went")
        with pytest.raises(UsageError), still.hold("p"):
            pytest.fail("held twice")
        with still.free("another"):
            pass
    with still.free("p"):
        pass
