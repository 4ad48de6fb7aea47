"""What no MariaDB says: MySQL's compressed transactions, partial JSON, incidents, and input that cannot be."""

import contextlib
import struct
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from test_binlog_events import mariadb_gtid, payload, query_body

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.connectors.mysql_family.log.position import binlog_position
from ferryman.connectors.mysql_family.marks import marked
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit, Operation, Rollback, Savepoint, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.spi.source import LogRecord

INT = ColumnType(kind=Kind.INTEGER, native="int(11)", bits=32)
TABLE = Table(name=TableName("d", "t"), columns=(Column(name="i", type=INT), Column(name="v", type=INT)))


def table_map(table_id=5, database=b"d", table=b"t", types=b"\x03\x03"):
    names = bytes([len(database)]) + database + b"\0" + bytes([len(table)]) + table + b"\0"
    body = table_id.to_bytes(6, "little") + b"\1\0" + names + bytes([len(types)]) + types + b"\0" + b"\x03"
    return payload(events.TABLE_MAP, body)


def rows(event_type, *images, table_id=5, flags=1):
    head = table_id.to_bytes(6, "little") + struct.pack("<H", flags) + (b"\2\0" if event_type >= 30 else b"") + b"\2"
    present = b"\x03" * (2 if event_type == 31 else 1)
    body = b"".join(b"\0" + struct.pack("<ii", *image) for image in images)
    return payload(event_type, head + present + body)


def decoder(includes=lambda name: name.database == "d", engine="InnoDB"):
    return BinlogDecoder(lambda name: replace(TABLE, engine=engine) if name == TABLE.name else None, includes)


def decode(by, *payloads):
    found = []
    for number, each in enumerate(payloads):
        found += by.decode(LogRecord(payload=each, position=binlog_position("b.1", 100 + number), boundary=False))
    return found


def compressed(*payloads, kind=0):
    inner = b"".join(payloads)
    data = zstandard.ZstdCompressor().compress(inner) if kind == 0 else inner
    fields = b"\2\1" + bytes([kind]) + b"\3\3\xfc" + struct.pack("<H", len(inner))
    fields += b"\1\3\xfc" + struct.pack("<H", len(data)) + b"\0"
    return payload(events.TRANSACTION_PAYLOAD, fields + data)


def test_a_compressed_transaction():
    inside = (payload(events.QUERY, query_body("BEGIN")), table_map(), rows(30, (1, 2)), rows(31, (1, 2), (1, -3)),
              payload(events.XID, bytes(8)))  # fmt: skip
    for kind in (0, 255):
        uuid = payload(events.GTID, b"\1" + bytes(16) + struct.pack("<q", 23) + bytes(10))
        items = decode(decoder(), uuid, compressed(*inside, kind=kind))
        assert [type(item) for item in items] == [Begin, ChangeBatch, ChangeBatch, Commit]
        assert items[0].transaction_id == "00000000-0000-0000-0000-000000000000:23"
        assert list(items[1].after.rows()) == [(b"1", b"2")]
        assert (list(items[2].before.rows()), list(items[2].after.rows())) == ([(b"1", b"2")], [(b"1", b"-3")])
    with pytest.raises(FerrymanError):
        decode(decoder(), compressed(*inside, kind=7))
    with pytest.raises(FerrymanError):
        decode(decoder(), compressed(*inside)[:-5])


def test_partial_json_is_refused_only_where_it_matters():
    partial = payload(events.PARTIAL_UPDATE_ROWS, (5).to_bytes(6, "little") + b"\1\0\2\0")
    assert decode(decoder(lambda name: False), table_map(), partial) == []
    with pytest.raises(FerrymanError) as caught:
        decode(decoder(), table_map(), partial)
    assert caught.value.code == "log.partial_image"


def test_incidents_and_unknown_events_stop():
    for kind, code in ((events.INCIDENT, "log.incident"), (99, "log.unsupported_event"), (20, "log.unsupported_event")):
        with pytest.raises(FerrymanError) as caught:
            decode(decoder(), payload(kind, bytes(10)))
        assert caught.value.code == code
    assert decode(decoder(), payload(99, bytes(10), flags=events.IGNORABLE)) == []


def test_rows_need_their_table_map():
    with pytest.raises(FerrymanError) as caught:
        decode(decoder(), table_map(table_id=4), rows(30, (1, 2)))
    assert caught.value.code == "log.corrupt"
    assert decode(decoder(), rows(30, table_id=0xFFFFFF)) == []


def test_the_servers_own_tables_are_never_wanted():
    everything = decoder(lambda name: True)
    for database in (b"mysql", b"_ferryman", b"SYS"):
        assert decode(everything, table_map(database=database), rows(30, (1, 2))) == []


def test_flags_and_borders():
    by = decoder()
    items = decode(by, payload(events.MARIADB_GTID, mariadb_gtid(4)), table_map(), rows(25, (1, 2), flags=3),
                   rows(23, (7, 8)), payload(events.XID, bytes(8)))  # fmt: skip
    assert [getattr(item, "cascades", None) for item in items] == [None, False, True, None]
    assert items[0].transaction_id == "0-1-4"
    assert items[1].operation is Operation.DELETE
    assert decode(by, payload(events.MARIADB_GTID, mariadb_gtid(5)), payload(events.XID, bytes(8))) == []


def test_alter_in_two_phases_counts_at_its_commit():
    statement = payload(events.QUERY, query_body("ALTER TABLE t ADD x INT"))
    by = decoder()
    for flags, count in ((events.START_ALTER, 0), (events.ROLLBACK_ALTER, 0), (events.COMMIT_ALTER, 1)):
        gtid = payload(events.MARIADB_GTID, mariadb_gtid(1, 3, bytes(8) + bytes([flags])))
        items = decode(by, gtid, statement)
        assert [type(item) for item in items] == [SchemaStatement] * count


def test_a_rollback_is_told_unless_an_engine_cannot_roll_back():
    begin, change = payload(events.QUERY, query_body("BEGIN")), (table_map(), rows(30, (1, 2)))
    savepoint, back = (
        payload(events.QUERY, query_body("SAVEPOINT `S`")),
        payload(events.QUERY, query_body("ROLLBACK TO `s`")),
    )
    rollback = payload(events.QUERY, query_body("ROLLBACK"))
    assert decode(decoder(), begin, rollback) == []
    found = decode(
        decoder(), begin, *change, savepoint, *change, back, rollback, begin, *change, payload(events.XID, bytes(8))
    )
    assert [type(item) for item in found] == [
        Begin, ChangeBatch, Savepoint, ChangeBatch, Rollback, Rollback, Begin, ChangeBatch, Commit
    ]  # fmt: skip
    assert [item.savepoint for item in found if isinstance(item, Rollback)] == ["s", None]
    assert found[2].name == "s"
    for last in (rollback, back):
        with pytest.raises(FerrymanError) as caught:
            decode(decoder(engine="MyISAM"), begin, *change, last)
        assert caught.value.code == "log.unsupported_event"


def test_xa_that_was_not_put_in_order_stops():
    name = b"\0" + struct.pack("<III", 1, 1, 0) + b"a"
    start = payload(events.QUERY, query_body("XA START X'61',X'',1"))
    other = table_map(database=b"x")
    commit = payload(events.QUERY, query_body("XA COMMIT X'61',X'',1"))
    assert decode(decoder(), start, other, rows(30, (1, 2)), payload(events.XA_PREPARE, name)) == []
    with pytest.raises(FerrymanError):
        decode(decoder(), start, table_map(), rows(30, (1, 2)))
    with pytest.raises(FerrymanError):
        decode(decoder(), commit)


@given(kind=st.integers(0, 255), body=st.binary(max_size=120))
def test_hostile_events_never_raise_anything_else(kind, body):
    by = decoder(lambda name: True)
    with contextlib.suppress(FerrymanError):
        decode(by, table_map(), payload(kind, (5).to_bytes(6, "little") + body), payload(kind, body))


def test_what_bears_a_mark_is_told_from_what_others_write():
    begin, xid = payload(events.QUERY, query_body("BEGIN")), payload(events.XID, bytes(8))
    lease = (table_map(7, b"_ferryman", b"lease"), rows(31, (1, 1), (1, 2), table_id=7))
    other = (begin, table_map(), rows(30, (1, 2)), xid)
    ours = (begin, *lease, table_map(), rows(30, (1, 2)), xid)
    statement = payload(events.QUERY, query_body("/* ferryman: two-way */ ALTER TABLE t ADD COLUMN x INT"))
    plain = payload(events.QUERY, query_body("ALTER TABLE t ADD COLUMN x INT"))
    by = BinlogDecoder(lambda name: replace(TABLE, engine="InnoDB"), lambda name: True, skips_marked=True)
    items = decode(by, *other, *ours, *other, statement, plain)
    assert [type(item) for item in items] == [*[Begin, ChangeBatch, Commit] * 2, SchemaStatement, SchemaStatement]
    assert [item.marked for item in items[-2:]] == [True, False]
    items = decode(decoder(), *ours, statement)
    assert [type(item) for item in items] == [Begin, ChangeBatch, Commit, SchemaStatement]
    assert not items[-1].marked


def test_the_mark_stands_where_the_server_keeps_it():
    assert marked("ALTER TABLE t ADD x INT", "mysql") == ["/* ferryman: two-way */ ALTER TABLE t ADD x INT"]
    assert marked("DROP TABLE IF EXISTS `d`.`t`", "mariadb") == ["DROP TABLE IF EXISTS /* ferryman: two-way */ `d`.`t`"]
    renamed, dropped = marked("DROP TABLE IF EXISTS `d`.`t`", "mysql")
    assert renamed.startswith("/* ferryman: two-way */ RENAME TABLE `d`.`t` TO `_ferryman`.`dropped_")
    assert dropped == f"DROP TABLE {renamed.rpartition(' ')[2]}"
