"""A metadb that the first version wrote (first_schema.sql is its dump) is upgraded, and all in it reads right."""

import sqlite3
from pathlib import Path

import pytest

from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import migration
from ferryman.metadb.store import MetaDb
from ferryman.model.project import Importance, ProjectStatus, StepName, StepStatus

DUMP = Path(__file__).with_name("first_schema.sql")
KEY = b"ZmVycnltYW4tdGVzdC1rZXktb2YtMzItYnl0ZXMtISE=\n"


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    with sqlite3.connect(directory / "ferryman.db") as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    (directory / "secret.key").write_bytes(KEY)
    return directory


def test_what_the_first_version_wrote_reads_right(directory):
    metadb = MetaDb.open(directory)
    assert migration.revision(metadb.database) == "0001"
    metadb.close()
    service = Service(directory)
    try:
        check(service)
    finally:
        service.close()


def check(service):
    assert migration.revision(service.metadb.database) == migration.HEAD
    (endpoint,) = service.endpoints().items
    assert (endpoint.name, endpoint.description) == ("old host", "die alte Datenbank ü")
    assert endpoint.endpoint.password == "geheim"
    (project,) = service.projects().items
    assert project.status is ProjectStatus.SUSPEND
    spec = service.project(project.id).spec
    assert (spec.source.password, spec.target.password) == ("geheim", "auch geheim")
    assert spec.source.options == {"ssl_ca": "/ca.pem"}
    assert spec.selection.rename == {"shop": "store"}
    assert spec.importance is Importance.HIGH
    load = service.project(project.id).step(StepName.LOAD)
    assert load.status is StepStatus.FINISHED
    assert [(table.table, table.rows) for table in load.tables] == [("shop.t", 7)]
    assert service.note(project.id, "load.begun") == ["shop.t"]
    assert service.events(project.id)[0]["message"] == "project was made"
    assert service.projects(statuses=[ProjectStatus.DELETED]).total == 1
    assert service.find_project("gone") is None
    service.resume_project(project.id)
    assert service.objects.of_project(project.id) == []


def test_an_upgrade_that_breaks_off_leaves_the_first_version_whole(directory, monkeypatch):
    from alembic import op

    def power_cut(*args, **kwargs):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            Service(directory)
    metadb = MetaDb.open(directory)
    assert migration.revision(metadb.database) == "0001"
    with metadb.reading() as tx:
        assert tx.value("SELECT count(*) FROM sqlite_master WHERE name IN ('account', 'alert', 'object_change')") == 0
    metadb.close()
    service = Service(directory)
    try:
        check(service)
    finally:
        service.close()


def test_another_key_is_told_apart_from_damage(directory):
    from cryptography.fernet import Fernet

    (directory / "secret.key").write_bytes(Fernet.generate_key())
    service = Service(directory)
    try:
        with pytest.raises(FerrymanError) as caught:
            service.endpoints()
        assert caught.value.code == "metadb.secret_key"
    finally:
        service.close()
