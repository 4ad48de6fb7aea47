"""A project of changes alone begins at a place a person names: a file and an offset, or GTIDs (ADR 0139)."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from test_apply_servers import Context
from test_capture_kills import Capture
from test_failover import DEADLINE, until

from ferryman.connectors.mysql_family.log.binlog import stream
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.embedded import MariaDb, MySql56, Server
from ferryman.embedded.mysql56 import WITHOUT_GTID
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import ApplyOptions, ProjectSpec, StepName
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline import apply, capture
from ferryman.pipeline.logstore import last_position
from ferryman.pipeline.plan import source_of
from ferryman.pipeline.precheck.project import check_project
from real_pipeline import execute

KINDS = [
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    pytest.param("mysql56", marks=pytest.mark.mysql56),
    pytest.param("plain", marks=pytest.mark.mysql56),
]
STRANGER = {"mariadb": "0-4242-7", "mysql56": "01234567-89ab-cdef-0123-456789abcdef:1-7"}
TABLE = "CREATE TABLE t (id INT PRIMARY KEY, v INT)"


class Log:
    """A server of its own: its log is cut and purged here."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        settings = {"server-id": "21", "log-bin": "named"}
        self.server: Server = (
            MariaDb(directory, settings=settings)
            if kind == "mariadb"
            else MySql56(directory, settings=settings | (WITHOUT_GTID if kind == "plain" else {}))
        )

    def gtid(self) -> str:
        name = "gtid_binlog_pos" if self.kind == "mariadb" else "gtid_executed"
        return str(execute(self.server, f"SELECT @@global.{name}")[0][0])

    def place(self) -> str:
        file, offset, *_ = execute(self.server, "SHOW MASTER STATUS")[0]
        return f"{file}:{offset}"

    def name(self) -> str:
        return self.place() if self.kind == "plain" else self.gtid()

    def far(self) -> str:
        """A place the server will come to, some day."""
        if self.kind == "plain":
            file, _, offset = self.place().partition(":")
            return f"{file}:{int(offset) + 4000}"
        return f"0-21-{10**9}" if self.kind == "mariadb" else f"{self.gtid().rpartition('-')[0]}-{10**9}"


@pytest.fixture(scope="module", params=KINDS)
def log(request: pytest.FixtureRequest, servers_directory: Path) -> Iterator[Log]:
    made = Log(request.param, servers_directory / f"named-{request.param}")
    try:
        made.server.start()
        yield made
    except FerrymanError as missing:
        if missing.code != "embedded.missing":
            raise
        pytest.skip(missing.message)
    finally:
        made.server.remove()


@pytest.fixture
def tables(log: Log, mariadb: MariaDb, database_name: str) -> Iterator[str]:
    for server in (log.server, mariadb):
        execute(server, f"CREATE DATABASE {database_name}")
        execute(server, TABLE, database=database_name)
    yield database_name
    for server in (log.server, mariadb):
        execute(server, f"DROP DATABASE {database_name}")


def write(log: Log, database: str, *numbers: int) -> None:
    execute(log.server, *(f"INSERT INTO t VALUES ({n}, 0)" for n in numbers), database=database)


def purge(log: Log) -> str:
    """Leave only the newest file, and return its name; what goes to a reader who has gone stays until the server notices."""
    newest = execute(log.server, "SHOW BINARY LOGS")[-1][0]

    def is_left() -> bool:
        for session, command in execute(log.server, "SELECT id, command FROM information_schema.processlist"):
            if command.startswith("Binlog Dump"):
                with contextlib.suppress(pymysql.MySQLError):  # it has ended meanwhile
                    execute(log.server, f"KILL {session}")
        execute(log.server, f"PURGE BINARY LOGS TO '{newest}'")
        return bool(execute(log.server, "SHOW BINARY LOGS")[0][0] == newest)

    until(is_left, "only the newest file is left")
    return newest


class Project:
    def __init__(self, log: Log, target: Server, database: str, data_dir: Path, place: str) -> None:
        self.notes: dict[str, str] = {}
        self.id, self.data_dir, self.epoch = f"np_{database}", data_dir, 0
        self.spec = ProjectSpec(
            name=database,
            source=log.server.endpoint,
            target=target.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
            steps=(StepName.PRECHECK, StepName.CAPTURE, StepName.APPLY),
            apply=ApplyOptions(lanes=2, start_position=place),
        )

    def context(self, step: StepName) -> Context:
        self.epoch += 1
        return Context(self.spec, step, self.notes, self.data_dir, self.epoch, self.id)

    @contextlib.contextmanager
    def capturing(self) -> Iterator[Context]:
        context = self.context(StepName.CAPTURE)
        thread = threading.Thread(target=capture.run, args=(context,), daemon=True)
        thread.start()
        try:
            until(lambda: context.progress is not None and context.progress.caught_up, "capture")
            yield context
        finally:
            context.stop.set()
            thread.join(DEADLINE)

    def apply_until_now(self) -> None:
        context = self.context(StepName.APPLY)
        context.set_note("apply.stop_at", to_json(source_of(context).current_position()))
        apply.run(context)

    def precheck(self) -> tuple[str, str, str]:
        found = next(each for each in check_project(self.spec) if each.item == "DB_INCR_START")
        return found.verdict.value, found.code, found.message


def numbers(server: Server, database: str) -> list[int]:
    return [int(row[0]) for row in execute(server, "SELECT id FROM t ORDER BY id", database=database)]


def test_changes_begin_at_the_place_named(log: Log, mariadb: MariaDb, tables: str, tmp_path: Path) -> None:
    """Not one transaction earlier or later; in the midst of a file, at its end, in a file that is over."""
    write(log, tables, 1, 2)
    amid = (log.name(), log.place())
    write(log, tables, 3)
    at_end = (log.name(), log.place())
    execute(log.server, "FLUSH BINARY LOGS")
    write(log, tables, 4)
    for place, wanted in ((amid[0], [3, 4]), (amid[1], [3, 4]), (at_end[0], [4]), (at_end[1], [4])):
        execute(mariadb, "DELETE FROM t", database=tables)
        project = Project(log, mariadb, tables, tmp_path / f"{len(list(tmp_path.iterdir()))}", place)
        assert project.precheck()[0] == "PASSED"
        with project.capturing():
            project.apply_until_now()
        assert numbers(mariadb, tables) == wanted, place
        execute(mariadb, "DROP DATABASE _ferryman")


def test_the_whole_of_a_file_that_is_over_is_named_by_its_size(log: Log, tables: str) -> None:
    write(log, tables, 1)
    execute(log.server, "FLUSH BINARY LOGS")
    rows = execute(log.server, "SHOW BINARY LOGS")
    (file, size, *_), (following, *_) = rows[-2], rows[-1]
    found = FamilySource(log.server.endpoint).position_named(f"{file}:{size}")
    assert found.token["file"] == following
    first = FamilySource(log.server.endpoint).position_named(f"{following}:4")
    assert first == found


def test_places_that_cannot_be_are_refused_in_the_precheck_and_at_the_start(
    log: Log, mariadb: MariaDb, tables: str, tmp_path: Path
) -> None:
    write(log, tables, 1)
    first = (log.name(), log.place())
    write(log, tables, 2)
    execute(log.server, "FLUSH BINARY LOGS")
    newest = purge(log)
    alien = {"mariadb": "01234567-89ab-cdef-0123-456789abcdef:1-7", "mysql56": "0-1-7", "plain": "0-1-7"}[log.kind]
    cases = [
        ("not a place", "position.invalid", "neither"),
        (f"{newest}:2", "position.invalid", "first event"),
        (alien, "position.invalid", "GTIDs of"),
        (log.far(), "position.not_found", "has not come to"),
        ("other-bin.000001:4", "position.other_log", "whose files are"),
        ("named.999999:4", "position.not_found", "has not come to"),
        (first[1], "position.purged", "begins"),
    ]
    if log.kind == "plain":
        cases.append((STRANGER["mysql56"], "position.not_found", "names none"))
    else:
        cases.append((STRANGER[log.kind], "position.other_log", "knows no transactions"))
    for place, code, said in cases:
        project = Project(log, mariadb, tables, tmp_path / "none", place)
        assert project.precheck()[:2] == ("FAILED", code), place
        with pytest.raises(FerrymanError, match=said) as caught:
            capture.run(project.context(StepName.CAPTURE))
        assert caught.value.code == code, place
        assert not project.notes, "nothing of it is kept"
    with pytest.raises(FerrymanError) as caught:
        capture.run(Project(log, mariadb, tables, tmp_path / "gone", first[0]).context(StepName.CAPTURE))
    assert caught.value.code == "position.purged"
    assert "--types full,incremental" in caught.value.hint


def test_a_place_amid_a_transaction_is_refused_with_its_beginning(log: Log, tables: str) -> None:
    begin = log.place()
    write(log, tables, 5)
    file, _, first = begin.partition(":")
    behind = execute(log.server, f"SHOW BINLOG EVENTS IN '{file}' FROM {first} LIMIT 3")[-1][1]
    with pytest.raises(FerrymanError, match=f"amid a transaction, which begins at {file}[:/ ]+{first}") as caught:
        FamilySource(log.server.endpoint).position_named(f"{file}:{behind}")
    assert caught.value.code == "position.not_found"


def test_gtids_that_no_place_has_just_before_it_are_refused(log: Log, tables: str) -> None:
    """Transactions of two servers: the second's come behind the first's, but only some of the first's are named."""
    if log.kind == "plain":
        pytest.skip("it has no GTIDs")
    first = log.gtid()
    write(log, tables, 6)
    if log.kind == "mariadb":
        execute(log.server, "SET SESSION gtid_domain_id = 9", f"INSERT INTO {tables}.t VALUES (7, 0)")
        second = next(part for part in log.gtid().split(",") if part.startswith("9-"))
    else:
        second = f"{uuid.uuid4()}:1"
        execute(log.server, f"SET gtid_next = '{second}'", f"INSERT INTO {tables}.t VALUES (7, 0)")
    with pytest.raises(FerrymanError, match="has just the transactions") as caught:
        FamilySource(log.server.endpoint).position_named(f"{first},{second}")
    assert caught.value.code == "position.not_found"
    assert FamilySource(log.server.endpoint).position_named(log.gtid()) is not None


def test_a_killed_capture_goes_on_where_it_was_not_at_the_place_named(
    log: Log, mariadb: MariaDb, tables: str, tmp_path: Path
) -> None:
    place = log.name()
    write(log, tables, 1)
    project = Project(log, mariadb, tables, tmp_path, place)
    with project.capturing():
        pass
    start = from_json(Position, json.loads(project.notes["schema.start"]))
    process = Capture(log.server, tmp_path, start, project.id)  # type: ignore[arg-type]
    process.start()
    write(log, tables, 2, 3)
    end = FamilySource(log.server.endpoint).current_position()
    until(lambda: captured(project) >= end, "capture")
    process.kill()
    write(log, tables, 4)
    execute(log.server, "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    project.epoch = 10
    with project.capturing():  # the note stands: the name is not looked up again, and the store is not begun anew
        assert from_json(Position, json.loads(project.notes["schema.start"])) == start
        project.apply_until_now()
    assert numbers(mariadb, tables) == [1, 2, 3, 4]
    with stream(log.server.endpoint, captured(project)) as records:
        assert next(record for record in records if record is not None)


def captured(project: Project) -> Position:
    position = last_position(project.data_dir, project.id)
    assert position is not None
    return position
