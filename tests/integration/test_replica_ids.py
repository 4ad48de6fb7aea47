"""Another replica comes with our id: the server ends our stream, and capture goes on under another one."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_apply_servers import Context
from test_failover import DEADLINE, until

from ferryman.connectors.mysql_family.log import binlog, replicas
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.embedded import Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.serial import to_json
from ferryman.pipeline import capture
from ferryman.pipeline.logstore import last_position
from real_pipeline import execute

SERVERS = [
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    pytest.param("mysql56", marks=pytest.mark.mysql56),
]
OURS = 0x4ABCDEF0


def follow(server: Server, start: Position, ended: list[FerrymanError], over: threading.Event) -> None:
    try:
        with binlog.stream(server.endpoint, start) as records:
            for _ in records:
                if over.is_set():
                    return
    except FerrymanError as error:
        ended.append(error)


@pytest.fixture(autouse=True)
def one_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL tells replicas apart by their UUIDs, MariaDB by their ids: a copied replica has both of the other."""
    given = iter([uuid.UUID(int=OURS)] * 2)
    monkeypatch.setattr(binlog, "uuid", SimpleNamespace(uuid4=lambda: next(given, None) or uuid.uuid4()))


def is_registered(server: Server) -> bool:
    return any(int(row[0]) == OURS for row in execute(server, "SHOW SLAVE HOSTS"))


@pytest.mark.parametrize("fixture", SERVERS)
def test_capture_goes_on_when_another_replica_takes_its_id(
    fixture, request, tmp_path: Path, database_name, monkeypatch
):
    server: Server = request.getfixturevalue(fixture)
    start = FamilySource(server.endpoint).current_position()
    free, given = replicas.free_server_id, iter((OURS, OURS))
    monkeypatch.setattr(binlog, "free_server_id", lambda connection: next(given, None) or free(connection))
    spec = ProjectSpec(
        name="p", source=server.endpoint, target=server.endpoint, steps=(StepName.SCHEMA, StepName.CAPTURE)
    )
    context = Context(spec, StepName.CAPTURE, {}, tmp_path, project=f"np_{database_name}")
    context.set_note("schema.start", to_json(start))
    capturing = threading.Thread(target=capture.run, args=(context,), daemon=True)
    other, over, ended = None, threading.Event(), []
    try:
        capturing.start()
        until(lambda: context.progress is not None and is_registered(server), "capture")
        other = threading.Thread(target=follow, args=(server, start, ended, over), daemon=True)
        other.start()
        until(lambda: any(f"server id {OURS}" in message for _, message in context.events), "the clash")
        execute(server, f"CREATE DATABASE {database_name}", f"DROP DATABASE {database_name}")
        end = FamilySource(server.endpoint).current_position()
        until(lambda: (last_position(tmp_path, context.project_id) or start) >= end, "capture under another id")
        assert capturing.is_alive()
        assert is_registered(server), "the other replica reads on"
        assert not ended
    finally:
        context.stop.set()
        over.set()
        capturing.join(DEADLINE)
        if other is not None:
            other.join(DEADLINE)
    assert any("answers again" in message for _, message in context.events)


@pytest.mark.parametrize("fixture", SERVERS)
def test_the_error_names_the_id_the_server_and_the_place(fixture, request, monkeypatch):
    server: Server = request.getfixturevalue(fixture)
    start = FamilySource(server.endpoint).current_position()
    monkeypatch.setattr(binlog, "free_server_id", lambda _: OURS)
    ended: list[FerrymanError] = []
    over = threading.Event()
    threads = [threading.Thread(target=follow, args=(server, start, ended, over), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
        until(lambda: is_registered(server), "a replica")
    until(lambda: bool(ended), "the clash")
    over.set()
    for thread in threads:
        thread.join(DEADLINE)
    (error,) = ended
    assert error.code == "source.server_id_taken"
    assert error.retry.value == "auto"
    assert f"server id {OURS}" in error.message
    assert str(server.port) in error.message
    assert start.token["file"] in error.message
    assert "SHOW SLAVE HOSTS" in error.hint
