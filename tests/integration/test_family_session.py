"""Fenced transactions, writes, keyless rows and the `_ferryman` schema, on both engines (I2, I7)."""

import dataclasses
import json
import threading

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.foundation.errors import DuplicateKeyError, FerrymanError, LeaseLostError
from ferryman.model.batch import Batch
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(120)]


@pytest.fixture(params=["mariadb", "oceanbase"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def connection(server, database_name):
    with open_connection(server.endpoint, writer=True) as found:
        found.execute(f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4")
        found.execute(f"USE {database_name}")
        yield found
        found.execute(f"DROP DATABASE {database_name}")


@pytest.fixture
def target(server):
    found = FamilyTarget(server.endpoint)
    found.prepare()
    return found


@pytest.fixture
def lease(target, database_name):
    target.raise_epoch(f"{database_name}/apply", 1, 2)
    return Lease(task=f"{database_name}/apply", epoch=1)


@pytest.fixture
def session(target, lease, connection):
    found = target.session()
    found.begin(lease)
    yield found
    found.rollback()
    found.close()


def table_of(connection, database, name="t"):
    found = read_schema(connection, Selection(objects=(f"{database}.*",))).table(TableName(database, name))
    assert found is not None
    return found


def batch(*rows):
    return Batch.of(rows, len(rows[0]))


def test_a_duplicate_undoes_its_statement_and_leaves_the_transaction(session, lease, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE)")
    connection.execute("INSERT INTO t VALUES (1, 7654321)")
    table = table_of(connection, database_name)
    session.insert(table, ["id", "u"], batch((b"2", b"20")))
    with pytest.raises(DuplicateKeyError) as caught:
        session.insert(table, ["id", "u"], batch((b"3", b"30"), (b"4", b"7654321")))
    assert caught.value.code == "target.duplicate_key"
    assert "7654321" not in str(caught.value)
    session.replace(table, ["id", "u"], batch((b"3", b"30"), (b"4", b"7654321"), (b"2", b"21")))
    session.commit()
    assert connection.query("SELECT id, u FROM t ORDER BY id") == [("2", "21"), ("3", "30"), ("4", "7654321")]


@pytest.mark.parametrize("unique", ["", ", UNIQUE KEY (u)"])
def test_replace_leaves_exactly_the_new_row(session, connection, database_name, unique):
    connection.execute(
        f"CREATE TABLE t (k VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, u INT, v VARCHAR(9), d DOUBLE{unique})"
    )
    connection.execute("INSERT INTO t VALUES ('a', 1, 'x', 0), ('b', 2, 'y', 1)")
    table = table_of(connection, database_name)
    session.replace(table, ["k", "u", "v", "d"], batch((b"A", b"1", b"X ", b"0"), (b"c", b"3", None, b"1e-300")))
    session.commit()
    found = connection.query("SELECT HEX(k), u, HEX(v), d FROM t ORDER BY u")
    assert found == [("41", "1", "5820", "0"), ("62", "2", "79", "1"), ("63", "3", None, "1e-300")]


def test_neither_replace_nor_delete_cascades(session, connection, database_name):
    connection.execute("CREATE TABLE p (id INT PRIMARY KEY, v INT)")
    connection.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)"
    )
    connection.execute("INSERT INTO p VALUES (1, 1), (2, 2)")
    connection.execute("INSERT INTO t VALUES (1, 1), (2, 2), (3, 99)")
    parent = table_of(connection, database_name, "p")
    session.replace(parent, ["id", "v"], batch((b"1", b"5")))
    assert session.delete_keys(parent, ["id"], [(b"2",)]) == 1
    session.commit()
    assert connection.query("SELECT id FROM t ORDER BY id") == [("1",), ("2",), ("3",)]


def test_rows_by_key_and_deletes_by_composite_key(session, connection, database_name):
    connection.execute("CREATE TABLE t (a INT, b VARCHAR(5) COLLATE utf8mb4_general_ci, v INT, PRIMARY KEY (a, b))")
    connection.execute("INSERT INTO t VALUES " + ",".join(f"({a},'{b}',{a})" for a in range(700) for b in "xy"))
    table = table_of(connection, database_name)
    keys = [(str(a).encode(), b"X") for a in range(700)]
    assert session.rows_by_key(table, ["a", "b"], [*keys, (None, b"x")], ["v", "b"]).row_count == 700
    assert session.delete_keys(table, ["a", "b"], [*keys, (b"1", None)]) == 700
    assert session.delete_keys(table, ["a", "b"], keys) == 0
    assert session.delete_keys(table, ["a", "b"], []) == 0
    assert session.rows_by_key(table, ["a"], [(b"5",)], ["b"]).columns[0].values() == [b"y"]


@pytest.mark.parametrize("keys", [[b""], [b"", b"ab"], [b"ab", b""]])
def test_an_empty_binary_key_is_no_other_key(session, connection, database_name, keys):
    connection.execute("CREATE TABLE t (raw VARBINARY(8) PRIMARY KEY, v INT)")
    connection.execute("INSERT INTO t VALUES ('', 1), ('ab', 2), (X'782727', 3), ('c', 4)")
    table = table_of(connection, database_name)
    rows = [(key,) for key in keys]
    assert sorted(session.rows_by_key(table, ["raw"], rows, ["raw"]).columns[0].values()) == sorted(keys)
    assert session.delete_keys(table, ["raw"], rows) == len(keys)
    session.insert(table, ["raw", "v"], Batch.of([(b"", b"5")], 2)) if b"" in keys else None
    session.commit()
    left = [bytes.fromhex(row[0]) for row in connection.query("SELECT HEX(raw) FROM t ORDER BY raw")]
    assert left == sorted({b"", b"ab", b"c", b"x''"} - set(keys) | {b""})


def test_update_keys_follow_the_order_given(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, p INT)")
    connection.execute("INSERT INTO t VALUES (1, 10), (2, 10), (3, 20), (4, 30), (5, 40)")
    table = table_of(connection, database_name)
    changed = session.update_keys(
        table, ["p"], [(b"10",), (b"20",), (b"40",), (b"11",)], [(b"11",), None, None, (b"12",)]
    )
    assert changed == 6
    session.commit()
    assert connection.query("SELECT p FROM t ORDER BY id") == [("12",), ("12",), (None,), ("30",), (None,)]


KEYLESS = (
    "f FLOAT, d DOUBLE, j JSON, c VARCHAR(9) COLLATE utf8mb4_general_ci, h CHAR(5), t TEXT, b BLOB, n BINARY(3),"
    " e ENUM('a', 'é'), s SET('x', 'y'), i BIGINT UNSIGNED, m DECIMAL(20,5), w DATETIME(6), z TIME, y YEAR, q BIT(9),"
    " a DATE"
)
KEYLESS_ROW = (
    b"0.1",
    b"0.30000000000000004",
    b'{"b": [1, 2.5, null, "\\u00e9\\n"], "a": {"y": "x"}}',
    b"it's ",
    "é😀".encode(),
    b"tab\t\\ \n\0",
    bytes(range(256)),
    b"\0'\\",
    "é".encode(),
    b"x,y",
    b"18446744073709551615",
    b"-1.50000",
    b"0000-00-00 00:00:00.000000",
    b"-838:59:59",
    b"0000",
    b"257",
    b"2020-02-31",
)


def keyless(connection, database_name):
    connection.execute(f"CREATE TABLE t ({KEYLESS})")
    table = table_of(connection, database_name)
    assert table.row_key is None
    return table, [column.name for column in table.columns if not column.invisible]


def changed_in(place, row):
    different = {
        0: b"0.2", 1: b"0.3", 2: b'{"b": [1, 2.5, null, "\\u00e9"], "a": {"y": "x"}}', 3: b"IT'S ", 4: b"e",
        5: b"tab\t\\ \n", 6: bytes(range(255)), 7: b"\0'a", 8: b"a", 9: b"x", 10: b"18446744073709551614",
        11: b"-1.50001", 12: b"0000-00-00 00:00:00.000001", 13: b"838:59:59", 14: b"1901", 15: b"256", 16: b"2020-02-30",
    }  # fmt: skip
    return (*row[:place], different[place], *row[place + 1 :])


def test_a_keyless_delete_hits_one_of_two_equal_rows_and_none_that_differs(session, connection, database_name):
    table, columns = keyless(connection, database_name)
    near = [changed_in(place, KEYLESS_ROW) for place in range(len(KEYLESS_ROW))]
    near += [(*KEYLESS_ROW[:place], None, *KEYLESS_ROW[place + 1 :]) for place in range(len(KEYLESS_ROW))]
    near += [(*KEYLESS_ROW[:3], b"it's", *KEYLESS_ROW[4:])]
    empty = (None,) * len(KEYLESS_ROW)
    session.insert(table, columns, Batch.of([KEYLESS_ROW, KEYLESS_ROW, *near, empty], len(columns)))
    assert session.delete_row(table, columns, KEYLESS_ROW) == 1
    assert session.delete_row(table, columns, KEYLESS_ROW) == 1
    assert session.delete_row(table, columns, KEYLESS_ROW) == 0
    assert session.delete_row(table, columns, empty) == 1
    for row in near:
        assert session.delete_row(table, columns, row) == 1, row
    session.commit()
    assert connection.query("SELECT COUNT(*) FROM t") == [("0",)]


def test_a_keyless_update_rewrites_one_of_two_equal_rows(session, connection, database_name, target):
    table, columns = keyless(connection, database_name)
    session.insert(table, columns, Batch.of([KEYLESS_ROW, KEYLESS_ROW], len(columns)))
    after = KEYLESS_ROW
    for place in range(len(KEYLESS_ROW)):
        before, after = after, changed_in(place, after)
        assert session.update_row(table, columns, before, after) == 1
    assert session.update_row(table, columns, after, after) == 1
    assert session.update_row(table, columns, before, after) == 0
    session.commit()
    rows = sorted(row for found in target.reader().read(table, columns) for row in found.rows())
    plain = [(*row[:2], json.dumps(json.loads(row[2]), sort_keys=True), *row[3:]) for row in rows]
    expected = [(*row[:2], json.dumps(json.loads(row[2]), sort_keys=True), *row[3:]) for row in (KEYLESS_ROW, after)]
    assert sorted(plain) == sorted(expected)


RISKY_JSON = b'{"k": [0.9987226627904077, "\\u00e9\\n\\"", -1.5e300], "a": 18446744073709551617}'
"""Numbers that OceanBase would round in JSON text: the kernel writes such a document as an expression."""


@pytest.mark.parametrize(
    "document",
    [RISKY_JSON, b"0.9987226627904077", b"null", b"[]", b'""', b"0", b'"a\'b\\\\ \\u0000"', b"[1.0, -2.5e3]", b"{}"],
)
def test_json_documents_are_found_again(session, connection, database_name, document):
    connection.execute("CREATE TABLE t (j JSON)")
    table = table_of(connection, database_name)
    session.insert(table, ["j"], batch((document,), (None,)))
    assert session.delete_row(table, ["j"], (document,)) == 1
    assert session.delete_row(table, ["j"], (None,)) == 1


def test_zero_and_negative_zero_are_two_values(oceanbase, database_name):
    target = FamilyTarget(oceanbase.endpoint)
    target.prepare()
    target.run_ddl(f"CREATE DATABASE {database_name}")
    target.run_ddl(f"CREATE TABLE {database_name}.t (d DOUBLE, f FLOAT)")
    with open_connection(oceanbase.endpoint) as connection:
        table = table_of(connection, database_name)
    target.raise_epoch("z/apply", 1, 1)
    session = target.session()
    session.begin(Lease(task="z/apply", epoch=1))
    session.insert(table, ["d", "f"], batch((b"-0", b"0"), (b"0", b"-0")))
    assert session.delete_row(table, ["d", "f"], (b"0", b"0")) == 0
    assert session.delete_row(table, ["d", "f"], (b"-0", b"0")) == 1
    assert session.delete_row(table, ["d", "f"], (b"0", b"-0")) == 1
    session.rollback()
    session.close()
    target.run_ddl(f"DROP DATABASE {database_name}")


def test_statements_are_cut_and_a_giant_row_still_goes(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)")
    table = table_of(connection, database_name)
    blob = bytes(range(256)) * 4096
    rows = [(str(n).encode(), blob) for n in range(12)]
    session.insert(table, ["id", "v"], Batch.of(rows, 2))
    session.insert(table, ["id", "v"], batch((b"100", blob * 5)))
    session.commit()
    assert connection.query("SELECT COUNT(*), SUM(LENGTH(v)), COUNT(DISTINCT MD5(v)) FROM t") == [
        ("13", str(17 * len(blob)), "2")
    ]


def test_a_row_greater_than_the_servers_packet_names_the_setting(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)")
    table = table_of(connection, database_name)
    limit = int(connection.query("SELECT @@max_allowed_packet")[0][0])
    with pytest.raises(FerrymanError) as caught:
        session.insert(table, ["id", "v"], batch((b"1", b"x" * limit)))
    assert caught.value.code == "target.packet_too_large"
    assert "max_allowed_packet" in caught.value.hint


def test_writes_into_a_table_or_column_that_is_gone(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    table = table_of(connection, database_name)
    connection.execute("ALTER TABLE t DROP COLUMN v")
    with pytest.raises(FerrymanError) as caught:
        session.insert(table, ["id", "v"], batch((b"1", b"1")))
    assert caught.value.code == "target.table_changed"


def test_truncate_is_part_of_the_transaction(session, connection, database_name):
    connection.execute("CREATE TABLE t (v INT)")
    connection.execute("INSERT INTO t VALUES (1),(2)")
    table = table_of(connection, database_name)
    session.truncate(table)
    session.rollback()
    assert connection.query("SELECT COUNT(*) FROM t") == [("2",)]


def test_who_has_lost_its_lease_writes_nothing(target, lease, connection, database_name):
    connection.execute("CREATE TABLE t (v INT)")
    old, new = target.session(), target.session()
    target.raise_epoch(lease.task, 2, 2)
    with pytest.raises(LeaseLostError):
        old.begin(lease)
    with pytest.raises(LeaseLostError):
        old.begin(dataclasses.replace(lease, lane=1))
    with pytest.raises(LeaseLostError):
        target.raise_epoch(lease.task, 1, 2)
    with pytest.raises(LeaseLostError):
        old.begin(Lease(task="nobody/apply", epoch=1))
    target.raise_epoch(lease.task, 2, 2)
    new.begin(dataclasses.replace(lease, epoch=2))
    new.insert(table_of(connection, database_name), ["v"], batch((b"1",)))
    new.commit()
    assert connection.query("SELECT COUNT(*) FROM t") == [("1",)]
    old.close()
    new.close()


def test_fewer_lanes_still_fence_all_the_old_ones(target, lease):
    target.raise_epoch(lease.task, 3, 1)
    session = target.session()
    with pytest.raises(LeaseLostError):
        session.begin(dataclasses.replace(lease, lane=1))
    session.close()


def test_a_new_holder_waits_for_the_open_transaction_of_the_old_one(target, lease, connection, database_name):
    connection.execute("CREATE TABLE t (v INT)")
    table = table_of(connection, database_name)
    old = target.session()
    old.begin(lease)
    old.insert(table, ["v"], batch((b"1",)))
    raised = threading.Event()

    def take_over():
        target.raise_epoch(lease.task, 2, 2)
        raised.set()

    thread = threading.Thread(target=take_over)
    thread.start()
    assert not raised.wait(1.0)
    old.commit()
    assert raised.wait(60)
    thread.join()
    with pytest.raises(LeaseLostError):
        old.begin(lease)
    assert connection.query("SELECT COUNT(*) FROM t") == [("1",)]
    old.close()


def test_lanes_do_not_wait_for_each_other(target, lease):
    first, second = target.session(), target.session()
    first.begin(lease)
    second.begin(dataclasses.replace(lease, lane=1))
    second.commit()
    first.commit()
    first.close()
    second.close()


def position(number, offset, time=1.5):
    token = {"file": f"binlog.{number:06d}", "offset": str(offset), "gtid": "0-1-5"}
    return Position(kind="binlog", token=token, order=(number, offset), time=time)


def schema_of(width):
    columns = tuple(Column(name=f"c{n}", type=ColumnType(kind=Kind.INTEGER, bits=32)) for n in range(width))
    return Schema(tables=(Table(name=TableName("d", "té"), columns=columns),))


def test_checkpoints_come_back_as_they_were(session, target, database_name):
    assert target.load_checkpoint(database_name) is None
    first = Checkpoint(position=position(9, 400), schema=schema_of(3))
    session.save_checkpoint(database_name, first)
    session.commit()
    assert target.load_checkpoint(database_name) == first
    assert target.load_checkpoint(database_name).position.token == first.position.token


def test_a_checkpoint_is_part_of_its_transaction_and_never_moves_back(session, lease, target, database_name):
    schema = schema_of(2)
    first = Checkpoint(position=position(9, 400), schema=schema)
    session.save_checkpoint(database_name, first)
    session.rollback()
    assert target.load_checkpoint(database_name) is None
    session.begin(lease)
    session.save_checkpoint(database_name, first)
    session.commit()
    second = Checkpoint(
        position=position(10, 4),
        schema=schema_of(4),
        intent=Intent(end=position(10, 99), ddl="ALTER TABLE `é😀` …", consistent=True),
        skipped=("binlog.000009/4",),
    )
    for checkpoint in (second, dataclasses.replace(second, intent=None)):
        session.begin(lease)
        session.save_checkpoint(database_name, checkpoint)
        session.commit()
        assert target.load_checkpoint(database_name) == checkpoint
    for back in (position(10, 3), position(9, 5000), dataclasses.replace(position(11, 4), kind="lsn")):
        session.begin(lease)
        with pytest.raises(FerrymanError) as caught:
            session.save_checkpoint(database_name, dataclasses.replace(second, position=back))
        assert caught.value.code == "checkpoint.moved_back"
        session.rollback()
    assert target.load_checkpoint(database_name).position == second.position


def test_an_older_schema_is_there_again_when_it_comes_back(session, lease, target, database_name, connection):
    for number, schema in enumerate([schema_of(1), schema_of(2), schema_of(3), schema_of(1), schema_of(2)]):
        if number:
            session.begin(lease)
        session.save_checkpoint(database_name, Checkpoint(position=position(1, number), schema=schema))
        session.commit()
        assert target.load_checkpoint(database_name).schema == schema
    count = connection.query("SELECT COUNT(*) FROM `_ferryman`.schema_text WHERE project=%s", (database_name,))
    assert int(count[0][0]) <= 3


def test_chunks_are_remembered_once_and_forgotten_with_the_project(session, lease, target, database_name):
    name, other = TableName("d", "t"), TableName("d", 'odd "name" 😀')
    bounds = [Chunk(None, (b"\x00\xff'", b"10")), Chunk((b"\x00\xff'", b"10"), None), Chunk()]
    for chunk in (*bounds, bounds[0]):
        session.mark_chunk(database_name, name, chunk, 7)
    session.mark_chunk(database_name, other, Chunk(), 3)
    session.mark_chunk(database_name + "x", name, Chunk(), 1)
    session.commit()
    found = target.finished_chunks(database_name)
    assert set(found) == {name, other}
    assert sorted(found[name], key=str) == sorted([(chunk, 7) for chunk in bounds], key=str)
    target.forget(database_name)
    assert target.finished_chunks(database_name) == {}
    assert target.load_checkpoint(database_name) is None
    assert set(target.finished_chunks(database_name + "x")) == {name}
    with pytest.raises(LeaseLostError):
        session.begin(lease)
    target.forget(database_name + "x")


def together(count, action):
    """Run `action(number)` in threads at once; return what each raised, or `None`."""
    outcome = [None] * count
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        try:
            action(number)
        except FerrymanError as error:
            outcome[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def test_several_may_prepare_at_once(server, connection):
    connection.execute("DROP DATABASE IF EXISTS `_ferryman`")
    assert together(5, lambda _: FamilyTarget(server.endpoint).prepare()) == [None] * 5


def test_of_several_new_holders_the_highest_epoch_stays(target, database_name):
    task = f"{database_name}/race"
    outcome = together(6, lambda number: target.raise_epoch(task, number + 1, 3))
    assert outcome[5] is None
    assert all(error is None or isinstance(error, LeaseLostError) for error in outcome)
    session = target.session()
    for lane in range(3):
        session.begin(Lease(task=task, epoch=6, lane=lane))
        session.rollback()
    session.close()


def test_ddl_errors_show_the_servers_words(target, database_name):
    with pytest.raises(FerrymanError) as caught:
        target.run_ddl(f"CREATE TABLE {database_name}.t (a INT)")
    assert caught.value.code == "target.ddl_failed"
    assert database_name in caught.value.message
    with pytest.raises(FerrymanError) as caught:
        target.run_ddl("CREATE TABL oops 'x'")
    assert caught.value.code == "target.ddl_failed"
    assert "oops" in caught.value.message


def test_a_wrong_password_and_a_closed_port(server):
    endpoint = server.endpoint
    with pytest.raises(FerrymanError) as caught:
        FamilyTarget(dataclasses.replace(endpoint, password="SECRET")).check()
    assert caught.value.code == "endpoint.access_denied"
    assert "SECRET" not in str(caught.value)
    with pytest.raises(FerrymanError) as caught:
        FamilyTarget(dataclasses.replace(endpoint, port=1)).check()
    assert caught.value.code == "endpoint.unreachable"
    assert caught.value.exit_code == 3


def test_a_user_without_rights_to_create(server, connection, database_name):
    user = f"u_{database_name}"
    for host in ("%", "localhost", "127.0.0.1"):
        connection.execute(f"CREATE USER '{user}'@'{host}' IDENTIFIED BY 'pw'")
        connection.execute(f"GRANT SELECT ON {database_name}.* TO '{user}'@'{host}'")
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    target = FamilyTarget(dataclasses.replace(server.endpoint, username=user, password="pw"))
    target.check()
    with pytest.raises(FerrymanError) as caught:
        target.run_ddl(f"CREATE TABLE {database_name}.u (a INT)")
    assert caught.value.code == "target.privilege"
    with pytest.raises(FerrymanError) as caught:
        target.run_ddl("CREATE DATABASE nope_nope")
    assert caught.value.code == "target.privilege"
    for host in ("%", "localhost", "127.0.0.1"):
        connection.execute(f"DROP USER '{user}'@'{host}'")
