import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.groups import GroupTracker
from ferryman.connectors.mysql_family.log.position import (
    GtidState,
    binlog_position,
    file_and_offset,
    file_number,
    lost_gtid,
)
from ferryman.connectors.mysql_family.log.queries import LoggedQuery, QueryReader, to_text
from ferryman.connectors.mysql_family.log.statements import StatementKind, statement_kind
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table


def query_body(sql, database="d", variables=b"", error=0):
    name = database.encode()
    head = struct.pack("<IIBHH", 7, 0, len(name), error, len(variables))
    return head + variables + name + b"\0" + sql.encode()


def payload(event_type, body=b"", *, flags=0, server_id=1):
    return struct.pack("<IBIIIH", 1, event_type, server_id, 19 + len(body), 0, flags) + body


def mariadb_gtid(sequence, flags=0, tail=b""):
    body = struct.pack("<QIB", sequence, 0, flags) + tail
    return body + bytes(max(0, 19 - len(body)))


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BEGIN", StatementKind.BEGIN),
        ("begin /* x */", StatementKind.BEGIN),
        ("START TRANSACTION", StatementKind.BEGIN),
        ("COMMIT", StatementKind.COMMIT),
        ("ROLLBACK", StatementKind.ROLLBACK),
        ("ROLLBACK TO `s`", StatementKind.ROLLBACK_TO),
        ("rollback work to savepoint s", StatementKind.ROLLBACK_TO),
        ("ROLLBACK WORK", StatementKind.ROLLBACK),
        ("SAVEPOINT `s`", StatementKind.SAVEPOINT),
        ("XA START X'61',X'',1", StatementKind.XA_START),
        ("XA COMMIT X'61',X'',1", StatementKind.XA_COMMIT),
        ("XA ROLLBACK X'61',X'',1", StatementKind.OTHER),
        ("/* hi */ -- there\n create  table t(a int)", StatementKind.SCHEMA),
        ("/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`b`*/ TRIGGER x", StatementKind.SCHEMA),
        ("create or replace temporary table t(a int)", StatementKind.OTHER),
        ("DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", StatementKind.OTHER),
        ("ALTER ONLINE TABLE t ADD x INT", StatementKind.SCHEMA),
        ("RENAME TABLE a TO b", StatementKind.SCHEMA),
        ("TRUNCATE t", StatementKind.SCHEMA),
        ("CREATE USER x", StatementKind.OTHER),
        ("GRANT ALL ON *.* TO x", StatementKind.OTHER),
        ("SET STATEMENT max_statement_time=1 FOR ALTER TABLE t ADD x INT", StatementKind.SCHEMA),
        ("insert into t values(1)", StatementKind.ROWS),
        ("(WITH x AS (SELECT 1) DELETE FROM t)", StatementKind.ROWS),
        ("LOAD DATA INFILE 'x' INTO TABLE t", StatementKind.ROWS),
        ("SELECT `d`.`f`()", StatementKind.ROUTINE),
        ("SELECT SETVAL(`d`.`s`, 9)", StatementKind.OTHER),
        ("FLUSH TABLES", StatementKind.OTHER),
        ("", StatementKind.OTHER),
    ],
)
def test_statement_kinds(sql, kind):
    assert statement_kind(sql) is kind


def test_query_with_status_variables():
    variables = b"\x00\x01\0\0\0" + b"\x01" + bytes(8) + b"\x06\x03std" + b"\x04" + struct.pack("<HHH", 28, 1, 2)
    query = events.parse_query(query_body("x", "größe", variables, 5))
    assert (query.database, query.sql, query.client_collation, query.error_code) == ("größe", b"x", 28, 5)
    assert to_text("中".encode("gbk"), 28) == "中"
    assert to_text(b"\xff\xfe", 45) == "��"
    assert to_text("é".encode(), 2304) == "é"


def test_compressed_query():
    sql = b"CREATE TABLE t (a int)" * 50
    packed = bytes((0x80 | 2,)) + len(sql).to_bytes(2, "big") + zlib.compress(sql)
    body = query_body("", "d") + packed
    assert events.parse_query(body, compressed=True).sql == sql
    with pytest.raises(FerrymanError):
        events.parse_query(body[:-3], compressed=True)


def test_gtids():
    assert events.parse_gtid(events.MARIADB_GTID, mariadb_gtid(9, 1), 7) == events.GtidEvent("0-7-9", True)
    group_commit = events.parse_gtid(events.MARIADB_GTID, mariadb_gtid(9, 2, bytes(8) + b"\x04"), 7)
    assert group_commit == events.GtidEvent("0-7-9", alter=events.COMMIT_ALTER)
    xa = events.parse_gtid(events.MARIADB_GTID, mariadb_gtid(9, 0x42, bytes(8) + b"\1\0\0\0\1\2abc\x02"), 7)
    assert xa == events.GtidEvent("0-7-9", prepared=True, alter=events.START_ALTER)
    uuid = bytes(range(16))
    mysql = events.parse_gtid(events.GTID, b"\1" + uuid + struct.pack("<q", 23) + bytes(10), 7)
    assert mysql == events.GtidEvent("00010203-0405-0607-0809-0a0b0c0d0e0f:23")
    assert events.parse_gtid(events.ANONYMOUS_GTID, bytes(30), 7) is None


def test_gtid_states():
    state = GtidState("0-1-5,2-1-7")
    state.add("0-3-6")
    state.take("0-9-9,5-1-1")
    assert state.text == "0-3-6,2-1-7,5-1-1"
    assert lost_gtid("0-1-5", "0-1-5,3-1-1") is None
    assert lost_gtid("0-1-5,9-1-1", "0-1-5") is None
    assert lost_gtid("0-1-5", "0-1-4") == "0-1-5"
    assert lost_gtid("0-1-5", "") == "0-1-5"
    assert lost_gtid("", "0-1-5") is None


def test_positions():
    position = binlog_position("my.log-bin.000123", 456, gtid="0-1-1", time=3.0)
    assert (position.order, position.token["gtid"]) == ((123, 456), "0-1-1")
    assert file_and_offset(position) == ("my.log-bin.000123", 456)
    assert file_number("b.1000000") == 1_000_000
    with pytest.raises(FerrymanError):
        file_number("nonsense")
    with pytest.raises(FerrymanError):
        file_and_offset(Position(kind="lsn", token={}, order=(1,)))


def borders(*sequence):
    tracker = GroupTracker()
    return [tracker.pass_event(kind, payload(kind, body)) for kind, body in sequence]


def test_borders_of_mariadb():
    assert borders(
        (events.MARIADB_GTID, mariadb_gtid(1, events.STANDALONE)),
        (events.QUERY, query_body("CREATE TABLE t (a int)")),
        (events.MARIADB_GTID, mariadb_gtid(2)),
        (events.QUERY, query_body("CREATE TABLE u (a int)")),
        (events.TABLE_MAP, b""),
        (30, b""),
        (events.XID, b""),
        (events.ROTATE, bytes(8) + b"b.2"),
    ) == [False, True, False, False, False, False, True, True]


def test_borders_of_mysql():
    assert borders(
        (events.PREVIOUS_GTIDS, b""),
        (events.ANONYMOUS_GTID, b""),
        (events.QUERY, query_body("DROP TABLE t")),
        (events.GTID, b""),
        (events.QUERY, query_body("BEGIN")),
        (events.TABLE_MAP, b""),
        (31, b""),
        (events.QUERY, query_body("COMMIT")),
        (events.GTID, b""),
        (events.TRANSACTION_PAYLOAD, b""),
        (events.QUERY, query_body("CREATE TABLE t (a int) START TRANSACTION")),
        (30, b""),
        (events.XID, b""),
        (5, b""),
        (events.QUERY, query_body("INSERT INTO t VALUES (1)")),
        (events.QUERY, query_body("XA START X'1',X'',1")),
        (events.QUERY, query_body("XA END X'1',X'',1")),
        (events.XA_PREPARE, b""),
    ) == [True, False, True, False, False, False, False, True, False, True, False, False, True, False, True, False, False,
          True]  # fmt: skip


def test_a_new_file_ends_a_torn_transaction():
    tracker = GroupTracker()
    tracker.pass_event(events.MARIADB_GTID, payload(events.MARIADB_GTID, mariadb_gtid(2)))
    assert not tracker.is_between
    assert tracker.pass_event(events.FORMAT_DESCRIPTION, payload(events.FORMAT_DESCRIPTION))


def test_tables_named_in_statements():
    known = {TableName("d", "t"), TableName("e", "weird name")}
    reader = QueryReader(
        lambda name: Table(name=name, columns=()) if name in known else None, lambda name: name.database != "x"
    )

    def changed(sql, database="d", kind=StatementKind.ROWS):
        return reader.table_changed(LoggedQuery(kind, sql, database))

    assert changed("INSERT INTO t VALUES ('x')") == "d.t"
    assert changed("UPDATE a JOIN `e`.`weird name` SET b = 1", "x") == "e.weird name"
    assert changed("INSERT INTO other VALUES ('t')") is None
    assert changed("INSERT INTO d.t VALUES (1)", "mysql") == "d.t"
    assert changed("INSERT INTO t VALUES (1)", "mysql") is None
    assert changed("INSERT INTO other VALUES ('t") == "d.*"
    assert changed("SELECT f()", kind=StatementKind.ROUTINE) == "d.*"
    assert changed("SAVEPOINT t", kind=StatementKind.SAVEPOINT) is None


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_or_read(data):
    tries = (
        lambda: events.event_header(data),
        lambda: events.parse_query(data),
        lambda: events.parse_query(data, compressed=True),
        lambda: events.parse_gtid(events.MARIADB_GTID, data, 1),
        lambda: events.parse_gtid(events.GTID, data, 1),
        lambda: events.parse_gtid_list(data),
        lambda: events.rotate_target(data),
        lambda: events.has_checksum(data),
        lambda: events.payload_fields(data),
        lambda: events.uncompress(data),
    )
    for attempt in tries:
        try:
            attempt()
        except FerrymanError as error:
            assert error.code == "log.corrupt"  # noqa: PT017
