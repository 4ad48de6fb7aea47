import pytest

from ferryman.metadb import migration
from ferryman.metadb.store import MetaDb
from metadb_rows import *  # noqa: F403


@pytest.fixture
def metadb(tmp_path):
    metadb = MetaDb.open(tmp_path)
    migration.upgrade(metadb.database)
    yield metadb
    metadb.close()
