"""SHAREPLEX (oms-behaviour §8.5)."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers import identity
from ferryman.serializers.values import Family, Objects, constant, quote
from ferryman.serializers.weaving import lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

_OPERATIONS = {Operation.INSERT: "ins", Operation.UPDATE: "upd", Operation.DELETE: "del"}


class SharePlexSerializer:
    """An update tells the new values of what has changed, and the whole row before."""

    def __init__(self) -> None:
        self._objects = Objects(Family.PLAIN)

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        count = event.row_count
        head = _meta(event, _OPERATIONS[event.operation])
        rowids = _rowids(event)
        if event.operation is Operation.UPDATE:
            keys = self._objects.woven(event.columns, event.before)
            data = [new for _, new in self._objects.changed(event.columns, event.before, event.after)]
            template = b'{"data":%%b,"key":%%b,"meta":{%b,"rowid":%%b,"scn":"%%b"}}' % head
            return lines(template, [data, keys, rowids, identity.sequences(event)], count)
        image = event.after if event.after is not None else event.before
        template = b'{"data":%%b,"meta":{%b,"rowid":%%b,"scn":"%%b"}}' % head
        return lines(template, [self._objects.woven(event.columns, image), rowids, identity.sequences(event)], count)

    def statement(self, event: StatementEvent) -> bytes:
        """Return a DDL message."""
        head = _meta(event, "ddl").replace(b"%%", b"%")
        rowid = quote(f"{event.name.database}.{event.name.table}-")
        return b'{"data":{},"sql":{"ddl":%b},"meta":{%b,"rowid":%b,"scn":"%d"}}' % (
            quote(event.sql),
            head,
            rowid,
            event.origin.sequence,
        )

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing: the format has none."""


def _rowids(event: RowEvent) -> list[bytes]:
    table = quote(f"{event.name.database}.{event.name.table}-")[:-1]
    values = identity.key_values(event)
    return [table + (b'"' if value == b"null" else value[1:]) for value in values]


def _meta(event: RowEvent | StatementEvent, operation: str) -> bytes:
    now = time.time()
    then = event.origin.seconds if event.origin.position is not None else now
    return b'"op":"%b","time":"%b","posttime":"%b","table":%b,"trans":%b,"idx":"0/0","size":0' % (
        operation.encode(),
        _moment(then),
        _moment(now),
        constant(f"{event.name.database}.{event.name.table}"),
        constant(identity.transaction(event.origin)),
    )


def _moment(seconds: float) -> bytes:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def make(options: PublishOptions) -> SharePlexSerializer:
    """Make the serializer; it has no options."""
    return SharePlexSerializer()
