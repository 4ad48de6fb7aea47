"""`ferryman.client` against a real service by HTTP, both clients by one suite; and that its types are those of the service."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from ferryman.api.application import create_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.client import AsyncClient, Client, FerrymanError, etag
from ferryman.client.calls import AsyncCalls, Calls
from ferryman.client.exchange import Events, Exchange, Place, Request
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.roles import Role
from ferryman.control.service import Service

PASSWORD = "open sesame"
PROJECT = {"name": "shop", "source": "mysql://a:b@127.0.0.1:1/shop", "target": "mysql://a:b@127.0.0.1:2/shop"}
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a service, and an API key of it."""
    service = Service(tmp_path_factory.mktemp("state"))
    metadb = service.metadb
    access = open_access(metadb, PASSWORD).access
    _, key = access.create_key("test", "admin", Role.VIEWER, lives_seconds=None)
    application = create_application(service, Labels(metadb), access, Prechecks(metadb), Alerts(metadb))
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", key
    running.should_exit = True
    thread.join()
    service.close()


class Awaited:
    """The asynchronous client, called as the other one is."""

    def __init__(self, *given, **more):
        self._client = AsyncClient(*given, **more)

    def __getattr__(self, name):
        def calling(*given, **more):
            found = getattr(self._client, name)(*given, **more)
            return asyncio.run(_listed(found) if inspect.isasyncgen(found) else found)

        return calling


async def _listed(found, most=1000):
    listed = []
    async for each in found:
        listed.append(each)
        if len(listed) == most:
            break
    return listed


@pytest.fixture(params=[Client, Awaited])
def kind(request):
    return request.param


@pytest.fixture
def client(kind, server):
    return kind(server[0], password=PASSWORD)


def test_a_project_from_its_making_to_its_end(client):
    key = secrets.token_hex(8)
    made = client.create_project(PROJECT | {"types": ["schema"]}, idempotency_key=key)
    assert client.create_project(PROJECT | {"types": ["schema"]}, idempotency_key=key)["id"] == made["id"]
    assert made["status"] == "INIT"
    assert client.show_project(made["id"])["name"] == "shop"
    changed = client.change_project(made["id"], {"importance": "HIGH"}, if_match=etag(made))
    assert changed["importance"] == "HIGH"
    with pytest.raises(FerrymanError) as caught:
        client.change_project(made["id"], {"importance": "LOW"}, if_match=etag(made))
    assert caught.value.code == "project.changed_meanwhile"
    assert client.export_project(made["id"]).startswith("name: shop")
    assert client.oms("DescribeProjectProgress", {"id": made["id"]})["data"]["status"] == "INIT"
    assert client.sync_progress(made["id"])["data"]["incrSyncCheckpoint"] == "0"
    assert client.list_projects(status=["INIT", "RUNNING"], size=5)["total"] == 1
    assert [each["id"] for each in client.all_projects()] == [made["id"]]
    assert client.delete_project(made["id"]) is None


def test_what_a_service_refuses(client):
    for call, code in (
        (lambda: client.show_project("np_none"), "project.unknown"),
        (lambda: client.show_project("a/../%2f?x=1#é"), "api.not_found"),
        (lambda: client.show_project("%?x=1#é"), "project.unknown"),
        (lambda: client.create_project({"name": "x"}), "api.wrong_parameter"),
        (lambda: client.list_projects(size=0), "api.wrong_parameter"),
        (lambda: client.list_projects(search="\r\nX: y"), None),
    ):
        if code is None:
            call()
            continue
        with pytest.raises(FerrymanError) as caught:
            call()
        assert caught.value.code == code
        assert caught.value.message


def test_logins(kind, server):
    url, key = server
    assert kind(url, key=key).show_session()["role"] == "viewer"
    for wrong in (kind(url, password="wrong"), kind(url, key="fk_wrong")):
        with pytest.raises(FerrymanError) as caught:
            wrong.list_projects()
        assert caught.value.code == "api.unauthorized"
    with pytest.raises(FerrymanError) as caught:
        kind(url, key="fk\r\nX-Injected: 1").list_projects()
    assert caught.value.code == "api.malformed"


def test_no_service(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FerrymanError) as caught:
        kind(f"http://127.0.0.1:{port}").list_projects()
    assert caught.value.code == "api.unreachable"
    for url in ("ftp://x", "http://", "x", "http://x:y"):
        with pytest.raises(FerrymanError):
            kind(url)


def test_something_else_than_a_service(kind):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(said):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        for said in (
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            b"HTTP/1.1 502 Bad\r\n\r\n<html>",
            b"",
        ):
            thread = threading.Thread(target=answer, args=(said,))
            thread.start()
            with pytest.raises(FerrymanError) as caught:
                kind(f"http://127.0.0.1:{listener.getsockname()[1]}").list_projects()
            assert caught.value.code == "api.unreachable"
            thread.join()


def test_a_project_is_followed(server):
    client = Client(server[0], password=PASSWORD)
    made = client.create_project(PROJECT | {"name": "followed"})
    following = client.follow(made["id"])
    assert next(following)["status"] == "INIT"
    client.change_project(made["id"], {"importance": "HIGH"})
    assert next(following)["importance"] == "HIGH"
    following.close()
    several = asyncio.run(_listed(AsyncClient(server[0], password=PASSWORD).follow(made["id"]), most=1))
    assert several[0]["name"] == "followed"
    with pytest.raises(FerrymanError, match="np_none"):
        next(client.follow("np_none"))
    client.delete_project(made["id"])


def test_many_calls_beside_each_other(server):
    client = AsyncClient(server[0], password=PASSWORD)

    async def calls():
        return await asyncio.gather(*(client.list_projects() for _ in range(50)))

    assert len(asyncio.run(calls())) == 50


def test_events_come_whole_out_of_any_pieces():
    sent = b': quiet\n\nevent: project\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: x\ndata: "\xc3\xa9"\n\n'
    for size in (1, 2, 3, 7, len(sent)):
        events = Events()
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        assert [each for piece in pieces for each in events.feed(piece)] == [("project", {"a": 1}), ("x", "é")]


def test_both_clients_have_the_same_methods():
    public = {name for name in vars(Calls) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncCalls) if not name.startswith("_")}
    assert {"create_project", "start", "list_projects", "sync_progress"} <= public
    taken = Exchange(Place.of("https://[::1]/base"), "x", Request(method="GET", path="/p/{a}", within={"a": "b/c"}))
    assert taken.outgoing.startswith(b"GET /base/p/b%2Fc HTTP/1.1\r\n")


def test_the_methods_are_those_of_the_description():
    done = subprocess.run([sys.executable, "tools/client", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
