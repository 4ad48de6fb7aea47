"""OceanBase as a source: at every border the changes found lead to exactly the rows the source had at that SCN."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pymysql
import pytest
from oceanbase_mirror import Mirror, Writers

from ferryman.connectors.oceanbase.precheck import OceanBaseChecks
from ferryman.connectors.oceanbase.scn import keyed
from ferryman.connectors.oceanbase.scn.history import DdlLog
from ferryman.connectors.oceanbase.scn.moments import is_history_gone
from ferryman.connectors.oceanbase.scn.pace import Pace
from ferryman.connectors.oceanbase.scn.place import place_of
from ferryman.connectors.oceanbase.scn.window import HistoryLostError, Window
from ferryman.connectors.oceanbase.source import OceanBaseSource
from ferryman.embedded import OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import Operation
from ferryman.model.position import Position
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.source import Chunk, TableReader
from real_pipeline import connect, execute

pytestmark = [pytest.mark.oceanbase]

RACES = frozenset({1062, 1205, 1213, 6002, 6005})
"""What writers may do to each other: a taken key, a lock waited for, a row changed meanwhile."""
PATIENCE_SECONDS = 90.0
FORGET_SECONDS = 300.0
"""How long the engine may take to compact a table, on a machine with much else to do."""

TABLES = (
    "CREATE TABLE t (id int PRIMARY KEY, u varchar(20) UNIQUE, v int, d datetime(3), j json)",
    "CREATE TABLE pairs (a int, b varchar(10), n bigint, PRIMARY KEY (b, a))",
    "CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY HASH(id) PARTITIONS 3",
    "CREATE TABLE bag (a int, b varchar(10), c double)",
    "INSERT INTO t SELECT 0, 'u0', 0, '2020-01-01 00:00:00', '{\"a\": 1}' FROM DUAL",
)


def _make(server: OceanBase, database: str) -> None:
    execute(server, f"CREATE DATABASE {database}")
    execute(server, *TABLES, database=database)
    rows = ",".join(f"({n},'u{n}',{n},now(3),'[{n}]')" for n in range(1, 800))
    execute(server, f"INSERT INTO t VALUES {rows}", database=database)
    execute(server, "INSERT INTO bag SELECT id % 20, 'b', v / 3 FROM t", database=database)
    execute(server, "INSERT INTO pairs SELECT id, 'k', v FROM t", database=database)
    execute(server, "INSERT INTO parts SELECT id, v FROM t", database=database)


def _writer(server: OceanBase, database: str, dice: random.Random) -> Callable[[], None]:
    cursor = connect(server, database).cursor()

    def swap(n: int) -> list[str]:
        """Two rows exchange their unique values."""
        return [
            "BEGIN",
            f"SELECT @a := u FROM t WHERE id = {n}",
            f"SELECT @b := u FROM t WHERE id = {n + 1}",
            f"UPDATE t SET u = NULL WHERE id = {n}",
            f"UPDATE t SET u = @a WHERE id = {n + 1}",
            f"UPDATE t SET u = @b WHERE id = {n}",
            "COMMIT",
        ]

    def work() -> None:
        n = dice.randrange(800)
        jobs = (
            [f"UPDATE t SET v = v + 1 WHERE id = {n}"],
            [f"UPDATE t SET v = v + 1 WHERE id BETWEEN {n} AND {n + 5}", f"UPDATE t SET d = now(3) WHERE id = {n}"],
            [f"DELETE FROM t WHERE id = {n}"],
            [f"INSERT INTO t VALUES ({n}, 'x{dice.randrange(3000)}', 1, now(3), '[1]')"],
            [f"DELETE FROM t WHERE id = {n}", f"INSERT INTO t VALUES ({n}, 'again{n}', 2, NULL, 'null')"],
            [f"UPDATE t SET id = id + 1000 WHERE id = {n}"],
            [f"UPDATE t SET id = id - 1000 WHERE id = {n + 1000}"],
            swap(n),
            ["BEGIN", f"UPDATE t SET v = -1 WHERE id = {n}", "ROLLBACK"],
            [f"UPDATE pairs SET b = IF(b = 'k', 'K2', 'k'), n = n + 1 WHERE a = {n}"],
            [f"DELETE FROM pairs WHERE a = {n}", f"INSERT INTO pairs VALUES ({n}, 'new', {n})"],
            [f"UPDATE parts SET id = id + 5000 WHERE id = {n}", f"UPDATE parts SET v = v + 1 WHERE id > {n + 5000}"],
            [f"INSERT INTO bag VALUES ({n % 20}, 'n', {n} / 7), ({n % 20}, 'n', {n} / 7)"],
            [f"DELETE FROM bag WHERE a = {n % 20} LIMIT 2", f"UPDATE bag SET b = 'z' WHERE a = {n % 20} LIMIT 1"],
        )
        for statement in dice.choice(jobs):
            try:
                cursor.execute(statement)
            except pymysql.Error as error:
                if error.args[0] not in RACES:
                    raise
                cursor.execute("ROLLBACK")
                return
        time.sleep(0.02)  # leave the machine to the others

    return work


def test_every_border_equals_the_source_then(oceanbase: OceanBase, database_name: str) -> None:
    """Writers change keys, swap unique values, delete and insert again; minor and major freezes run meanwhile."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    _make(oceanbase, database_name)
    mirror = Mirror(oceanbase, database_name)
    writers = [_writer(oceanbase, database_name, random.Random(seed + n)) for n in range(3)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Writers(writers) as writing:
        for freeze in ("MINOR", "MAJOR"):
            borders, rounds = mirror.checked + 3, writing.rounds + 60
            execute(oceanbase, f"ALTER SYSTEM {freeze} FREEZE")
            mirror.follow(
                lambda b=borders, r=rounds: (  # type: ignore[misc]
                    (mirror.checked >= b and writing.rounds >= r) or time.monotonic() > deadline
                )
            )
    quiet = mirror.source.current_position()
    mirror.follow(lambda: mirror.border > quiet)
    assert mirror.checked >= 6
    for operation in Operation:
        assert mirror.operations[("t", operation)] > 0
    assert mirror.operations[("bag", Operation.DELETE)] > 0
    assert not mirror.statements
    assert not mirror.warnings


def test_several_changes_are_one(oceanbase: OceanBase, database_name: str) -> None:
    """Between two polls: change and change back, delete and insert again, come and go, letters of another case."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(
        oceanbase,
        "CREATE TABLE t (k varchar(10) COLLATE utf8mb4_general_ci PRIMARY KEY, v int)",
        "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5)",
        database=database_name,
    )
    mirror = Mirror(oceanbase, database_name)
    execute(
        oceanbase,
        "UPDATE t SET v = 9 WHERE k = 'a'",
        "UPDATE t SET v = 1 WHERE k = 'a'",  # as before: no change
        "DELETE FROM t WHERE k = 'b'",
        "INSERT INTO t VALUES ('b', 7)",  # one update
        "INSERT INTO t VALUES ('x', 0)",
        "DELETE FROM t WHERE k = 'x'",  # nothing
        "UPDATE t SET k = 'C' WHERE k = 'c'",  # the same key for the server, other bytes
        "DELETE FROM t WHERE k = 'd'",
        "INSERT INTO t VALUES ('D', 4)",
        "DELETE FROM t WHERE k = 'e'",
        database=database_name,
    )
    mirror.follow(lambda: mirror.checked > 0)
    assert mirror.operations == {("t", Operation.UPDATE): 3, ("t", Operation.DELETE): 1}


def test_a_mistake_is_found(oceanbase: OceanBase, database_name: str) -> None:
    """A count that does not add up makes the table be read anew, instead of losing a row."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(oceanbase, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", database=database_name)
    mirror = Mirror(oceanbase, database_name)
    execute(oceanbase, "DELETE FROM t WHERE id = 2", database=database_name)
    original = keyed.queries.gone_since
    try:
        keyed.queries.gone_since = lambda table, scn: original(table, scn).replace("ORDER BY", "AND 1 = 0 ORDER BY")  # type: ignore[assignment]
        mirror.follow(lambda: mirror.checked > 0)
    finally:
        keyed.queries.gone_since = original
    assert any("read anew" in warning for warning in mirror.warnings)
    assert mirror.statements == [f"TRUNCATE TABLE `{database_name}`.`t`"]


def test_schema_statements_between_polls(oceanbase: OceanBase, database_name: str) -> None:
    """Instant ones are handed out as they are; a table that was built anew is emptied and read anew, and only that."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(
        oceanbase,
        "CREATE TABLE t (id int PRIMARY KEY, b varchar(10), c int)",
        "CREATE TABLE calm (id int PRIMARY KEY)",
        "CREATE TABLE p (a int PRIMARY KEY, v int) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10),"
        " PARTITION p1 VALUES LESS THAN (20))",
        "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
        "INSERT INTO p VALUES (1, 1), (11, 11)",
        "INSERT INTO calm VALUES (1)",
        database=database_name,
    )
    mirror = Mirror(oceanbase, database_name)

    def step(anew: set[str], *statements: str) -> list[str]:
        mirror.statements.clear()
        execute(oceanbase, *statements, database=database_name)
        borders = mirror.checked
        mirror.follow(lambda: mirror.checked > borders)
        own = [sql for sql in mirror.statements if not sql.startswith("TRUNCATE TABLE `")]
        emptied = {sql.split("`")[3] for sql in mirror.statements if sql.startswith("TRUNCATE TABLE `")}
        assert emptied == anew, mirror.statements
        return own

    added = "ALTER TABLE t ADD COLUMN d int DEFAULT 7"
    assert step(set(), "DELETE FROM t WHERE id = 3", added, "UPDATE t SET d = 8 WHERE id = 1") == [added]
    assert len(step(set(), "ALTER TABLE t MODIFY b varchar(30)", "ALTER TABLE t DROP COLUMN d")) == 2
    step({"t"}, "UPDATE t SET c = 5", "ALTER TABLE t MODIFY c varchar(20)")
    step({"t"}, "TRUNCATE TABLE t", "INSERT INTO t VALUES (9, 'z', '9')")
    step({"p"}, "ALTER TABLE p DROP PARTITION p1")
    step({"p"}, "ALTER TABLE p ADD PARTITION (PARTITION p9 VALUES LESS THAN (90))", "INSERT INTO p VALUES (50, 5)")
    step({"u"}, "CREATE TABLE u LIKE t", "INSERT INTO u SELECT * FROM t")
    step({"t", "u"}, "RENAME TABLE t TO tmp, u TO t, tmp TO u", "UPDATE t SET b = 'swapped'")
    step({"v"}, "DROP TABLE u", "CREATE TABLE v (x int)", "INSERT INTO v VALUES (1), (1)")
    step(set(), "CREATE INDEX late ON calm (id)", "INSERT INTO calm VALUES (2)")
    other = f"{database_name}_other"
    assert step(set(), f"CREATE DATABASE {other}", f"CREATE TABLE {other}.t (id int)", f"DROP DATABASE {other}") == []


def test_history_that_is_gone_is_read_anew(
    oceanbase: OceanBase, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past undo_retention: the table whose past is needed is read anew, one that did not change is left alone."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(oceanbase, "CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE TABLE calm (id int PRIMARY KEY)",
            "INSERT INTO t VALUES (1, 1), (2, 2)", "INSERT INTO calm VALUES (1)", database=database_name)  # fmt: skip
    mirror = Mirror(oceanbase, database_name)
    mirror.follow(lambda: mirror.checked > 0)
    execute(oceanbase, "UPDATE t SET v = 5 WHERE id = 1", "DELETE FROM t WHERE id = 2", database=database_name)
    gone = FerrymanError("endpoint.query_failed", "snapshot is discarded", context={"errno": 4654})
    original = Window.read_then

    def read_then(self: Window, table: Table, sql: str | bytes) -> Iterator[Batch]:
        if self.prev == lost:
            raise HistoryLostError(table.name, gone.message) if is_history_gone(gone) else gone
        yield from original(self, table, sql)

    lost = place_of(mirror.border).scn
    monkeypatch.setattr(Window, "read_then", read_then)
    monkeypatch.setattr(Pace, "warning", lambda _self, _age: "history is about to run out")
    mirror.follow(lambda: mirror.checked > 1)
    assert mirror.statements == [f"TRUNCATE TABLE `{database_name}`.`t`"]
    assert any("about to run out" in warning for warning in mirror.warnings)
    assert any("is read anew" in warning and "snapshot is discarded" in warning for warning in mirror.warnings)


@pytest.mark.skipif(
    "FERRYMAN_FORGET" not in os.environ, reason="the engine takes minutes to forget: make oceanbase-forgets"
)
def test_history_really_gone(oceanbase: OceanBase, database_name: str) -> None:
    """The engine itself forgets while the poller stalls: it is warned of early, and only what had changed is read anew."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(oceanbase, "CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE TABLE calm (id int PRIMARY KEY)",
            "INSERT INTO t VALUES (1, 1), (2, 2)", "INSERT INTO calm VALUES (1)", database=database_name)  # fmt: skip
    mirror = Mirror(oceanbase, database_name)
    t = next(table for table in mirror.tables.values() if table.name.table == "t")
    stalled: list[Position] = []

    def stall() -> bool:
        """Let history of the border run out once two windows have been seen; then take one more."""
        if mirror.checked == 1:
            execute(oceanbase, "ALTER SYSTEM SET undo_retention = 1")  # the pause behind this poll reads it
        if mirror.checked == 2 and not stalled:
            execute(oceanbase, "INSERT INTO t VALUES (3, 3)", database=database_name)
        if mirror.checked == 3 and not stalled:
            assert not mirror.statements, "what history still holds is not read anew"
            stalled.append(mirror.border)
            _forget(oceanbase, database_name, lambda: mirror.at(t, stalled[0]))
            execute(oceanbase, "ALTER SYSTEM SET undo_retention = 1800")  # or what comes next is forgotten, too
        return bool(mirror.statements) and mirror.border > stalled[0]

    try:
        mirror.follow(stall)
    finally:
        execute(oceanbase, "ALTER SYSTEM SET undo_retention = 1800")
    assert mirror.statements == [f"TRUNCATE TABLE `{database_name}`.`t`"]
    assert any("keeps history for 1 s" in warning for warning in mirror.warnings)
    assert any(f"{database_name}.t is read anew" in warning for warning in mirror.warnings)


def _forget(server: OceanBase, database: str, read: Callable[[], object]) -> None:
    """Change a table and compact until it cannot be read any more as it was."""
    deadline = time.monotonic() + FORGET_SECONDS
    execute(server, "UPDATE t SET v = 5 WHERE id = 1", "DELETE FROM t WHERE id = 2", database=database)
    execute(server, "ALTER SYSTEM MINOR FREEZE")
    due = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        try:
            read()
        except FerrymanError as error:
            if is_history_gone(error):
                return
            raise
        execute(server, "UPDATE t SET v = v + 1 WHERE id = 1", database=database)
        if time.monotonic() > due:
            execute(server, "ALTER SYSTEM MAJOR FREEZE")
            due = time.monotonic() + 30.0
        time.sleep(0.5)
    raise AssertionError("the engine remembers everything")


def test_without_the_list_of_statements_a_change_stops(
    oceanbase: OceanBase, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OceanBase's list cannot be read, catalogs are compared: nothing is guessed."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(oceanbase, "CREATE TABLE t (id int PRIMARY KEY)", database=database_name)
    hidden = FerrymanError("source.privilege", "SELECT command denied")
    monkeypatch.setattr(DdlLog, "version", lambda _self: (_ for _ in ()).throw(hidden))
    mirror = Mirror(oceanbase, database_name)
    execute(oceanbase, "INSERT INTO t VALUES (1)", database=database_name)
    mirror.follow(lambda: mirror.checked > 0)
    execute(oceanbase, "ALTER TABLE t ADD COLUMN c int", database=database_name)
    with pytest.raises(FerrymanError) as caught:
        mirror.follow(lambda: False)
    assert caught.value.code == "source.schema_changed"


def test_rows_of_one_moment(oceanbase: OceanBase, database_name: str) -> None:
    """Readers show the moment asked for; when it is gone, those of tables with a key go on with what is there."""
    execute(oceanbase, f"CREATE DATABASE {database_name}")
    execute(oceanbase, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", database=database_name)
    mirror = Mirror(oceanbase, database_name)
    source, (table,) = mirror.source, mirror.tables.values()
    then = source.current_position()
    execute(oceanbase, "INSERT INTO t VALUES (3)", database=database_name)

    def rows(reader: TableReader) -> list[Row]:
        with closing(reader):
            chunk = Chunk(start=(b"1",), end=(b"9",))
            return [row for batch in reader.read(table, ["id"], chunk=chunk, ordered=True) for row in batch.rows()]

    assert rows(source.at(then).reader()) == [(b"2",)]
    reader, place = source.at(then).consistent_reader([table.name])
    assert (rows(reader), place) == ([(b"2",)], then)
    assert rows(source.reader()) == [(b"2",), (b"3",)]
    execute(oceanbase, "ALTER TABLE t MODIFY id varchar(10)", database=database_name)  # built anew: its past is gone
    (table,) = source.read_schema(mirror.selection).tables
    gone = source.at(then)
    with pytest.raises(FerrymanError) as caught:
        rows(gone.reader())
    assert caught.value.code == "source.history_lost"
    assert rows(gone.reader()) == [(b"2",), (b"3",)]
    with pytest.raises(FerrymanError) as caught:
        rows(gone.consistent_reader([table.name])[0])
    assert caught.value.code == "source.no_snapshot"


def test_precheck_tries_what_polling_needs(oceanbase: OceanBase, database_name: str) -> None:
    user = f"u{database_name}"
    execute(
        oceanbase,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id int PRIMARY KEY)",
        f"CREATE USER {user} IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON {database_name}.* TO {user}",
    )
    endpoint = replace(oceanbase.endpoint, username=user, password="secret")
    selection = Selection(objects=(f"{database_name}.*",))
    spec = ProjectSpec(
        name="p", source=endpoint, target=endpoint, selection=selection, steps=(StepName.CAPTURE, StepName.APPLY)
    )
    schema = OceanBaseSource(oceanbase.endpoint, selection).read_schema(selection)

    def verdict() -> CheckResult:
        found = OceanBaseChecks(endpoint).source_checks(spec, schema)
        return next(each for each in found if each.item == "DB_ACCOUNT_INCR_READ_PRIVILEGE")

    assert verdict().verdict is Verdict.FAILED
    assert "GRANT SELECT ON oceanbase.*" in verdict().fix_sql
    execute(oceanbase, f"GRANT SELECT ON oceanbase.* TO {user}")
    assert verdict().verdict is Verdict.PASSED, verdict()
    execute(oceanbase, f"DROP USER {user}")
