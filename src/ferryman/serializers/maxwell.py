"""MAXWELL (oms-behaviour §8.10)."""

from __future__ import annotations

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.model.schema import Table
from ferryman.serializers import identity
from ferryman.serializers.values import Family, Objects, constant, key_text, quote
from ferryman.serializers.weaving import lines
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

FULL_SECONDS = 1_600_000_000
"""The time of rows read by the load, as OMS has it."""
_DDL_TYPES = {"CREATE": "table-create", "DROP": "table-drop"}


class MaxwellSerializer:
    """The row, and for an update the whole row before."""

    def __init__(self) -> None:
        self._objects = Objects(Family.MAXWELL)

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return one message a row."""
        update = event.operation is Operation.UPDATE
        data = self._objects.woven(event.columns, event.after if event.after is not None else event.before)
        old = self._objects.woven(event.columns, event.before if update else None)
        names = identity.joined([column.name for column in identity.key_columns(event)])
        template = b'{%b,"primary_key":%%b,"primary_key_columns":%b,"data":%%b,"old":%%b,"sql":null,"def":null}' % (
            _head(event, event.operation.value),
            names.replace(b"%", b"%%"),
        )
        return lines(template, [_keys(event), data, old], event.row_count)

    def statement(self, event: StatementEvent) -> bytes:
        """Return a DDL message."""
        head = _head(event, _DDL_TYPES.get(event.verb, "table-alter")).replace(b"%%", b"%")
        rest = b'"primary_key":null,"primary_key_columns":null,"data":null,"old":null'
        return b'{%b,%b,"sql":%b,"def":%b}' % (head, rest, quote(event.sql), _definition(event, event.table))

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing: the format has none."""


def _head(event: RowEvent | StatementEvent, kind: str) -> bytes:
    origin = event.origin
    loaded = origin.position is None
    return b'"database":%b,"table":%b,"type":"%b","ts":%d,"xid":%b,"commit":true,"position":%b' % (
        constant(event.name.database),
        constant(event.name.table),
        kind.encode(),
        FULL_SECONDS if loaded else int(origin.seconds),
        constant(identity.transaction(origin)),
        constant(None if loaded else str(int(origin.seconds))),
    )


def _keys(event: RowEvent) -> list[bytes]:
    image = event.after if event.after is not None else event.before
    places = identity.key_places(event)
    if image is None or not places:
        return [b"[]"] * event.row_count
    kinds = [event.columns[place].type for place in places]
    rows = zip(*(image.columns[place].values() for place in places), strict=True)
    return [identity.joined([key_text(v, k).decode() for v, k in zip(row, kinds, strict=True)]) for row in rows]


def _definition(event: StatementEvent, table: Table | None) -> bytes:
    columns = table.written_columns if table is not None else ()
    made = b",".join(
        b'{"name":%b,"type":%b}' % (quote(c.name), quote(c.type.native or c.type.kind.value)) for c in columns
    )
    keys = table.row_key.columns if table is not None and table.row_key is not None else ()
    return b'{"database":%b,"table":%b,"primary-key":%b,"columns":[%b]}' % (
        quote(event.name.database),
        quote(event.name.table),
        identity.joined(keys),
        made,
    )


def make(options: PublishOptions) -> MaxwellSerializer:
    """Make the serializer; it has no options."""
    return MaxwellSerializer()
