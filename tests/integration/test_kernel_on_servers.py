"""The kernel against real servers: what it reads is what they hold, what it writes they read back to the last bit."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.protocol import FieldDescriptorPacket

from ferryman.embedded import MariaDb, OceanBase, Server
from ferryman.kernel import ResultSetDecoder, WireColumn, decode_rows, decode_table_map, insert_values
from ferryman.kernel.charsets import to_utf8
from ferryman.kernel.json_form import normal_json
from ferryman.kernel.values import double_text, single_text
from ferryman.model.batch import Batch, Row
from ferryman.model.types import ColumnType, Kind


def connect(server: Server, database: str) -> Any:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
    )
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
    cursor.execute(f"USE {database}")
    cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
    return connection


def read(connection: Any, sql: str, types: list[ColumnType]) -> list[Row]:
    """Read over the binary protocol, in pieces of 997 bytes."""
    connection._execute_command(0x16, sql)
    prepared = connection._read_packet()._data
    statement, columns, _ = struct.unpack_from("<IHH", prepared, 1)
    for _ in range(columns + bool(columns)):
        connection._read_packet()
    connection._execute_command(0x17, struct.pack("<IBI", statement, 0, 1))
    connection._read_packet()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    connection._read_packet()
    wire = [WireColumn(f.type_code, bool(f.flags & 32), t) for f, t in zip(fields, types, strict=True)]
    decoder = ResultSetDecoder(wire)
    while not decoder.finished:
        decoder.feed(connection._rfile.read1(997))
    return list(decoder.take().rows())


def changes(connection: Any, table: str, types: list[ColumnType]) -> Iterator[tuple[int, Any, Any]]:
    """Decode all row events of a table from the binlog files."""
    cursor = connection.cursor()
    cursor.execute("SELECT @@log_bin_basename, @@binlog_checksum")
    basename, checksum = cursor.fetchone()
    cursor.execute("SHOW BINARY LOGS")
    for name, *_ in cursor.fetchall():
        data = (Path(basename).parent / name).read_bytes()
        place, table_map = 4, None
        while place < len(data):
            event_type, size = data[place + 4], int.from_bytes(data[place + 9 : place + 13], "little")
            body = data[place + 19 : place + size - (4 if checksum != "NONE" else 0)]
            place += size
            if event_type == 19:
                table_map = decode_table_map(body)
            elif event_type in (*range(23, 26), *range(166, 169)) and table_map.table == table:
                yield event_type, *decode_rows(body, event_type, table_map, types)


def kind(kind_: Kind, **more: Any) -> ColumnType:
    return ColumnType(kind=kind_, **more)


COLUMNS = [
    ("bigint unsigned not null primary key", kind(Kind.INTEGER, bits=64, unsigned=True)),
    ("tinyint", kind(Kind.INTEGER, bits=8)), ("smallint unsigned", kind(Kind.INTEGER, bits=16, unsigned=True)),
    ("mediumint", kind(Kind.INTEGER, bits=24)), ("bigint", kind(Kind.INTEGER, bits=64)),
    ("decimal(65,30)", kind(Kind.DECIMAL, precision=65, scale=30)),
    ("decimal(10,2) zerofill", kind(Kind.DECIMAL, precision=10, scale=2, zerofill=True, unsigned=True)),
    ("float", kind(Kind.FLOAT)), ("double", kind(Kind.DOUBLE)), ("bit(64)", kind(Kind.BIT, bits=64)),
    ("bit(5)", kind(Kind.BIT, bits=5)), ("year", kind(Kind.YEAR)), ("date", kind(Kind.DATE)),
    ("time(6)", kind(Kind.TIME, fraction=6)), ("time(1)", kind(Kind.TIME, fraction=1)), ("time", kind(Kind.TIME)),
    ("datetime(6)", kind(Kind.DATETIME, fraction=6)), ("datetime(3)", kind(Kind.DATETIME, fraction=3)),
    ("timestamp(2) null", kind(Kind.TIMESTAMP, fraction=2)), ("timestamp null", kind(Kind.TIMESTAMP)),
    ("char(10)", kind(Kind.CHAR, length=10, charset="utf8mb4")),
    ("varchar(300) character set latin1", kind(Kind.VARCHAR, length=300, charset="latin1")),
    ("text", kind(Kind.TEXT, charset="utf8mb4")), ("char(255)", kind(Kind.CHAR, length=255, charset="utf8mb4")),
    ("enum('a','b,c','é') character set latin1", kind(Kind.ENUM, charset="latin1", values=("a", "b,c", "é"))),
    ("set('x','y','z') character set ucs2", kind(Kind.SET, charset="ucs2", values=("x", "y", "z"))),
    ("binary(8)", kind(Kind.BINARY, length=8)), ("varbinary(300)", kind(Kind.VARBINARY, length=300)),
    ("longblob", kind(Kind.BLOB)), ("uuid", kind(Kind.UUID)), ("inet4", kind(Kind.INET4)), ("inet6", kind(Kind.INET6)),
    ("point", kind(Kind.GEOMETRY)), ("json", kind(Kind.JSON, charset="utf8mb4")),
    ("char(20) character set ucs2", kind(Kind.CHAR, length=20, charset="ucs2")), ("int", kind(Kind.INTEGER, bits=32)),
]  # fmt: skip

LOW = [2**64 - 1, -128, 65535, -8388608, -(2**63), "-" + "9" * 35 + "." + "9" * 30, "0.5", -3.4028234e38,
       1.7976931348623157e308, 2**64 - 1, 31, 2155, "9999-12-31", "-838:59:59.999999", "-838:59:58.9", "-00:00:01",
       "9999-12-31 23:59:59.999999", "1000-01-01 00:00:00.001", "2038-01-19 03:14:07.99", "2038-01-19 03:14:07", "abc  ",
       "é€", "😀\n\\\0'", "é" * 255, "é", "x,z", b"a\0b", b"\0\xff\0", bytes(range(256)) * 300,
       "00112233-4455-6677-8899-aabbccddeeff", "255.0.255.0", "1:0:2::", None, '{"b":1, "a":[1.50,"x"]}', "né ",
       -(2**31)]  # fmt: skip
HIGH = [0, 127, 0, 8388607, 2**63 - 1, "-0.00", "12345678.90", -1e-45, 5e-324, 0, 0, 0, "0000-00-00", "00:00:00", "00:00:00.0",
        "838:59:59", "0000-00-00 00:00:00", "2020-00-10 00:00:00", "0000-00-00", "1970-01-01 00:00:01", "", "", "", "", "",
        "", "", "", "", "ffffffff-ffff-5fff-bfff-ffffffffff00", "0.0.0.0", "::ffff:1.2.3.4", None, "1", "",
        2**31 - 1]  # fmt: skip


def random_uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def random_inet6(rng: random.Random) -> str:
    return ":".join(f"{rng.choice([0, 0, 0, 1, rng.getrandbits(16)]):x}" for _ in range(8))


@pytest.mark.mariadb
def test_load_and_log_agree_on_every_type(mariadb: MariaDb, database_name: str) -> None:
    connection = connect(mariadb, database_name)
    cursor = connection.cursor()
    table = f"every_{database_name}"
    columns = ", ".join(f"c{n} {declared}" for n, (declared, _) in enumerate(COLUMNS))
    cursor.execute(f"CREATE TABLE {table} ({columns}) CHARACTER SET utf8mb4")
    insert = f"INSERT INTO {table} VALUES ({','.join(['%s'] * len(COLUMNS))})"
    for row in (LOW, HIGH, [1] + [None] * (len(COLUMNS) - 1)):
        cursor.execute(insert, row)
    seed = random.getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    for n in range(300):
        cursor.execute(
            f"INSERT INTO {table} (c0, c29, c31, c7, c8) VALUES (%s, %s, %s, %s, %s)",
            (n + 10, random_uuid(rng), random_inet6(rng), rng.uniform(-1e9, 1e9), rng.gauss(0, 1e200)),
        )
    cursor.execute(
        f"INSERT INTO {table} (c0, c32, c18, c24) VALUES (5, ST_GeomFromText('POINT(1 2)', 4326), 0, 'none')"
    )
    cursor.execute(f"UPDATE {table} SET c1 = 3 WHERE c0 < 20")
    cursor.execute("SET GLOBAL log_bin_compress = ON, log_bin_compress_min_len = 10")
    cursor.execute(f"UPDATE {table} SET c2 = 7, c27 = repeat('x', 300) WHERE c0 BETWEEN 5 AND 100")
    cursor.execute("SET GLOBAL log_bin_compress = OFF")
    cursor.execute(f"DELETE FROM {table} WHERE c0 = 12")
    types = [type_ for _, type_ in COLUMNS]
    rows: dict[Any, Row] = {}
    seen = set()
    for event_type, before, after in changes(connection, table, types):
        seen.add(event_type)
        for row in before.rows() if before else ():
            assert rows.pop(row[0]) == row
        rows.update({row[0]: row for row in after.rows()} if after else {})
    assert {row[0]: row for row in read(connection, f"SELECT * FROM {table}", types)} == rows
    assert len(rows) == 303
    assert seen == {23, 24, 25, 167}


@pytest.mark.mariadb
@pytest.mark.parametrize("wrap", ["ON", "OFF"])
def test_compressed_columns(mariadb: MariaDb, database_name: str, wrap: str) -> None:
    declared = [
        ("int primary key", kind(Kind.INTEGER, bits=32)),
        ("varchar(1000) compressed character set utf8mb4", kind(Kind.VARCHAR, length=1000, charset="utf8mb4")),
        ("varchar(50) compressed character set latin1", kind(Kind.VARCHAR, length=50, charset="latin1")),
        ("longtext compressed character set latin1", kind(Kind.TEXT, charset="latin1")),
        ("blob compressed", kind(Kind.BLOB)), ("varbinary(300) compressed", kind(Kind.VARBINARY, length=300)),
    ]  # fmt: skip
    connection = connect(mariadb, database_name)
    cursor = connection.cursor()
    cursor.execute(f"SET column_compression_zlib_wrap = {wrap}, column_compression_threshold = 60")
    table = f"squeezed_{database_name}"
    cursor.execute(f"CREATE TABLE {table} ({', '.join(f'c{n} {text}' for n, (text, _) in enumerate(declared))})")
    for n in (0, 1, 59, 60, 61, 255, 256, 300, 1000):
        few = min(n, 50)
        row = (n, "é" * n, "é" * few, "aé" * n, bytes(range(256)) * n, b"\0" * min(n, 300))
        cursor.execute(f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s)", row)
    types = [type_ for _, type_ in declared]
    rows = [row for _, _, after in changes(connection, table, types) for row in after.rows()]
    assert read(connection, f"SELECT * FROM {table} ORDER BY c0", types) == rows
    assert len(rows) == 9


@pytest.mark.mariadb
@pytest.mark.parametrize(
    "charset",
    ["latin1", "latin2", "latin5", "latin7", "cp1250", "cp1251", "cp850", "cp852", "cp866", "cp932", "gbk", "gb2312", "sjis",
     "euckr", "koi8r", "koi8u", "greek", "hebrew", "tis620", "macroman", "macce", "ujis", "big5"],
)  # fmt: skip
def test_character_sets_as_the_server_has_them(mariadb: MariaDb, database_name: str, charset: str) -> None:
    cursor = connect(mariadb, database_name).cursor()
    sequences = "SELECT CHAR(seq USING binary) b FROM seq_0_to_255"
    sequences += " UNION ALL SELECT UNHEX(LPAD(HEX(seq), 4, '0')) FROM seq_256_to_65535"
    text = f"CONVERT(b USING {charset})"
    cursor.execute(
        f"SELECT b, CAST(CONVERT({text} USING utf8mb4) AS BINARY), CAST({text} AS BINARY) FROM ({sequences}) t"
    )
    convert = to_utf8(charset)
    assert convert is not None
    compared = 0
    for data, utf8, kept in cursor.fetchall():
        if (
            data != kept
            or (b"?" in utf8)
            or "\ufffd".encode() in utf8
            or any("\ue000" <= c <= "\uf8ff" for c in utf8.decode())
        ):
            continue  # no text in that character set, or one the server itself cannot convert
        assert convert(data) == utf8, data.hex()
        compared += 1
    assert compared > 8000


def random_double(rng: random.Random) -> float:
    while True:
        (value,) = struct.unpack("<d", rng.randbytes(8))
        if abs(value) < float("inf"):
            return float(value)


def random_single(rng: random.Random) -> float:
    while True:
        (value,) = struct.unpack("<f", rng.randbytes(4))
        if abs(value) < float("inf"):
            return float(value)


LITERAL_COLUMNS = [
    ("int primary key", kind(Kind.INTEGER, bits=32)), ("varbinary(300)", kind(Kind.VARBINARY)), ("longblob", kind(Kind.BLOB)),
    ("longtext", kind(Kind.TEXT)), ("float", kind(Kind.FLOAT)), ("double", kind(Kind.DOUBLE)),
    ("decimal(65,30)", kind(Kind.DECIMAL, precision=65, scale=30)), ("bit(64)", kind(Kind.BIT, bits=64)),
    ("year", kind(Kind.YEAR)), ("bigint unsigned", kind(Kind.INTEGER, bits=64)), ("time(6)", kind(Kind.TIME, fraction=6)),
    ("datetime(6)", kind(Kind.DATETIME, fraction=6)), ("binary(4)", kind(Kind.BINARY, length=4)), ("date", kind(Kind.DATE)),
]  # fmt: skip


def literal_row(n: int, rng: random.Random, has_negative_zero: bool) -> Row:
    every, nasty = bytes(range(256)), "".join(map(chr, range(1, 0x250))) + "\0'\\\n\r\x1a\"%_😀`/*--;"
    binary = rng.choice([every, bytes((n,)), bytes((n, 39)), bytes((n, 92)), bytes((n, n, 92, 39)), b""])
    zero = b"-0" if has_negative_zero else b"0"
    return (
        b"%d" % n, binary, rng.choice([every, b"", rng.randbytes(1000)]), rng.choice([nasty, "", "\\", "'", "\\'"]).encode(),
        single_text(random_single(rng)) if n else zero, double_text(random_double(rng)) if n else zero,
        b"-" + b"9" * 35 + b"." + b"9" * 30 if n & 1 else b"0." + b"0" * 29 + b"1", b"%d" % (2**64 - 1 - n),
        (b"0000", b"1901", b"2155", b"2000")[n % 4], b"18446744073709551615", b"-838:59:59.000000",
        (b"9999-12-31 23:59:59.999999", b"0000-00-00 00:00:00.000000")[n & 1], bytes((n, 0, 0, 0)),
        (b"0000-00-00", b"2020-00-10", b"1000-01-01")[n % 3],
    )  # fmt: skip


def check_literals(server: Server, database: str, has_negative_zero: bool) -> None:
    connection = connect(server, database)
    columns = ", ".join(f"c{n} {declared}" for n, (declared, _) in enumerate(LITERAL_COLUMNS))
    connection.cursor().execute(f"CREATE TABLE literals ({columns})")
    seed = random.getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    rows = [literal_row(n, rng, has_negative_zero) for n in range(256)]
    types = [type_ for _, type_ in LITERAL_COLUMNS]
    text, end = insert_values(Batch.of(rows, len(types)), [type_.kind for type_ in types], 0, 1 << 22)
    assert end == len(rows)
    connection.cursor().execute(b"INSERT INTO literals VALUES " + text)
    assert read(connection, "SELECT * FROM literals ORDER BY c0", types) == rows


@pytest.mark.mariadb
def test_mariadb_reads_literals_exactly(mariadb: MariaDb, database_name: str) -> None:
    check_literals(mariadb, database_name, has_negative_zero=False)  # MariaDB has none: it stores 0


@pytest.mark.oceanbase
def test_oceanbase_reads_literals_exactly(oceanbase: OceanBase, database_name: str) -> None:
    check_literals(oceanbase, database_name, has_negative_zero=True)


def random_number(rng: random.Random) -> str:
    return rng.choice([
        lambda: repr(random_double(rng)), lambda: repr(rng.random()), lambda: f"{rng.random() * 10 ** rng.randrange(9):.2f}",
        lambda: str(rng.getrandbits(rng.randrange(1, 64))), lambda: f"{rng.random():.20f}", lambda: f"{random_double(rng):.5e}",
        lambda: f"{rng.getrandbits(53)}e{rng.randrange(-22, 23)}", lambda: str(-rng.getrandbits(63)), lambda: str(2**64 - 1),
        lambda: f"{rng.random() * 1000:.{rng.randrange(15)}f}", lambda: str(rng.getrandbits(64) << rng.randrange(30)),
    ])()  # fmt: skip


def random_document(rng: random.Random, depth: int = 0) -> str:
    choice = rng.random()
    if depth > 3 or choice < 0.5:
        return random_number(rng)
    if choice < 0.6:
        return rng.choice(["true", "false", "null", '""', '"a\'\\\\b\\u0001é😀\\n"'])
    inner = [random_document(rng, depth + 1) for _ in range(rng.randrange(5))]
    if choice < 0.8:
        return f"[{', '.join(inner)}]"
    return "{" + ", ".join(f'"k{n}\'": {item}' for n, item in enumerate(inner)) + "}"


@pytest.mark.oceanbase
def test_oceanbase_keeps_json_numbers_exactly(oceanbase: OceanBase, database_name: str) -> None:
    connection = connect(oceanbase, database_name)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE documents (id INT PRIMARY KEY, doc JSON)")
    seed = random.getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    rows = [(b"%d" % n, random_document(rng).encode()) for n in range(800)]
    types = [kind(Kind.INTEGER, bits=32), kind(Kind.JSON)]
    text, _ = insert_values(Batch.of(rows, 2), [Kind.INTEGER, Kind.JSON], 0, 1 << 22)
    cursor.execute(b"INSERT INTO documents VALUES " + text)
    kept = read(connection, "SELECT * FROM documents ORDER BY id", types)
    for (_, sent), (_, stored) in zip(rows, kept, strict=True):
        assert sent is not None
        assert stored is not None
        assert normal_json(stored) == normal_json(sent), (sent, stored)
