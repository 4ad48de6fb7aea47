"""The `_ferryman` schema in the target: leases, checkpoints and finished chunks (I2, I3, I7, I8)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import zstandard

from ferryman.connectors.sql_family.words import Connection, Words
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.batch import Row
from ferryman.model.checkpoint import VERSION, Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json, to_json
from ferryman.spi.source import Chunk

PROJECT_TABLES = ("checkpoint", "schema_text", "chunk", "dead_letter")
"""The tables whose rows belong to a project; a lease belongs to one of its tasks."""


def raise_epoch(connection: Connection, words: Words, task: str, epoch: int, lanes: int) -> None:
    """Become the holder of a task's lanes; waits for the open transactions of the holder before (I7).

    Raises:
        LeaseLostError: A higher epoch stands there.
        FerrymanError: ``target.deadlock``: the holder before did not end its transaction within the server's lock wait.
    """
    connection.execute("START TRANSACTION")
    try:
        _raise_lanes(connection, words, task, epoch, lanes)
        rows = connection.query(f"SELECT MAX(epoch) FROM {words.table('lease')} WHERE task=%s", (task,))
        if (highest := int(rows[0][0])) != epoch:
            raise LeaseLostError("lease.lost", f"{task}: our epoch is {epoch}, another holder has {highest}")
        connection.execute("COMMIT")
    except FerrymanError:
        connection.abort()
        raise


def _raise_lanes(connection: Connection, words: Words, task: str, epoch: int, lanes: int) -> None:
    lease = words.table("lease")
    rows = connection.query(f"SELECT lane FROM {lease} WHERE task=%s ORDER BY lane FOR UPDATE", (task,))
    every = sorted({*range(lanes), *(int(row[0]) for row in rows)})
    # Two new holders may meet on rows that are not there yet: the higher epoch stays, whoever writes last.
    update = words.upsert(("task", "lane"), {"epoch": words.greater_epoch, "raised_at": None})
    connection.execute(
        f"INSERT INTO {lease} (task, lane, epoch, raised_at) VALUES "
        + ",".join([f"(%s,%s,%s,{words.now})"] * len(every))
        + update,
        [part for lane in every for part in (task, lane, epoch)],
    )


class CheckpointWriter:
    """Saves checkpoints over one connection; remembers which schema is stored, so that only changes cost."""

    def __init__(self, connection: Connection, words: Words) -> None:
        """Make a writer for transactions of that connection."""
        self._connection = connection
        self._words = words
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
        text = json.dumps(to_json(document), separators=(",", ":"))
        place = sortable(position)
        moved = self._connection.execute(
            f"UPDATE {self._words.table('checkpoint')} SET version=%s, place=%s, schema_digest=%s, document=%s,"
            f" saved_at={self._words.now} WHERE project=%s AND kind=%s AND place<=%s",
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
        table = self._words.table("checkpoint")
        rows = self._connection.query(f"SELECT kind, place FROM {table} WHERE project=%s", (project,))
        if rows:
            raise FerrymanError(
                "checkpoint.moved_back",
                f"project {project}: the checkpoint stands at {rows[0][0]} {rows[0][1]},"
                f" it cannot move to {position.kind} {place}",
            )
        self._connection.execute(
            f"INSERT INTO {table} (project, version, kind, place, schema_digest, document, saved_at)"
            f" VALUES (%s, %s, %s, %s, %s, %s, {self._words.now})",
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
        table = self._words.table("schema_text")
        # The one the checkpoint names now is kept beside the new one; older ones go.
        self._connection.execute(
            f"DELETE FROM {table} WHERE project=%s AND digest<>%s AND digest NOT IN"
            f" (SELECT schema_digest FROM {self._words.table('checkpoint')} WHERE project=%s)",
            (project, self._digest, project),
        )
        self._connection.execute(
            f"INSERT INTO {table} (project, digest, document) VALUES (%s, %s, %s)"
            + self._words.upsert(("project", "digest"), {"document": None}),
            (project, self._digest, self._compressed),
        )
        self._pending[project] = self._digest


def sortable(position: Position) -> str:
    """Return a position's order as text that sorts the same way."""
    return ".".join(f"{number:020d}" for number in position.order)


def load_checkpoint(connection: Connection, words: Words, project: str) -> Checkpoint | None:
    """Read the project's checkpoint; `None` when there is none (or no `_ferryman` at all).

    Raises:
        FerrymanError: ``checkpoint.unreadable`` for another version, or when its schema is gone.
    """
    rows = words.query_or_nothing(
        connection,
        f"SELECT c.version, c.document, s.document FROM {words.table('checkpoint')} c"
        f" LEFT JOIN {words.table('schema_text')} s ON s.project=c.project AND s.digest=c.schema_digest WHERE c.project=%s",
        (project,),
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
    return _checkpoint(json.loads(str(document)), bytes(schema))


def _checkpoint(document: dict[str, Any], schema: bytes) -> Checkpoint:
    return Checkpoint(
        position=from_json(Position, document["position"]),
        schema=from_json(Schema, json.loads(zstandard.decompress(schema))),
        intent=from_json(Intent, document["intent"]) if document["intent"] is not None else None,
        skipped=tuple(document["skipped"]),
    )


def mark_chunk(connection: Connection, words: Words, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
    """Record a finished chunk within the open transaction; recording it again changes nothing."""
    document = {
        "version": VERSION,
        "table": [table.database, table.table],
        "start": _bound_text(chunk.start),
        "end": _bound_text(chunk.end),
    }
    text = json.dumps(document, separators=(",", ":"))
    connection.execute(
        f"INSERT INTO {words.table('chunk')} (project, digest, document, row_count) VALUES (%s, %s, %s, %s)"
        + words.upsert(("project", "digest"), {"row_count": None}),
        (project, hashlib.sha256(text.encode()).hexdigest(), text, rows),
    )


def finished_chunks(connection: Connection, words: Words, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
    """Read the finished chunks of each source table, each with its row count."""
    sql = f"SELECT document, row_count FROM {words.table('chunk')} WHERE project=%s"
    found: dict[TableName, list[tuple[Chunk, int]]] = {}
    for text, count in words.query_or_nothing(connection, sql, (project,)):
        document = json.loads(str(text))
        chunk = Chunk(_bound(document["start"]), _bound(document["end"]))
        found.setdefault(TableName(*document["table"]), []).append((chunk, int(count)))
    return found


def forget(connection: Connection, words: Words, project: str) -> None:
    """Remove every trace of a project."""
    task = f"{project}/"
    connection.execute("START TRANSACTION")
    try:
        for table in PROJECT_TABLES:
            connection.execute(f"DELETE FROM {words.table(table)} WHERE project=%s", (project,))
        connection.execute(f"DELETE FROM {words.table('lease')} WHERE LEFT(task, %s)=%s", (len(task), task))
        connection.execute("COMMIT")
    except FerrymanError as error:
        connection.abort()
        if not words.is_missing(error):
            raise


def _bound_text(bound: Row | None) -> list[str | None] | None:
    if bound is None:
        return None
    return [None if value is None else base64.b64encode(value).decode() for value in bound]


def _bound(texts: list[str | None] | None) -> Row | None:
    if texts is None:
        return None
    return tuple(None if text is None else base64.b64decode(text) for text in texts)
