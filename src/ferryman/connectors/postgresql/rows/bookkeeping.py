"""The `_ferryman` schema in the target: leases, checkpoints and finished chunks (I2, I3, I7, I8)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import zstandard

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.errors import MISSING
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.batch import Row
from ferryman.model.checkpoint import VERSION, Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json, to_json
from ferryman.spi.source import Chunk

TABLES: dict[str, str] = {
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
"""Columns by table. `place` sorts as positions do; `schema_text` keeps a schema once, however many checkpoints name it;
its document is JSON, compressed with zstandard."""


def make_tables(connection: Connection) -> None:
    """Make what is missing; touches nothing when all is there, so that no right to create is needed then."""
    rows = connection.query("SELECT tablename FROM pg_tables WHERE schemaname = '_ferryman'")
    there = {str(row[0]) for row in rows}
    missing = [name for name in TABLES if name not in there]
    if not missing:
        return
    # Two that begin at once would meet in the catalog: one waits for the other.
    made = "; ".join(f"CREATE TABLE IF NOT EXISTS _ferryman.{name} ({TABLES[name]})" for name in missing)
    connection.run(
        f"SELECT pg_advisory_xact_lock({_LOCK}); CREATE SCHEMA IF NOT EXISTS _ferryman; {made}", table="_ferryman"
    )


_LOCK = int.from_bytes(b"ferrym", "big")


def raise_epoch(connection: Connection, task: str, epoch: int, lanes: int) -> None:
    """Become the holder of a task's lanes; waits for the open transactions of the holder before (I7).

    Raises:
        LeaseLostError: A higher epoch stands there.
        FerrymanError: ``target.deadlock``: the holder before did not end its transaction within the server's lock wait.
    """
    connection.run("BEGIN")
    try:
        rows = connection.query("SELECT lane FROM _ferryman.lease WHERE task = %s ORDER BY lane FOR UPDATE", [task])
        every = sorted({*range(lanes), *(int(row[0]) for row in rows)})
        # Two new holders may meet on rows that are not there yet: the higher epoch stays, whoever writes last.
        connection.execute(
            "INSERT INTO _ferryman.lease AS held (task, lane, epoch, raised_at)"
            " SELECT %s, lane, %s, clock_timestamp() FROM unnest(%s::integer[]) AS lane ON CONFLICT (task, lane)"
            " DO UPDATE SET epoch = greatest(held.epoch, excluded.epoch), raised_at = excluded.raised_at",
            [task, epoch, every],
        )
        rows = connection.query("SELECT max(epoch) FROM _ferryman.lease WHERE task = %s", [task])
        if (highest := int(rows[0][0])) != epoch:
            raise LeaseLostError("lease.lost", f"{task}: our epoch is {epoch}, another holder has {highest}")
        connection.run("COMMIT")
    except FerrymanError:
        connection.abort()
        raise


class CheckpointWriter:
    """Saves checkpoints over one connection; remembers which schema is stored, so that only changes cost."""

    def __init__(self, connection: Connection) -> None:
        """Make a writer for transactions of that connection."""
        self._connection = connection
        self._schema: Schema | None = None
        self._digest = ""
        self._compressed = b""
        self._stored: dict[str, str] = {}
        self._pending: dict[str, str] = {}

    def save(self, project: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint within the open transaction; ``checkpoint.moved_back`` when it would move back (I2)."""
        self._store_schema(project, checkpoint.schema)
        position = checkpoint.position
        document = {"position": position, "intent": checkpoint.intent, "skipped": checkpoint.skipped}
        text = json.dumps(to_json(document), ensure_ascii=True, separators=(",", ":"))
        place = sortable(position)
        moved = self._connection.execute(
            "UPDATE _ferryman.checkpoint SET version = %s, place = %s, schema_digest = %s, document = %s,"
            " saved_at = clock_timestamp() WHERE project = %s AND kind = %s AND place <= %s",
            (VERSION, place, self._digest, text, project, position.kind, place),
        )
        if not moved:
            self._save_first(project, position, place, text)

    def committed(self) -> None:
        """Note that the transaction is committed."""
        self._stored |= self._pending
        self._pending = {}

    def rolled_back(self) -> None:
        """Note that the transaction is undone."""
        self._pending = {}

    def _save_first(self, project: str, position: Position, place: str, text: str) -> None:
        rows = self._connection.query("SELECT kind, place FROM _ferryman.checkpoint WHERE project = %s", [project])
        if rows:
            raise FerrymanError(
                "checkpoint.moved_back",
                f"project {project}: the checkpoint stands at {rows[0][0]} {rows[0][1]},"
                f" it cannot move to {position.kind} {place}",
            )
        self._connection.execute(
            "INSERT INTO _ferryman.checkpoint (project, version, kind, place, schema_digest, document, saved_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())",
            (project, VERSION, position.kind, place, self._digest, text),
        )

    def _store_schema(self, project: str, schema: Schema) -> None:
        if schema is not self._schema:
            text = json.dumps(to_json(schema), ensure_ascii=False, separators=(",", ":")).encode()
            self._digest = hashlib.sha256(text).hexdigest()
            self._compressed = zstandard.compress(text)
            self._schema = schema
        if (self._stored | self._pending).get(project) == self._digest:
            return
        # The one the checkpoint names now is kept beside the new one; older ones go.
        self._connection.execute(
            "DELETE FROM _ferryman.schema_text WHERE project = %s AND digest <> %s AND digest NOT IN"
            " (SELECT schema_digest FROM _ferryman.checkpoint WHERE project = %s)",
            (project, self._digest, project),
        )
        self._connection.execute(
            "INSERT INTO _ferryman.schema_text (project, digest, document) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (project, self._digest, self._compressed),
        )
        self._pending[project] = self._digest


def sortable(position: Position) -> str:
    """Return a position's order as text that sorts the same way."""
    return ".".join(f"{number:020d}" for number in position.order)


def load_checkpoint(connection: Connection, project: str) -> Checkpoint | None:
    """Read the project's checkpoint; `None` when there is none (or no `_ferryman` at all).

    Raises:
        FerrymanError: ``checkpoint.unreadable`` for another version, or when its schema is gone.
    """
    rows = _query_or_nothing(
        connection,
        "SELECT c.version, c.document, s.document FROM _ferryman.checkpoint c LEFT JOIN _ferryman.schema_text s"
        " ON s.project = c.project AND s.digest = c.schema_digest WHERE c.project = %s",
        project,
    )
    if not rows:
        return None
    version, document, schema = rows[0]
    if int(version) != VERSION or schema is None:
        raise FerrymanError(
            "checkpoint.unreadable",
            f"the checkpoint of project {project} has version {version}"
            if schema
            else f"{project}: its schema is gone",
        )
    return _checkpoint(json.loads(document), bytes(schema))


def _checkpoint(document: dict[str, Any], schema: bytes) -> Checkpoint:
    return Checkpoint(
        position=from_json(Position, document["position"]),
        schema=from_json(Schema, json.loads(zstandard.decompress(schema))),
        intent=from_json(Intent, document["intent"]) if document["intent"] is not None else None,
        skipped=tuple(document["skipped"]),
    )


def mark_chunk(connection: Connection, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
    """Record a finished chunk within the open transaction; recording it again changes nothing."""
    document = {
        "version": VERSION,
        "table": [table.database, table.table],
        "start": _bound_text(chunk.start),
        "end": _bound_text(chunk.end),
    }
    text = json.dumps(document, separators=(",", ":"))
    connection.execute(
        "INSERT INTO _ferryman.chunk (project, digest, document, row_count) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (project, digest) DO UPDATE SET row_count = excluded.row_count",
        (project, hashlib.sha256(text.encode()).hexdigest(), text, rows),
    )


def finished_chunks(connection: Connection, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
    """Read the finished chunks of each source table, each with its row count."""
    rows = _query_or_nothing(connection, "SELECT document, row_count FROM _ferryman.chunk WHERE project = %s", project)
    found: dict[TableName, list[tuple[Chunk, int]]] = {}
    for text, count in rows:
        document = json.loads(text)
        chunk = Chunk(_bound(document["start"]), _bound(document["end"]))
        found.setdefault(TableName(*document["table"]), []).append((chunk, int(count)))
    return found


def forget(connection: Connection, project: str) -> None:
    """Remove every trace of a project."""
    connection.run("BEGIN")
    try:
        for table in ("checkpoint", "schema_text", "chunk", "dead_letter"):
            connection.execute(f"DELETE FROM _ferryman.{table} WHERE project = %s", [project])
        connection.execute("DELETE FROM _ferryman.lease WHERE starts_with(task, %s)", [f"{project}/"])
        connection.run("COMMIT")
    except FerrymanError as error:
        connection.abort()
        if error.context.get("sqlstate") not in MISSING:
            raise


def _query_or_nothing(connection: Connection, sql: str, project: str) -> list[tuple[Any, ...]]:
    try:
        return connection.query(sql, [project])
    except FerrymanError as error:
        if error.context.get("sqlstate") in MISSING:
            return []
        raise


def _bound_text(bound: Row | None) -> list[str | None] | None:
    if bound is None:
        return None
    return [None if value is None else base64.b64encode(value).decode() for value in bound]


def _bound(texts: list[str | None] | None) -> Row | None:
    if texts is None:
        return None
    return tuple(None if text is None else base64.b64decode(text) for text in texts)
