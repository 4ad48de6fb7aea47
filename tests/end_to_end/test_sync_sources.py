"""OceanBase (polled) and PostgreSQL (logical replication) into files: messages alone rebuild what the source holds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pymysql
import pytest

from ferryman.demo.consumer import Consumer
from ferryman.embedded import OceanBase, Postgres, Server
from ferryman.model.selection import Selection
from ferryman.serializers.values import Family, Objects
from ferryman.spi.connector import connector_for

LIMIT_SECONDS = 120.0
TABLE = "CREATE TABLE {t} (id INT PRIMARY KEY, name VARCHAR(40) UNIQUE, price DECIMAL(12,3), seen TIMESTAMP NULL)"
FILL = [f"INSERT INTO {{t}} VALUES ({n}, 'n\"é{n}', {n}.125, '2024-01-02 03:04:05')" for n in range(60)]
CHANGES = (
    "INSERT INTO {t} VALUES (100, NULL, -0.001, NULL)",
    "UPDATE {t} SET price = price + 1 WHERE id < 20",
    "UPDATE {t} SET id = 200 WHERE id = 5",
    "DELETE FROM {t} WHERE id IN (7, 8)",
    "INSERT INTO {t} VALUES (7, 'again', 1, NULL)",
)


def in_oceanbase(server: OceanBase, database: str) -> Callable[..., None]:
    def execute(*statements: str) -> None:
        with pymysql.connect(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True,
            charset="utf8mb4",
        ) as connection, connection.cursor() as cursor:  # fmt: skip
            for sql in statements:
                cursor.execute(sql.format(t=f"{database}.t"))

    execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
    return execute


def in_postgres(server: Postgres, schema: str) -> Callable[..., None]:
    def execute(*statements: str) -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            for sql in statements:
                connection.execute(sql.format(t=f"{schema}.t"))  # type: ignore[call-overload]

    execute(f"CREATE SCHEMA {schema}")
    return execute


def rows_of(server: Server, database: str) -> set[str]:
    make, objects = connector_for(server.endpoint).source, Objects(Family.PLAIN)
    assert make is not None
    with closing(make(server.endpoint)) as source, closing(source.reader()) as reader:
        (table,) = source.read_schema(Selection(objects=(f"{database}.*",))).tables
        return {
            json.dumps(json.loads(text, parse_float=str), sort_keys=True)
            for batch in reader.read(table, [column.name for column in table.columns])
            for text in objects.objects(table.columns, batch, batch.row_count)
        }


def rebuilt(consumer: Consumer) -> set[str]:
    with consumer.lock:
        return {json.dumps(row, sort_keys=True) for row in consumer.tables.get("t", {}).values()}


@pytest.mark.oceanbase
@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["oceanbase", "postgres"])
def test_messages_rebuild_the_source(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, database_name: str
) -> None:
    server = request.getfixturevalue(kind)
    execute = (in_oceanbase if kind == "oceanbase" else in_postgres)(server, database_name)
    execute(TABLE, *FILL)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ferryman", "run", "--source", server.url, "--target", f"file://{out}"]
    command += ["--objects", f"{database_name}.*", "--data-dir", str(tmp_path / "data"), "--stop-when", "never"]
    log = tmp_path / "log"
    with log.open("wb") as said:
        run = subprocess.Popen([*command], stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    consumer = Consumer(out)
    consumer.start()

    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert run.poll() is None, log.read_text()[-3000:]
            assert consumer.error is None
            assert time.monotonic() < deadline, (
                log.read_text()[-2000:],
                rebuilt(consumer) ^ rows_of(server, database_name),
            )
            time.sleep(0.1)

    try:
        until(lambda: len(rebuilt(consumer)) == len(FILL))
        execute(*CHANGES)
        expected = rows_of(server, database_name)
        until(lambda: rebuilt(consumer) == expected)
        assert consumer.counts["DELETE"] >= 2
    finally:
        consumer.stop()
        run.terminate()
        run.wait(60)
