"""A key selects its own row and no other, whatever its type and bytes: random inserts, reads, chunks, deletes (I4, I5)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ferryman.embedded import Server
from ferryman.model.batch import Batch, Row
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.connector import connector_for
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease, Target, TargetSession

STEPS = int(os.environ.get("FERRYMAN_KEY_STEPS", "40"))

BYTES = [
    b"",
    b"x''",
    b"X''",
    b"\0",
    b"\0\0",
    b"a",
    b"A",
    b"a ",
    b"'",
    b"''",
    b"\\",
    b"\\'",
    b"\xff\xfe",
    b"0x41",
    b"\n\r\x1a",
]
TEXTS = [
    "",
    "a",
    "A",
    "ä",
    "x''",
    "a'b",
    "\\",
    "\\'",
    "%",
    "_",
    "\n",
    "\x1a",
    "😀",
    "NULL",
    "/*",
    "--",
    "#",
    "`",
    '"',
    "水水",
]
WORDS = [text.encode() for text in TEXTS]
UNLIKE = [b"", b"a", b"b'", b"x''", b"\\", b"%", b"\xf0\x9f\x98\x80", b"NULL", b"--", b"zz\tz"]
"""No two of these are equal under utf8mb4_general_ci."""

FAMILY: dict[str, list[bytes]] = {
    "VARBINARY(8)": BYTES,
    "BINARY(4)": [b"\0\0\0\0", b"a\0\0\0", b"A\0\0\0", b"a \0\0", b"x''\0", b"\xff\xff\xff\xff", b"'\\\n\x1a"],
    "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": WORDS,
    "CHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": WORDS,
    "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci": UNLIKE,
    "BIGINT UNSIGNED": [b"0", b"1", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615"],
    "BIGINT": [b"-9223372036854775808", b"-1", b"0", b"1", b"9223372036854775807"],
    "BIT(64)": [b"0", b"1", b"39", b"92", b"9223372036854775808", b"18446744073709551615"],
    "DECIMAL(30,5)": [b"0.00000", b"-0.00001", b"1.50000", b"-9999999999999999999999999.99999", b"100.00000"],
    "DOUBLE": [b"0", b"0.1", b"-1.5", b"1e-300", b"1.7976931348623157e+308", b"9007199254740992", b"100"],
    "FLOAT": [b"0", b"0.1", b"-1.5", b"16777216", b"3.4028235e+38", b"100"],
    "DATE": [b"1000-01-01", b"2024-02-29", b"9999-12-31"],
    "DATETIME(6)": [b"1000-01-01 00:00:00.000000", b"2024-02-29 23:59:59.999999", b"2024-02-29 23:59:59.999998"],
    "TIMESTAMP(6) DEFAULT '2000-01-01'": [
        b"1970-01-01 00:00:01.000001", b"2024-03-31 01:30:00.000000", b"2038-01-19 03:14:07.999999",
    ],
    "TIME(6)": [b"-838:59:59.000000", b"-00:00:00.000001", b"00:00:00.000000", b"838:59:58.999999"],
    "YEAR": [b"1901", b"2024", b"2155", b"0000"],
    "ENUM('a','','x''''','NULL')": [b"a", b"", b"x''", b"NULL"],
    "ENUM('a','0x','z')": [b"", b"a", b"0x", b"z"],
    "SET('x','y','z w')": [b"", b"x", b"x,y", b"x,z w", b"z w"],
}  # fmt: skip
POSTGRES: dict[str, list[bytes]] = {
    "bytea": BYTES,
    "text": WORDS,
    'varchar(9) COLLATE "C"': WORDS,
    "bigint": FAMILY["BIGINT"],
    "numeric(30,5)": FAMILY["DECIMAL(30,5)"],
    "numeric": [b"0", b"0.1", b"-0.000000000000000000000000000001", b"12345678901234567890.5"],
    "double precision": [b"0", b"0.1", b"-1.5", b"1e-300", b"100"],
    "date": FAMILY["DATE"],
    "timestamp": [b"1000-01-01 00:00:00.000000", b"2024-02-29 23:59:59.999999", b"2024-02-29 23:59:59.999998"],
    "uuid": [b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", b"00000000-0000-0000-0000-000000000000"],
    "boolean": [b"0", b"1"],
}  # fmt: skip


@pytest.fixture(
    params=[pytest.param(n, marks=getattr(pytest.mark, n)) for n in ("mariadb", "mysql56", "oceanbase", "postgres")]
)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def target(server: Server) -> Iterator[Target]:
    found = connector_for(server.endpoint).target(server.endpoint)
    found.prepare()
    yield found
    found.close()


class Rows:
    """A table at a server and, beside it, what it must hold: the key and a number by the key's bytes."""

    def __init__(self, target: Target, session: TargetSession, lease: Lease, table: Table, composite: bool) -> None:
        self.target, self.session, self.lease, self.table = target, session, lease, table
        self.key = ["k", "n"] if composite else ["k"]
        self.held: dict[Row, bytes] = {}
        self.columns = ["k", "n", "v"] if composite else ["k", "v"]

    def keys(self, rng: random.Random, values: Sequence[bytes]) -> list[Row]:
        some = rng.sample(values, rng.randint(1, len(values)))
        if len(self.key) == 1:
            return [(value,) for value in some]
        return [(value, b"%d" % number) for value in some for number in range(-1, rng.randint(0, 2))]

    def write(self, keys: list[Row], number: int, write: Any) -> None:
        with_values = [(*key, b"%d" % (number + place)) for place, key in enumerate(keys)]
        write(self.table, self.columns, Batch.of(with_values, len(self.columns)))
        self.held |= {row[:-1]: row[-1] for row in with_values}

    def commit(self) -> None:
        self.session.commit()
        self.session.begin(self.lease)

    def expect(self, found: Batch, keys: Sequence[Row]) -> None:
        assert sorted(found.rows()) == sorted((*key, self.held[key]) for key in keys if key in self.held)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("composite", [False, True], ids=["alone", "composite"])
def test_a_key_is_its_own_row(server: Server, target: Target, database_name: str, composite: bool) -> None:
    seed = int(os.environ.get("FERRYMAN_SEED", random.randrange(1 << 32)))
    print(f"FERRYMAN_SEED={seed}")
    rng = random.Random(seed)
    target.raise_epoch(f"{database_name}/apply", 1, 1)
    lease = Lease(task=f"{database_name}/apply", epoch=1)
    postgres = server.endpoint.scheme.startswith("postgres")
    target.run_ddl(f"CREATE {'SCHEMA' if postgres else 'DATABASE'} {database_name}")
    types = POSTGRES if postgres else FAMILY
    for number, kind in enumerate(types):
        rest = "n INT NOT NULL, v INT, PRIMARY KEY (k, n)" if composite else "v INT, PRIMARY KEY (k)"
        body = f"k {kind} NOT NULL, {rest}"
        target.run_ddl(f"CREATE TABLE {database_name}.t{number} ({body})")
    schema = target.read_schema(Selection(objects=(f"{database_name}.*",)))
    session = target.session()
    session.begin(lease)
    for number, (kind, values) in enumerate(types.items()):
        table = schema.table(TableName(database_name, f"t{number}"))
        assert table is not None, kind
        try:
            work(Rows(target, session, lease, table, composite), rng, values)
        except Exception as problem:
            problem.add_note(f"with a key of type {kind}")
            raise
    session.rollback()
    session.close()
    target.run_ddl(f"DROP SCHEMA {database_name} CASCADE" if postgres else f"DROP DATABASE {database_name}")


def work(rows: Rows, rng: random.Random, values: Sequence[bytes]) -> None:
    for step in range(STEPS):
        keys = rows.keys(rng, values)
        match rng.randrange(4):
            case 0:
                rows.write([key for key in keys if key not in rows.held], step * 1000, rows.session.insert)
            case 1:
                rows.write(keys, step * 1000, rows.session.replace)
            case 2:
                there = [key for key in keys if key in rows.held]
                assert rows.session.delete_keys(rows.table, rows.key, keys) == len(there)
                for key in there:
                    del rows.held[key]
            case _:
                rows.expect(rows.session.rows_by_key(rows.table, rows.key, keys, rows.columns), keys)
    rows.commit()
    reader = rows.target.reader()
    rows.expect(joined(reader.read(rows.table, rows.columns)), list(rows.held))
    keys = rows.keys(rng, values)
    rows.expect(reader.rows_by_key(rows.table, rows.columns, keys), keys)
    ends = [*reader.split_points(rows.table, 2), None]
    chunks = [Chunk(start, end) for start, end in zip([None, *ends[:-1]], ends, strict=True)]
    rows.expect(
        joined(batch for each in chunks for batch in reader.read(rows.table, rows.columns, chunk=each)), list(rows.held)
    )
    reader.close()


def joined(batches: Any) -> Batch:
    rows = [row for batch in batches for row in batch.rows()]
    return Batch.of(rows, len(rows[0]) if rows else 1)
