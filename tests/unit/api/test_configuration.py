"""Projects as files, live settings under If-Match, lists of objects as CSV; on a real service that runs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.cli.file_commands import file_schema, plan_text, read_file
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.spi.url import parse_url

FILE = {
    "name": "shop",
    "source": "mysql://mover:secret@127.0.0.1:1/",
    "target": "oceanbase://root@t:secret@127.0.0.1:1/",
    "objects": ["shop.orders", 'shop.`odd.na"me`'],
    "rename": {"shop": "store"},
    "where": {"shop.orders": "id > 5"},
    "labels": ["night"],
    "load": {"streams": 8, "rows_per_second": 1000},
}


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


def plan(client, **changes):
    answer = client.post("/api/v1/configuration/plan", json=FILE | changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def apply(client, status=200, headers=None, **changes):
    answer = client.post("/api/v1/configuration/apply", json=FILE | changes, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_file_makes_a_project_and_again_changes_nothing(client):
    assert plan(client)["action"] == "create"
    assert client.get("/api/v1/projects").json()["total"] == 0, "a plan makes nothing"
    apply(client)
    assert plan(client)["action"] == "none"
    assert apply(client)["action"] == "none"
    without_password = FILE["source"].replace(":secret", "")
    assert plan(client, source=without_password)["action"] == "none"


def test_an_export_says_what_the_file_said_and_no_password(client):
    apply(client)
    exported = client.get("/api/v1/projects/shop/export")
    assert exported.headers["content-type"].startswith("application/yaml")
    assert "secret" not in exported.text
    document = yaml.safe_load(exported.text)
    assert {name: document[name] for name in ("objects", "rename", "where", "labels", "load")} == {
        name: FILE[name] for name in ("objects", "rename", "where", "labels", "load")
    }
    answer = client.post("/api/v1/configuration/plan", json=document).json()
    assert (answer["action"], answer["changes"]) == ("none", [])


def test_rules_of_columns_and_conflicts_travel_with_the_file_and_stay(client, running):
    rules = {"shop.orders": {"leave_out": ["note"], "transforms": {"email": "hash"}}}
    apply_ = {"log_kept_bytes": 1 << 30, "conflicts": "overwrite", "conflicts_of": {"shop.orders": "stop"}}
    ruled = {"columns": rules, "apply": apply_}
    apply(client, hash_key="sesame", **ruled)
    project = client.get("/api/v1/projects/shop").json()["id"]
    document = yaml.safe_load(client.get("/api/v1/projects/shop/export").text)
    assert {name: document[name] for name in ruled} == ruled
    assert "sesame" not in str(document)
    answer = client.post("/api/v1/configuration/apply", json=document | {"importance": "LOW"}).json()
    assert [change["path"] for change in answer["changes"]] == ["importance"]
    kept = running.project(project).spec
    assert (kept.hash_key, kept.selection.columns["shop.orders"].leave_out) == ("sesame", ("note",))
    shown = plan(client, hash_key="other", importance="LOW", labels=document["labels"], **ruled)["changes"]
    assert [(change["path"], change["new"]) for change in shown] == [("hash_key", "(as given)")]


def test_live_settings_change_and_another_source_would_be_another_project(client, running):
    project = apply(client)["project"]
    running.start_project(project)
    changes = plan(client, load={"streams": 8, "rows_per_second": 5}, apply={"lanes": 8})["changes"]
    assert [(each["path"], each["new"], each["effect"]) for each in changes] == [
        ("load.rows_per_second", 5, "now"),
        ("apply.lanes", 8, "step-restart"),
    ]
    apply(client, load={"streams": 8, "rows_per_second": 5}, importance="HIGH")
    spec = running.project(project).spec
    assert (spec.load.rows_per_second, spec.importance.value, spec.source.password) == (5, "HIGH", "secret")
    for changed, code in (
        ({"source": "mysql://mover@127.0.0.2:1/"}, "project.needs_recreation"),
        ({"objects": ["shop.*"]}, "project.needs_recreation"),
        ({"types": ["schema", "full"]}, "project.wrong_status"),
        ({"source": "mysql://mover:other@127.0.0.1:1/"}, "project.wrong_status"),
    ):
        assert plan(client, **changed)["action"] == "refuse"
        assert apply(client, status=409, **changed)["error"]["code"] == code
    running.stop_project(project)
    kept = {"load": {"streams": 8, "rows_per_second": 5}, "importance": "HIGH"}
    apply(client, source="mysql://mover:other@127.0.0.1:1/", **kept)
    assert running.project(project).spec.source.password == "other"


def test_before_its_start_everything_may_change(client, running):
    project = apply(client)["project"]
    apply(client, source="mysql://mover@127.0.0.2:1/", objects=["bank.*"], types=["full"])
    spec = running.project(project).spec
    assert (spec.source.host, spec.selection.objects) == ("127.0.0.2", ("bank.*",))


def test_of_two_people_who_change_a_project_the_second_is_told(client, running):
    project = apply(client)["project"]
    seen = client.get("/api/v1/projects/shop").headers["etag"]
    path, mine = f"/api/v1/projects/{project}", {"If-Match": seen}
    first = client.patch(path, json={"load": {"bytes_per_second": 7}}, headers=mine)
    assert (first.status_code, first.headers["etag"] != seen) == (200, True)
    assert running.project(project).spec.load.rows_per_second == 1000, "what is not named stays"
    second = client.patch(path, json={"importance": "LOW"}, headers=mine)
    assert (second.status_code, second.json()["error"]["code"]) == (412, "project.changed_meanwhile")
    for method, action in (("post", "/start"), ("delete", "")):
        assert getattr(client, method)(path + action, headers=mine).status_code == 412
    assert apply(client, status=412, headers=mine, importance="LOW")["error"]["code"] == "project.changed_meanwhile"
    assert client.post(f"{path}/start", headers={"If-Match": first.headers["etag"]}).status_code == 200
    assert client.post(f"{path}/stop", headers={"If-Match": "*"}).status_code == 200
    for odd in ('"np_other.1"', "1", '"', "x" * 500, f'"{project}.{"9" * 400}"'):
        assert client.post(f"{path}/resume", headers={"If-Match": odd}).status_code == 412


def test_lists_of_objects_travel_as_csv(client):
    apply(client)
    text = client.get("/api/v1/projects/shop/objects.csv").text
    assert text.removeprefix("\ufeff").splitlines()[1] == "shop,orders,store,orders,,id > 5"
    answer = client.post("/api/v1/objects/import", content=text.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    read = answer.json()
    assert (read["tables"], read["where"]) == (2, {"shop.orders": "id > 5"})
    named = {name: read[name] for name in ("objects", "rename", "where")}
    made = client.post(
        "/api/v1/projects", json={"name": "again", **{k: FILE[k] for k in ("source", "target")}, **named}
    )
    assert made.status_code == 201, made.text
    again = client.get("/api/v1/projects/again/objects.csv").text
    assert again == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no object"),
        ("a\n", "line 1 has 1 columns"),
        ("a,b\na,b\n", "twice"),
        ("a,b,c,d,id=nr,\n", "maps columns"),
        ("a,\n", "no source database"),
        ('a,"b\n', "no CSV"),
        ("a,b,c,d,e,f,g\n", "7 columns"),
    ],
)
def test_a_list_that_is_none_says_where(client, text, words):
    answer = client.post("/api/v1/objects/import", content=text.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code in {400, 422}
    assert words in answer.json()["error"]["message"] or not text


def test_patterns_are_no_list(client):
    apply(client, objects=["shop.*"])
    answer = client.get("/api/v1/projects/shop/objects.csv")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "project.invalid")


def test_files_are_read_with_variables_and_told_where_they_break(tmp_path, monkeypatch):
    place = tmp_path / "project.yaml"
    monkeypatch.setenv("SHOP_PASSWORD", "p@ss/w:rd")
    place.write_text("name: a\nsource: mysql://u:${SHOP_PASSWORD}@h/\n---\nname: b\n")
    one, two = read_file(place)
    assert (one["source"], two["name"]) == ("mysql://u:p%40ss%2Fw%3Ard@h/", "b")
    for text, words in (("source: ${NOT_THERE}", "NOT_THERE"), ("a: [", "no YAML"), ("- 1", "member: value")):
        place.write_text(text)
        with pytest.raises(UsageError, match=words):
            read_file(place)


def test_a_plan_is_shown_member_by_member(client, running):
    running.start_project(apply(client)["project"])
    text = plan_text(plan(client, objects=["shop.*"]))
    assert text.startswith("! shop cannot be changed so\n    objects: ")
    assert "would be another project" in text


def test_the_committed_schema_of_files_is_current():
    committed = Path(__file__).parents[3] / "docs" / "project.schema.json"
    assert committed.read_text(encoding="utf-8") == file_schema(), (
        "run `ferryman apply --schema > docs/project.schema.json`"
    )
    assert json.loads(file_schema())["additionalProperties"] is False


HOST_KEY = f"SHA256:{'A' * 43}"
TUNNEL = f"mysql://mover:secret@127.0.0.1:1/?ssh_host=h&ssh_user=u&ssh_key=hush&ssh_host_key={HOST_KEY}"


def test_a_login_and_the_way_to_a_server_change_while_a_project_is_stopped(client, running, monkeypatch):
    monkeypatch.setattr("ferryman.control.endpoint_book.check_endpoint", lambda _endpoint: None)
    kept = running.create_endpoint("shop", parse_url(TUNNEL)).id
    project = apply(client, source=kept)["project"]
    running.start_project(project)
    assert plan(client, source=kept)["action"] == "none"
    other = TUNNEL.replace("hush", "new").replace("A" * 43, "B" * 43)
    running.change_endpoint(kept, endpoint=parse_url(other))
    wanted = plan(client, source=kept)
    assert (wanted["action"], [c["path"] for c in wanted["changes"]]) == ("refuse", ["source login"]), "it runs"
    running.stop_project(project)
    assert apply(client, source=kept)["action"] == "change"
    assert running.project(project, tables=False).spec.source == parse_url(other)
    running.change_endpoint(kept, endpoint=parse_url(other.replace("127.0.0.1", "127.0.0.9")))
    assert plan(client, source=kept)["action"] == "none", "another server is another project"


def test_an_exported_file_keeps_the_secrets_of_a_tunnel(client, running):
    project = apply(client, source=TUNNEL)["project"]
    text = client.get(f"/api/v1/projects/{project}/export").text
    assert "hush" not in text
    exported = yaml.safe_load(text)
    answer = client.post("/api/v1/configuration/plan", json=exported)
    assert answer.json()["action"] == "none", answer.text


def test_an_ssh_server_as_members_of_an_endpoint(client, running, monkeypatch):
    monkeypatch.setattr("ferryman.control.endpoint_book.check_endpoint", lambda _endpoint: None)
    ssh = {"host": "h", "user": "u", "key": "hush", "host_key": HOST_KEY}
    asked = {"name": "behind", "url": "mysql://mover:secret@127.0.0.1:1/", "ssh": ssh}
    answer = client.post("/api/v1/endpoints", json=asked)
    assert answer.status_code == 201, answer.text
    assert "hush" not in answer.text
    assert running.endpoint(answer.json()["id"]).endpoint == parse_url(TUNNEL.replace("?", "?ssh_port=22&"))
    for wrong in ({"url": "kafka://h:1/"}, {"ssh": ssh | {"host_key": "SHA256:no"}}, {"ssh": ssh | {"key_file": "/k"}}):
        refused = client.post("/api/v1/endpoints", json=asked | {"name": "other"} | wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage.bad_url")
    alone = client.patch(f"/api/v1/endpoints/{answer.json()['id']}", json={"ssh": ssh})
    assert alone.json()["error"]["code"] == "api.wrong_parameter"
