"""DEBEZIUM, DEBEZIUMFLATTEN and DEBEZIUMSMT (oms-behaviour §8.7 to §8.9)."""

from __future__ import annotations

import json
import time

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.model.schema import Column
from ferryman.model.types import BYTES_KINDS, Kind
from ferryman.serializers.values import Family, Objects, constant
from ferryman.serializers.weaving import lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_OPERATIONS = {Operation.INSERT: b"c", Operation.UPDATE: b"u", Operation.DELETE: b"d"}
_TYPES = {
    Kind.FLOAT: "float64",
    Kind.DOUBLE: "float64",
    Kind.BIT: "bytes",
    Kind.DATE: "int32",
    Kind.YEAR: "int32",
    Kind.TIME: "int64",
    Kind.DATETIME: "int64",
}
_BITS = {8: "int16", 16: "int16", 24: "int32", 32: "int32", 64: "int64"}
_SOURCE = [(name, "string") for name in ("version", "connector", "name")]
_SOURCE += [("ts_ms", "int64"), ("db", "string"), ("table", "string"), ("server_id", "int64"), ("pos", "string")]


class DebeziumSerializer:
    """The envelope of Debezium: operation, source, images; an image that is not there is left away."""

    def __init__(self, *, wrapped: bool, with_schema: bool) -> None:
        """Write ``{"payload": …}`` when `wrapped`, with the schema beside it if wanted."""
        self._objects = Objects(Family.DEBEZIUM)
        self._wrapped, self._with_schema = wrapped, with_schema

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        images = [("before", event.before), ("after", event.after)]
        there = [(name, batch) for name, batch in images if batch is not None]
        members = b"".join(b'"%b":%%b,' % name.encode() for name, _ in there)
        payload = b'{"op":"%b",%b,%b"ts_ms":%d}' % (
            _OPERATIONS[event.operation],
            _source(event.origin, event.name.database, event.name.table),
            members,
            int(time.time() * 1000),
        )
        columns = [self._objects.woven(event.columns, batch) for _, batch in there]
        schema = _schema(event.columns).replace(b"%", b"%%") if self._with_schema and self._wrapped else b""
        return lines(self._enveloped(payload, schema), columns, event.row_count)

    def _enveloped(self, payload: bytes, schema: bytes) -> bytes:
        if not self._wrapped:
            return payload
        return b'{"schema":%b,"payload":%b}' % (schema, payload) if schema else b'{"payload":%b}' % payload

    def statement(self, event: StatementEvent) -> None:
        """Return nothing: the format has no schema statements."""

    def heartbeat(self, origin: Origin) -> bytes:
        """Return a heartbeat."""
        payload = b'{"op":"HEARTBEAT",%b,"ts_ms":%d}' % (_source(origin, None, None), int(time.time() * 1000))
        return self._enveloped(payload.replace(b"%%", b"%"), b"")


class SmtSerializer:
    """The row itself, with ``__deleted`` beside its columns."""

    def __init__(self) -> None:
        self._objects = Objects(Family.DEBEZIUM)

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row; a deleted row as it was."""
        image = event.after if event.after is not None else event.before
        gone = b"true" if event.operation is Operation.DELETE else b"false"
        return self._objects.objects(event.columns, image, event.row_count, extra=b'"__deleted":"%b"' % gone)

    def statement(self, event: StatementEvent) -> None:
        """Return nothing: the format has no schema statements."""

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing: the format has none."""


def _source(origin: Origin, database: str | None, table: str | None) -> bytes:
    place = None if origin.position is None else "@".join(map(str, reversed(origin.position.order)))
    return b'"source":{"version":"","connector":%b,"name":"OMS","ts_ms":%d,"db":%b,"table":%b,"pos":%b}' % (
        constant(origin.database_type),
        int(origin.seconds * 1000),
        constant(database),
        constant(table),
        constant(place),
    )


def field_type(column: Column) -> str:
    """Return the type that a schema declares: that of the value as it is written."""
    kind = column.type
    if kind.kind is Kind.INTEGER:
        return "string" if kind.unsigned and kind.bits == 64 else _BITS.get(kind.bits, "int64")
    return "bytes" if kind.kind in BYTES_KINDS else _TYPES.get(kind.kind, "string")


def _schema(columns: tuple[Column, ...]) -> bytes:
    fields = [{"field": c.name, "type": field_type(c), "optional": c.nullable} for c in columns]
    images = [{"field": name, "type": "struct", "optional": True, "fields": fields} for name in ("before", "after")]
    source = {"field": "source", "type": "struct", "fields": [{"field": name, "type": kind} for name, kind in _SOURCE]}
    rest = [{"field": "op", "type": "string"}, {"field": "ts_ms", "type": "int64"}]
    schema = {"type": "struct", "optional": False, "fields": [*images, source, *rest]}
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=False).encode()


def make(options: PublishOptions) -> DebeziumSerializer | SmtSerializer:
    """Make the serializer of one of the three formats."""
    if options.format == "DEBEZIUMSMT":
        return SmtSerializer()
    return DebeziumSerializer(wrapped=options.format == "DEBEZIUM", with_schema=options.with_schema)
