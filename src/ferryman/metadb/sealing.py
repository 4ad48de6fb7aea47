"""All that is sealed in the metadb, sealed again with a new key."""

from __future__ import annotations

from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Transaction
from ferryman.metadb.store import MetaDb

SEALED_TABLES = ("endpoint", "project", "alert_channel")
"""Tables with a column `sealed`, each with an `id`; a test holds this list to the tables there are."""


def rotate(metadb: MetaDb) -> int:
    """Seal everything with a new key and forget the old ones; returns how many texts.

    Nobody else may use the data directory. Killed at any instant, the key file opens all that is stored (I8): the new key
    is added before anything is sealed with it, and the old ones go when nothing is sealed with them.
    """
    metadb.box.begin_rotation()
    with metadb.writing() as tx:
        count = sum(_reseal(tx, metadb.box, table) for table in SEALED_TABLES)
    metadb.box.end_rotation()
    return count


def _reseal(tx: Transaction, box: SecretBox, table: str) -> int:
    rows = tx.rows(f"SELECT id, sealed FROM {table}")
    changed = [{"id": row["id"], "sealed": box.reseal(row["sealed"])} for row in rows]
    tx.many(f"UPDATE {table} SET sealed = :sealed WHERE id = :id", changed)
    return len(changed)
