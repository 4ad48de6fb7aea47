"""The `_ferryman` schema in the target: leases, checkpoints and finished chunks (I2, I3, I7, I8)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import zstandard

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.batch import Row
from ferryman.model.checkpoint import VERSION, Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json, to_json
from ferryman.spi.source import Chunk

_FORM = "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
TABLES: dict[str, str] = {
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
"""Columns by table. `place` sorts as positions do; `schema_text` keeps a schema once, however many checkpoints name it;
its document is JSON, compressed with zstandard."""

MISSING = frozenset({1049, 1146})
"""Error numbers of a database or table that is not there."""


def make_tables(connection: Connection) -> None:
    """Make what is missing; touches nothing when all is there, so that no right to create is needed then."""
    rows = connection.query("SELECT table_name FROM information_schema.tables WHERE table_schema='_ferryman'")
    there = {str(row[0]).lower() for row in rows}
    missing = [name for name in TABLES if name not in there]
    if not missing:
        return
    connection.execute(f"CREATE DATABASE IF NOT EXISTS `_ferryman` {_FORM}")
    for name in missing:
        connection.execute(f"CREATE TABLE IF NOT EXISTS `_ferryman`.`{name}` ({TABLES[name]}) ENGINE=InnoDB {_FORM}")


def raise_epoch(connection: Connection, task: str, epoch: int, lanes: int) -> None:
    """Become the holder of a task's lanes; waits for the open transactions of the holder before (I7).

    Raises:
        LeaseLostError: A higher epoch stands there.
        FerrymanError: ``target.deadlock``: the holder before did not end its transaction within the server's lock wait.
    """
    connection.execute("START TRANSACTION")
    try:
        rows = connection.query("SELECT lane FROM `_ferryman`.lease WHERE task=%s FOR UPDATE", (task,))
        every = sorted({*range(lanes), *(int(row[0]) for row in rows)})
        # Two new holders may meet on rows that are not there yet: the higher epoch stays, whoever writes last.
        connection.execute(
            "INSERT INTO `_ferryman`.lease (task, lane, epoch, raised_at) VALUES "
            + ",".join(["(%s,%s,%s,UTC_TIMESTAMP(6))"] * len(every))
            + " ON DUPLICATE KEY UPDATE epoch=GREATEST(epoch, VALUES(epoch)), raised_at=VALUES(raised_at)",
            [part for lane in every for part in (task, lane, epoch)],
        )
        rows = connection.query("SELECT MAX(epoch) FROM `_ferryman`.lease WHERE task=%s", (task,))
        if (highest := int(rows[0][0])) != epoch:
            raise LeaseLostError("lease.lost", f"{task}: our epoch is {epoch}, another holder has {highest}")
        connection.execute("COMMIT")
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
        text = json.dumps(to_json(document), ensure_ascii=False, separators=(",", ":"))
        place = sortable(position)
        moved = self._connection.execute(
            "UPDATE `_ferryman`.checkpoint SET version=%s, place=%s, schema_digest=%s, document=%s,"
            " saved_at=UTC_TIMESTAMP(6) WHERE project=%s AND kind=%s AND place<=%s",
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
        rows = self._connection.query("SELECT kind, place FROM `_ferryman`.checkpoint WHERE project=%s", (project,))
        if rows:
            raise FerrymanError(
                "checkpoint.moved_back",
                f"project {project}: the checkpoint stands at {rows[0][0]} {rows[0][1]},"
                f" it cannot move to {position.kind} {place}",
            )
        self._connection.execute(
            "INSERT INTO `_ferryman`.checkpoint (project, version, kind, place, schema_digest, document, saved_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
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
            "DELETE FROM `_ferryman`.schema_text WHERE project=%s AND digest<>%s AND digest NOT IN"
            " (SELECT schema_digest FROM `_ferryman`.checkpoint WHERE project=%s)",
            (project, self._digest, project),
        )
        self._connection.execute(
            "INSERT INTO `_ferryman`.schema_text (project, digest, document) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE document=VALUES(document)",
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
        "SELECT c.version, c.document, s.document FROM `_ferryman`.checkpoint c LEFT JOIN `_ferryman`.schema_text s"
        " ON s.project=c.project AND s.digest=c.schema_digest WHERE c.project=%s",
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
    return _checkpoint(json.loads(str(document)), schema)


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
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    connection.execute(
        "INSERT INTO `_ferryman`.chunk (project, digest, document, row_count) VALUES (%s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE row_count=VALUES(row_count)",
        (project, hashlib.sha256(text.encode()).hexdigest(), text, rows),
    )


def finished_chunks(connection: Connection, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
    """Read the finished chunks of each source table, each with its row count."""
    rows = _query_or_nothing(
        connection, "SELECT document, row_count FROM `_ferryman`.chunk WHERE project=%s", (project,)
    )
    found: dict[TableName, list[tuple[Chunk, int]]] = {}
    for text, count in rows:
        document = json.loads(str(text))
        chunk = Chunk(_bound(document["start"]), _bound(document["end"]))
        found.setdefault(TableName(*document["table"]), []).append((chunk, int(count)))
    return found


def forget(connection: Connection, project: str) -> None:
    """Remove every trace of a project."""
    connection.execute("START TRANSACTION")
    try:
        for table in ("checkpoint", "schema_text", "chunk", "dead_letter"):
            connection.execute(f"DELETE FROM `_ferryman`.`{table}` WHERE project=%s", (project,))
        connection.execute("DELETE FROM `_ferryman`.lease WHERE LEFT(task, %s)=%s", (len(project) + 1, f"{project}/"))
        connection.execute("COMMIT")
    except FerrymanError as error:
        connection.abort()
        if error.context.get("errno") not in MISSING:
            raise


def _query_or_nothing(connection: Connection, sql: str, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    try:
        return connection.query(sql, args)
    except FerrymanError as error:
        if error.context.get("errno") in MISSING:
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
