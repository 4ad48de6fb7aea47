"""CLOUDEVENTS: events in the structured JSON form of CloudEvents 1.0, with both images of the row as their data.

Source and id name an event for good: a repetition has the same. Rows of the load are named by their key; those of a table
without a key have random ids.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from urllib.parse import quote as encoded

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers import identity
from ferryman.serializers.values import Family, Objects, constant, quote
from ferryman.serializers.weaving import lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_HEAD = b'{"specversion":"1.0","id":%b,"source":%b,"type":%b%b,"datacontenttype":"application/json","data":%b}'
_TYPES = {
    Operation.INSERT: "ferryman.row.insert",
    Operation.UPDATE: "ferryman.row.update",
    Operation.DELETE: "ferryman.row.delete",
}


class CloudEventsSerializer:
    """Writes one event a row."""

    def __init__(self) -> None:
        self._objects = Objects(Family.PLAIN)

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        before = self._objects.woven(event.columns, event.before)
        after = self._objects.woven(event.columns, event.after)
        template = _HEAD % (
            b"%b",
            constant(_source(event.origin, event.name.database)),
            constant(_TYPES[event.operation]),
            _about(event.origin, f"{event.name.database}.{event.name.table}").replace(b"%", b"%%"),
            b'{"before":%b,"after":%b}',
        )
        return lines(template, [_ids(event), before, after], event.row_count)

    def statement(self, event: StatementEvent) -> bytes:
        """Return a schema statement's event."""
        data = b'{"verb":%b,"sql":%b}' % (quote(event.verb), quote(event.sql))
        subject = f"{event.name.database}.{event.name.table}"
        return _alone(event.origin, event.name.database, "ferryman.schema.change", subject, data)

    def heartbeat(self, origin: Origin) -> bytes:
        """Return a heartbeat."""
        return _alone(origin, "", "ferryman.heartbeat", "", b"null")

    def border(self, origin: Origin, *, begins: bool) -> bytes:
        """Return the event of a transaction's begin or end."""
        kind = "ferryman.transaction.begin" if begins else "ferryman.transaction.end"
        data = b'{"transaction":%b}' % quote(identity.transaction(origin) or "")
        return _event(origin, "", kind, "", data, identity.border_text(origin, begins=begins))


def _alone(origin: Origin, database: str, kind: str, subject: str, data: bytes) -> bytes:
    name = f"{identity.place_text(origin)}:{kind}" + (f":{int(origin.seconds)}" if not database else "")
    return _event(origin, database, kind, subject, data, name)


def _event(origin: Origin, database: str, kind: str, subject: str, data: bytes, name: str) -> bytes:
    return _HEAD % (quote(name), quote(_source(origin, database)), quote(kind), _about(origin, subject), data)


def _source(origin: Origin, database: str) -> str:
    return f"/ferryman/{origin.database_type}/{encoded(database, safe='')}".rstrip("/")


def _about(origin: Origin, subject: str) -> bytes:
    """Return subject and time; rows of the load have no time, a heartbeat no subject."""
    found = b',"subject":%b' % quote(subject) if subject else b""
    if origin.position is None:
        return found
    moment = datetime.fromtimestamp(origin.seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return found + b',"time":%b' % quote(moment)


def _ids(event: RowEvent) -> list[bytes]:
    """Return each event's id: the change's place with its operation, since a key that changes makes two of one place."""
    place = identity.place_text(event.origin)
    if place is not None:
        kind = event.operation.name.lower()
        return [b'"%b:%d:%b"' % (place.encode(), n, kind.encode()) for n in event.ordinals or range(event.row_count)]
    if not identity.key_places(event):
        return [quote(str(uuid.uuid4())) for _ in range(event.row_count)]
    table = f"full:{event.name.table}:"
    return [quote(table + key.decode()) for key in identity.key_values(event)]


def make(options: PublishOptions) -> CloudEventsSerializer:
    """Make the serializer."""
    del options
    return CloudEventsSerializer()
