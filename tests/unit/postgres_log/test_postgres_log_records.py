"""PostgreSQL's messages in frames: each readable by itself, in places that rise, whatever bytes come."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.connectors.postgresql.catalog.typemap import column_type
from ferryman.connectors.postgresql.log.changes import PgOutputDecoder
from ferryman.connectors.postgresql.log.numbers import NumberedColumn
from ferryman.connectors.postgresql.log.records import Framer
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import UNKNOWN_VALUE, ChangeBatch, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.spi.dialect import TableChange
from ferryman.spi.source import LogRecord

T = TableName("s", "t")
TYPES = {23: "integer", 25: "text"}
KEY = Index(name="PRIMARY", parts=(KeyPart(column="id"),), unique=True, primary=True)
UNIQUE = Index(name="u", parts=(KeyPart(column="u"),), unique=True)


def table(*names: str) -> Table:
    types = {name: column_type("integer" if name in {"id", "u"} else "text") for name in names}
    columns = tuple(Column(name=name, type=type_, nullable=name != "id") for name, type_ in types.items())
    return Table(name=T, columns=columns, indexes=(KEY, UNIQUE), charset="UTF8")


TABLE = table("id", "u", "body")


class NoServer:
    """What the decoder may ask; rows come from `rows`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}

    def type_text(self, oid: int, modifier: int) -> str:
        return TYPES.get(oid, "?")

    def added_column(self, table: Table, name: str) -> None:
        return None

    def numbered(self, oid: int) -> list[NumberedColumn]:
        return []

    def rows_by_key(self, table, columns, keys):
        return {key: self.rows[key] for key in keys if key in self.rows}


def begin(lsn: int) -> bytes:
    return b"B" + struct.pack(">QqI", lsn, 0, 7)


def commit(lsn: int) -> bytes:
    return b"C" + struct.pack(">BQQq", 0, lsn, lsn + 8, 0)


def relation(*columns: tuple[str, int, bool], oid: int = 1, identity: bytes = b"d") -> bytes:
    body = b"".join(
        struct.pack(">B", key) + name.encode() + b"\0" + struct.pack(">Ii", t, -1) for name, t, key in columns
    )
    return b"R" + struct.pack(">I", oid) + b"s\0t\0" + identity + struct.pack(">H", len(columns)) + body


def image(*values: bytes | None) -> bytes:
    parts = [b"n" if v is None else b"u" if v == b"?" else b"t" + struct.pack(">I", len(v)) + v for v in values]
    return struct.pack(">H", len(parts)) + b"".join(parts)


PLAIN = relation(("id", 23, True), ("u", 23, False), ("body", 25, False))
HEAD = struct.pack(">I", 1)


def framed(*messages: bytes, frame_bytes: int = 1 << 20) -> list[LogRecord]:
    framer = Framer("slot", frame_bytes)
    return [record for message in messages for record in framer.add(message)]


def decoder(server: NoServer | None = None, known: Table = TABLE) -> PgOutputDecoder:
    return PgOutputDecoder(lambda name: known if name == T else None, lambda name: True, server or NoServer())


def changes(items: list) -> list[ChangeBatch]:
    return [item for item in items if isinstance(item, ChangeBatch)]


def test_places_rise_and_every_frame_reads_by_itself():
    inserts = [b"I" + HEAD + b"N" + image(b"%d" % n, None, b"x" * 50) for n in range(20)]
    records = framed(begin(100), PLAIN, *inserts, commit(100), begin(108), inserts[0], commit(108), frame_bytes=200)
    assert len(records) > 5
    orders = [record.position.order for record in records]
    assert orders == sorted(set(orders))
    assert [record.boundary for record in records].count(True) == 2
    rows = [row for record in records for change in changes(decoder().decode(record)) for row in change.after.rows()]
    assert len(rows) == 21


def test_of_a_key_alone_the_rest_is_unknown_and_large_values_are_read_again():
    server = NoServer()
    server.rows[b"2",] = (b"large",)
    update = b"U" + HEAD + b"K" + image(b"1", None, None) + b"N" + image(b"2", b"5", b"?")
    delete = b"D" + HEAD + b"K" + image(b"2", None, None)
    (record,) = framed(begin(100), PLAIN, update, delete, commit(100))
    updated, deleted = changes(decoder(server).decode(record))
    assert list(updated.before.rows()) == [(b"1", UNKNOWN_VALUE, None)]
    assert list(updated.after.rows()) == [(b"2", b"5", b"large")]
    assert list(deleted.before.rows()) == [(b"2", UNKNOWN_VALUE, None)]


def test_a_whole_old_image_fills_what_did_not_change():
    whole = relation(("id", 23, True), ("u", 23, True), ("body", 25, True), identity=b"f")
    update = b"U" + HEAD + b"O" + image(b"1", b"5", b"large") + b"N" + image(b"1", b"6", b"?")
    (record,) = framed(begin(100), whole, update, commit(100))
    (change,) = changes(decoder().decode(record))
    assert list(change.after.rows()) == [(b"1", b"6", b"large")]
    assert list(change.before.rows()) == [(b"1", b"5", b"large")]


def test_a_changed_table_is_told_before_its_record_and_only_once():
    narrow = relation(("id", 23, True), ("u", 23, False))
    first, second = framed(
        begin(100), PLAIN, b"I" + HEAD + b"N" + image(b"1", None, b"x"), commit(100),
        begin(108), narrow, b"I" + HEAD + b"N" + image(b"2", None), commit(108),
    )  # fmt: skip
    known = [TABLE]
    reader = PgOutputDecoder(lambda name: known[0], lambda name: True, NoServer())
    assert changes(reader.decode(first))
    (statement,) = reader.decode(second)
    assert isinstance(statement, SchemaStatement)
    assert first.position < statement.position < second.position
    change = TableChange.of_statement(statement.sql)
    assert change is not None
    assert change.reasons == ()
    assert [column.name for column in change.after.columns] == ["id", "u"]
    with pytest.raises(FerrymanError) as skipped:  # an operator skipped it: what follows cannot be read
        reader.decode(second)
    assert skipped.value.code == "log.schema_mismatch"
    known[0] = change.after
    assert changes(reader.decode(second))


def test_a_lost_name_beside_a_new_one_is_not_guessed():
    other = relation(("id", 23, True), ("u", 23, False), ("text", 25, False))
    (record,) = framed(begin(100), other, b"I" + HEAD + b"N" + image(b"2", None, b"x"), commit(100))
    (statement,) = decoder().decode(record)
    assert any("renamed" in reason for reason in TableChange.of_statement(statement.sql).reasons)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_hostile_bytes_are_read_or_refused_and_nothing_else(data):
    update = b"U" + HEAD + b"K" + image(b"1", None, None) + b"N" + image(b"2", b"5", b"?")
    (record,) = framed(begin(100), PLAIN, update, b"I" + HEAD + b"N" + image(b"3", b"1", b"y"), commit(100))
    payload = bytearray(record.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    hostile = LogRecord(payload=bytes(payload[:cut]), position=record.position, boundary=True)
    with contextlib.suppress(FerrymanError):
        decoder().decode(hostile)


def test_a_marked_transaction_is_left_out_of_any_size():
    def message(prefix: bytes, flags: int = 1) -> bytes:
        return b"M" + struct.pack(">BQ", flags, 90) + prefix + b"\0" + struct.pack(">I", 0)

    insert = b"I" + HEAD + b"N" + image(b"1", None, b"x" * 80)
    truncate = b"T" + struct.pack(">IB", 1, 0) + HEAD
    ours = (begin(100), message(b"ferryman"), PLAIN, insert, insert, insert, truncate, commit(100))
    other = (begin(200), message(b"somebody"), insert, commit(200))
    outside = (message(b"ferryman", flags=0), begin(300), insert, commit(300))
    framer = Framer("slot", 100, skips_marked=True)
    records = [record for each in (*ours, *other, *outside) for record in framer.add(each)]
    assert [record.position.order[0] for record in records if record.boundary] == [108, 208, 308]
    by = decoder()
    rows = [change.row_count for record in records for change in changes(by.decode(record))]
    assert (len([r for r in records if r.position.order[0] <= 108]), rows) == (1, [1, 1])
    assert len([c for r in framed(*ours, frame_bytes=100) for c in changes(decoder().decode(r))]) == 3
