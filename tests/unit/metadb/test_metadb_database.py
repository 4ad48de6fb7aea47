import sqlite3
import threading

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.metadb import migration
from ferryman.metadb.database import Database
from ferryman.metadb.documents import pack, unpack


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "ferryman.db", busy_seconds=0.2)
    migration.upgrade(database)
    yield database
    database.close()


def test_the_file_is_for_its_owner_only(database):
    with database.writing() as tx:
        tx.execute("DELETE FROM note")
    for path in database.path.parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_head_tables_are_what_the_migrations_make(tmp_path):
    migrated = Database(tmp_path / "migrated.db")
    migration.run_migrations(migrated)
    assert migration.revision(migrated) == migration.HEAD
    assert migration.described(migrated) == migration.HEAD_TABLES.read_text()


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    from alembic import op

    made = []

    def third_table_fails(*args, **kwargs):
        made.append(args)
        if len(made) == 3:
            raise RuntimeError("power cut")
        return create(*args, **kwargs)

    create = op.create_table
    monkeypatch.setattr(op, "create_table", third_table_fails)
    database = Database(tmp_path / "x.db")
    with pytest.raises(RuntimeError, match="power cut"):
        migration.run_migrations(database)
    with database.reading() as tx:
        assert tx.value("SELECT count(*) FROM sqlite_master") == 0
    monkeypatch.undo()
    migration.upgrade(database)
    assert migration.revision(database) == migration.HEAD


def test_a_metadb_of_a_newer_version_is_refused(database):
    with database.writing() as tx:
        tx.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FerrymanError) as caught:
        migration.upgrade(database)
    assert caught.value.code == "metadb.newer"


def test_a_full_disk_has_its_own_code_and_loses_nothing(database):
    with database.writing() as tx:
        tx.execute("INSERT INTO note VALUES ('p', 'kept', x'31', 1, 0)")
    full = database.raw_connection()
    pages = full.execute("PRAGMA page_count").fetchone()[0]
    full.execute(f"PRAGMA max_page_count={pages}")
    database._idle[:] = [full]
    with pytest.raises(FerrymanError) as caught, database.writing() as tx:
        tx.execute("INSERT INTO note VALUES ('p', 'large', zeroblob(1000000), 1, 0)")
    assert caught.value.code == "disk.full"
    assert str(database.path.parent) in caught.value.message
    assert "bytes free" in caught.value.message
    with database.reading() as tx:
        assert [row["name"] for row in tx.rows("SELECT name FROM note")] == ["kept"]
    with database.writing() as tx:  # room again: a fresh connection has no limit
        tx.execute("INSERT INTO note VALUES ('p', 'large', zeroblob(1000000), 1, 0)")


def test_a_lock_that_stays_is_an_error_that_mends_itself(database):
    other = database.raw_connection()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(FerrymanError) as caught, database.writing():
        pass
    assert (caught.value.code, caught.value.retry.value) == ("metadb.busy", "auto")
    other.execute("ROLLBACK")
    with database.writing() as tx:
        tx.execute("DELETE FROM note")


def test_an_error_inside_rolls_back(database):
    def write_and_fail():
        with database.writing() as tx:
            tx.execute("INSERT INTO note VALUES ('p', 'n', x'31', 1, 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.reading() as tx:
        assert tx.value("SELECT count(*) FROM note") == 0


def test_a_broken_statement_is_a_metadb_error_not_a_driver_error(database):
    with pytest.raises(FerrymanError) as caught, database.reading() as tx:
        tx.rows("SELECT nonsense FROM nowhere")
    assert caught.value.code == "metadb.failed"
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_a_file_that_is_no_database_is_said_so(tmp_path):
    path = tmp_path / "ferryman.db"
    path.write_bytes(b"this is not a database, but it is long enough to be read as one" * 100)
    with pytest.raises(FerrymanError) as caught:
        migration.upgrade(Database(path))
    assert caught.value.code == "metadb.failed"
    assert str(path) in caught.value.message


def test_many_threads_write_without_losing_an_increment(tmp_path):
    database = Database(tmp_path / "ferryman.db")
    migration.upgrade(database)
    with database.writing() as tx:
        tx.execute("INSERT INTO note VALUES ('p', 'n', x'31', 0, 0)")

    def count():
        for _ in range(25):
            with database.writing(durable=False) as tx:
                size = tx.value("SELECT size FROM note")
                tx.execute("UPDATE note SET size = :size", size=size + 1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as tx:
        assert tx.value("SELECT size FROM note") == 8 * 25


@pytest.mark.parametrize("document", [None, 0, "x", "", {"a": ["ü", "😀", None]}, "x" * 10_000, ["\ud800"]])
def test_documents_come_back_as_they_were(document):
    assert unpack(pack(document)) == document


def test_large_documents_are_compressed():
    assert len(pack(["table"] * 10_000)) < 2_000
