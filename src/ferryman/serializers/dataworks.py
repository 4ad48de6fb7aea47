"""DATAWORKS_V2 (oms-behaviour §8.4)."""

from __future__ import annotations

import time

from ferryman.model.project import PublishOptions
from ferryman.model.schema import Table
from ferryman.serializers import identity
from ferryman.serializers.type_names import light_type
from ferryman.serializers.values import Family, Objects, quote
from ferryman.serializers.weaving import Piece, lines, woven
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_VERBS = {"DROP": "ERASE", "CREATE_INDEX": "CINDEX", "DROP_INDEX": "DINDEX"}


class DataworksSerializer:
    """Schema, payload and extension."""

    def __init__(self, business: str) -> None:
        self._objects = Objects(Family.PLAIN)
        self._extend = b'"extend":{%b}' % (b'"load_fm":' + quote(business) if business else b"")

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        before = _wrapped(self._objects.woven(event.columns, event.before))
        after = _wrapped(self._objects.woven(event.columns, event.after))
        columns = b",".join(
            b'{"name":%b,"type":"%b"}' % (quote(c.name), light_type(c.type).encode()) for c in event.columns
        )
        keys = identity.joined([column.name for column in identity.key_columns(event)])
        schema = _schema(event, b"[%b]" % columns, keys).replace(b"%", b"%%")
        template = (
            b'{"version":"2.0",%b,"payload":{"before":%%b,"after":%%b,"op":"%b",%b,"ddl":null,"scn":"%%b"},%b}'
            % (schema, event.operation.name.encode(), _moments(event.origin), self._extend.replace(b"%", b"%%"))
        )
        return lines(template, [before, after, identity.sequences(event)], event.row_count)

    def statement(self, event: StatementEvent) -> bytes:
        """Return a DDL message."""
        verb = _VERBS.get(event.verb, event.verb).encode()
        return (
            b'{"version":"2.0",%b,"payload":{"before":null,"after":null,"op":"%b",%b,"ddl":{"text":%b},"scn":"%d"},%b}'
            % (
                _schema(event, _columns(event.table), _keys(event.table)),
                verb,
                _moments(event.origin),
                quote(event.sql),
                event.origin.sequence,
                self._extend,
            )
        )

    def heartbeat(self, origin: Origin) -> bytes:
        """Return a heartbeat."""
        moment = int(origin.seconds * 1000)
        return b'{"version":"2.0","payload":{"timestamp":{"eventTime":%d},"op":"HEARTBEAT"}}' % moment

    def border(self, origin: Origin, *, begins: bool) -> bytes:
        """Return the record of a transaction's begin or end."""
        operation = b"TRANSACTION_BEGIN" if begins else b"TRANSACTION_END"
        payload = b'{"before":null,"after":null,"op":"%b",%b,"ddl":null,"scn":"%d"}'
        filled = payload % (operation, _moments(origin), origin.sequence)
        return b'{"version":"2.0","payload":%b,%b}' % (filled, self._extend)


def _wrapped(image: Piece) -> Piece:
    return image if image == b"null" else woven([b'{"data":', image, b"}"])


def _schema(event: RowEvent | StatementEvent, columns: bytes, keys: bytes) -> bytes:
    source = b'{"dbType":%b,"dbVersion":null,"dbName":%b,"schema":null,"table":%b}' % (
        quote(event.origin.database_type.lower()),
        quote(event.name.database),
        quote(event.name.table),
    )
    return b'"schema":{"source":%b,"column":%b,"pk":%b}' % (source, columns, keys)


def _columns(table: Table | None) -> bytes:
    if table is None:
        return b"null"
    made = (b'{"name":%b,"type":"%b"}' % (quote(c.name), light_type(c.type).encode()) for c in table.written_columns)
    return b"[%b]" % b",".join(made)


def _keys(table: Table | None) -> bytes:
    if table is None:
        return b"null"
    return identity.joined(table.row_key.columns if table.row_key is not None else ())


def _moments(origin: Origin) -> bytes:
    now, then = int(time.time() * 1000), int(origin.seconds * 1000)
    return b'"timestamp":{"eventTime":%d,"systemTime":%d,"checkpointTime":%d}' % (then, now, int(origin.seconds))


def make(options: PublishOptions) -> DataworksSerializer:
    """Make the serializer."""
    return DataworksSerializer(options.business)
