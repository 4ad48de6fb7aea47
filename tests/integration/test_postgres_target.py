"""MariaDB into PostgreSQL, the real pipeline between real servers: every type, a live writer with schema changes, kills."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from test_apply_servers import TABLES, Context, Writer, wait_for

from ferryman.embedded import MariaDb, Postgres
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ApplyOptions, LoadOptions, ProjectSpec, StepName
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline import apply, capture, load, schema
from ferryman.pipeline.precheck import check_project
from ferryman.pipeline.verify import compare_endpoints, repair
from ferryman.spi.connector import connector_for
from ferryman.spi.precheck import Verdict
from real_pipeline import connect, execute

pytestmark = [pytest.mark.mariadb, pytest.mark.postgres, pytest.mark.timeout(300)]


class Lab:
    """One project from MariaDB to PostgreSQL."""

    def __init__(self, mariadb: MariaDb, postgres: Postgres, database: str, data_dir: Path, **options: Any) -> None:
        self.mariadb, self.postgres, self.database, self.data_dir = mariadb, postgres, database, data_dir
        self.notes: dict[str, str] = {}
        self.project = f"np_{database}"
        options.setdefault("load", LoadOptions(streams=3, chunk_rows=300, batch_rows=50))
        self.spec = ProjectSpec(
            name=database,
            source=mariadb.endpoint,
            target=postgres.endpoint,
            selection=Selection(objects=(f"{database}.*",)),
            apply=ApplyOptions(window_changes=200, lanes=3),
            **options,
        )
        execute(mariadb, f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")

    def connect(self, server: Any = None, **more: Any) -> Any:
        return connect(self.mariadb, self.database)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.mariadb, *statements, database=self.database)

    def at_target(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def context(self, step: StepName, epoch: int = 1) -> Context:
        return Context(self.spec, step, self.notes, self.data_dir, epoch, self.project)

    def follow(self) -> None:
        """Apply up to where the source is now."""
        source = connector_for(self.spec.source).source(self.spec.source)  # type: ignore[misc]
        self.notes["apply.stop_at"] = json.dumps(to_json(source.current_position()))
        context = self.context(StepName.APPLY)
        apply.run(context)
        assert context.progress.percent == 100, context.events

    def differences(self) -> list[Any]:
        return [m for found in compare_endpoints(self.spec).mismatches.values() for m in found]


@pytest.fixture
def lab(mariadb: MariaDb, postgres: Postgres, database_name: str, tmp_path: Path):
    made = Lab(mariadb, postgres, database_name, tmp_path)
    yield made
    execute(mariadb, f"DROP DATABASE {database_name}")
    made.at_target(f'DROP SCHEMA IF EXISTS "{database_name}" CASCADE')


@contextlib.contextmanager
def capturing(lab: Lab):
    context = lab.context(StepName.CAPTURE)
    thread = threading.Thread(target=capture.run, args=(context,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        context.stop.set()
        thread.join(60)


TYPES: dict[str, tuple[str, str, list[str]]] = {
    # column: (type at the source, how PostgreSQL shows it, constants)
    "t1": ("TINYINT(1)", "{}::text", ["-128", "127", "0"]),
    "t1u": ("TINYINT UNSIGNED", "{}::text", ["0", "255"]),
    "t3u": ("MEDIUMINT UNSIGNED", "{}::text", ["0", "16777215"]),
    "t4u": ("INT UNSIGNED", "{}::text", ["0", "4294967295"]),
    "t8": ("BIGINT", "{}::text", ["-9223372036854775808", "9223372036854775807"]),
    "t8u": ("BIGINT UNSIGNED", "{}::text", ["0", "18446744073709551615"]),
    "de": ("DECIMAL(65,30)", "{}::text", ["-" + "9" * 35 + "." + "9" * 30, "0.000000000000000000000000000001"]),
    "fl": (
        "FLOAT",
        "{}::float8::text",
        ["-3.402823466e38", "1.17549435e-38", "0.1", "-0e0", "16777217", "1e-45", "'-0'"],
    ),
    "db": ("DOUBLE", "{}::text", ["-1.7976931348623157e308", "5e-324", "0.1", "1e15", "1e16", "'-0'"]),
    "bi": ("BIT(64)", "{}::text", ["0", "18446744073709551615", "b'1010'"]),
    "b1": ("BIT(1)", "{}::text", ["b'0'", "b'1'"]),
    "da": ("DATE", "{}::text", ["'1000-01-01'", "'9999-12-31'", "'0044-03-15'"]),
    "tm": ("TIME(6)", "{}::text", ["'-838:59:59'", "'838:59:58.999999'", "'-00:00:00.000001'", "'24:00:00'"]),
    "t0": ("TIME", "{}::text", ["'838:59:59'", "'12:00:00'"]),
    "dt": ("DATETIME(6)", "{}::text", ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'"]),
    "ts": ("TIMESTAMP(3) NULL", "{}::timestamp::text", ["'1970-01-01 00:00:01.001'", "'2038-01-19 03:14:07.999'"]),
    "ye": ("YEAR", "{}::text", ["1901", "2155", "0000"]),
    "ch": ("CHAR(20)", "{}::text", ["''", "'trail   '", "'ünï 🚣'"]),
    "vc": (
        "VARCHAR(200)",
        "{}::text",
        ["'trailing   '", "'tab\\t nl\\n cr\\r bs\\\\ q\\' dq\" 😀'", "'\\\\N'", "'NULL'"],
    ),
    "la": ("VARCHAR(50) CHARACTER SET latin1", "{}::text", ["'café €'", "'ÿþ'"]),
    "tx": ("LONGTEXT", "md5({})", ["''", "REPEAT('long 🛶 ', 100000)", "'%s $1 {}'"]),
    "en": ("ENUM('a','b c','d''e','ü')", "{}::text", ["'a'", "'ü'", "'d\\'e'"]),
    "st": ("SET('x','y','z w')", "{}::text", ["''", "'x,y,z w'", "'z w'"]),
    "bn": ("BINARY(8)", "upper(encode({}, 'hex'))", ["''", "X'00FF00FF00000000'"]),
    "vb": ("VARBINARY(300)", "upper(encode({}, 'hex'))", ["''", "X'" + bytes(range(256)).hex() + "'"]),
    "bl": ("LONGBLOB", "md5({})", ["''", "UNHEX(REPEAT('00FF0A5C27', 209716))", "X'5C6E'"]),
    "js": ("JSON", "{}::text", ['\'{"b": 1.50, "a": [1e5, null, "é😀"]}\'', "'[]'", "'\"text\"'", "'null'"]),
    "uu": ("UUID", "{}::text", ["'123e4567-e89b-12d3-a456-426655440000'"]),
    "i4": ("INET4", "{}::text", ["'10.0.0.1'"]),
    "i6": ("INET6", "{}::text", ["'::ffff:1.2.3.4'", "'2001:db8::1'"]),
    "pt": ("POINT", "upper(encode({}, 'hex'))", ["ST_GeomFromText('POINT(1 -2)', 4326)"]),
}
SHOWN = {"tx": "MD5({})", "bl": "MD5({})", "bn": "HEX({})", "vb": "HEX({})", "pt": "HEX({})", "bi": "LPAD(BIN({}), 64, '0')",
         "tm": "CAST({} AS CHAR)", "de": "CAST({} AS CHAR)", "t0": "CAST({} AS CHAR)", "fl": "CAST({} AS DOUBLE)", "b1": "{} + 0",
         "ye": "{} + 0"}  # fmt: skip


def inserts(table: str, first: int) -> list[str]:
    count = max(len(values) for _, _, values in TYPES.values()) + 1
    rows = [
        [values[row % len(values)] if row < count - 1 else "NULL" for _, _, values in TYPES.values()]
        for row in range(count)
    ]
    return [f"INSERT INTO {table} VALUES ({first + n}, {', '.join(row)})" for n, row in enumerate(rows)]


def shown_alike(kind: str, value: Any) -> Any:
    if value is None:
        return None
    text = value.decode() if isinstance(value, bytes) else str(value)
    if kind.startswith("JSON"):
        return json.loads(text)
    if kind in {"FLOAT", "DOUBLE"}:
        return float(text).hex()
    return text.rstrip("0").rstrip(".") if kind.startswith(("TIME", "DATETIME")) and "." in text else text


def test_every_type_arrives_equal_by_load_and_by_log(lab: Lab) -> None:
    columns = ", ".join(f"`{name}` {kind}" for name, (kind, _, _) in TYPES.items())
    lab.sql(f"CREATE TABLE every_type (id INT PRIMARY KEY, {columns})", *inserts("every_type", 0))
    schema.run(lab.context(StepName.SCHEMA))
    with capturing(lab):
        load.run(lab.context(StepName.LOAD))
        lab.sql(*inserts("every_type", 100), "UPDATE every_type SET id = 50, vc = 'moved' WHERE id = 1")
        lab.sql("DELETE FROM every_type WHERE id = 2")
        lab.follow()
    assert lab.differences() == []
    ours = ", ".join(SHOWN.get(name, "{}").format(f"`{name}`") for name in TYPES)
    theirs = ", ".join(shown.format(f'"{name}"') for name, (_, shown, _) in TYPES.items())
    source = lab.sql(f"SELECT id, {ours} FROM every_type ORDER BY id")
    target = lab.at_target(f'SELECT id, {theirs} FROM "{lab.database}".every_type ORDER BY id')
    assert [row[0] for row in source] == [row[0] for row in target]
    for one, other in zip(source, target, strict=True):
        for (name, (kind, _, _)), value, arrived in zip(TYPES.items(), one[1:], other[1:], strict=True):
            assert shown_alike(kind, value) == shown_alike(kind, arrived), f"row {one[0]}, column {name}"


DDL = [
    "ALTER TABLE item ADD COLUMN added INT NOT NULL DEFAULT 7 AFTER id, ADD COLUMN bare VARCHAR(5) NOT NULL",
    "ALTER TABLE item MODIFY name VARCHAR(40) COLLATE utf8mb4_general_ci NOT NULL, ADD INDEX by_price (price)",
    "ALTER TABLE item RENAME COLUMN added TO more",
    "CREATE TABLE later (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, e ENUM('p','q'), KEY (e))",
    "INSERT INTO later (e) VALUES ('p'), ('q'), (NULL)",
    "ALTER TABLE later MODIFY e ENUM('p','q','r')",
    "INSERT INTO later (e) VALUES ('r')",
    "RENAME TABLE later TO old_later",
    "CREATE TABLE later LIKE old_later",
    "INSERT INTO later (e) VALUES ('q')",
    "CREATE TABLE gone (id INT PRIMARY KEY)",
    "INSERT INTO gone VALUES (1)",
    "TRUNCATE TABLE gone",
    "INSERT INTO gone VALUES (2)",
    "ALTER TABLE item DROP INDEX by_price, DROP COLUMN ratio",
]


def test_follows_a_writer_and_its_schema_changes(lab: Lab) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    lab.sql(*filter(str.strip, TABLES.split(";")))
    writer = Writer(lab, seed)
    writer.start()
    wait_for(lambda: writer.count > 100, "the writer")
    schema.run(lab.context(StepName.SCHEMA))
    with capturing(lab):
        load.run(lab.context(StepName.LOAD))
        wait_for(lambda: writer.count > 400 or not writer.is_alive(), "the writer")
        lab.follow()
        writer.end()
        lab.sql(*DDL)
        lab.sql("INSERT INTO item (id, name, more, bare) VALUES (1001, 'behind', 9, 'x')")
        lab.follow()
    assert lab.differences() == []
    counts = {t: lab.sql(f"SELECT COUNT(*) FROM {t}")[0][0] for t in ("item", "bag", "later", "old_later", "gone")}
    found = {t: lab.at_target(f'SELECT count(*) FROM "{lab.database}".{t}')[0][0] for t in counts}
    assert counts == found
    bag = Counter((v, w) for v, w in lab.sql("SELECT v, w FROM bag"))
    assert bag == Counter((v, w) for v, w in lab.at_target(f'SELECT v, w FROM "{lab.database}".bag'))
    # The target numbers on behind what was written there.
    assert lab.at_target(f"INSERT INTO \"{lab.database}\".old_later (e) VALUES ('p') RETURNING id")[0][0] == 5


def test_names_of_any_kind(lab: Lab) -> None:
    lab.sql(
        'CREATE TABLE `odd "q.ü\'` (`a"b` INT PRIMARY KEY, `c d` INT, KEY `i"x` (`c d`))',
        "INSERT INTO `odd \"q.ü'` VALUES (1, 2), (3, NULL)",
        f"CREATE TABLE `{'n' * 60}` (`{'c' * 60}` VARCHAR(10), UNIQUE KEY `{'k' * 60}` (`{'c' * 60}`))",
        f"INSERT INTO `{'n' * 60}` VALUES ('a'), ('B '), (NULL), (NULL)",
    )
    schema.run(lab.context(StepName.SCHEMA))
    with capturing(lab):
        load.run(lab.context(StepName.LOAD))
        lab.sql('UPDATE `odd "q.ü\'` SET `c d` = 5 WHERE `a"b` = 3')
        lab.follow()
    assert lab.differences() == []
    lab.sql(f"CREATE TABLE `{'ü' * 40}` (id INT PRIMARY KEY)")
    lab.notes.clear()
    with pytest.raises(FerrymanError) as refused:
        schema.run(lab.context(StepName.SCHEMA))
    assert refused.value.code == "schema.name_too_long"


@pytest.mark.parametrize(
    ("kind", "constant", "hint"),
    [
        ("DATETIME", "'0000-00-00 00:00:00'", "zero dates"),
        ("DATE", "'2020-00-10'", "zero dates"),
        ("TEXT", "'nul\\0'", "NUL"),
        ("JSON", "'\"\\\\u0000\"'", "NUL"),
    ],
)
def test_what_postgres_cannot_hold_is_refused(lab: Lab, kind: str, constant: str, hint: str) -> None:
    lab.sql(f"CREATE TABLE t (id INT PRIMARY KEY, v {kind})")
    with connect(lab.mariadb, lab.database) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(f"INSERT INTO t VALUES (1, {constant})")
    schema.run(lab.context(StepName.SCHEMA))
    with pytest.raises(FerrymanError) as refused:
        load.run(lab.context(StepName.LOAD))
    assert refused.value.code == "target.value_refused"
    assert hint in refused.value.hint
    assert "'v'" in refused.value.message
    assert lab.at_target(f'SELECT count(*) FROM "{lab.database}".t') == [(0,)]


def _load_in_child(lab: Lab, notes: Any, epoch: int) -> None:
    lab.notes = notes
    with contextlib.suppress(FerrymanError):
        load.run(lab.context(StepName.LOAD, epoch))


def test_server_killed_in_the_middle_of_a_load(
    mariadb: MariaDb, database_name: str, servers_directory: Path, tmp_path: Path
) -> None:
    """kill -9 of the target, and of the task: the load goes on by itself, and ends equal."""
    server = Postgres(servers_directory / "postgres-killed").start()
    try:
        lab = Lab(mariadb, server, database_name, tmp_path, load=LoadOptions(streams=3, chunk_rows=1000))
        lab.sql(
            "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100), UNIQUE KEY (v))",
            "CREATE TABLE bag (a INT, b VARCHAR(20))",
            "INSERT INTO plain (v) SELECT CONCAT('row ', seq) FROM seq_1_to_40000",
            "INSERT INTO bag SELECT seq % 5, IF(seq % 11, 'same', NULL) FROM seq_1_to_10000",
        )
        schema.run(lab.context(StepName.SCHEMA))
        forks = multiprocessing.get_context("fork")
        with multiprocessing.Manager() as manager:
            notes = manager.dict(lab.notes)
            child = forks.Process(target=_load_in_child, args=(lab, notes, 1))
            child.start()
            wait_for(lambda: rows_there(lab) > 3000 or not child.is_alive(), "rows", 60)
            server.kill()
            server.start()
            wait_for(lambda: rows_there(lab) > 12000 or not child.is_alive(), "more rows", 60)
            child.kill()
            child.join()
            lab.notes = dict(notes)
        load.run(lab.context(StepName.LOAD, 2))
        assert lab.differences() == []
        assert rows_there(lab) == 40000
    finally:
        execute(mariadb, f"DROP DATABASE {database_name}")
        server.remove()


def rows_there(lab: Lab) -> int:
    with contextlib.suppress(psycopg.Error):
        return int(lab.at_target(f'SELECT count(*) FROM "{lab.database}".plain')[0][0])
    time.sleep(0.05)
    return 0


def failures(spec: ProjectSpec) -> list[tuple[str, str]]:
    return [(each.item, each.code) for each in check_project(spec) if each.verdict is Verdict.FAILED]


def test_what_is_wrong_is_said_in_one_line(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE p (id INT PRIMARY KEY)", "CREATE TABLE c (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES p (id))"
    )
    assert failures(lab.spec) == []
    for change, code in (
        ({"password": "wrong"}, "endpoint.access_denied"),
        ({"port": 1}, "endpoint.unreachable"),
        ({"database": "nix"}, "endpoint.unknown_database"),
    ):
        spec = replace(lab.spec, target=replace(lab.spec.target, **change))
        assert failures(spec) == [("RDB_CONNECT", code)]
    lab.at_target(f'CREATE SCHEMA "{lab.database}"')
    lab.at_target(f'CREATE TABLE "{lab.database}".p (id int PRIMARY KEY)')
    lab.at_target(f'INSERT INTO "{lab.database}".p VALUES (1)')
    assert failures(lab.spec) == [("DB_TABLE_NOT_EMPTY", "target.not_empty")]
    role = f"r_{lab.database}"
    lab.at_target(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        poor = replace(lab.spec, target=replace(lab.spec.target, username=role, password="x"))
        found = dict(failures(poor))
        assert found["DB_ACCOUNT_CREATE_PRIVILEGE"] == "target.privilege"
        assert found["DB_FOREIGN_KEYS"] == "target.privilege"
    finally:
        lab.at_target(f"DROP ROLE {role}")


def test_differences_are_found_and_repaired(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE k (id INT PRIMARY KEY, v VARCHAR(20), b VARBINARY(9), f FLOAT, bits BIT(8), j JSON, d DATETIME(3))",
        "INSERT INTO k VALUES (1,'it''s',X'00FF',0.1,5,'{\"a\":1}','2024-01-01 00:00:00.5'),(2,'b','','-0',NULL,NULL,NULL),"
        "(3,NULL,NULL,NULL,NULL,NULL,NULL)",
        "CREATE TABLE bag (a INT, w VARCHAR(9), f DOUBLE)",
        "INSERT INTO bag VALUES (1,'x',0.1),(1,'x',0.1),(2,NULL,'-0')",
    )
    schema.run(lab.context(StepName.SCHEMA))
    load.run(lab.context(StepName.LOAD))
    name = f'"{lab.database}"'
    damage = (
        f"UPDATE {name}.k SET v = 'other', f = 0.2 WHERE id = 1; DELETE FROM {name}.k WHERE id = 2;"
        f"INSERT INTO {name}.k (id, v) VALUES (9, 'extra'); UPDATE {name}.bag SET f = 7 WHERE a = 2;"
        f"INSERT INTO {name}.bag VALUES (1, 'x', 0.1), (5, 'y', NULL)"
    )
    for mend in (by_script, repair.apply):
        lab.at_target(damage)
        found = lab.differences()
        assert len(found) == 7
        mend(lab.spec, found) if mend is repair.apply else mend(lab, found)
        assert lab.differences() == []


def by_script(lab: Lab, found: list[Any]) -> None:
    for script in repair.correction_sql(found).values():
        lab.at_target(script)


def test_an_index_that_an_earlier_run_left_the_server_making_is_waited_for(lab: Lab) -> None:
    """The server goes on with a statement whose client was killed; who comes next meets its name in the catalog."""
    lab.sql("CREATE TABLE t (id INT PRIMARY KEY, k INT, KEY by_k (k))", "INSERT INTO t SELECT seq, seq FROM seq_1_to_9")
    lab.spec = replace(lab.spec, load=replace(lab.spec.load, defer_index_creation=True))
    schema.run(lab.context(StepName.SCHEMA))  # type: ignore[arg-type]
    load.run(lab.context(StepName.LOAD))  # type: ignore[arg-type]
    names = f"SELECT indexname FROM pg_indexes WHERE schemaname = '{lab.database}' AND indexname NOT LIKE '%pkey'"
    assert lab.at_target(names) == []
    plan = json.loads(lab.notes["schema.plan"])
    (sql,) = (each["sql"] for each in plan["statements"] if each["kind"] == "index")
    waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'"
    failures: list[BaseException] = []

    def make() -> None:
        try:
            schema.run_indexes(lab.context(StepName.INDEX))  # type: ignore[arg-type]
        except BaseException as error:
            failures.append(error)

    with psycopg.connect(lab.postgres.url) as earlier:
        earlier.execute(sql)
        thread = threading.Thread(target=make)
        thread.start()
        wait_for(lambda: lab.at_target(waits) or not thread.is_alive(), "the second one to wait")
        assert thread.is_alive(), failures
    thread.join(30)
    assert failures == []
    assert len(lab.at_target(names)) == 1
