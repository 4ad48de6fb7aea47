"""A row without a key is found by all its values, byte for byte, whatever its types: bags under random writes (I4, I5)."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from test_key_operations import FAMILY, POSTGRES, joined, server, target

from ferryman.embedded import Server
from ferryman.model.batch import Batch, Row
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.target import Lease, Target, TargetSession

__all__ = ["server", "target"]

STEPS = int(os.environ.get("FERRYMAN_KEY_STEPS", "60"))

JSONS = [b"{}", b"[]", b'""', b'{"a": 1}', b'{"a": "1"}', b"null", b"0", b'"a"', b"[1, 2.5, null]"]
NAUGHTY = [b"a", b"a ", b"A", b"\xc3\xa4", b"", b"x''"]
MORE_FAMILY = {
    "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci": NAUGHTY,
    "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci": NAUGHTY,
    "BLOB": FAMILY["VARBINARY(8)"],
}
MORE_POSTGRES = {"jsonb": JSONS, "json": JSONS, "real": [b"0.1", b"-1.5"], "char(5)": [b"a", b"A", b""]}


@pytest.mark.timeout(120)
def test_a_row_without_a_key_is_itself(server: Server, target: Target, database_name: str) -> None:
    seed = int(os.environ.get("FERRYMAN_SEED", random.randrange(1 << 32)))
    print(f"FERRYMAN_SEED={seed}")
    rng = random.Random(seed)
    target.raise_epoch(f"{database_name}/apply", 1, 1)
    lease = Lease(task=f"{database_name}/apply", epoch=1)
    postgres = server.endpoint.scheme.startswith("postgres")
    target.run_ddl(f"CREATE {'SCHEMA' if postgres else 'DATABASE'} {database_name}")
    types = POSTGRES | MORE_POSTGRES if postgres else FAMILY | MORE_FAMILY
    columns = ", ".join(f"c{number} {kind} NULL" for number, kind in enumerate(types))
    target.run_ddl(f"CREATE TABLE {database_name}.t ({columns})")
    table = target.read_schema(Selection(objects=(f"{database_name}.*",))).table(TableName(database_name, "t"))
    assert table is not None
    session = target.session()
    session.begin(lease)
    held = written(session, table, [[*values, None] for values in types.values()], rng)
    session.commit()
    session.close()
    reader = target.reader()
    assert Counter(joined(reader.read(table, [column.name for column in table.columns])).rows()) == held
    reader.close()
    target.run_ddl(f"DROP SCHEMA {database_name} CASCADE" if postgres else f"DROP DATABASE {database_name}")


def written(session: TargetSession, table: Table, values: list[list[bytes | None]], rng: random.Random) -> Counter[Row]:
    names = [column.name for column in table.columns]
    held: Counter[Row] = Counter()

    def some() -> Row:
        return tuple(rng.choice(each) for each in values)

    def near(row: Row) -> Row:
        place = rng.randrange(len(row))
        return (*row[:place], rng.choice(values[place]), *row[place + 1 :])

    for _ in range(STEPS):
        row = rng.choice(list(held.elements())) if held and rng.random() < 0.7 else some()
        match rng.randrange(3):
            case 0:
                rows = [row, near(row), near(row)]
                session.insert(table, names, Batch.of(rows, len(names)))
                held.update(rows)
            case 1:
                row = near(row) if rng.random() < 0.5 else row
                assert session.delete_row(table, names, row) == min(1, held[row]), row
                held -= Counter([row])
            case _:
                after = near(row)
                there = min(1, held[row])
                assert session.update_row(table, names, row, after) == there, (row, after)
                held = held - Counter([row]) + Counter([after] * there)
    return held
