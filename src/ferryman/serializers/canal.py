"""CANAL (oms-behaviour §8.3)."""

from __future__ import annotations

import time

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers import identity
from ferryman.serializers.type_names import jdbc_type, light_type
from ferryman.serializers.values import Family, Objects, constant, quote
from ferryman.serializers.weaving import Piece, lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent


class CanalSerializer:
    """One row a message; an update tells the old values of the columns that have changed."""

    def __init__(self) -> None:
        self._objects = Objects(Family.PLAIN)

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        count = event.row_count
        image = event.after if event.after is not None else event.before
        data = self._objects.woven(event.columns, image)
        names = [column.name for column in identity.key_columns(event)]
        types = b",".join(quote(c.name) + b":%d" % jdbc_type(c.type) for c in event.columns).replace(b"%", b"%%")
        words = b",".join(quote(c.name) + b":" + quote(light_type(c.type).lower()) for c in event.columns)
        template = b'{%b,"data":[%%b],"old":%%b,"pkNames":%b,"sqlType":{%b},"mysqlType":{%b}}' % (
            _head(event, event.operation.name, "", b"false"),
            identity.joined(names).replace(b"%", b"%%") if names else b"null",
            types,
            words.replace(b"%", b"%%"),
        )
        return lines(template, [data, self._old(event)], count)

    def _old(self, event: RowEvent) -> Piece:
        if event.operation is not Operation.UPDATE:
            return b"null"
        return [b"[%b]" % old for old, _ in self._objects.changed(event.columns, event.before, event.after)]

    def statement(self, event: StatementEvent) -> bytes:
        """Return a DDL message."""
        head = _head(event, event.verb.partition("_")[0], event.sql, b"true").replace(b"%%", b"%")
        return b'{%b,"data":null,"old":null,"pkNames":null,"sqlType":null,"mysqlType":null}' % head

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing: the format has none."""


def _head(event: RowEvent | StatementEvent, kind: str, sql: str, is_ddl: bytes) -> bytes:
    names = (constant(event.name.database), constant(event.name.table), constant(kind))
    moments = (int(event.origin.seconds * 1000), int(time.time() * 1000))
    return b'"database":%b,"table":%b,"type":%b,"isDdl":%b,"es":%d,"ts":%d,"sql":%b' % (
        *names,
        is_ddl,
        *moments,
        constant(sql),
    )


def make(options: PublishOptions) -> CanalSerializer:
    """Make the serializer; it has no options."""
    return CanalSerializer()
