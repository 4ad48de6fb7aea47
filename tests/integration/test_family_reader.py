"""Reading by key range, by key, and in a consistent snapshot, on both engines."""

import dataclasses
import itertools
import random
from types import SimpleNamespace

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.rows import snapshot
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.rows.snapshot import open_snapshot
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.selection import Selection
from ferryman.spi.source import Chunk

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.timeout(120)]


@pytest.fixture(params=["mariadb", "oceanbase"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def connection(server, database_name):
    with open_connection(server.endpoint) as found:
        found.execute(f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4")
        found.execute(f"USE {database_name}")
        yield found
        found.execute(f"DROP DATABASE {database_name}")


@pytest.fixture
def reader(server):
    found = Reader(lambda: open_connection(server.endpoint))
    yield found
    found.close()


def table_of(connection, database, name="t"):
    found = read_schema(connection, Selection(objects=(f"{database}.*",))).table(TableName(database, name))
    assert found is not None
    return found


def rows_of(batches):
    return [row for batch in batches for row in batch.rows()]


KEYS = {
    "integer": ("k BIGINT", [str(n) for n in (-(2**63), -5, 0, 1, 2, 3, 10, 2**63 - 1)]),
    "unsigned": ("k BIGINT UNSIGNED", [str(n) for n in (0, 1, 2**63, 2**64 - 1)]),
    "decimal": ("k DECIMAL(40,10)", ["-99999999999999999999.9999999999", "0", "0.0000000001", "7.5"]),
    "float": ("k FLOAT", ["-1.5", "0.1", "0.2", "16777216", "3.4028234663852886e38", "1.401298464324817e-45"]),
    "double": ("k DOUBLE", ["-0.1", "0.1", "0.30000000000000004", "5e-324", "1.7976931348623157e308"]),
    "bit": ("k BIT(64)", [str(n) for n in (0, 1, 39, 92, 2**63, 2**64 - 1)]),
    "year": ("k YEAR", ["0", "1901", "2000", "2155"]),
    "date": ("k DATE", ["'0000-00-00'", "'2020-00-10'", "'2020-02-31'", "'9999-12-31'"]),
    "time": ("k TIME(6)", ["'-838:59:59'", "'-00:00:00.000001'", "'00:00:00'", "'838:59:59'"]),
    "datetime": ("k DATETIME(6)", ["'0000-00-00'", "'2020-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"]),
    "timestamp": (
        "k TIMESTAMP(6) DEFAULT '1971-01-01'",
        ["'0000-00-00'", "'2020-01-01 00:00:00.000001'", "'2038-01-19 03:14:07'"],
    ),
    "text without case": (
        "k VARCHAR(20) COLLATE utf8mb4_general_ci",
        [r"''", r"'a'", r"'B'", r"'c\0'", r"'c'", r"'C d'", r"'é😀'", r"'\\'", r"'\''", r"'%_'", r"'z\n'", r"'~'"],
    ),
    "text with case": ("k VARCHAR(20) COLLATE utf8mb4_bin", [r"''", r"'a'", r"'B'", r"'b'", r"'c\0'", r"'c'", r"'😀'"]),
    "char": ("k CHAR(5)", ["'a'", "'b'", "'é'", "''"]),
    "enum": ("k ENUM('z', 'm', 'a')", ["'z'", "'m'", "'a'"]),
    "set": ("k SET('x', 'y', 'z')", ["'x,z'", "'y'", "''"]),
    "binary": ("k BINARY(4)", ["x'00'", "x'61'", "x'6120'", "x'ffffffff'", "x'27'", "x'5c'"]),
    "varbinary": ("k VARBINARY(9)", ["x''", "x'00'", "x'61'", "x'6120'", "x'6100'", "x'ff'", "x'275c'"]),
}


@pytest.mark.parametrize("name", KEYS)
def test_chunks_cover_each_key_once(connection, reader, database_name, name):
    ddl, values = KEYS[name]
    connection.execute(f"CREATE TABLE t ({ddl} NOT NULL, v INT, PRIMARY KEY (k))")
    connection.execute("INSERT INTO t VALUES " + ",".join(f"({value},{n})" for n, value in enumerate(values)))
    table = table_of(connection, database_name)
    in_order = rows_of(reader.read(table, ["k", "v"], ordered=True))
    assert len(in_order) == len(values)
    assert [row[1] for row in in_order] == [row[0].encode() for row in connection.query("SELECT v FROM t ORDER BY k")]
    keys = [row[:1] for row in in_order]
    bounds = [None, *keys, None]
    chunks = [rows_of(reader.read(table, ["k", "v"], chunk=Chunk(*pair))) for pair in itertools.pairwise(bounds)]
    assert [len(chunk) for chunk in chunks] == [1] * len(keys) + [0]
    assert [row for chunk in chunks for row in chunk] == in_order
    assert sorted(reader.rows_by_key(table, ["k", "v"], keys).rows()) == sorted(in_order)
    assert reader.key_range(table) == (keys[0], keys[-1])
    assert list(reader.split_points(table, 2)) in (keys[1::2], keys[1:-1:2]) or name in ("integer", "unsigned")


def test_composite_keys(connection, reader, database_name):
    connection.execute(
        "CREATE TABLE t (a INT, b VARCHAR(9) COLLATE utf8mb4_general_ci, c DECIMAL(9,3), v INT, PRIMARY KEY (a,b,c))"
    )
    rows = [(a, b, c) for a in (1, 2, 3) for b in ("", "a", "B", "c'") for c in ("-1.5", "0.000", "2.125")]
    values = ",".join(f"({a},{connection.quote_text(b)},{c},{n})" for n, (a, b, c) in enumerate(rows))
    connection.execute(f"INSERT INTO t VALUES {values}")
    table = table_of(connection, database_name)
    every = rows_of(reader.read(table, ["a", "b", "c", "v"], ordered=True))
    assert len(every) == len(rows)
    keys = [row[:3] for row in every]
    for first in range(0, len(keys), 5):
        for last in range(first, len(keys), 7):
            found = rows_of(
                reader.read(table, ["a", "b", "c", "v"], chunk=Chunk(keys[first], keys[last]), ordered=True)
            )
            assert found == every[first + 1 : last + 1]
    assert list(reader.split_points(table, 10)) == keys[9::10]
    assert list(reader.split_points(table, 10, after=keys[4])) == keys[14::10]
    assert rows_of(reader.read(table, ["v"], chunk=Chunk(start=keys[3]), limit=4)) == [row[3:] for row in every[4:8]]
    assert sorted(reader.rows_by_key(table, ["v"], [*keys[5:8], (b"9", b"x", b"0.000")]).rows()) == sorted(
        row[3:] for row in every[5:8]
    )


def test_integer_keys_are_split_by_arithmetic_when_dense_and_by_seeking_when_not(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)")
    connection.execute("INSERT INTO t VALUES " + ",".join(f"({n},{n})" for n in range(100, 5100)))
    connection.execute("ANALYZE TABLE t")
    table = table_of(connection, database_name)
    points = [int(point[0]) for point in reader.split_points(table, 500)]
    assert 5 <= len(points) <= 20
    assert points == sorted(set(points))
    assert points[0] >= 100
    assert points[-1] < 5100
    rest = [int(point[0]) for point in reader.split_points(table, 500, after=(str(points[3]).encode(),))]
    assert rest == points[4:]
    connection.execute(f"INSERT INTO t VALUES ({2**62}, 0)")
    assert [int(p[0]) for p in reader.split_points(table, 1000)] == [1099, 2099, 3099, 4099, 5099]


def test_estimates_need_no_statistics(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, v VARCHAR(50))")
    connection.execute("INSERT INTO t VALUES " + ",".join(f"({n},'{n}')" for n in range(20_000)))
    table = table_of(connection, database_name)
    assert 5_000 <= reader.count_estimate(table) <= 80_000


def test_filters_odd_names_and_other_unique_keys(connection, reader, database_name):
    connection.execute(
        "CREATE TABLE `a`` b.c 'd\" é` (`k ``1` INT NOT NULL, `select` INT, UNIQUE KEY `u 'x` (`k ``1`))"
    )
    table_name = "a` b.c 'd\" é"
    connection.execute("INSERT INTO `a`` b.c 'd\" é` VALUES (1,10),(2,20),(3,30)")
    table = table_of(connection, database_name, table_name)
    found = rows_of(
        reader.read(
            table, ["select", "k `1"], chunk=Chunk((b"1",)), where="`select` < 30 OR 1=0 -- a comment", ordered=True
        )
    )
    assert found == [(b"20", b"2")]


def test_an_empty_table(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)")
    table = table_of(connection, database_name)
    assert rows_of(reader.read(table, ["id", "v"])) == []
    assert reader.key_range(table) is None
    assert list(reader.split_points(table, 10)) == []
    assert reader.rows_by_key(table, ["id", "v"], []).row_count == 0


def test_batches_are_cut_by_bytes_and_a_giant_row_is_one_of_its_own(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)")
    connection.execute("INSERT INTO t SELECT 1, REPEAT('x', 3000000)")
    for n in range(2, 40):
        connection.execute("INSERT INTO t VALUES (%s, REPEAT('y', 100000))", (n,))
    table = table_of(connection, database_name)
    batches = list(reader.read(table, ["id", "v"], batch_bytes=500_000, ordered=True))
    assert [row[0] for batch in batches for row in batch.rows()] == [str(n).encode() for n in range(1, 40)]
    assert batches[0].byte_size >= 3_000_000
    assert all(batch.byte_size <= 1_000_000 for batch in batches[1:])


def test_a_read_given_up_midway_leaves_nothing_behind(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)")
    for n in range(30):
        connection.execute("INSERT INTO t VALUES (%s, REPEAT('y', 200000))", (n,))
    table = table_of(connection, database_name)
    for _ in range(3):
        batches = reader.read(table, ["id", "v"], batch_bytes=1)
        assert next(batches).row_count > 0
        batches.close()
    assert len(rows_of(reader.read(table, ["id"]))) == 30
    half = reader.read(table, ["id", "v"], batch_bytes=1)
    next(half)
    with pytest.raises(FerrymanError, match="still being read"):
        reader.count_estimate(table)
    half.close()
    assert reader.count_estimate(table) > 0


def test_a_column_or_table_that_is_gone(connection, reader, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    table = table_of(connection, database_name)
    connection.execute("ALTER TABLE t DROP COLUMN v")
    with pytest.raises(FerrymanError) as caught:
        rows_of(reader.read(table, ["id", "v"]))
    assert caught.value.code == "source.table_changed"
    connection.execute("DROP TABLE t")
    with pytest.raises(FerrymanError) as caught:
        rows_of(reader.read(table, ["id"]))
    assert caught.value.code == "source.table_changed"
    assert f"{database_name}.t" in caught.value.message


@pytest.mark.parametrize(
    ("before", "after"),
    [("DATETIME", "DATETIME(6)"), ("DECIMAL(10,2)", "DECIMAL(12,4)"), ("FLOAT", "DOUBLE"), ("DATE", "DATETIME")],
)
def test_a_column_of_another_type_than_the_catalogs_is_refused(connection, reader, database_name, before, after):
    connection.execute(f"CREATE TABLE t (id INT PRIMARY KEY, v {before})")
    connection.execute("INSERT INTO t VALUES (1, NULL)")
    table = table_of(connection, database_name)
    assert rows_of(reader.read(table, ["id", "v"])) == [(b"1", None)]
    connection.execute("DROP TABLE t")
    connection.execute(f"CREATE TABLE t (id INT PRIMARY KEY, v {after})")
    with pytest.raises(FerrymanError) as caught:
        rows_of(reader.read(table, ["id", "v"]))
    assert caught.value.code == "source.table_changed"
    assert "'v'" in caught.value.message


def test_a_killed_connection_is_an_error_then_another_one_serves(mariadb, database_name):
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"CREATE DATABASE {database_name}")
        connection.execute(f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, v LONGBLOB)")
        for n in range(40):
            connection.execute(f"INSERT INTO {database_name}.t VALUES (%s, REPEAT('y', 400000))", (n,))
        table = table_of(connection, database_name)
        opened = []

        def connect():
            opened.append(open_connection(mariadb.endpoint))
            return opened[-1]

        reader = Reader(connect)
        batches = reader.read(table, ["id", "v"], batch_bytes=1)
        next(batches)
        connection.execute(f"KILL {opened[0].thread_id}")
        with pytest.raises(FerrymanError) as caught:
            rows_of(batches)
        assert caught.value.code == "endpoint.connection_lost"
        assert len(rows_of(reader.read(table, ["id"]))) == 40
        assert len(opened) == 2
        reader.close()
        connection.execute(f"DROP DATABASE {database_name}")


def test_random_composite_ranges(connection, reader, database_name):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    source = random.Random(seed)
    connection.execute("CREATE TABLE t (a SMALLINT, b BINARY(3), v INT, PRIMARY KEY (a, b))")
    rows = {(source.randrange(-5, 5), source.randbytes(3)) for _ in range(400)}
    connection.execute("INSERT INTO t VALUES " + ",".join(f"({a},x'{b.hex()}',0)" for a, b in rows))
    table = table_of(connection, database_name)
    expected = sorted(rows)
    for _ in range(25):
        low, high = sorted(source.sample(range(len(expected)), 2))
        start, end = ((str(a).encode(), b) for a, b in (expected[low], expected[high]))
        found = rows_of(reader.read(table, ["a", "b"], chunk=Chunk(start, end), ordered=True))
        assert found == [(str(a).encode(), b) for a, b in expected[low + 1 : high + 1]]


def test_a_snapshot_sees_one_moment_and_knows_its_place_in_the_log(mariadb, database_name):
    with open_connection(mariadb.endpoint) as writer:
        writer.execute(f"CREATE DATABASE {database_name}")
        writer.execute(f"CREATE TABLE {database_name}.bag (v INT) ENGINE=InnoDB")
        writer.execute(f"INSERT INTO {database_name}.bag VALUES (1),(1)")
        table = table_of(writer, database_name, "bag")
        connection, position = open_snapshot(mariadb.endpoint, [table.name])
        reader = Reader(lambda: pytest.fail("a snapshot is never reopened"), connection)
        file, offset = writer.query("SHOW MASTER STATUS")[0][:2]
        assert (position.token["file"], position.token["offset"]) == (file, offset)
        assert position.token["gtid"]
        writer.execute(f"INSERT INTO {database_name}.bag VALUES (2)")
        assert rows_of(reader.read(table, ["v"])) == [(b"1",), (b"1",)]
        writer.execute(f"KILL {connection.thread_id}")
        with pytest.raises(FerrymanError, match="connection_lost"):
            rows_of(reader.read(table, ["v"]))
        with pytest.raises(FerrymanError, match="snapshot is gone"):
            rows_of(reader.read(table, ["v"]))
        writer.execute(f"DROP DATABASE {database_name}")


def test_a_snapshot_under_a_momentary_lock_as_mysql_needs_it(mariadb, database_name):
    with open_connection(mariadb.endpoint) as writer, open_connection(mariadb.endpoint) as connection:
        writer.execute(f"CREATE DATABASE {database_name}")
        writer.execute(f"CREATE TABLE {database_name}.bag (v INT) ENGINE=InnoDB")
        writer.execute(f"INSERT INTO {database_name}.bag VALUES (1),(1)")
        table = table_of(writer, database_name, "bag")
        position = snapshot._locked_snapshot(connection, mariadb.endpoint, [table.name])
        assert position.token["offset"] == writer.query("SHOW MASTER STATUS")[0][1]
        writer.execute(f"INSERT INTO {database_name}.bag VALUES (2)")
        reader = Reader(lambda: pytest.fail("a snapshot is never reopened"), connection)
        assert rows_of(reader.read(table, ["v"])) == [(b"1",), (b"1",)]
        connection.execute("ROLLBACK")
        writer.execute(f"CREATE USER 'l_{database_name}'@'%' IDENTIFIED BY 'pw'")
        weak = dataclasses.replace(mariadb.endpoint, username=f"l_{database_name}", password="pw")
        with pytest.raises(FerrymanError) as caught:
            snapshot._locked_snapshot(connection, weak, [table.name])
        assert caught.value.code == "source.privilege"
        assert "RELOAD" in caught.value.hint
        writer.execute(f"DROP USER 'l_{database_name}'@'%'")
        connection.execute("ROLLBACK")
        writer.execute(f"DROP DATABASE {database_name}")


def test_a_snapshot_of_an_engine_without_one_is_refused(mariadb, database_name):
    with open_connection(mariadb.endpoint) as writer:
        writer.execute(f"CREATE DATABASE {database_name}")
        writer.execute(f"CREATE TABLE {database_name}.bag (v INT) ENGINE=MyISAM")
        with pytest.raises(FerrymanError) as caught:
            open_snapshot(mariadb.endpoint, [TableName(database_name, "bag")])
        assert caught.value.code == "source.no_snapshot"
        writer.execute(f"DROP DATABASE {database_name}")


def test_a_snapshot_gives_way_to_writers_while_a_long_transaction_holds_the_table(mariadb, database_name, monkeypatch):
    """Who waits for the read lock holds up every writer behind it: the wait is short, and others pass between two tries."""
    table = TableName(database_name, "held")
    with open_connection(mariadb.endpoint) as holder, open_connection(mariadb.endpoint) as writer:
        holder.execute(f"CREATE DATABASE {database_name}")
        holder.execute(f"CREATE TABLE {database_name}.held (id INT) ENGINE=InnoDB")
        holder.execute("BEGIN")
        holder.execute(f"INSERT INTO {database_name}.held VALUES (1)")
        pauses = []

        def pause(seconds):
            pauses.append(seconds)
            writer.execute("SET SESSION lock_wait_timeout=5")
            writer.execute(f"INSERT INTO {database_name}.held VALUES (2)")
            if len(pauses) == 2:
                holder.execute("COMMIT")

        monkeypatch.setattr(snapshot, "time", SimpleNamespace(sleep=pause))
        with open_connection(mariadb.endpoint) as connection:
            snapshot._locked_snapshot(connection, mariadb.endpoint, [table])
            assert len(pauses) == 2
            assert len(connection.query(f"SELECT id FROM {database_name}.held")) == 3
        holder.execute("BEGIN")
        holder.execute(f"INSERT INTO {database_name}.held VALUES (4)")
        monkeypatch.setattr(snapshot, "_LOCK_TRIES", 1)
        with open_connection(mariadb.endpoint) as connection, pytest.raises(FerrymanError) as caught:
            snapshot._locked_snapshot(connection, mariadb.endpoint, [table])
        assert caught.value.code == "source.no_snapshot"
        holder.execute("ROLLBACK")
        holder.execute(f"DROP DATABASE {database_name}")
