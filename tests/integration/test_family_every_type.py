"""Values of every type, at both ends of their range, from MariaDB into OceanBase and back (I5)."""

import json
import random
import struct

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.selection import Selection
from ferryman.model.types import Kind
from ferryman.spi.target import Lease

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

COLUMNS = {
    "i8": "TINYINT",
    "u8": "TINYINT UNSIGNED",
    "i16": "SMALLINT",
    "u16": "SMALLINT UNSIGNED",
    "i24": "MEDIUMINT",
    "u24": "MEDIUMINT UNSIGNED",
    "i32": "INT",
    "u32": "INT UNSIGNED",
    "i64": "BIGINT",
    "u64": "BIGINT UNSIGNED",
    "dec": "DECIMAL(65,30)",
    "dec0": "DECIMAL(20,0)",
    "flt": "FLOAT",
    "dbl": "DOUBLE",
    "b1": "BIT(1)",
    "b64": "BIT(64)",
    "d": "DATE",
    "t0": "TIME",
    "t6": "TIME(6)",
    "dt0": "DATETIME",
    "dt6": "DATETIME(6)",
    "ts0": "TIMESTAMP NULL DEFAULT NULL",
    "ts6": "TIMESTAMP(6) NULL DEFAULT NULL",
    "y": "YEAR",
    "c": "CHAR(10)",
    "vc": "VARCHAR(400)",
    "txt": "LONGTEXT",
    "en": "ENUM('', 'a', 'b c', 'd''e', 'é😀')",
    "st": "SET('x', 'y z', 'é')",
    "bin": "BINARY(8)",
    "vb": "VARBINARY(300)",
    "bl": "LONGBLOB",
    "js": "JSON",
}
ALL_BYTES = bytes(range(256))
MEGABYTE = ALL_BYTES * 4096
NASTY = "tab\t newline\n return\r nul\0 back\\slash quote' double\" sub\x1a percent% under_ é 😀 {} ?"
LEAST = {
    "i8": "-128", "u8": "0", "i16": "-32768", "u16": "0", "i24": "-8388608", "u24": "0", "i32": "-2147483648",
    "u32": "0", "i64": "-9223372036854775808", "u64": "0", "dec": "-" + "9" * 35 + "." + "9" * 30,
    "dec0": "-" + "9" * 20, "flt": "-3.4028234663852886e38", "dbl": "-1.7976931348623157e308", "b1": "0", "b64": "0",
    "d": "'0000-00-00'", "t0": "'-838:59:59'", "t6": "'-838:59:59.000000'", "dt0": "'0000-00-00 00:00:00'",
    "dt6": "'0000-00-00 00:00:00.000000'", "ts0": "'1970-01-01 00:00:01'", "ts6": "'0000-00-00 00:00:00.000000'",
    "y": "0", "c": "''", "vc": "''", "txt": "''", "en": "''", "st": "''", "bin": "''", "vb": "''", "bl": "''",
    "js": "'null'",
}  # fmt: skip
GREATEST = {
    "i8": "127", "u8": "255", "i16": "32767", "u16": "65535", "i24": "8388607", "u24": "16777215", "i32": "2147483647",
    "u32": "4294967295", "i64": "9223372036854775807", "u64": "18446744073709551615", "dec": "9" * 35 + "." + "9" * 30,
    "dec0": "9" * 20, "flt": "3.4028234663852886e38", "dbl": "1.7976931348623157e308", "b1": "1",
    "b64": "18446744073709551615", "d": "'9999-12-31'", "t0": "'838:59:59'", "t6": "'838:59:59.000000'",
    "dt0": "'9999-12-31 23:59:59'", "dt6": "'9999-12-31 23:59:59.999999'", "ts0": "'2038-01-19 03:14:07'",
    "ts6": "'2038-01-19 03:14:07.999999'", "y": "2155", "c": "'éééé😀é..\\n'", "vc": "nasty", "txt": "longtext",
    "en": "'é😀'", "st": "'x,y z,é'", "bin": "x'ffffffffffffffff'", "vb": "allbytes", "bl": "megabyte",
    "js": r"""'{"z": [1, -2.5, true, null, {"é😀": "q\\"\\\\u0000"}], "a": 18446744073709551615, "": {}}'""",
}  # fmt: skip
ODD = {
    "dec": "0.000000000000000000000000000001", "flt": "1.401298464324817e-45", "dbl": "5e-324", "d": "'2020-00-10'",
    "t0": "'-00:00:01'", "t6": "'-00:00:00.000001'", "dt0": "'2020-02-31 00:00:00'", "dt6": "'2020-00-00 00:00:00.5'",
    "ts6": "'1970-01-01 00:00:01.000001'", "c": "'a'", "vc": "'a  '", "txt": "' '", "bin": "x'00ff'", "vb": "x'00'",
    "bl": "x'2000'", "js": "'[0.1, 1e3, \"\", \" \"]'", "y": "1901", "b64": "9223372036854775808", "i8": "-1",
}  # fmt: skip


@pytest.fixture
def source(mariadb, database_name):
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"CREATE DATABASE {database_name} CHARACTER SET utf8mb4")
        yield connection
        connection.execute(f"DROP DATABASE {database_name}")


@pytest.fixture
def target(oceanbase, database_name):
    found = FamilyTarget(oceanbase.endpoint)
    found.run_ddl(f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4")
    found.prepare()
    yield found
    found.run_ddl(f"DROP DATABASE {database_name}")


def make_everything(connection, database):
    columns = ", ".join(f"`{name}` {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE {database}.everything (id INT PRIMARY KEY, {columns}) ENGINE=InnoDB")


def fill(connection, database):
    make_everything(connection, database)
    stand_ins = {
        "nasty": connection.quote_text(NASTY),
        "longtext": connection.quote_text("é😀\0\\'" * 100_000),
        "allbytes": "x'" + ALL_BYTES.hex() + "'",
        "megabyte": "x'" + MEGABYTE.hex() + "'",
    }
    for number, row in enumerate((LEAST, GREATEST, ODD, {})):
        names = "".join(f",`{name}`" for name in row)
        values = "".join("," + stand_ins.get(value, value) for value in row.values())
        connection.execute(f"INSERT INTO {database}.everything (id{names}) VALUES ({number}{values})")


def random_floats(count):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    bits = random.Random(seed).sample(range(0x7F800000), count)
    return [struct.unpack("<f", struct.pack("<I", each))[0] for each in bits]


def table_at(connection, database, name="everything"):
    schema = read_schema(connection, Selection(objects=(f"{database}.{name}",)))
    found = schema.table(TableName(database, name))
    assert found is not None
    return found


def rows_of(reader, table, columns):
    batches = reader.read(table, columns, ordered=table.row_key is not None)
    return [row for batch in batches for row in batch.rows()]


def written(target, table, columns, rows, *, task="p/load"):
    target.raise_epoch(task, 1, 1)
    session = target.session()
    try:
        session.begin(Lease(task=task, epoch=1))
        session.insert(table, columns, Batch.of(rows, len(columns)))
        session.commit()
    finally:
        session.close()


def same(kind, one, other):
    if kind is Kind.JSON and one is not None and other is not None:
        return json.loads(one) == json.loads(other)
    return one == other


def test_every_type_arrives_equal(source, target, database_name, oceanbase):
    fill(source, database_name)
    table = table_at(source, database_name)
    columns = [column.name for column in table.columns]
    original = rows_of(Reader(lambda: source), table, columns)
    with open_connection(oceanbase.endpoint) as connection:
        make_everything(connection, database_name)
        copy = table_at(connection, database_name)
    written(target, copy, columns, original)
    arrived = rows_of(target.reader(), copy, columns)
    assert len(arrived) == len(original) == 4
    for before, after in zip(original, arrived, strict=True):
        different = [
            (column.name, one, other)
            for column, one, other in zip(table.columns, before, after, strict=True)
            if not same(column.type.kind, one, other)
        ]
        assert different == []


def test_what_was_read_is_what_was_written(source, database_name):
    fill(source, database_name)
    table = table_at(source, database_name)
    rows = rows_of(Reader(lambda: source), table, ["id", *COLUMNS])
    least, greatest, odd, nothing = (dict(zip(COLUMNS, row[1:], strict=True)) for row in rows)
    assert set(nothing.values()) == {None}
    assert least["dec"] == b"-" + b"9" * 35 + b"." + b"9" * 30
    assert odd["dec"] == b"0.000000000000000000000000000001"
    assert greatest["b64"] == b"18446744073709551615"
    assert (least["t6"], odd["t6"]) == (b"-838:59:59.000000", b"-00:00:00.000001")
    assert (least["ts6"], odd["ts6"]) == (b"0000-00-00 00:00:00.000000", b"1970-01-01 00:00:01.000001")
    assert (odd["d"], odd["dt0"]) == (b"2020-00-10", b"2020-02-31 00:00:00")
    assert (least["y"], greatest["y"]) == (b"0000", b"2155")
    assert (float(greatest["dbl"]), float(odd["dbl"])) == (1.7976931348623157e308, 5e-324)
    assert struct.pack("<f", float(odd["flt"])) == b"\x01\0\0\0"
    assert (greatest["vb"], greatest["bl"]) == (ALL_BYTES, MEGABYTE)
    assert greatest["vc"] == NASTY.encode()
    assert (odd["vc"], odd["bin"]) == (b"a  ", b"\x00\xff" + bytes(6))
    assert (greatest["en"], greatest["st"], least["st"]) == ("é😀".encode(), "x,y z,é".encode(), b"")


def test_floats_keep_all_their_bits(source, target, database_name, oceanbase):
    ddl = f"CREATE TABLE {database_name}.f (id INT PRIMARY KEY, f FLOAT, d DOUBLE)"
    source.execute(ddl)
    target.run_ddl(ddl)
    floats = random_floats(300)
    rows = ",".join(f"({n},{value!r},{-value * 1e-40!r})" for n, value in enumerate(floats))
    source.execute(f"INSERT INTO {database_name}.f VALUES {rows}")
    table = table_at(source, database_name, "f")
    original = rows_of(Reader(lambda: source), table, ["id", "f", "d"])
    assert [struct.pack("<f", float(row[1])) for row in original] == [struct.pack("<f", value) for value in floats]
    with open_connection(oceanbase.endpoint) as connection:
        copy = table_at(connection, database_name, "f")
    written(target, copy, ["id", "f", "d"], original)
    assert rows_of(target.reader(), copy, ["id", "f", "d"]) == original


def test_negative_zero_stays_negative(target, database_name, oceanbase):
    target.run_ddl(f"CREATE TABLE {database_name}.z (id INT PRIMARY KEY, f FLOAT, d DOUBLE)")
    with open_connection(oceanbase.endpoint) as connection:
        table = table_at(connection, database_name, "z")
    rows = [(b"1", b"-0", b"-0"), (b"2", b"0", b"0")]
    written(target, table, ["id", "f", "d"], rows)
    assert rows_of(target.reader(), table, ["id", "f", "d"]) == rows


MISFITS = [
    ("TINYINT", Kind.INTEGER, b"128"),
    ("TINYINT UNSIGNED", Kind.INTEGER, b"-1"),
    ("BIGINT", Kind.INTEGER, b"9223372036854775808"),
    ("DECIMAL(4,2)", Kind.DECIMAL, b"100.00"),
    ("DECIMAL(4,2)", Kind.DECIMAL, b"1.005"),
    ("FLOAT", Kind.FLOAT, b"1e+39"),
    ("BIT(4)", Kind.BIT, b"16"),
    ("YEAR", Kind.YEAR, b"2156"),
    ("DATE", Kind.DATE, b"2020-13-01"),
    ("DATE", Kind.DATE, b"2020-01-01 10:00:00"),
    ("DATETIME(3)", Kind.DATETIME, b"2020-01-01 00:00:00.000100"),
    ("TIME", Kind.TIME, b"00:00:00.5"),
    ("TIME", Kind.TIME, b"839:00:00"),
    ("VARCHAR(3)", Kind.VARCHAR, b"abcd"),
    ("VARCHAR(3)", Kind.VARCHAR, b"abc "),
    ("VARCHAR(3)", Kind.VARCHAR, b"a\xff"),
    ("TINYTEXT", Kind.TEXT, b"a" * 256),
    ("BINARY(3)", Kind.BINARY, b"abcd"),
    ("TINYBLOB", Kind.BLOB, b"a" * 256),
    ("ENUM('a')", Kind.ENUM, b"b"),
    ("SET('a')", Kind.SET, b"a,b"),
    ("JSON", Kind.JSON, b"{"),
    ("INT NOT NULL", Kind.INTEGER, None),
]


@pytest.mark.parametrize("server", ["mariadb", "oceanbase"])
def test_what_does_not_fit_is_refused(request, server, database_name):
    endpoint = request.getfixturevalue(server).endpoint
    target = FamilyTarget(endpoint)
    target.prepare()
    target.run_ddl(f"CREATE DATABASE {database_name} DEFAULT CHARACTER SET utf8mb4")
    columns = ", ".join(f"`odd {n}` {ddl}" for n, (ddl, _, _) in enumerate(MISFITS))
    target.run_ddl(
        f"CREATE TABLE {database_name}.m (id INT PRIMARY KEY, {columns.replace('NOT NULL', 'NOT NULL DEFAULT 0')})"
    )
    target.raise_epoch("m/load", 1, 1)
    session = target.session()
    with open_connection(endpoint) as connection:
        table = table_at(connection, database_name, "m")
        for number, (_, kind, value) in enumerate(MISFITS):
            name = f"odd {number}"
            assert table.column(name).type.kind is kind
            for write in (session.insert, session.replace):
                session.begin(Lease(task="m/load", epoch=1))
                with pytest.raises(FerrymanError) as caught:
                    write(table, ["id", name], Batch.of([(b"1", value)], 2))
                session.rollback()
                assert caught.value.code == "target.value_refused", (kind, value)
                assert caught.value.context["table"] == f"{database_name}.m"
                assert f"{database_name}.m" in caught.value.message
                assert server == "oceanbase" or name in caught.value.message or kind is Kind.JSON
        assert connection.query(f"SELECT COUNT(*) FROM {database_name}.m") == [("0",)]
    session.close()
    target.run_ddl(f"DROP DATABASE {database_name}")
