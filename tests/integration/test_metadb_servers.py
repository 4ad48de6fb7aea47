"""The metadb on servers: rows, claims and migrations as on SQLite, and what the first version wrote reads right."""

import re
import sqlite3
import time
from pathlib import Path

import pytest
from metadb_servers import SERVERS, fresh_metadb_url

from ferryman.control.leadership import Leadership
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import migration
from ferryman.metadb.server_migration import run_migrations_on_server
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import CONTROL
from ferryman.model.project import ProjectStatus, StepName, StepStatus
from metadb_rows import *  # noqa: F403

DUMP = Path(__file__).parents[1] / "unit" / "metadb" / "first_schema.sql"
KEY = b"ZmVycnltYW4tdGVzdC1rZXktb2YtMzItYnl0ZXMtISE=\n"


@pytest.fixture(scope="session", params=SERVERS)
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def shared_url(server):
    return fresh_metadb_url(server, "metadb_rows")


@pytest.fixture
def metadb(shared_url, tmp_path):
    """One database a server for all tests, emptied: making the tables takes OceanBase a second."""
    metadb = MetaDb.open(tmp_path, shared_url)
    migration.upgrade(metadb.database)
    with metadb.writing() as tx:
        for table in metadb.database.tables() - {"alembic_version"}:
            tx.execute(f"DELETE FROM {table}")
    yield metadb
    metadb.close()


def first_version(metadb, monkeypatch):
    """Put what the first version wrote into a database of a server."""
    with monkeypatch.context() as patch:
        patch.setattr("ferryman.metadb.server_migration.HEAD", "0001")
        run_migrations_on_server(metadb.database)
    source = sqlite3.connect(":memory:")
    source.executescript(DUMP.read_text(encoding="utf-8"))
    source.row_factory = sqlite3.Row
    with metadb.writing() as tx:
        for table in sorted(metadb.database.tables() - {"alembic_version"}):
            for row in map(dict, source.execute(f"SELECT * FROM {table}")):
                places = ", ".join(f":{name}" for name in row)
                tx.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", **row)
    source.close()


def test_what_the_first_version_wrote_is_upgraded_and_reads_right(server, database_name, tmp_path, monkeypatch):
    url = fresh_metadb_url(server, database_name)
    (tmp_path / "secret.key").write_bytes(KEY)
    metadb = MetaDb.open(tmp_path, url)
    first_version(metadb, monkeypatch)
    assert migration.revision(metadb.database) == "0001"
    metadb.close()
    service = Service(tmp_path, metadb_url=url)
    try:
        assert migration.revision(service.metadb.database) == migration.HEAD
        (endpoint,) = service.endpoints().items
        assert (endpoint.description, endpoint.endpoint.password) == ("die alte Datenbank ü", "geheim")
        (project,) = service.projects().items
        assert project.status is ProjectStatus.SUSPEND
        load = service.project(project.id).step(StepName.LOAD)
        assert (load.status, [(table.table, table.rows) for table in load.tables]) == (
            StepStatus.FINISHED,
            [("shop.t", 7)],
        )
        assert service.note(project.id, "load.begun") == ["shop.t"]
        assert service.projects(statuses=[ProjectStatus.DELETED]).total == 1
        assert service.objects.of_project(project.id) == []
    finally:
        service.close()


def test_a_migration_that_breaks_off_goes_on_where_it_stopped(server, database_name, tmp_path, monkeypatch):
    from alembic import op

    made = []

    def third_index_fails(*args, **kwargs):
        made.append(args)
        if len(made) == 3:
            raise RuntimeError("power cut")
        return create(*args, **kwargs)

    create = op.create_index
    metadb = MetaDb.open(tmp_path, fresh_metadb_url(server, database_name))
    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", third_index_fails)
        with pytest.raises(RuntimeError, match="power cut"):
            migration.upgrade(metadb.database)
    migration.upgrade(metadb.database)
    assert migration.revision(metadb.database) == migration.HEAD
    wanted = set(re.findall(r"CREATE TABLE (\w+)", migration.HEAD_TABLES.read_text()))
    assert metadb.database.tables() == wanted
    metadb.close()


def test_a_database_of_somebody_else_is_left_alone(server, database_name, tmp_path):
    metadb = MetaDb.open(tmp_path, fresh_metadb_url(server, database_name))
    with metadb.database.alone() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id INT PRIMARY KEY)")
    with pytest.raises(FerrymanError) as caught:
        migration.upgrade(metadb.database)
    assert caught.value.code == "metadb.not_empty"
    assert metadb.database.tables() == {"orders"}
    metadb.close()


def test_many_threads_write_without_losing_an_increment(metadb):
    with metadb.writing() as tx:
        tx.execute("INSERT INTO note VALUES ('p', 'n', 'x', 0, 0)")

    def count():
        for _ in range(10):
            with metadb.writing() as tx:
                size = tx.value("SELECT size FROM note")
                tx.execute("UPDATE note SET size = :size", size=size + 1)

    threads = [threading.Thread(target=count) for _ in range(6)]  # noqa: F405
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with metadb.reading() as tx:
        assert tx.value("SELECT size FROM note") == 60


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_of_two_services_controls_and_the_other_takes_over(metadb):
    one, two = (Leadership(metadb, owner, lease_seconds=2.0) for owner in ("m:1", "m:2"))
    one.start()
    two.start()
    assert (one.leads(), two.leads()) == (True, False)
    one._closing.set()  # as after a kill: it renews no more and gives nothing back
    until(two.leads)
    assert not one.leads()
    two.close()
    one.close()
    with metadb.reading() as tx:
        assert tasks.get(tx, CONTROL).epoch >= 2  # noqa: F405
