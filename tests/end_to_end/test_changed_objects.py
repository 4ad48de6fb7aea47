"""Objects join and leave a running project, under a writer, while tasks and the service are killed (I8)."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.cli.client import Client
from ferryman.embedded import MariaDb, OceanBase, Server
from ferryman.foundation.errors import FerrymanError

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

PASSWORD = "tr0ub4dor"
LIMIT_SECONDS = 180.0
SCHEMA = (
    "CREATE TABLE {db}.shop (id INT PRIMARY KEY, v INT, code INT UNIQUE)",
    "CREATE TABLE {db}.orders (id INT PRIMARY KEY AUTO_INCREMENT, shop INT, v INT, u INT UNIQUE,"
    " FOREIGN KEY (shop) REFERENCES {db}.shop (id) ON DELETE CASCADE)",
    "CREATE TABLE {db}.bag (a INT, b VARCHAR(20))",
    "CREATE TABLE {db}.gone (id INT PRIMARY KEY)",
    "INSERT INTO {db}.gone VALUES (1), (2)",
    "CREATE TABLE {other}.audit (id INT PRIMARY KEY AUTO_INCREMENT, v INT)",
)


def connect(server: Server) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        autocommit=True,
        charset="utf8mb4",
    )


def rows(server: Server, sql: str) -> list[tuple[Any, ...]]:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def until(what: Callable[[], Any], why: str) -> Any:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {LIMIT_SECONDS:.0f} s for {why}")


class Writer(threading.Thread):
    """Changes all tables without a pause; what it adds is different each time."""

    def __init__(self, server: Server, databases: dict[str, str], seed: int) -> None:
        super().__init__(daemon=True)
        self.connection, self.names, self.chance = connect(server), databases, random.Random(seed)
        self.ended = threading.Event()
        self.problem: BaseException | None = None
        self.count = 0

    def run(self) -> None:
        try:
            with self.connection, self.connection.cursor() as cursor:
                while not self.ended.wait(0.002):
                    cursor.execute(self.statement())
                    self.count += 1
        except BaseException as problem:
            self.problem = problem

    def statement(self) -> str:
        n, shop = self.chance.randrange(1000), self.chance.randrange(40)
        return self.chance.choice(
            (
                f"INSERT INTO {{db}}.orders (shop, v, u) SELECT id, {n}, NULL FROM {{db}}.shop WHERE id = {shop}",
                f"UPDATE {{db}}.orders SET v = v + 1 WHERE id % 7 = {n % 7} ORDER BY id DESC LIMIT 5",
                f"DELETE FROM {{db}}.orders WHERE id = {n}",
                f"REPLACE INTO {{db}}.shop VALUES ({shop}, {n}, {shop + 1000})",
                f"DELETE FROM {{db}}.shop WHERE id = {shop}",
                f"INSERT INTO {{db}}.bag VALUES ({n}, 'x'), ({n}, 'x')",
                f"UPDATE {{db}}.bag SET b = 'y' WHERE a = {n} LIMIT 1",
                f"DELETE FROM {{db}}.bag WHERE a % 50 = {n % 50} LIMIT 2",
                f"INSERT INTO {{other}}.audit (v) VALUES ({n})",
                f"UPDATE {{other}}.audit SET v = {n} WHERE id % 11 = {n % 11} ORDER BY id DESC LIMIT 3",
            )
        ).format(**self.names)

    def end(self) -> None:
        self.ended.set()
        self.join(60)
        assert self.problem is None, self.problem


class Service:
    """``ferryman serve`` in a process of its own, and its client."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "ferryman", "serve", "--port", "0", "--data-dir", str(self.directory)]
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, "the service did not come up"
        self.url = found[0]
        self.client = Client(url=self.url, user="admin", password=PASSWORD)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)
        self.start()

    def tasks(self) -> list[int]:
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(number) for path in found for number in path.read_text().split()]

    def command(self, *arguments: str) -> str:
        environment = os.environ | {"FERRYMAN_URL": self.url, "FERRYMAN_PASSWORD": PASSWORD}
        command = [sys.executable, "-m", "ferryman", "projects", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, project: str, name: str) -> dict[str, Any]:
        found = self.client.get("projects", project)
        assert found["status"] in {"RUNNING", "FINISHED"}, found["error"]
        return next(step for step in found["steps"] if step["name"] == name)

    def oms(self, action: str, **body: Any) -> Any:
        import base64
        import urllib.request

        login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/api/v2?Action={action}", json.dumps(body).encode(), {"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.loads(answer.read())
        assert found["success"], found
        return found["data"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "d")
    yield service
    service.process.terminate()
    assert service.process.wait(60) == 0


def test_objects_join_and_leave_under_a_writer_and_kills(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, service: Service
) -> None:
    seed = int(os.environ.get("FERRYMAN_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
    print(f"seed: FERRYMAN_TEST_SEED={seed}")
    chance = random.Random(seed)
    names = {"db": database_name, "other": f"{database_name}_other"}
    for name in names.values():
        rows(mariadb, f"CREATE DATABASE {name}")
    for sql in SCHEMA:
        rows(mariadb, sql.format(**names))
    rows(mariadb, f"INSERT INTO {database_name}.shop SELECT seq, seq, seq + 1000 FROM mysql.seq_0_to_39")
    rows(mariadb, f"INSERT INTO {database_name}.orders (shop, v, u) SELECT seq % 40, 0, NULL FROM mysql.seq_0_to_3000")
    writer = Writer(mariadb, names, seed)
    writer.start()
    try:
        move(service, mariadb, oceanbase, names, chance)
    finally:
        writer.end()
    assert writer.count > 100
    wait_until_applied(service, mariadb, oceanbase, names)
    for name, columns in (("db.shop", "id"), ("db.orders", "id"), ("db.bag", "a, b"), ("other.audit", "id")):
        table = "{" + name.replace(".", "}.")
        sql = f"SELECT * FROM {table.format(**names)} ORDER BY {columns}"
        assert rows(oceanbase, sql) == rows(mariadb, sql), f"{name} differs"
    assert rows(oceanbase, f"SELECT * FROM {database_name}.gone ORDER BY id") == [(1,), (2,)], (
        "rows of what has left stay"
    )
    assert json.loads(service.command("show", "p", "--json"))["status"] == "RUNNING"


def move(service: Service, source: Server, target: Server, names: dict[str, str], chance: random.Random) -> None:
    """Begin with one table; the others join, one of them whole database; one leaves."""
    db = names["db"]
    ends = ("--source", source.url, "--target", target.url)
    service.command("create", "--name", "p", *ends, "--objects", f"{db}.shop", "--objects", f"{db}.gone", "--start")
    until(lambda: service.step("p", "apply")["status"] == "MONITORING", "the project to follow")
    service.command("add", "p", f"{db}.orders", f"{db}.bag")
    joined(service, "p", chance, kills=3)
    rows(source, f"ALTER TABLE {db}.orders ADD COLUMN note VARCHAR(10) DEFAULT 'new'")
    databases = [{"name": names["other"], "tables": None}]
    record = service.oms(
        "CreateProjectModifyRecords", id=service.client.get("projects", "p")["id"], databases=databases
    )
    joined(service, "p", chance, kills=0)
    shown = service.oms("ListProjectModifyRecords", id=service.client.get("projects", "p")["id"])
    assert (shown[0]["id"], shown[0]["status"]) == (record, "SUCCESS")
    with pytest.raises(FerrymanError, match="acts on it"):
        service.client.post("projects", "p", "objects", body={"remove": [f"{db}.shop"]})
    service.command("remove", "p", f"{db}.gone")
    rows(source, f"DROP TABLE {db}.gone")
    assert f"{db}.gone" not in {table["table"] for table in service.step("p", "load")["tables"]}
    assert service.command("objects", "p").count("SUCCESS") == 3


def joined(service: Service, project: str, chance: random.Random, *, kills: int) -> None:
    """Wait until the change under way is over; kill tasks, and once the service itself, in its middle."""

    def change() -> dict[str, Any]:
        return service.client.get("projects", project, "objects")[0]

    for number in range(kills):
        until(lambda: change()["status"] != "PENDING", "the addition to begin")
        time.sleep(chance.uniform(0.0, 0.7))
        if number == kills // 2:
            service.kill()
        elif tasks := service.tasks():
            os.kill(chance.choice(tasks), signal.SIGKILL)
    ended = until(
        lambda: change()["status"] not in {"PENDING", "RUNNING", "MERGING"} and change(), "the addition to end"
    )
    assert ended["status"] == "SUCCESS", ended
    guest = ended["sub_project_id"]
    until(lambda: service.client.get("projects", guest)["status"] == "RELEASED", "the sub-project to be released")


def wait_until_applied(service: Service, source: Server, target: Server, names: dict[str, str]) -> None:
    rows(source, f"INSERT INTO {names['other']}.audit (id, v) VALUES (999999, 0)")
    sql = f"SELECT 1 FROM {names['other']}.audit WHERE id = 999999"
    until(lambda: service.step("p", "apply") and rows(target, sql), "the last change to arrive")
