"""DEFAULT and DEFAULT_WITH_SCHEMA (oms-behaviour §8.2, §8.6)."""

from __future__ import annotations

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers import identity
from ferryman.serializers.type_names import light_type
from ferryman.serializers.values import Family, Objects, constant, quote
from ferryman.serializers.weaving import lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_META = (
    b'"allMetaData":{"checkpoint":%b,"record_primary_key":%b,"record_primary_value":%b,"source_identity":%b,'
    b'"dbType":%b,"storeDataSequence":%b,"table_name":%b,"db":%b,"timestamp":%b,"uniqueId":%b,"transId":%b,'
    b'"clusterId":null%b}'
)
_RECORD_TYPES = {Operation.INSERT: b"INSERT", Operation.UPDATE: b"UPDATE", Operation.DELETE: b"DELETE"}
_HOLE = b"%b"


class DefaultSerializer:
    """Writes both images and what is known of the change."""

    def __init__(self, *, with_types: bool = False) -> None:
        """With `with_types`, each image tells the types of its columns (``__light_type``)."""
        self._objects = Objects(Family.PLAIN)
        self._with_types = with_types

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        extra = self._light_types(event)
        before = self._objects.woven(event.columns, event.before, extra=extra)
        after = self._objects.woven(event.columns, event.after, extra=extra)
        pieces = [before, after, identity.key_piece(event), identity.sequences(event), identity.identities(event)]
        return lines(self._template(event), pieces, event.row_count)

    def _template(self, event: RowEvent) -> bytes:
        origin = event.origin
        meta = _META % (
            _checkpoint(origin),
            constant(identity.key_names(event)),
            _HOLE,
            constant(identity.place_text(origin) and event.name.database),
            constant(origin.database_type),
            _HOLE,
            constant(event.name.table),
            constant(event.name.database),
            _seconds(origin),
            _HOLE,
            constant(identity.transaction(origin)),
            b"",
        )
        kind = _RECORD_TYPES[event.operation]
        return b'{"prevStruct":%%b,"postStruct":%%b,%b,"recordType":"%b"}' % (meta, kind)

    def _light_types(self, event: RowEvent) -> bytes:
        if not self._with_types:
            return b""
        types = (b'%b:{"schemaType":"%b"}' % (quote(c.name), light_type(c.type).encode()) for c in event.columns)
        return b'"__light_type":{%b}' % b",".join(types)

    def statement(self, event: StatementEvent) -> bytes:
        """Return a DDL record."""
        origin = event.origin
        kind = b',"ddlType":' + quote(f"{event.verb}_TABLE" if "_" not in event.verb else event.verb)
        meta = _meta_alone(origin, event.name.table, event.name.database, kind)
        types = b',"__light_type":{"ddl":{"schemaType":"VAR_STRING"}}' if self._with_types else b""
        struct = b'{"ddl":%b%b}' % (quote(event.sql), types)
        return b'{"prevStruct":null,"postStruct":%b,%b,"recordType":"DDL"}' % (struct, meta)

    def heartbeat(self, origin: Origin) -> bytes:
        """Return a heartbeat."""
        meta = _meta_alone(origin, None, None, b"")
        return b'{"prevStruct":null,"postStruct":null,%b,"recordType":"HEARTBEAT"}' % meta

    def border(self, origin: Origin, *, begins: bool) -> bytes:
        """Return a record without images, as the log's own records of a transaction's begin and end."""
        meta = _meta_alone(origin, None, None, b"", identity.border_text(origin, begins=begins))
        kind = b"BEGIN" if begins else b"COMMIT"
        return b'{"prevStruct":null,"postStruct":null,%b,"recordType":"%b"}' % (meta, kind)


def _meta_alone(origin: Origin, table: str | None, database: str | None, more: bytes, named: str = "") -> bytes:
    place = identity.place_text(origin)
    texts = [constant(text) for text in (database and place and database, origin.database_type)]
    sequence = b"%d" % origin.sequence if place else b"null"
    tables = [constant(text) for text in (table, database)]
    identified = [constant(text) for text in (named or place, identity.transaction(origin))]
    filled = (_checkpoint(origin), b"null", b"null", *texts, sequence, *tables, _seconds(origin), *identified, more)
    return (_META % filled).replace(b"%%", b"%")


def _seconds(origin: Origin) -> bytes:
    return b'"%d"' % int(origin.seconds) if origin.position is not None else b"null"


def _checkpoint(origin: Origin) -> bytes:
    return b'"%d"' % int(origin.seconds) if origin.position is not None else b"null"


def make(options: PublishOptions) -> DefaultSerializer:
    """Make the serializer that the options ask for."""
    return DefaultSerializer(with_types=options.format == "DEFAULT_WITH_SCHEMA")
