"""The `_ferryman` schema in words of the MySQL family (`ferryman.connectors.sql_family`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.sql_family.words import Words
from ferryman.foundation.errors import FerrymanError

_FORM = "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_MISSING = frozenset({1049, 1146})
"""Error numbers of a database or table that is not there."""

_TABLES: dict[str, str] = {
    "lease": """
        task VARCHAR(191) NOT NULL, lane INT NOT NULL, epoch BIGINT NOT NULL, raised_at DATETIME(6) NOT NULL,
        PRIMARY KEY (task, lane)""",
    "checkpoint": """
        project VARCHAR(191) NOT NULL, version INT NOT NULL, kind VARCHAR(16) NOT NULL, place VARCHAR(191) NOT NULL,
        schema_digest CHAR(64) NOT NULL, document LONGTEXT NOT NULL, saved_at DATETIME(6) NOT NULL,
        PRIMARY KEY (project)""",
    "schema_text": """
        project VARCHAR(191) NOT NULL, digest CHAR(64) NOT NULL, document LONGBLOB NOT NULL,
        PRIMARY KEY (project, digest)""",
    "chunk": """
        project VARCHAR(191) NOT NULL, digest CHAR(64) NOT NULL, document LONGTEXT NOT NULL, row_count BIGINT NOT NULL,
        PRIMARY KEY (project, digest)""",
    "dead_letter": """
        project VARCHAR(191) NOT NULL, number BIGINT NOT NULL, state VARCHAR(16) NOT NULL, place VARCHAR(255) NOT NULL,
        source_table VARCHAR(191) NOT NULL, target_table VARCHAR(191) NOT NULL, operation VARCHAR(16) NOT NULL,
        reason VARCHAR(64) NOT NULL, message TEXT NOT NULL, document LONGTEXT NOT NULL, decision VARCHAR(64) NOT NULL,
        written_at DATETIME(6) NOT NULL, changed_at DATETIME(6) NOT NULL,
        PRIMARY KEY (project, number)""",
}


def make_tables(connection: Connection) -> None:
    """Make what is missing; touches nothing when all is there, so that no right to create is needed then."""
    rows = connection.query("SELECT table_name FROM information_schema.tables WHERE table_schema='_ferryman'")
    there = {str(row[0]).lower() for row in rows}
    missing = [name for name in _TABLES if name not in there]
    if not missing:
        return
    connection.execute(f"CREATE DATABASE IF NOT EXISTS `_ferryman` {_FORM}")
    for name in missing:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {WORDS.table(name)} ({_TABLES[name]}) ENGINE=InnoDB {_FORM}")


def _upsert(key: Sequence[str], columns: Mapping[str, str | None]) -> str:
    del key  # whichever unique key is taken
    return " ON DUPLICATE KEY UPDATE " + ", ".join(
        f"{name}={value or f'VALUES({name})'}" for name, value in columns.items()
    )


def _is_missing(error: FerrymanError) -> bool:
    return error.context.get("errno") in _MISSING


WORDS = Words(
    schema="`_ferryman`",
    now="UTC_TIMESTAMP(6)",
    greater_epoch="GREATEST(epoch, VALUES(epoch))",
    upsert=_upsert,
    is_missing=_is_missing,
)
