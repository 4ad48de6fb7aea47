"""A failover: capture goes on at the new primary, whose files have other names and numbers, behind the same transactions."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_apply_servers import Context

from ferryman.connectors.mysql_family.log.binlog import stream
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.embedded import MariaDb, MySql56, Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import ApplyOptions, ProjectSpec, StepName
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline import apply, capture
from ferryman.pipeline.logstore import last_position
from ferryman.pipeline.plan import source_of
from real_pipeline import execute

TABLE = "CREATE TABLE t (id INT PRIMARY KEY, v INT, w VARCHAR(20))"
DEADLINE = 90.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waiting for {what}"
        time.sleep(0.05)


class Pair:
    """A primary and its replica, which logs what it replays under names and numbers of its own."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.mariadb = kind == "mariadb"
        make: Any = MariaDb if self.mariadb else MySql56
        self.primary: Server = make(directory / "one", settings={"server-id": "11", "log-bin": "one"})
        self.replica: Server = make(
            directory / "two", settings={"server-id": "12", "log-bin": "two", "log-slave-updates": "ON"}
        )

    def start(self) -> None:
        for server in (self.primary, self.replica):
            server.start()
            execute(server, "RESET MASTER", *(["SET GLOBAL gtid_slave_pos=''"] if self.mariadb else []))
        follow = "MASTER_USE_GTID=slave_pos" if self.mariadb else "MASTER_AUTO_POSITION=1"
        login = f"MASTER_USER='{self.primary.user}', MASTER_PASSWORD='{self.primary.password}'"
        place = f"MASTER_HOST='127.0.0.1', MASTER_PORT={self.primary.port}"
        execute(self.replica, f"CHANGE MASTER TO {place}, {login}, {follow}", "START SLAVE")

    def state(self, server: Server) -> str:
        name = "gtid_binlog_pos" if self.mariadb else "gtid_executed"
        return str(execute(server, f"SELECT @@global.{name}")[0][0])

    def settle(self) -> None:
        until(lambda: self.state(self.primary) == self.state(self.replica), "the replica")

    def remove(self) -> None:
        for server in (self.primary, self.replica):
            server.remove()


@pytest.fixture(
    params=[pytest.param("mariadb", marks=pytest.mark.mariadb), pytest.param("mysql56", marks=pytest.mark.mysql56)]
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(request.param, tmp_path)
    try:
        made.start()
        yield made
    except FerrymanError as missing:
        if missing.code != "embedded.missing":
            raise
        pytest.skip(missing.message)
    finally:
        made.remove()


class Project:
    def __init__(self, source: Server, target: Server, database: str, data_dir: Path) -> None:
        self.notes: dict[str, str] = {}
        self.database, self.data_dir, self.epoch = database, data_dir, 0
        self.spec = ProjectSpec(
            name=database,
            source=source.endpoint,
            target=target.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
            steps=(StepName.CAPTURE, StepName.APPLY),
            apply=ApplyOptions(lanes=2),
        )

    def context(self, step: StepName) -> Context:
        self.epoch += 1
        return Context(self.spec, step, self.notes, self.data_dir, self.epoch, f"np_{self.database}")

    @contextlib.contextmanager
    def capturing(self) -> Iterator[Context]:
        context = self.context(StepName.CAPTURE)
        thread = threading.Thread(target=capture.run, args=(context,), daemon=True)
        thread.start()
        try:
            yield context
        finally:
            context.stop.set()
            thread.join(DEADLINE)

    def captured(self) -> Position:
        position = last_position(self.data_dir, f"np_{self.database}")
        assert position is not None
        return position

    def apply_until_now(self) -> None:
        context = self.context(StepName.APPLY)
        source = source_of(context)
        context.set_note("apply.stop_at", to_json(source.current_position()))
        apply.run(context)


def write(server: Server, database: str, first: int, count: int) -> None:
    rows = [f"INSERT INTO t VALUES ({n}, {n}, 'w{n}')" for n in range(first, first + count)]
    changes = [
        f"UPDATE t SET v = v + 1000, w = 'again' WHERE id % 3 = {first % 3}",
        f"DELETE FROM t WHERE id = {first}",
    ]
    execute(server, *rows, *changes, database=database)


def test_capture_follows_a_failover(pair: Pair, mariadb: MariaDb, database_name: str, tmp_path: Path) -> None:
    database = database_name
    execute(pair.primary, f"CREATE DATABASE {database}", *["FLUSH BINARY LOGS"] * 4)
    execute(pair.primary, TABLE, database=database)
    execute(mariadb, f"CREATE DATABASE {database}")
    execute(mariadb, TABLE, database=database)
    project = Project(pair.primary, mariadb, database, tmp_path / "data")
    with project.capturing() as running:
        until(lambda: running.progress is not None and running.progress.caught_up, "capture")
        write(pair.primary, database, 0, 20)
        end = FamilySource(pair.primary.endpoint).current_position()
        until(lambda: project.captured() >= end, "the first part")
        project.apply_until_now()
    write(pair.primary, database, 100, 20)  # captured from the new primary, under the old one's GTIDs
    pair.settle()
    execute(pair.replica, "STOP SLAVE", "RESET SLAVE ALL")
    write(pair.primary, database, 500, 1)  # lost with the old primary
    ahead = reached(pair.primary, project.captured())
    pair.primary.kill()
    write(pair.replica, database, 200, 20)

    with pytest.raises(FerrymanError, match="no place in it") as caught:
        reached(pair.replica, ahead)
    assert caught.value.code == "position.other_log"

    project.spec = replace(project.spec, source=pair.replica.endpoint)
    before = project.captured()
    with pytest.raises(FerrymanError, match="capture has not come"):
        source_of(project.context(StepName.APPLY)).current_position()
    with project.capturing() as running:
        until(lambda: project.captured().token.get("era") == "1", "the failover")
        write(pair.replica, database, 300, 20)
        end = source_of(running).current_position()
        assert end > before
        assert end.order[0] & 0xFFFFFFFF < before.order[0]
        until(lambda: project.captured() >= end, "the second part")
        project.apply_until_now()
    assert any("goes on at" in message for _, message in running.events)
    found, wanted = (
        execute(each, "SELECT * FROM t ORDER BY id", database=database) for each in (mariadb, pair.replica)
    )
    assert found == wanted
    assert len(wanted) == 76
    execute(mariadb, f"DROP DATABASE {database}")


def reached(server: Server, start: Position) -> Position:
    """Follow the log to its end."""
    end = FamilySource(server.endpoint).current_position()
    with stream(server.endpoint, start) as records:
        return next(r.position for r in records if r is not None and r.boundary and r.position >= end)
