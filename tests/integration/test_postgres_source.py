"""PostgreSQL as a source under a writer: exactly once, whatever dies, and one clear line where it cannot be."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ferryman.connectors.postgresql.log.slot import slot_name
from ferryman.connectors.postgresql.precheck.checks import PostgresChecks
from ferryman.connectors.postgresql.source import PostgresSource
from ferryman.embedded import Postgres
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.model.serial import to_json
from ferryman.spi.precheck import Verdict
from postgres_project import PostgresProject, connected, until

pytestmark = [pytest.mark.postgres, pytest.mark.mariadb, pytest.mark.timeout(600)]

PROCESS = Path(__file__).parent / "capture_process.py"
SHOP = """
CREATE TABLE item (id integer PRIMARY KEY, code text UNIQUE, place integer UNIQUE, body text, price numeric(10,2));
CREATE TABLE note (a integer, b text, body text);
ALTER TABLE note REPLICA IDENTITY FULL;
CREATE TABLE whole (id integer PRIMARY KEY, u integer UNIQUE, body text, n integer);
ALTER TABLE whole REPLICA IDENTITY FULL;
ALTER TABLE item ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE whole ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE note ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer PRIMARY KEY, p integer REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE part (id integer, k integer, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part SELECT g, g % 20, 'p' FROM generate_series(1, 100) g;
INSERT INTO item SELECT g, 'c' || g, g, repeat('x' || g, 900), g FROM generate_series(1, 300) g;
INSERT INTO note SELECT g % 20, 'n', repeat('y', 3000) FROM generate_series(1, 100) g;
INSERT INTO whole SELECT g, g, repeat('z' || g, 900), g FROM generate_series(1, 100) g;
INSERT INTO parent SELECT g FROM generate_series(1, 50) g;
INSERT INTO child SELECT g, g % 50 + 1 FROM generate_series(1, 200) g;
"""


class Writer(threading.Thread):
    """Changes everything all the while; the seed says how."""

    def __init__(self, project: PostgresProject, seed: int) -> None:
        super().__init__(daemon=True)
        self._chance = random.Random(seed)
        self._connection = connected(project.server, options=f"-c search_path={project.name}")
        self._ended = threading.Event()
        self.transactions = 0

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self._transact()

    def stop(self) -> None:
        self._ended.set()
        self.join(60)
        self._connection.close()

    def _transact(self) -> None:
        try:
            with self._connection.transaction():
                for _ in range(self._chance.choice([1, 1, 2, 5])):
                    self._connection.execute(self._change())  # type: ignore[arg-type]
                if self._chance.random() < 0.1:
                    raise psycopg.Rollback
            self.transactions += 1
        except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation):
            pass  # as if it had never been

    def _change(self) -> str:
        chance, new = self._chance, self._chance.randrange(1000, 10**9)
        one, other = chance.randrange(1, 301), chance.randrange(1, 101)
        return chance.choice(
            [
                f"UPDATE item SET price = {new % 1000} WHERE id = {one}",
                f"UPDATE item SET id = {new} WHERE id = {one}",
                f"UPDATE item SET id = {one} WHERE id = (SELECT max(id) FROM item)",
                f"UPDATE item SET body = repeat('n{new}', 500) WHERE id = {one}",
                f"UPDATE item SET place = NULL, code = 'd{new}' WHERE id = {one}",
                f"UPDATE item SET place = {one} WHERE id = {other}",
                f"DELETE FROM item WHERE id = {one}",
                f"INSERT INTO item VALUES ({one}, 'C{new}', NULL, repeat('i', 5000), 1)",
                f"UPDATE whole SET u = -u WHERE id IN ({other}, {other + 1}); UPDATE whole SET n = n + 1 WHERE id = {other}",
                f"UPDATE whole SET id = {new} WHERE id = {other}",
                f"INSERT INTO whole VALUES ({other}, {new}, repeat('w', 4000), 0)",
                f"UPDATE note SET b = 'm{new}' WHERE a = {new % 20}",
                f"INSERT INTO note VALUES ({new % 20}, 'n', repeat('k', 2500)), ({new % 20}, 'n', NULL)",
                f"DELETE FROM note WHERE ctid IN (SELECT ctid FROM note WHERE a = {new % 20} LIMIT 1)",
                f"UPDATE part SET k = {new % 20}, v = 'q{new}' WHERE id = {other}",
                f"UPDATE parent SET id = {new} WHERE id = {new % 50 + 1}",
                f"DELETE FROM parent WHERE id = {new % 50 + 1}",
                f"INSERT INTO parent VALUES ({new % 50 + 1})",
                f"INSERT INTO child SELECT {new}, id FROM parent LIMIT 1",
            ]
        )


@pytest.fixture
def shop(postgres: Postgres, mariadb: Any, database_name: str, tmp_path: Path) -> Iterator[PostgresProject]:
    project = PostgresProject(postgres, mariadb, database_name, SHOP, tmp_path)
    try:
        yield project
    finally:
        project.close()


def test_a_live_writer_is_followed_exactly_whatever_is_stopped(shop: PostgresProject) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    writer = Writer(shop, seed)
    shop.begin()
    writer.start()
    try:
        shop.load()
        shop.apply = shop.applying()
        for _ in range(2):  # the walsender is killed, capture and apply are begun again
            before = writer.transactions
            until(lambda least=before + 20: writer.transactions >= least, "transactions")
            shop.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
            shop.capture.end(stop=True)
            shop.apply.end(stop=True)
            shop.capture, shop.apply = shop.capturing(), shop.applying()
    finally:
        writer.stop()
    shop.end_here()
    shop.apply.end()
    assert shop.mismatches() == {}, f"seed {seed}"
    assert shop.sql("SELECT count(*) FROM note") == list(shop.at_target("SELECT count(*) FROM note"))
    assert shop.sql("SELECT count(*) FROM child") == list(shop.at_target("SELECT count(*) FROM child"))


class Killed:
    """Capture in a process of its own, ended by `kill -9`."""

    def __init__(self, project: PostgresProject, directory: Path) -> None:
        (directory / "notes.json").write_text(f'{{"schema.start": {project.notes["schema.start"]}}}')
        self._project, self._directory, self._epoch = project, directory, 100
        self.start()

    def start(self) -> None:
        self._epoch += 1
        config = self._directory / "config.json"
        notes = str(self._directory / "notes.json")
        project, data_dir = f"np_{self._project.name}", str(self._project.data_dir)
        endpoint = to_json(self._project.spec.source)
        document = {
            "endpoint": endpoint,
            "project": project,
            "data_dir": data_dir,
            "notes": notes,
            "epoch": self._epoch,
        }
        config.write_text(json.dumps(document))
        with (self._directory / "capture.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, str(PROCESS), str(config)], stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process.poll() is None, (self._directory / "capture.log").read_text()[-2000:]
        self.process.kill()
        self.process.wait()


def test_a_capture_killed_at_any_instant_loses_nothing(shop: PostgresProject, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    writer, chance = Writer(shop, seed), random.Random(seed)
    reading = f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot_name(f'np_{shop.name}')}' AND active"
    shop.begin()
    shop.capture.end(stop=True)
    capture = Killed(shop, tmp_path)
    writer.start()
    try:
        shop.load()
        shop.apply = shop.applying()
        for _ in range(2):
            until(lambda: shop.sql(reading), "capture to read the slot")
            least = writer.transactions + chance.randrange(15)
            until(lambda least=least: writer.transactions >= least, "transactions")
            capture.kill()
            capture.start()
    finally:
        writer.stop()
    try:
        shop.end_here()
        shop.apply.end()
        assert shop.mismatches() == {}, f"seed {seed}"
    finally:
        capture.kill()


def test_a_server_without_logical_log_is_named_with_the_sql_that_mends_it(servers_directory: Path) -> None:
    with Plain(servers_directory / "postgres-plain") as server:
        connection = connected(server)
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY)")
        source = PostgresSource(server.endpoint)
        spec = ProjectSpec(name="p", source=server.endpoint, target=server.endpoint)
        schema = source.read_schema(spec.selection)
        found = {item.item: item for item in PostgresChecks(server.endpoint).source_checks(spec, schema)}
        assert found["DB_WAL_LEVEL"].verdict is Verdict.FAILED
        assert "wal_level = 'logical'" in found["DB_WAL_LEVEL"].fix_sql
        with pytest.raises(FerrymanError) as refused:
            source.keep_log("np_1", spec.selection)
        assert refused.value.code == "source.no_log"
        assert "wal_level" in refused.value.hint
        assert connection.execute("SELECT count(*) FROM pg_publication").fetchall() == [(0,)]
        connection.close()


class Plain(Postgres):
    """A server as it is installed: its log holds what a replica of the whole needs, and no more."""

    def _command(self) -> list[str]:
        return [part.replace("wal_level=logical", "wal_level=replica") for part in super()._command()]


def test_columns_come_and_go_and_tables_are_emptied(shop: PostgresProject) -> None:
    def change() -> None:
        shop.sql("INSERT INTO parent VALUES (9001)")
        shop.sql("ALTER TABLE item ADD COLUMN extra integer, ADD COLUMN kind varchar(10) NOT NULL DEFAULT 'old'")
        shop.sql("UPDATE item SET extra = 5, kind = 'new' WHERE id = 1; UPDATE parent SET id = 9002 WHERE id = 9001")
        shop.sql("ALTER TABLE item DROP COLUMN price; INSERT INTO item (id, code) VALUES (9001, 'z')")
        shop.sql("ALTER TABLE item RENAME COLUMN place TO spot; UPDATE item SET spot = -1 WHERE id = 2")
        shop.sql("INSERT INTO note VALUES (1, 'gone'); TRUNCATE note; INSERT INTO note VALUES (1, 'stays')")

    shop.move(change)
    assert shop.at_target("SELECT extra, kind FROM item WHERE id IN (1, 3) ORDER BY id") == [(5, "new"), (None, "old")]
    assert shop.at_target("SELECT spot FROM item WHERE id = 2") == [(-1,)]
    assert shop.at_target("SELECT a, b FROM note") == [(1, "stays")]
    names = [name for (name,) in shop.at_target("SELECT column_name FROM information_schema.columns WHERE table_name ="
                                                f" 'item' AND table_schema = '{shop.name}'")]  # fmt: skip
    assert "price" not in names
    assert shop.sql("SELECT count(*) FROM item") == list(shop.at_target("SELECT count(*) FROM item"))


def test_values_that_are_in_no_log_stop_apply_with_a_choice(shop: PostgresProject) -> None:
    with pytest.raises(FerrymanError) as stopped:
        shop.move(
            lambda: shop.sql(
                "ALTER TABLE item ADD COLUMN at double precision DEFAULT random(); INSERT INTO item (id, code) VALUES (9, 'q')"
                " ON CONFLICT DO NOTHING; UPDATE item SET code = 'r' WHERE id = 10"
            )
        )
    assert stopped.value.code == "apply.ddl_unknown"
    assert "random()" in stopped.value.message
    assert "as a model" not in stopped.value.message


def test_the_server_may_forget_what_is_durable_here_and_the_slot_goes_with_the_project(shop: PostgresProject) -> None:
    name = slot_name(f"np_{shop.name}")
    confirmed = f"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{name}'"
    shop.begin()
    before = shop.sql(confirmed)
    shop.sql("INSERT INTO parent VALUES (777)")
    until(lambda: shop.sql(confirmed) != before, "the place confirmed to move")
    shop.capture.end(stop=True)
    shop.release()
    assert shop.sql(confirmed) == []
    assert shop.sql(f"SELECT 1 FROM pg_publication WHERE pubname = '{name}'") == []


def test_a_lost_slot_is_said_in_one_line(shop: PostgresProject) -> None:
    shop.begin()
    shop.capture.end(stop=True)
    PostgresSource(shop.spec.source).release_log(f"np_{shop.name}")
    with pytest.raises(FerrymanError) as lost:
        shop.capturing().end()
    assert lost.value.code == "source.slot_lost"
    assert "--fresh" in lost.value.hint


def test_the_precheck_names_what_is_missing_with_the_sql_that_mends_it(shop: PostgresProject) -> None:
    user = f"u_{shop.name}"
    shop.sql("CREATE TABLE bare (a integer)")
    shop.sql(
        "CREATE TABLE bag (a integer) PARTITION BY LIST (a); CREATE TABLE bag_1 PARTITION OF bag FOR VALUES IN (1)"
    )
    shop.sql("ALTER TABLE bag REPLICA IDENTITY FULL")
    shop.sql(f"CREATE ROLE {user} LOGIN PASSWORD 'pw'")
    endpoint = Endpoint(scheme="postgresql", port=shop.server.port, username=user, password="pw")
    schema = PostgresSource(shop.spec.source).read_schema(shop.spec.selection)
    found = {item.item: item for item in PostgresChecks(endpoint).source_checks(shop.spec, schema)}
    shop.sql(f"DROP ROLE {user}")
    failed = {name for name, item in found.items() if item.verdict is Verdict.FAILED}
    assert failed == {"DB_ACCOUNT_FULL_READ_PRIVILEGE", "DB_ACCOUNT_INCR_READ_PRIVILEGE", "DB_INCR_LOG"}
    assert f'ALTER TABLE "{shop.name}"."bare" REPLICA IDENTITY FULL' in found["DB_INCR_LOG"].fix_sql
    assert f'ALTER TABLE "{shop.name}"."bag_1" REPLICA IDENTITY FULL' in found["DB_INCR_LOG"].fix_sql
    assert f"ALTER ROLE {user} REPLICATION" in found["DB_ACCOUNT_INCR_READ_PRIVILEGE"].fix_sql
    with pytest.raises(FerrymanError) as refused:
        shop.begin()
    assert refused.value.code == "source.replica_identity"
