"""The load over a real MariaDB and a real OceanBase."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import threading
import time
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import LoadOptions, StepName
from ferryman.model.serial import from_json
from ferryman.pipeline import load
from ferryman.pipeline.load import speed
from ferryman.pipeline.verify import compare_endpoints
from real_pipeline import RealProject, connect, execute

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

EVERY_TYPE = """CREATE TABLE every_type (
  id BIGINT UNSIGNED PRIMARY KEY, t TINYINT, s SMALLINT UNSIGNED, m MEDIUMINT, i INT, b BIGINT,
  d DECIMAL(30,10), f FLOAT, g DOUBLE, bits BIT(64), da DATE, ti TIME(6), dt DATETIME(6), ts TIMESTAMP(6) NULL, y YEAR,
  c CHAR(10), v VARCHAR(200), tx MEDIUMTEXT, e ENUM('a','b','ü'), st SET('x','y','z'),
  bi BINARY(8), vb VARBINARY(100), bl MEDIUMBLOB, js JSON) CHARACTER SET utf8mb4"""


def every_type_row(chance: random.Random, n: int) -> list[Any]:
    text = "".join(chance.choice("aÄß😀'\"\\\n\t\0 日本") for _ in range(chance.randrange(30)))
    row: list[Any] = [
        chance.choice([-128, 127, 0]),
        chance.choice([0, 65535]),
        chance.randrange(-(2**23), 2**23),
        chance.randrange(-(2**31), 2**31),
        chance.choice([-(2**63), 2**63 - 1, 0]),
        chance.choice(["99999999999999999999.9999999999", "-0.0000000001", "0"]),
        chance.choice([1.1, -3.4e38, 1e-38, 16777217.0, 0.1]),
        chance.choice([1.7976931348623157e308, 5e-324, 0.1, -0.0]),
        chance.choice([0, 2**64 - 1, 2**63]),
        chance.choice(["1000-01-01", "9999-12-31"]),
        chance.choice(["-838:59:59.000000", "838:59:59.000000", "00:00:00.000001"]),
        chance.choice(["9999-12-31 23:59:59.999999", "1000-01-01 00:00:00"]),
        chance.choice(["1970-01-01 00:00:01", "2038-01-19 03:14:07.999999"]),
        chance.choice([1901, 2155]),
        "pad" if n % 2 else "",
        text,
        text * 5,
        chance.choice(["a", "b", "ü"]),
        chance.choice(["", "x", "x,z", "x,y,z"]),
        bytes(chance.randrange(256) for _ in range(8)),
        bytes(chance.randrange(256) for _ in range(chance.randrange(50))),
        bytes(chance.randrange(256) for _ in range(100)) * chance.choice([0, 1, 50]),
        chance.choice(['{"b": 1, "a": [1.5, null, "ü"]}', "[]", '"x"', "null"]),
    ]
    return [n, *(value if chance.random() > 0.1 else None for value in row)]


def fill_every_type(server: MariaDb, database: str, count: int, seed: int) -> None:
    chance = random.Random(seed)
    with connect(server, database) as connection, connection.cursor() as cursor:
        rows = [every_type_row(chance, n) for n in range(1, count + 1)]
        cursor.executemany(f"INSERT INTO every_type VALUES ({','.join(['%s'] * 24)})", rows)


def assert_equal(project: RealProject) -> int:
    report = compare_endpoints(project.spec)
    assert report.differences == 0, report.mismatches
    return sum(table.rows for table in report.tables)


def test_every_type_arrives_equal(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(mariadb, oceanbase, database_name, [EVERY_TYPE])
    fill_every_type(mariadb, database_name, 800, seed=11)
    context = project.context(StepName.LOAD)
    load.run(context)
    assert context.progress.rows == 800
    assert assert_equal(project) == 800


KEYS = [
    "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100))",
    "CREATE TABLE pair (a INT, b VARCHAR(30) COLLATE utf8mb4_bin, v INT, PRIMARY KEY (a, b))",
    "CREATE TABLE words (w VARCHAR(40) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
    "CREATE TABLE hashes (h BINARY(16) PRIMARY KEY, v INT)",
    "CREATE TABLE bag (a INT, b VARCHAR(20))",
    "CREATE TABLE nullable_unique (a INT, b INT, UNIQUE KEY (a))",
    "CREATE TABLE empty_one (id INT PRIMARY KEY)",
    "CREATE TABLE `odd ``.name` (`the id` INT PRIMARY KEY, `größe` INT, sum_ INT AS (`größe` + 1) STORED)",
]
FILL = [
    "INSERT INTO plain (v) SELECT CONCAT('row ', seq) FROM seq_1_to_50000",
    "INSERT INTO pair SELECT seq % 7, CONCAT(IF(seq % 2, 'a', 'A'), seq), seq FROM seq_1_to_12000",
    "INSERT INTO words SELECT CONCAT(CHAR(65 + seq % 26), 'é', seq), seq FROM seq_1_to_12000",
    "INSERT INTO hashes SELECT UNHEX(MD5(seq)), seq FROM seq_1_to_12000",
    "INSERT INTO bag SELECT seq % 5, IF(seq % 11, 'same', NULL) FROM seq_1_to_6000",
    "INSERT INTO nullable_unique SELECT IF(seq % 3, seq, NULL), seq FROM seq_1_to_3000",
    "INSERT INTO `odd ``.name` (`the id`, `größe`) SELECT CAST(seq AS SIGNED) - 500, seq FROM seq_1_to_1000",
]
ROWS = 50000 + 12000 * 3 + 6000 + 3000 + 1000


def test_tables_with_all_sorts_of_keys(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(mariadb, oceanbase, database_name, KEYS)
    project.at_source(*FILL)
    context = project.context(StepName.LOAD)
    began = time.monotonic()
    load.run(context)
    print(f"{ROWS / (time.monotonic() - began):,.0f} rows/s")
    assert context.progress.rows == ROWS
    assert assert_equal(project) == ROWS
    keyless = from_json(dict[TableName, Position], context.note("load.keyless"))
    assert {name.table for name in keyless} == {"bag", "nullable_unique"}
    assert from_json(Position, context.note("load.end")) >= max(keyless.values())


def _load_in_child(project: RealProject, notes: Any) -> None:
    project.notes = notes
    load.run(project.context(StepName.LOAD))


def test_killed_again_and_again_it_ends_equal(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    project = RealProject(mariadb, oceanbase, database_name, KEYS, load=LoadOptions(chunk_rows=1500, streams=3))
    project.at_source(*FILL)
    forks = multiprocessing.get_context("fork")
    with multiprocessing.Manager() as manager:
        notes = manager.dict(project.notes)
        for _ in range(4):
            project.epoch += 1
            child = forks.Process(target=_load_in_child, args=(project, notes))
            child.start()
            child.join(chance.uniform(0.3, 2.5))
            child.kill()
            child.join()
        project.notes = dict(notes)
    project.epoch += 1
    context = project.context(StepName.LOAD)
    load.run(context)
    assert context.progress.rows == ROWS
    assert assert_equal(project) == ROWS


def test_a_target_killed_under_way_is_waited_for(mariadb: MariaDb, servers_directory: Any, database_name: str) -> None:
    oceanbase = OceanBase(servers_directory / "ob-killed").start()
    # seekdb 1.4 keeps the locks of a transaction it had logged a part of when it was killed: let it log at the commit.
    execute(oceanbase, "ALTER SYSTEM SET _private_buffer_size='0B'")
    try:
        project = RealProject(mariadb, oceanbase, database_name, KEYS, load=LoadOptions(chunk_rows=1500))
        project.at_source(*FILL)
        context = project.context(StepName.LOAD)
        failure: list[BaseException] = []

        def run() -> None:
            try:
                load.run(context)
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive() and (context.progress is None or context.progress.rows < 5000):
            time.sleep(0.02)
        assert thread.is_alive(), "the load was over before the kill"
        oceanbase.kill()
        oceanbase.start()
        thread.join()
        assert not failure
        assert assert_equal(project) == ROWS
    finally:
        oceanbase.remove()


def test_it_steps_back_while_others_need_the_source(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "PERIOD_SECONDS", 0.05)
    options = LoadOptions(source_running=2, chunk_rows=100, rows_per_second=4000)
    project = RealProject(mariadb, oceanbase, database_name, KEYS[:1], load=options)
    project.at_source("INSERT INTO plain (v) SELECT CONCAT('row ', seq) FROM seq_1_to_6000")
    context = project.context(StepName.LOAD)
    others = [threading.Thread(target=_sleep_at, args=(mariadb,), daemon=True) for _ in range(12)]
    for other in others:
        other.start()
    loading = threading.Thread(target=load.run, args=(context,))
    loading.start()
    deadline = time.monotonic() + 60
    while _speed(context).get("streams") != 0:
        assert time.monotonic() < deadline, context.progress
        time.sleep(0.02)
    shown = _speed(context)
    assert (shown["phase"], shown["mode"]) == ("yielding to the source", "normal")
    assert "statements of others run at the source" in context.progress.message
    for (number,) in execute(mariadb, "SELECT id FROM information_schema.PROCESSLIST WHERE info LIKE 'SELECT SLEEP%'"):
        execute(mariadb, f"KILL QUERY {number}")
    loading.join(60)
    assert [text for _, text in context.events if "steps back" in text]
    assert _speed(context)["phase"] == "settled"
    assert assert_equal(project) == 6000


def _sleep_at(server: MariaDb) -> None:
    with contextlib.suppress(pymysql.Error), connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT SLEEP(60)")  # it is killed


def _speed(context: Any) -> dict[str, Any]:
    return context.progress.info.get("speed", {}) if context.progress else {}


def test_refuses_a_table_with_rows(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(mariadb, oceanbase, database_name, KEYS)
    project.at_target("INSERT INTO plain VALUES (1, 'theirs')", "INSERT INTO bag VALUES (1, 'theirs')")
    with pytest.raises(FerrymanError) as caught:
        load.run(project.context(StepName.LOAD))
    assert caught.value.code == "load.target_not_empty"
    assert f"{database_name}.plain" in caught.value.message
    assert f"{database_name}.bag" in caught.value.message


def test_a_table_missing_at_the_target_is_named(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(mariadb, oceanbase, database_name, ["CREATE TABLE t (id INT PRIMARY KEY)"])
    project.at_target("DROP TABLE t")
    with pytest.raises(FerrymanError) as caught:
        load.run(project.context(StepName.LOAD))
    assert caught.value.code == "load.table_missing"
    assert f"{database_name}.t" in caught.value.message


def test_letters_that_the_target_folds_are_refused(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(
        mariadb, oceanbase, database_name, ["CREATE TABLE w (w VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, n INT)"]
    )
    project.at_source("INSERT INTO w VALUES ('word', 1), ('Word', 2), ('other', 3)")
    project.at_target("DROP TABLE w", "CREATE TABLE w (w VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n INT)")
    with pytest.raises(FerrymanError) as caught:
        load.run(project.context(StepName.LOAD))
    assert caught.value.code == "load.key_collision"


def test_a_column_dropped_under_way(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = RealProject(mariadb, oceanbase, database_name, KEYS)
    project.at_source(*FILL[:2], "ALTER TABLE plain DROP COLUMN v", "DROP TABLE words")
    context = project.context(StepName.LOAD)
    load.run(context)
    assert execute(oceanbase, f"SELECT COUNT(*), COUNT(v) FROM `{database_name}`.plain") == [(50000, 0)]
    assert any("words is gone" in message for _, message in context.events)
