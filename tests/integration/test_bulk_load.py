"""LOAD DATA LOCAL writes what INSERT writes, byte for byte, or nothing; it is refused like INSERT (I5)."""

from __future__ import annotations

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.selection import Selection
from ferryman.spi.target import Lease

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(180)]

TYPES = """id INT NOT NULL, i BIGINT UNSIGNED, t TINYINT, d DECIMAL(30,10), f FLOAT, g DOUBLE, da DATE, ti TIME(6),
  dt DATETIME(6), ts TIMESTAMP(6) NULL, y YEAR, b BIT(64), b1 BIT(1), e ENUM('x','','1','a\tb','é'), s SET('p','q','é'),
  c CHAR(9), v VARCHAR(600), x LONGTEXT, bi BINARY(4), vb VARBINARY(600), bl LONGBLOB"""
EVERY_BYTE = bytes(range(256))
HOSTILE = [
    EVERY_BYTE, EVERY_BYTE[::-1], b"", b"\\", b"\\N", b"\\\\", b"\t", b"\n", b"\r\n", b"\0", b"NULL", b"\xe4\t\\", b"\xf0\x9f\n",
    b"'\"", b"\x1a", b" trailing \t", b"\\.", b"#",
]  # fmt: skip
TEXTS = ["", "\\", "\\N", "\t", "\n", "\r", "\0", "é", "😀\t", "N", "NULL", "a\\\n", "'", "\x1a", "\\0"]
FLOATS = [b"0", b"0.1", b"3.4028235e+38", b"-3.4028235e+38", b"1e-45", b"16777216", b"1.1754944e-38"]
DOUBLES = [b"0", b"0.1", b"1.7976931348623157e+308", b"5e-324", b"2.2250738585072014e-308", b"123456789.12345679"]


def row(n: int) -> tuple[bytes | None, ...]:
    text = TEXTS[n % len(TEXTS)].encode()
    raw = HOSTILE[n % len(HOSTILE)]
    values: tuple[bytes | None, ...] = (
        [b"0", b"18446744073709551615", b"9223372036854775808"][n % 3], [b"-128", b"127", b"0"][n % 3],
        [b"12345678901234567890.1234567891", b"-0.0000000001", b"0.0000000000"][n % 3],
        FLOATS[n % len(FLOATS)], DOUBLES[n % len(DOUBLES)],
        [b"0000-00-00", b"2024-02-29", b"2020-00-10", b"9999-12-31"][n % 4],
        [b"-838:59:59.000000", b"00:00:00.000001", b"838:59:59.000000"][n % 3],
        [b"0000-00-00 00:00:00.000000", b"2024-02-29 23:59:59.999999", b"1000-01-01 00:00:00.000001"][n % 3],
        [b"1970-01-01 00:00:01.000000", b"2038-01-19 03:14:07.999999"][n % 2],
        [b"0000", b"1901", b"2155"][n % 3], [b"0", b"18446744073709551615", b"49"][n % 3], [b"0", b"1"][n % 2],
        ["x", "", "1", "a\tb", "é"][n % 5].encode(), ["", "p", "p,q", "é"][n % 4].encode(),
        text.rstrip(b" ")[:9], text, text * 3, raw[:4].ljust(4, b"\0"), raw, raw * 2,
    )  # fmt: skip
    if n % 7 == 0:
        place = n // 7 % len(values)
        values = (*values[:place], None, *values[place + 1 :])
    return (b"%d" % n, *values)


@pytest.fixture
def endpoint(mariadb):
    return mariadb.endpoint


@pytest.fixture
def connection(endpoint, database_name):
    with open_connection(endpoint, writer=True) as found:
        found.execute(f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4")
        found.execute(f"USE {database_name}")
        yield found
        found.execute(f"DROP DATABASE {database_name}")


@pytest.fixture
def session(endpoint, connection, database_name):
    target = FamilyTarget(endpoint)
    target.prepare()
    target.raise_epoch(f"{database_name}/load", 1, 1)
    found = target.session()
    found.begin(Lease(task=f"{database_name}/load", epoch=1))
    yield found
    found.rollback()
    found.close()


def table_of(connection, database_name, name="t"):
    found = read_schema(connection, Selection(objects=(f"{database_name}.*",))).table(TableName(database_name, name))
    assert found is not None
    return found


def loads(session) -> int:
    """How often this session ran LOAD DATA."""
    return int(session._connection.query("SHOW SESSION STATUS LIKE 'Com_load'")[0][1])


def rows_of(endpoint, table) -> list[tuple[bytes | None, ...]]:
    reader = FamilyTarget(endpoint).reader()
    try:
        batches = reader.read(table, [column.name for column in table.columns], ordered=True)
        return [found for batch in batches for found in batch.rows()]
    finally:
        reader.close()


def different(names, ours, theirs) -> list[tuple[object, ...]]:
    """Return (row, column, our value, theirs), at most a few."""
    assert len(ours) == len(theirs)
    cells = (
        (n, name, mine, other)
        for n, (ours_row, theirs_row) in enumerate(zip(ours, theirs, strict=True))
        for name, mine, other in zip(names, ours_row, theirs_row, strict=True)
    )
    return [cell for cell in cells if cell[2] != cell[3]][:5]


def test_every_value_arrives_as_by_insert(endpoint, session, connection, database_name):
    for name in ("loaded", "inserted"):
        connection.execute(f"CREATE TABLE {name} ({TYPES}, PRIMARY KEY (id))")
    loaded, inserted = (table_of(connection, database_name, name) for name in ("loaded", "inserted"))
    names = [column.name for column in loaded.columns]
    rows = [row(n) for n in range(1000)]
    session.insert(loaded, names, Batch.of(rows, len(names)))
    assert loads(session) == 1
    for start in range(0, 1000, 100):  # too few at a time for LOAD DATA
        session.insert(inserted, names, Batch.of(rows[start : start + 100], len(names)))
    assert loads(session) == 1
    session.commit()
    found, expected = rows_of(endpoint, loaded), rows_of(endpoint, inserted)
    assert different(names, found, expected) == []  # but for -0, which MariaDB stores as 0 on either way
    assert different(names, found, rows) == []


def numbers(count: int) -> list[tuple[bytes, ...]]:
    return [(b"%d" % n, b"v%d" % n) for n in range(count)]


def test_a_taken_key_undoes_the_batch_and_leaves_the_transaction(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))")
    connection.execute("INSERT INTO t VALUES (600, 'taken')")
    table = table_of(connection, database_name)
    session.insert(table, ["id", "v"], Batch.of([(b"-1", b"kept")], 2))
    with pytest.raises(DuplicateKeyError):
        session.insert(table, ["id", "v"], Batch.of(numbers(1000), 2))
    session.commit()
    assert connection.query("SELECT id, v FROM t ORDER BY id") == [("-1", "kept"), ("600", "taken")]


@pytest.mark.parametrize(
    ("column", "value"),
    [("v TINYINT", b"128"), ("v VARCHAR(3)", b"abcd"), ("v VARCHAR(3)", b"abc "), ("v DECIMAL(5,1)", b"0.25"),
     ("v VARCHAR(9) CHARACTER SET utf8mb3", "😀".encode()), ("v ENUM('a')", b"none"), ("v DATETIME", b"2020-13-01 00:00:00"),
     ("v INT NOT NULL", None)],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(session, connection, database_name, column, value):
    connection.execute(f"CREATE TABLE t (id INT PRIMARY KEY, {column})")
    table = table_of(connection, database_name)
    fitting = {"v ENUM('a')": b"a", "v DATETIME": b"2020-01-01 00:00:00"}.get(column, b"1")
    rows = [(b"%d" % n, value if n == 700 else fitting) for n in range(1000)]
    with pytest.raises(FerrymanError) as caught:
        session.insert(table, ["id", "v"], Batch.of(rows, 2))
    assert caught.value.code == "target.value_refused"
    session.rollback()
    assert connection.query("SELECT COUNT(*) FROM t") == [("0",)]


def test_tables_that_cannot_go_this_way_are_inserted(session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1)")
    table = table_of(connection, database_name)
    session.insert(table, ["id", "v"], Batch.of([(b"%d" % n, "é".encode()) for n in range(1000)], 2))
    session.commit()
    assert loads(session) == 0
    assert connection.query("SELECT COUNT(*) FROM t WHERE HEX(v) = 'E9'") == [("1000",)]


def test_without_leave_rows_are_inserted(endpoint, session, connection, database_name):
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))")
    table = table_of(connection, database_name)
    connection.execute("SET GLOBAL local_infile=0")
    try:
        session.insert(table, ["id", "v"], Batch.of(numbers(1000), 2))  # this session believed that it may
        session.insert(table, ["id", "v"], Batch.of([(b"%d" % n, b"x") for n in range(1000, 2000)], 2))
        session.commit()
    finally:
        connection.execute("SET GLOBAL local_infile=1")
    assert connection.query("SELECT COUNT(*) FROM t") == [("2000",)]
