"""The error value of an ENUM (index 0) arrives as itself, on every way of writing, and hides no other misfit (I5)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from test_key_operations import server, target

from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.embedded import Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.target import Lease, Target, TargetSession

__all__ = ["server", "target"]
pytestmark = pytest.mark.parametrize(
    "server",
    [pytest.param(n, marks=getattr(pytest.mark, n)) for n in ("mariadb", "mysql56", "oceanbase")],
    indirect=True,
)
NAMES = ("id", "e", "f", "n", "v")
ROWS: list[Row] = [
    (b"%d" % n, [b"a", b"", None, b"7"][n % 4], [b"", b"x"][n % 2], b"5", b"text" if n % 3 else None)
    for n in range(1200)
]


def begun(target: Target, database: str) -> tuple[TargetSession, Table]:
    target.raise_epoch(f"{database}/apply", 1, 1)
    target.run_ddl(f"CREATE DATABASE {database}")
    target.run_ddl(
        f"CREATE TABLE {database}.t (id INT PRIMARY KEY, e ENUM('a','7'), f ENUM('x','y') NOT NULL, n TINYINT, v VARCHAR(5))"
    )
    table = target.read_schema(Selection(objects=(f"{database}.*",))).table(TableName(database, "t"))
    assert table is not None
    session = target.session()
    session.begin(Lease(task=f"{database}/apply", epoch=1))
    return session, table


def shown(server: Server, database: str) -> list[tuple[str | None, ...]]:
    with open_connection(server.endpoint) as connection:
        found = connection.query(f"SELECT id, e+0, f+0, n, v FROM {database}.t ORDER BY id")
    return [tuple(None if value is None else str(value) for value in row) for row in found]


def expected(rows: Sequence[Row]) -> list[tuple[str | None, ...]]:
    index = {b"": "0", b"a": "1", b"7": "2", b"x": "1", b"y": "2", None: None}
    return [
        (row[0].decode(), index[row[1]], index[row[2]], *(v and v.decode() for v in row[3:])) for row in rows if row[0]
    ]


def test_every_way_of_writing(server: Server, target: Target, database_name: str) -> None:
    session, table = begun(target, database_name)
    session.insert(table, NAMES, Batch.of(ROWS, 5))
    changed = [(b"1", b"a", b"", b"6", b"x"), (b"2", b"", b"", None, None)]
    session.replace(table, NAMES, Batch.of(changed, 5))
    assert session.update_row(table, NAMES, ROWS[3], (b"3", b"", b"y", b"1", b"y")) == 1
    assert session.update_keys(table, ["id", "e"], [(b"4", b"a")], [(b"4", b"")]) == 1
    assert session.update_row(table, NAMES, ROWS[5], (b"5", b"a", b"x", b"5", b"z")) == 1
    session.commit()
    session.close()
    after = [
        ROWS[0],
        *changed,
        (b"3", b"", b"y", b"1", b"y"),
        (b"4", b"", b"", b"5", b"text"),
        (b"5", b"a", b"x", b"5", b"z"),
    ]
    assert shown(server, database_name) == expected([*after, *ROWS[6:]])
    target.run_ddl(f"DROP DATABASE {database_name}")


@pytest.mark.parametrize(
    "row",
    [
        (b"1", b"", b"x", b"128", b"x"), (b"1", b"", b"x", b"5", b"much too long"), (b"1", b"", b"none", b"5", None),
 (b"1", b"none", b"", b"5", b"x"), (b"1", b"", b"x", b"5", b"\xff"),
    ],
)  # fmt: skip
def test_what_does_not_fit_beside_it_is_refused(server: Server, target: Target, database_name: str, row: Row) -> None:
    session, table = begun(target, database_name)
    for write in (
        lambda: session.insert(table, NAMES, Batch.of([row], 5)),
        lambda: session.replace(table, NAMES, Batch.of([row], 5)),
        lambda: session.update_row(table, NAMES, ROWS[5], row),
    ):
        session.insert(table, NAMES, Batch.of([ROWS[5]], 5))
        with pytest.raises(FerrymanError) as caught:
            write()
        assert caught.value.code == "target.value_refused"
        session.rollback()
        session.begin(Lease(task=f"{database_name}/apply", epoch=1))
    session.rollback()
    session.close()
    target.run_ddl(f"DROP DATABASE {database_name}")
