"""The key of stored passwords is rotated: nothing is lost at any instant, and the old key opens nothing afterwards."""

import pytest
from cryptography.fernet import Fernet

from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import endpoints, migration, sealing
from ferryman.metadb.endpoints import EndpointRow
from ferryman.metadb.store import MetaDb
from ferryman.model.project import Endpoint


@pytest.fixture
def metadb(tmp_path):
    metadb = MetaDb.open(tmp_path)
    migration.upgrade(metadb.database)
    row = EndpointRow(
        id="e_1", name="shop", endpoint=Endpoint(scheme="mysql", password="geheim"), created_at=1.0, changed_at=1.0
    )
    with metadb.writing() as tx:
        endpoints.insert(tx, metadb.box, row)
    yield metadb
    metadb.close()


def password(metadb):
    with metadb.reading() as tx:
        return endpoints.get(tx, SecretBox(metadb.box.path), "e_1").endpoint.password


def test_a_new_key_opens_everything_and_the_old_one_nothing(metadb):
    old = metadb.box.path.read_bytes()
    assert sealing.rotate(metadb) == 1
    new = metadb.box.path.read_bytes()
    assert len(new.splitlines()) == 1
    assert new != old
    assert metadb.box.path.stat().st_mode & 0o077 == 0
    assert password(metadb) == "geheim"
    with metadb.reading() as tx:
        sealed = tx.value("SELECT sealed FROM endpoint")
    metadb.box.path.write_bytes(old)
    with pytest.raises(FerrymanError, match="cannot be opened"):
        SecretBox(metadb.box.path).open(sealed)


@pytest.mark.parametrize("died_in", ["_reseal", "end_rotation"])
def test_wherever_it_dies_passwords_can_be_opened_and_it_can_be_done_again(metadb, monkeypatch, died_in):
    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((sealing, died_in) if died_in == "_reseal" else (SecretBox, died_in)), die)
        with pytest.raises(KeyboardInterrupt):
            sealing.rotate(metadb)
    assert password(metadb) == "geheim"
    sealing.rotate(metadb)
    assert len(metadb.box.path.read_bytes().splitlines()) == 1
    assert password(metadb) == "geheim"


def test_every_table_with_secrets_is_sealed_again(metadb):
    with metadb.reading() as tx:
        found = tx.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    assert {row["name"] for row in found if "\tsealed " in row["sql"]} == set(sealing.SEALED_TABLES)


def test_the_key_file_holds_keys(metadb):
    Fernet(metadb.box.path.read_bytes().splitlines()[0])
