"""The checkpoint of a synchronization: a mark beside the messages, its schema a note that is written before it.

The schema at the position (I9) may be large, and changes seldom: the mark names it by its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.publish.marks import Marks
from ferryman.spi.sink import SinkWriter
from ferryman.spi.task import TaskContext

_MARK = "checkpoint"
_FIRST = "schema.source"


class Checkpoints:
    """Reads and commits the checkpoint of one task."""

    def __init__(self, context: TaskContext, marks: Marks, writer: SinkWriter) -> None:
        self._context = context
        self._marks = marks
        self.writer = writer
        self._schema: Schema | None = None
        self._name = _FIRST

    @property
    def begun(self) -> list[tuple[str, int]]:
        """Topics and partitions in which the transaction behind the checkpoint has begun already."""
        mark = self._marks.all().get(_MARK) or {}
        return [(str(topic), int(partition)) for topic, partition in mark.get("begun") or ()]

    def read(self) -> tuple[Checkpoint, Position | None]:
        """Return the checkpoint, and up to where the transaction behind it is published already."""
        mark = self._marks.all().get(_MARK)
        if mark is None:
            position = from_json(Position, self._needed("schema.start"))
            self._schema = from_json(Schema, self._needed(_FIRST))
            return Checkpoint(position=position, schema=self._schema), None
        self._name = mark["schema"]
        self._schema = from_json(Schema, self._needed(self._name))
        checkpoint = Checkpoint(
            position=from_json(Position, mark["position"]), schema=self._schema, skipped=tuple(mark["skipped"])
        )
        applied = mark.get("applied")
        return checkpoint, from_json(Position, applied) if applied else None

    def commit(
        self, checkpoint: Checkpoint, applied: Position | None = None, begun: Iterable[tuple[str, int]] = ()
    ) -> None:
        """Make what was published durable, the checkpoint behind it (I1, I2)."""
        mark: dict[str, Any] = {
            "position": to_json(checkpoint.position),
            "applied": to_json(applied) if applied is not None else None,
            "schema": self._noted(checkpoint.schema),
            "skipped": list(checkpoint.skipped),
            "begun": sorted(map(list, begun)) if applied is not None else [],
        }
        self._marks.commit(self.writer, {_MARK: mark})

    def _noted(self, schema: Schema) -> str:
        """Return the note that holds the schema, written first where it is new."""
        if schema is not self._schema:
            document = to_json(schema)
            digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
            self._name = f"publish.schema/{digest[:32]}"
            self._context.set_note(self._name, document)
            self._schema = schema
        return self._name

    def _needed(self, name: str) -> Any:
        document = self._context.note(name)
        if document is None:
            raise FerrymanError("internal.error", f"publishing was started before the note {name} was written")
        return document
