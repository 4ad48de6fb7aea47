"""Row rules on real servers: rows move across a filter, columns stay, are masked and hashed, while everything runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(300)]

KEY = "a key for hashes"
ROWS = 600


def connected(server: Server) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        autocommit=True,
        charset="utf8mb4",
    )


def execute(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    with connected(server) as connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


def ferryman(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "160", "FERRYMAN_HASH_KEY": KEY}
    command = [sys.executable, "-m", "ferryman", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=200, env=environment)


@pytest.fixture
def shop(mariadb: MariaDb, database_name: str) -> str:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4",
        f"""CREATE TABLE {database_name}.orders (
            id INT PRIMARY KEY, region VARCHAR(8) COLLATE utf8mb4_bin, total DECIMAL(10,2), day DATE NOT NULL,
            email VARCHAR(60), phone VARCHAR(20), note TEXT, UNIQUE KEY (email), KEY (note(10)))""",
        f"CREATE TABLE {database_name}.bag (n INT, word VARCHAR(10))",
    )
    rng = random.Random(7)
    rows = ", ".join(order(rng, number) for number in range(ROWS))
    execute(mariadb, f"INSERT INTO {database_name}.orders VALUES {rows}")
    execute(mariadb, f"INSERT INTO {database_name}.bag VALUES " + ", ".join(f"({n % 50}, 'w')" for n in range(200)))
    return database_name


def order(rng: random.Random, number: int) -> str:
    region = rng.choice(["'eu'", "'us'", "'EU'", "NULL"])
    day, reached = f"'2024-01-{rng.randrange(1, 29)}'", f"'u{number}@x.org', '+49 30 {number:07}'"
    return f"({number}, {region}, {rng.randrange(200)}.50, {day}, {reached}, 'n')"


@contextmanager
def writing(server: Server, shop: str, seed: int) -> Iterator[None]:
    """Move rows across the filter all the while."""
    stop, failed = threading.Event(), []

    def write() -> None:
        rng = random.Random(seed)
        try:
            with connected(server) as connection, connection.cursor() as cursor:
                while not stop.wait(0.002):  # it leaves the machine to what is tried
                    cursor.execute(change(rng, shop))
        except pymysql.MySQLError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failed


def change(rng: random.Random, shop: str) -> str:
    number = rng.randrange(ROWS)
    region = rng.choice(["'eu'", "'us'", "'EU'", "NULL"])
    return rng.choice(
        [
            f"UPDATE {shop}.orders SET region = {region} WHERE id = {number}",
            f"UPDATE {shop}.orders SET total = {rng.randrange(200)} WHERE id BETWEEN {number} AND {number + 9}",
            f"UPDATE {shop}.orders SET phone = '0{number}', note = 'm' WHERE id = {number}",
            f"DELETE FROM {shop}.orders WHERE id = {number}",
            f"REPLACE INTO {shop}.orders VALUES {order(rng, number)}",
            f"UPDATE {shop}.bag SET n = n + 7 WHERE n = {number % 60} LIMIT 3",
            f"INSERT INTO {shop}.bag VALUES ({number % 60}, 'v')",
            f"DELETE FROM {shop}.bag WHERE n = {number % 60} LIMIT 1",
        ]
    )


def test_rows_and_columns_obey_their_rules(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("FERRYMAN_SEED", random.randrange(1 << 32)))
    print(f"FERRYMAN_SEED={seed}")
    rules = (
        *("--where", f"{shop}.orders:region = 'eu' AND (total > 50 OR day < '2024-01-10')"),
        *("--where", f"{shop}.bag:n % 3 <> 1"),
        *("--leave-out", f"{shop}.orders:note"),
        *("--transform", f"{shop}.orders:email=hash"),
        *("--transform", f"{shop}.orders:phone=mask(3,2)"),
        *("--add-column", f"{shop}.orders:origin={{database}}.{{table}}"),
        *("--add-column", f"{shop}.orders:shard=7"),
    )
    ends = ("--source", f"{mariadb.url}/{shop}", "--target", oceanbase.url, "--data-dir", str(tmp_path / "d"))
    with writing(mariadb, shop, seed):
        first = ferryman("run", *ends, *rules, "--json")
    assert first.returncode == 0, first.stdout + first.stderr
    execute(
        mariadb,
        f"ALTER TABLE {shop}.orders MODIFY note VARCHAR(200)",
        f"ALTER TABLE {shop}.orders ADD COLUMN extra INT NOT NULL DEFAULT 5",
        f"UPDATE {shop}.orders SET extra = id WHERE id < 100",
    )
    report = ferryman("run", *ends, *rules, "--json")
    assert report.returncode == 0, report.stdout + report.stderr
    assert [table["mismatches"] for table in json.loads(report.stdout)["tables"]] == [0, 0]
    assert expected(mariadb, shop) == execute(
        oceanbase, f"SELECT id, region, total, email, phone, origin, shard, extra FROM {shop}.orders ORDER BY id"
    )
    assert KEY not in report.stdout + report.stderr + first.stdout + first.stderr
    assert execute(
        oceanbase,
        f"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '{shop}' AND column_name = 'note'",
    ) == [(0,)]
    bag = f"SELECT n, word FROM {shop}.bag WHERE n % 3 <> 1 ORDER BY n, word"
    assert execute(mariadb, bag) == execute(oceanbase, bag.replace("WHERE n % 3 <> 1", ""))


def expected(server: Server, shop: str) -> list[tuple[Any, ...]]:
    rows = execute(
        server,
        f"SELECT id, region, total, email, phone, extra FROM {shop}.orders"
        " WHERE region = 'eu' AND (total > 50 OR day < '2024-01-10') ORDER BY id",
    )
    assert rows
    return [
        (number, region, total, hashed(email), masked(phone), f"{shop}.orders", 7, extra)
        for number, region, total, email, phone, extra in rows
    ]


def hashed(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def masked(text: str) -> str:
    return text[:3] + "*" * (len(text) - 5) + text[-2:] if len(text) > 5 else "*" * len(text)


def test_what_cannot_be_kept_is_refused_beforehand(mariadb: MariaDb, oceanbase: OceanBase, shop: str) -> None:
    ends = ("--source", f"{mariadb.url}/{shop}", "--target", oceanbase.url, "--json")
    for rule, code in (
        (("--where", f"{shop}.orders:LENGTH(region) > 1"), "rules.filter_refused"),
        (("--where", f"{shop}.nobody:id > 1"), "rules.table_missing"),
        (("--leave-out", f"{shop}.orders:id"), "rules.column_refused"),
    ):
        checked = ferryman("check", *ends, *rule)
        assert checked.returncode == 3, checked.stdout + checked.stderr
        found = {item["item"]: item for item in json.loads(checked.stdout)["items"]}["ROW_RULES"]
        assert (found["verdict"], found["code"]) == ("FAILED", code), found
