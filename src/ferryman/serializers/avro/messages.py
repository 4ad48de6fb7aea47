"""The serializer: keys and envelopes in Confluent's wire format, a zero byte and the schema's number before each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.model.batch import Batch, ColumnData
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.project import PublishOptions, Subjects
from ferryman.model.schema import Column
from ferryman.serializers import identity
from ferryman.serializers.avro import schemas
from ferryman.serializers.avro.registry import Registry
from ferryman.serializers.avro.values import NULL, THERE, Encode, avro_of, encoded, long, text
from ferryman.spi.publishing import topic_of
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_OPERATIONS = {Operation.INSERT: b"c", Operation.UPDATE: b"u", Operation.DELETE: b"d"}


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of some columns.

    Attributes:
        head: What stands before each message of it.
        parts: Column, its encoder, whether it may be null.
    """

    head: bytes
    parts: tuple[tuple[Column, Encode, bool], ...]

    def rows(self, columns: Sequence[ColumnData]) -> list[bytes]:
        """Return each row's bytes, without the head."""
        pairs = zip(self.parts, columns, strict=True)
        texts = [encoded(column, encode, data, optional=optional) for (column, encode, optional), data in pairs]
        return [b"".join(row) for row in zip(*texts, strict=True)]


class AvroSerializer:
    """Debezium's envelope; schema statements and heartbeats have no messages."""

    def __init__(self, options: PublishOptions, registry: Registry) -> None:
        self._options = options
        self._registry = registry
        self._values: dict[tuple[TableName, tuple[Column, ...]], _Record] = {}
        self._keys: dict[tuple[TableName, tuple[Column, ...]], _Record] = {}

    def check(self) -> None:
        """Ask the registry."""
        self._registry.check()

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        value = self._value(event)
        before, after = (_image(value, batch, event.row_count) for batch in (event.before, event.after))
        source, tail = self._around(event)
        head = value.head
        return [
            b"".join((head, old, new, source, name, tail))
            for old, new, name in zip(before, after, _names(event), strict=True)
        ]

    def keys(self, event: RowEvent, places: Sequence[int]) -> list[bytes]:
        """Return each row's key: a record of the columns at these places."""
        image = event.after if event.after is not None else event.before
        assert image is not None
        columns = tuple(event.columns[place] for place in places)
        at = (event.name, columns)
        if at not in self._keys:
            self._keys[at] = self._record(event.name, "Key", columns, _never_null(event, columns))
        record = self._keys[at]
        return [record.head + row for row in record.rows([image.columns[place] for place in places])]

    def statement(self, event: StatementEvent) -> None:
        """Return nothing: the next message's schema tells what a statement changed."""

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing: the format has none."""

    def _value(self, event: RowEvent) -> _Record:
        at = (event.name, event.columns)
        if at not in self._values:
            required = {column.name for column in identity.key_columns(event)}
            self._values[at] = self._record(event.name, "Value", event.columns, required)
        return self._values[at]

    def _record(self, name: TableName, kind: str, columns: Sequence[Column], required: set[str]) -> _Record:
        as_text, space = self._options.times_as_text, schemas.space_of(name)
        schema = schemas.record(space, kind, columns, required, as_text=as_text)
        if kind == "Value":
            schema = schemas.envelope(space, schema)
        number = self._registry.number_of(self._subject(name, schema), schema)
        parts = ((c, avro_of(c.type, as_text=as_text)[1], c.name not in required) for c in columns)
        return _Record(b"\x00" + number.to_bytes(4, "big"), tuple(parts))

    def _subject(self, name: TableName, schema: dict[str, Any]) -> str:
        """Return the subject a schema belongs under, by the strategy chosen (Confluent's three)."""
        topic, full = topic_of(self._options, name), f"{schema['namespace']}.{schema['name']}"
        if self._options.subjects is Subjects.TOPIC:
            return f"{topic}-{'key' if schema['name'] == 'Key' else 'value'}"
        return full if self._options.subjects is Subjects.RECORD else f"{topic}-{full}"

    def _around(self, event: RowEvent) -> tuple[bytes, bytes]:
        """Return what stands before and behind the change's name in each message."""
        origin = event.origin
        loaded = origin.position is None
        place = None if origin.position is None else "@".join(map(str, reversed(origin.position.order)))
        names = (origin.database_type, "OMS")
        source = [text(b""), *(text(name.encode()) for name in names), long(int(origin.seconds * 1000))]
        source += [text(event.name.database.encode()), text(event.name.table.encode())]
        source.append(NULL if place is None else THERE + text(place.encode()))
        operation = b"r" if loaded else _OPERATIONS[event.operation]
        return b"".join(source), text(operation) + THERE + long(int(time.time() * 1000))


def _image(record: _Record, batch: Batch | None, count: int) -> list[bytes]:
    return [NULL] * count if batch is None else [THERE + row for row in record.rows(batch.columns)]


def _names(event: RowEvent) -> list[bytes]:
    """Return what names each change for good."""
    place = identity.place_text(event.origin)
    if place is None:
        return [NULL] * event.row_count
    return [THERE + text(b"%b:%d" % (place.encode(), n)) for n in event.ordinals or range(event.row_count)]


def _never_null(event: RowEvent, columns: Sequence[Column]) -> set[str]:
    """Return the columns of the row's own key; others that messages are spread by may be null."""
    known = {column.name for column in identity.key_columns(event)}
    return {column.name for column in columns if column.name in known}
