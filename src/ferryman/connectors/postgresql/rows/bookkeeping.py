"""The `_ferryman` schema in PostgreSQL's words (`ferryman.connectors.sql_family`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.errors import MISSING
from ferryman.connectors.sql_family.words import Words
from ferryman.foundation.errors import FerrymanError

_LOCK = int.from_bytes(b"ferrym", "big")

_TABLES: dict[str, str] = {
    "lease": """
        task text NOT NULL, lane integer NOT NULL, epoch bigint NOT NULL, raised_at timestamptz NOT NULL,
        PRIMARY KEY (task, lane)""",
    "checkpoint": """
        project text NOT NULL, version integer NOT NULL, kind text NOT NULL, place text COLLATE "C" NOT NULL,
        schema_digest text NOT NULL, document text NOT NULL, saved_at timestamptz NOT NULL,
        PRIMARY KEY (project)""",
    "schema_text": """
        project text NOT NULL, digest text NOT NULL, document bytea NOT NULL,
        PRIMARY KEY (project, digest)""",
    "chunk": """
        project text NOT NULL, digest text NOT NULL, document text NOT NULL, row_count bigint NOT NULL,
        PRIMARY KEY (project, digest)""",
    "dead_letter": """
        project text NOT NULL, number bigint NOT NULL, state text NOT NULL, place text NOT NULL,
        source_table text NOT NULL, target_table text NOT NULL, operation text NOT NULL,
        reason text NOT NULL, message text NOT NULL, document text NOT NULL, decision text NOT NULL,
        written_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
        PRIMARY KEY (project, number)""",
}


def make_tables(connection: Connection) -> None:
    """Make what is missing; touches nothing when all is there, so that no right to create is needed then."""
    rows = connection.query("SELECT tablename FROM pg_tables WHERE schemaname = '_ferryman'")
    there = {str(row[0]) for row in rows}
    missing = [name for name in _TABLES if name not in there]
    if not missing:
        return
    # Two that begin at once would meet in the catalog: one waits for the other.
    made = "; ".join(f"CREATE TABLE IF NOT EXISTS {WORDS.table(name)} ({_TABLES[name]})" for name in missing)
    connection.run(
        f"SELECT pg_advisory_xact_lock({_LOCK}); CREATE SCHEMA IF NOT EXISTS _ferryman; {made}", table="_ferryman"
    )


def _upsert(key: Sequence[str], columns: Mapping[str, str | None]) -> str:
    changes = ", ".join(f"{name} = {value or f'excluded.{name}'}" for name, value in columns.items())
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


def _is_missing(error: FerrymanError) -> bool:
    return error.context.get("sqlstate") in MISSING


WORDS = Words(
    schema="_ferryman",
    now="clock_timestamp()",
    greater_epoch="greatest(lease.epoch, excluded.epoch)",
    upsert=_upsert,
    is_missing=_is_missing,
)
