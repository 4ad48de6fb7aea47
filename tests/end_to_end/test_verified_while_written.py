"""Verification of tables whose rows change to and fro all the while: nothing is reported that is none, nothing missed (I6)."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(240)]

WORDS = 6
"""Few different rows: numbers of equal ones change often, and meet by chance often."""


def connected(server: Server) -> pymysql.Connection[Any]:
    login = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password}
    return pymysql.connect(autocommit=True, charset="utf8mb4", **login)


def execute(server: Server, *statements: str) -> None:
    with connected(server) as connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


@pytest.fixture
def busy(mariadb: MariaDb, database_name: str) -> str:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.bag (word INT, KEY (word))",
        f"CREATE TABLE {database_name}.flags (id INT PRIMARY KEY, flag INT)",
        f"CREATE TABLE {database_name}.still (id INT PRIMARY KEY)",
        f"INSERT INTO {database_name}.bag VALUES " + ",".join(f"({number % WORDS})" for number in range(300)),
        f"INSERT INTO {database_name}.flags VALUES " + ",".join(f"({number}, 0)" for number in range(20)),
    )
    return database_name


@contextmanager
def writing(server: Server, name: str, seed: int) -> Iterator[None]:
    stop = threading.Event()

    def write(rng: random.Random) -> None:
        with connected(server) as connection, connection.cursor() as cursor:
            while not stop.wait(0.002):  # it leaves the machine to what is tried
                one, other = rng.sample(range(WORDS), 2)
                cursor.execute(f"UPDATE {name}.bag SET word = {one} WHERE word = {other} LIMIT 1")
                cursor.execute(f"UPDATE {name}.flags SET flag = 1 - flag WHERE id = {rng.randrange(20)}")

    threads = [threading.Thread(target=write, args=(random.Random(seed + number),)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def damage_when_there(target: Server, name: str, gone: threading.Event) -> None:
    """Insert a row that nobody sent, once the table is loaded."""
    while not gone.is_set():
        try:
            execute(target, f"INSERT INTO {name}.bag SELECT 3 FROM {name}.bag HAVING COUNT(*) = 300")
            with connected(target) as connection, connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {name}.bag")
                if cursor.fetchall()[0][0] == 301:
                    return
        except pymysql.MySQLError:
            pass  # not made yet
        time.sleep(0.05)


@pytest.mark.parametrize("damaged", [False, True], ids=["equal", "damaged"])
def test_what_moves_is_judged_at_one_moment(
    mariadb: MariaDb, oceanbase: OceanBase, busy: str, tmp_path: Path, damaged: bool
) -> None:
    seed = int(os.environ.get("FERRYMAN_SEED", random.randrange(1 << 32)))
    print(f"FERRYMAN_SEED={seed}")
    command = [sys.executable, "-m", "ferryman", "run", "--json", "--data-dir", str(tmp_path / "d")]
    command += ["--source", f"{mariadb.url}/{busy}", "--target", oceanbase.url]
    over = threading.Event()
    harm = threading.Thread(target=damage_when_there, args=(oceanbase, busy, over))
    with writing(mariadb, busy, seed):
        if damaged:
            harm.start()
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    over.set()
    if damaged:
        harm.join()
        with connected(oceanbase) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {busy}.bag")
            assert cursor.fetchall() == ((301,),), "the damage was not done"
    assert done.returncode == (4 if damaged else 0), done.stdout + done.stderr
    tables = {table["name"].partition(".")[2]: table["mismatches"] for table in json.loads(done.stdout)["tables"]}
    assert tables == {"bag": int(damaged), "flags": 0, "still": 0}, done.stderr
