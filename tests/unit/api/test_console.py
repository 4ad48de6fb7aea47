"""The console's files as the service gives them out, and what its streams say."""

import asyncio
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.api import console, events
from ferryman.api.events import _Changes, _messages, _ProjectChanges
from ferryman.metadb import alerts, audit, marks
from ferryman.metadb.alerts import AlertRow
from ferryman.metadb.audit import AuditEntry
from ferryman.model.project import ProjectStatus, StepName, StepStatus, TableProgress

ROOT = Path(__file__).parents[3]
NEW = {"name": "shop", "source": "mysql://u:secret@h/shop", "target": "oceanbase://u:secret@h2/"}


@pytest.fixture
def visitor(client):
    client.auth = None
    return client


def test_the_bundle_is_made_from_this_source():
    made_from = (console.FILES / "built-from.txt").read_text().strip()
    now = subprocess.run([sys.executable, ROOT / "tools" / "console-mark"], capture_output=True, text=True, check=True)
    assert made_from == now.stdout.strip(), "console/ has changed: run `make console`"


def test_the_bundle_asks_nobody_else():
    for path in console.FILES.rglob("*.[hcj]*s*"):
        text = path.read_text("utf-8")
        assert "alipayobjects" not in text, path
        assert not re.search(r"""(?:src|href|url\()=?["']?https?://""", text), path
    assert not list(console.FILES.rglob("*.woff2"))


def test_the_root_leads_to_the_console(visitor):
    answer = visitor.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")


@pytest.mark.parametrize("path", ["/console/", "/console/projects/np_1/tables", "/console/new?x=1"])
def test_every_place_of_the_console_is_its_page_with_a_fresh_nonce(visitor, path):
    pages = [visitor.get(path) for _ in range(2)]
    nonces = [re.search(r'nonce="([^"]+)"', page.text)[1] for page in pages]
    assert nonces[0] != nonces[1]
    policy = pages[0].headers["content-security-policy"]
    assert f"'nonce-{nonces[0]}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert pages[0].headers["cache-control"] == "no-store"


def test_files_are_compressed_and_kept_for_ever(visitor):
    name = next((console.FILES / "assets").glob("index-*.js")).name
    packed = visitor.get(f"/console/assets/{name}")
    plain = visitor.get(f"/console/assets/{name}", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == (console.FILES / "assets" / name).read_bytes()
    assert "immutable" in plain.headers["cache-control"]
    assert plain.headers["content-type"].startswith("text/javascript")
    again = visitor.get(f"/console/assets/{name}", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["assets/none.js", "assets/../../console.py", "assets/%2e%2e/%2e%2e/console.py"])
def test_nothing_else_is_given_out(visitor, path):
    answer = visitor.get(f"/console/{path}")
    assert answer.status_code in {200, 401, 404}
    assert "def console_router" not in answer.text


def test_the_first_page_is_small():
    entry = next((console.FILES / "assets").glob("index-*.js"))
    parts = [entry, *(console.FILES / "assets").glob("index-*.css"), *(console.FILES / "assets").glob("Overview-*.js")]
    assert sum(len(gzip.compress(part.read_bytes())) for part in parts) < 250_000


def test_streams_need_the_login(visitor):
    assert visitor.get("/api/v1/live/overview").status_code == 401


def test_the_stream_of_an_unknown_project_is_refused(client):
    assert client.get("/api/v1/live/projects/np_none").status_code == 404


def test_a_stream_says_what_changed_and_ends_when_told():
    looks = iter([[("page", 1)], [("page", 1)], [("page", 2)]])
    ended = asyncio.Event()

    def look():
        try:
            return next(looks)
        except StopIteration:
            ended.set()
            return [("page", 2)]

    async def hear():
        return [text async for text in _messages(_Changes(look), ended)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "LOOK_SECONDS", 0.001)
        heard = asyncio.run(asyncio.wait_for(hear(), 30))
    assert heard == [": open\n\n", "event: page\ndata: 1\n\n", "event: page\ndata: 2\n\n"]


def test_a_project_stream_sends_only_tables_that_changed(client, service):
    project_id = client.post("/api/v1/projects", json=NEW).json()["id"]
    tables = [TableProgress(table=f"shop.t{n}", rows_total=9, state="waiting") for n in range(3)]
    service.put(project_id, status=ProjectStatus.RUNNING)
    service.put_step(project_id, StepName.LOAD, status=StepStatus.RUNNING, tables=tuple(tables))
    changes = _ProjectChanges(service, project_id)
    first = dict(_read(text) for text in changes())
    assert first["project"]["name"] == "shop"
    assert "secret" not in json.dumps(first)
    assert {table["table"] for table in first["tables"]} == {"shop.t0", "shop.t1", "shop.t2"}
    assert changes() == []
    tables[1] = TableProgress(table="shop.t1", rows=5, rows_total=9, state="running")
    service.put_step(project_id, StepName.LOAD, tables=tuple(tables))
    assert [_read(text)[0] for text in changes()] == ["tables"]


def test_names_go_through_as_they_are(client, service):
    name = "<script>alert(1)</script>🛒"
    client.post("/api/v1/projects", json=NEW | {"name": name})
    document = client.get("/api/v1/projects").json()["items"][0]
    assert document["name"] == name


def test_a_connection_test_keeps_nothing(client, service, monkeypatch):
    answer = client.post("/api/v1/endpoints/test", json={"url": "mysql://u:secret@127.0.0.1:1/"}).json()
    assert answer["ok"] is False
    assert answer["error"]["code"] == "endpoint.unreachable"
    assert "secret" not in json.dumps(answer)
    assert service.kept_endpoints == {}


def test_the_overview_counts(client, service):
    from ferryman.api.native.overview import overview_document

    for number in range(3):
        made = client.post("/api/v1/projects", json=NEW | {"name": f"p{number}"}).json()
        service.put(made["id"], status=ProjectStatus.FAILED if number == 0 else ProjectStatus.INIT)
    found = overview_document(service)
    assert found.by_status["FAILED"] == 1
    assert found.by_status["INIT"] == 2
    assert [project.name for project in found.failed] == ["p0"]


def _read(text):
    name, data = text.removesuffix("\n\n").split("\n", 1)
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_marks_move_when_something_beside_projects_has_changed(metadb):
    def look():
        with metadb.reading() as tx:
            return marks.read(tx)

    before = look()
    assert look() == before
    with metadb.writing() as tx:
        audit.add(tx, AuditEntry(happened_at=1.0, account="ada", address="::1", action="POST /x", outcome="ok"))
    moved = look()
    assert moved["changes"] != before["changes"]
    assert moved["alerts"] == before["alerts"]
    row = AlertRow(id="a_marks", key="k", rule="disk_low", project_id="", level="HIGH", message="full", since=9e9)
    with metadb.writing() as tx:
        alerts.insert(tx, row)
    assert look()["alerts"] != moved["alerts"]
    with metadb.writing() as tx:
        alerts.delete(tx, "a_marks")
