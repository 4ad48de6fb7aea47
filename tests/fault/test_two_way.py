"""Two projects in opposite directions: both sides take writes, end equal, and nothing comes back to where it was written."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest
from running import Database, Running, until

from ferryman.embedded import MariaDb, Postgres

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(600)]
SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "2"))


class Application(threading.Thread):
    """Writes rows of one parity to one side."""

    def __init__(self, database: Database, parity: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.database, self.parity, self.chance = database.again(), parity, random.Random(seed)
        self.ended = threading.Event()
        self.changed = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ended.wait(0.005):
                self.write()
        except BaseException as error:
            self.failure = error

    def write(self) -> None:
        """One transaction; counts the rows it changes. The other side's changes may get in its way: then once more."""
        db, key = self.database.name, 2 * self.chance.randrange(150) + self.parity
        statements = self.chance.choice((
            (f"DELETE FROM {db}.item WHERE id = {key}", f"INSERT INTO {db}.item (id, v) VALUES ({key}, 1)"),
            (f"UPDATE {db}.item SET v = v + 1 WHERE id % 2 = {self.parity} AND id < {key}",),
            (f"DELETE FROM {db}.item WHERE id = {key}",),
            (f"INSERT INTO {db}.bag VALUES ({key}, 'x'), ({key}, 'x')",
             f"UPDATE {db}.bag SET b = 'y' WHERE a = {key} AND b = 'x'"),
        ))  # fmt: skip
        while True:
            try:
                self.database.run("BEGIN")
                changed = sum(self.database.run(statement) for statement in statements)
                self.database.run("COMMIT")
            except (pymysql.err.OperationalError, psycopg.errors.DeadlockDetected):
                self.database.run("ROLLBACK")
            else:
                self.changed += changed
                return

    def close(self) -> None:
        self.ended.set()
        if self.is_alive():
            self.join()
        assert self.failure is None


@pytest.fixture(params=["mariadb", "postgres"])
def sides(
    request: pytest.FixtureRequest, servers_directory: Path, database_name: str
) -> Iterator[tuple[Database, Database]]:
    if request.param == "mariadb":
        first: MariaDb | Postgres = request.getfixturevalue("mariadb")
        second = MariaDb(servers_directory / f"other_{database_name}").start()
        made = Database(first, database_name), Database(second, database_name)
        made[0].run(f"CREATE DATABASE {database_name}")
    else:
        first, second = request.getfixturevalue("postgres"), None
        plain = Database(first, "", database="postgres")
        plain.run(f"CREATE DATABASE {database_name}_a", f"CREATE DATABASE {database_name}_b")
        plain.close()
        made = tuple(Database(first, database_name, database=f"{database_name}_{side}") for side in "ab")
        made[0].run(f"CREATE SCHEMA {database_name}")
    yield made
    for each in made:
        each.close()
    if second is not None:
        second.remove()


def contents(database: Database) -> list[object]:
    db = database.name
    queries = (
        f"SELECT * FROM {db}.item ORDER BY id",
        f"SELECT a, b, COUNT(*) FROM {db}.bag GROUP BY a, b ORDER BY a, b",
    )
    return [database.rows(query) for query in queries]


class Pair:
    """Both sides and the projects between them."""

    def __init__(self, a: Database, b: Database, directory: Path, *, postgres: bool) -> None:
        self.a, self.b, db = a, b, a.name
        a.run(
            f"CREATE TABLE {db}.item (id INT PRIMARY KEY, v INT NOT NULL)",
            f"CREATE TABLE {db}.bag (a INT, b VARCHAR(20))",
            f"CREATE TABLE {db}.mark (n INT PRIMARY KEY)",
            f"INSERT INTO {db}.item VALUES (1, 1), (2, 2)",
        )
        objects = ("--objects", f"{db}.*", "--two-way")
        self.there = Running(directory, "there", a.url, b.url, *objects, "--types", "schema,full,incremental")
        self.back = Running(directory, "back", b.url, a.url, *objects, "--types", "incremental")
        whole = f"ALTER TABLE {db}.bag REPLICA IDENTITY FULL"
        if postgres:
            a.run(whole)
        self.there.to_the_end()
        if postgres:
            b.run(whole)
        self.back.to_the_end()  # its log begins here, before anything is written to this side
        self.marks = 0

    def start(self) -> None:
        self.there.start()
        self.back.start()

    def stop(self) -> None:
        self.there.stop()
        self.back.stop()

    def meet(self) -> None:
        """Wait until a mark written on each side has come to the other: all before it has, too."""
        for one, other in ((self.a, self.b), (self.b, self.a)):
            self.marks += 1
            one.run(f"INSERT INTO {one.name}.mark VALUES ({self.marks})")
            found = f"SELECT n FROM {one.name}.mark WHERE n = {self.marks}"
            until(lambda side=other, sql=found: side.rows(sql), f"mark {self.marks}", self.news)

    def news(self) -> str:
        return self.there.news() + self.back.news()

    def close(self) -> None:
        self.there.close()
        self.back.close()


def test_both_ways_at_once(sides: tuple[Database, Database], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS}")
    postgres = "postgres" in request.node.name
    pair = Pair(*sides, tmp_path, postgres=postgres)
    try:
        pair.start()
        write_under_kills(pair)
        assert contents(pair.a) == contents(pair.b)
        pair.stop()
        nothing_comes_back(pair)
        if not postgres:
            follow_schemas(pair)
    finally:
        pair.close()


def write_under_kills(pair: Pair) -> None:
    chance = random.Random(SEED)
    pair.meet()
    applications = [Application(pair.a, 0, SEED), Application(pair.b, 1, SEED + 1)]
    for application in applications:
        application.start()
    try:
        for _ in range(KILLS):
            chance.choice((pair.there, pair.back)).kill(chance)
            pair.meet()
    finally:
        for application in applications:
            application.close()
    pair.meet()


def nothing_comes_back(pair: Pair) -> None:
    """Each project applies as many changes as were made on its side, and those of the other one never."""
    calm = [Application(pair.a, 0, SEED + 2), Application(pair.b, 1, SEED + 3)]
    for _ in range(20):
        for application in calm:
            application.write()
    assert pair.there.to_the_end() == calm[0].changed
    assert pair.back.to_the_end() == calm[1].changed
    assert pair.there.to_the_end() == 0  # not even what has come from there since
    assert contents(pair.a) == contents(pair.b)


def follow_schemas(pair: Pair) -> None:
    """Statements go over once and do not come back: a table made anew stays, with the rows written meanwhile."""
    a, b, db = pair.a, pair.b, pair.a.name
    pair.start()
    a.run(
        f"ALTER TABLE {db}.item ADD COLUMN note VARCHAR(20)",
        f"TRUNCATE TABLE {db}.bag",
        f"CREATE TABLE {db}.late (id INT PRIMARY KEY)",
        f"DROP TABLE {db}.late",
        f"CREATE TABLE {db}.late (id INT PRIMARY KEY, w INT)",
        f"INSERT INTO {db}.late VALUES (2, 2)",
        f"RENAME TABLE {db}.late TO {db}.later",
        f"INSERT INTO {db}.bag VALUES (2, 'kept')",
    )
    pair.meet()
    b.run(
        f"INSERT INTO {db}.item VALUES (99999, 1, 'from b')",
        f"INSERT INTO {db}.later VALUES (3, 3)",
        f"ALTER TABLE {db}.later ADD COLUMN x INT",
        f"UPDATE {db}.later SET x = 5 WHERE id = 3",
    )
    pair.meet()
    pair.meet()
    assert contents(a) == contents(b)
    for side in (a, b):
        assert side.rows(f"SELECT * FROM {db}.later ORDER BY id") == [(2, 2, None), (3, 3, 5)]
        assert side.rows(f"SELECT note FROM {db}.item WHERE id = 99999") == [("from b",)]
        assert side.rows(f"SELECT * FROM {db}.bag") == [(2, "kept")]
    for project in (pair.there, pair.back):
        assert project.process is not None
        assert project.process.poll() is None, project.news()
