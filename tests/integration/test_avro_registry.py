"""AVRO from MariaDB into a real Kafka with a real schema registry (`make registry-test`), by the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, TopicPartition

from ferryman.embedded import Kafka, MariaDb, SchemaRegistry
from ferryman.foundation.errors import FerrymanError
from sink_stage import connect

pytestmark = [pytest.mark.kafka, pytest.mark.mariadb]


@pytest.fixture(scope="module")
def registry(servers_directory: Path) -> Iterator[SchemaRegistry]:
    server = SchemaRegistry(servers_directory / "registry")
    try:
        server.start()
    except FerrymanError as missing:
        if missing.code != "embedded.missing":
            raise
        pytest.skip("`make registry-test` fetches the registry")
    yield server
    server.remove()


def asked(registry: SchemaRegistry, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(registry.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def run(source: MariaDb, target: str, directory: Path, database: str, steps: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ferryman", "run", "--source", source.url, "--target", target, "--name", database]
    command += [
        "--objects",
        f"{database}.*",
        "--types",
        steps,
        "--stop-when",
        "caught-up",
        "--data-dir",
        str(directory),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def messages(kafka: Kafka, registry: SchemaRegistry, topic: str) -> list[tuple[Any, Any]]:
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{kafka.port}", "group.id": uuid.uuid4().hex})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    found = []
    while batch := consumer.consume(1000, timeout=4.0):
        found += [(decoded(registry, m.key()), decoded(registry, m.value())) for m in batch]
    consumer.close()
    return found


def decoded(registry: SchemaRegistry, message: Any) -> Any:
    assert message[0] == 0
    text = asked(registry, "GET", f"/schemas/ids/{int.from_bytes(message[1:5], 'big')}")["schema"]
    return fastavro.schemaless_reader(io.BytesIO(message[5:]), fastavro.parse_schema(json.loads(text)), None)


def test_rows_changes_and_a_new_column(
    mariadb: MariaDb, kafka: Kafka, registry: SchemaRegistry, tmp_path: Path, database_name: str
) -> None:
    topic = f"{database_name}.t"
    target = f"{kafka.url}?format=AVRO&registry={registry.url}"
    with connect(mariadb) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database_name}")
        cursor.execute(f"USE {database_name}")
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, price DECIMAL(8,2) NOT NULL, word VARCHAR(20))")
        cursor.execute("INSERT INTO t VALUES (1, 1.50, 'one'), (2, -2.25, NULL)")
        first = run(mariadb, target, tmp_path, database_name, "schema,full,incremental")
        assert first.returncode == 0, first.stderr + first.stdout
        asked(registry, "PUT", f"/config/{topic}-value", {"compatibility": "FULL_TRANSITIVE"})
        cursor.execute("ALTER TABLE t ADD more BIGINT NOT NULL DEFAULT 7, DROP word")
        cursor.execute("UPDATE t SET more = 8 WHERE id = 1")
        cursor.execute("DELETE FROM t WHERE id = 2")
        assert run(mariadb, target, tmp_path, database_name, "schema,full,incremental").returncode == 0
        found = messages(kafka, registry, topic)
        last = {key["id"]: value for key, value in found}
        assert sorted(value["op"] for _, value in found) == ["d", "r", "r", "u"]
        assert (str(last[1]["after"]["price"]), last[1]["after"]["more"], "word" in last[1]["after"]) == (
            "1.50",
            8,
            False,
        )
        assert last[2]["after"] is None
        cursor.execute("ALTER TABLE t MODIFY more VARCHAR(20) NOT NULL DEFAULT ''")
        cursor.execute("UPDATE t SET more = 'x'")
        refused = run(mariadb, target, tmp_path, database_name, "schema,full,incremental")
        assert refused.returncode == 1
        assert "registry.incompatible" in refused.stdout + refused.stderr
        asked(registry, "PUT", f"/config/{topic}-value", {"compatibility": "NONE"})
        assert run(mariadb, target, tmp_path, database_name, "schema,full,incremental").returncode == 0
        last = {key["id"]: value for key, value in messages(kafka, registry, topic)}
        assert last[1]["after"]["more"] == "x"
