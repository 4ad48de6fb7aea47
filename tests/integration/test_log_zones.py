"""Schema statements of sessions in other time zones: followed from the real log, they lead to what the catalog shows (I5, I9)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.log import binlog
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.embedded import MariaDb, MySql56
from ferryman.model.changes import SchemaStatement
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.spi.dialect import DdlEffect

BOUND = "VALUES LESS THAN (UNIX_TIMESTAMP"
PARTS = f"(PARTITION a {BOUND}('2020-01-01 12:00:00')), PARTITION z VALUES LESS THAN MAXVALUE)"
PARTED = f"PARTITION BY RANGE (UNIX_TIMESTAMP(c)) {PARTS}"
STATEMENTS = (
    "CREATE TABLE t (id INT PRIMARY KEY, n TIMESTAMP NOT NULL DEFAULT '2020-07-01 12:00:00', d DATETIME DEFAULT '2020-07-01')",
    "ALTER TABLE t ADD c TIMESTAMP NOT NULL DEFAULT '2020-01-01 12:00:00', ADD dt DATE DEFAULT '20-1-2'",
    "ALTER TABLE t MODIFY c TIMESTAMP(3) NOT NULL DEFAULT '2021-3-1 1:02:03.5'",
    "ALTER TABLE t CHANGE n m TIMESTAMP NULL DEFAULT 20200701120000, ADD zero TIMESTAMP NOT NULL DEFAULT 0",
    "ALTER TABLE t ALTER m SET DEFAULT '2022-12-31 23:59:59', ALTER d SET DEFAULT '2020-02-02 02:02:02'",
    "CREATE TABLE h (a TIMESTAMP NOT NULL DEFAULT '2020-03-29 03:30:00', b TIMESTAMP NOT NULL DEFAULT '2020-10-25 02:30:00')",
    f"CREATE TABLE p (id INT, c TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) {PARTED}",
    f"ALTER TABLE p REORGANIZE PARTITION z INTO (PARTITION b {BOUND}('2021-01-01')), PARTITION z VALUES LESS THAN MAXVALUE)",
)
BERLIN = (
    "INSERT INTO time_zone VALUES (99, 'N')",
    "INSERT INTO time_zone_name VALUES ('Europe/Berlin', 99)",
    "INSERT INTO time_zone_transition VALUES (99, 1585443600, 1), (99, 1603587600, 0), (99, 1616893200, 1), (99, 1635642000, 0)",
    "INSERT INTO time_zone_transition_type VALUES (99, 0, 3600, 0, 'CET'), (99, 1, 7200, 1, 'CEST')",
)


class Followed:
    """A database, and the model of it that its log leads to."""

    def __init__(self, endpoint: Endpoint, database: str) -> None:
        self.endpoint, self.database = endpoint, database
        self.selection = Selection(objects=(f"{database}.*",))
        self.connection: Connection = open_connection(endpoint)
        self.connection.execute(f"CREATE DATABASE {database}")
        self.connection.execute(f"USE {database}")
        self.connection.execute("SET sql_mode=''")
        self.model = self.catalog()
        self.place = binlog.current_position(self.connection)

    def catalog(self) -> Schema:
        with open_connection(self.endpoint) as connection:
            return read_schema(connection, self.selection)

    def run(self, zone: str, *statements: str) -> None:
        for sql in (f"SET time_zone = '{zone}'", *statements):
            self.connection.execute(sql)

    def follow(self) -> list[DdlEffect]:
        """Play what the log says since the last call."""
        decoder = FamilySource(self.endpoint).decoder(lambda name: self.model.table(name), self.selection.includes)
        end, effects = binlog.current_position(self.connection), []
        with binlog.stream(self.endpoint, self.place) as records:
            for record in records:
                for item in decoder.decode(record) if record is not None and record.payload else ():
                    assert isinstance(item, SchemaStatement)
                    effects.append(OceanBaseDialect().replay(self.model, self.selection, item.sql, item.database))
                    self.model = effects[-1].schema
                if record is not None and record.position >= end:
                    break
        self.place = end
        return effects


@pytest.fixture(scope="module")
def far_away(servers_directory: Path) -> Iterator[MariaDb]:
    """A MariaDB that stands in New York and knows Berlin; no target has its tables of zones."""
    before, os.environ["TZ"] = os.environ.get("TZ"), "EST5EDT,M3.2.0,M11.1.0"
    try:
        server = MariaDb(servers_directory / "zoned").start()
    finally:
        os.environ.pop("TZ")
        os.environ |= {} if before is None else {"TZ": before}
    with open_connection(server.endpoint) as connection:
        connection.execute("USE mysql")
        for sql in BERLIN:
            connection.execute(sql)
    yield server
    server.remove()


def followed_wholly(endpoint: Endpoint, database: str, zone: str) -> None:
    followed = Followed(endpoint, f"{database}_zoned")
    followed.run(zone, *STATEMENTS)
    assert all(effect.known for effect in followed.follow())
    catalog = followed.catalog()
    assert defaults(followed.model) == defaults(catalog)
    assert [f"VALUES LESS THAN ({bound})" in str(catalog.tables) for bound in moments_of(followed)] == [True, True]
    followed.connection.execute(f"DROP DATABASE {followed.database}")


def defaults(schema: Schema) -> dict[str, str | None]:
    columns = {f"{table.name} {column.name}": column for table in schema.tables for column in table.columns}
    return {name: column.default and column.default.text for name, column in columns.items()}


def moments_of(followed: Followed) -> list[int]:
    """Have the server say, in UTC, which bounds the model's partitions have."""
    text = next(t.partitions or "" for t in followed.model.tables if t.name.table == "p")
    constants = [part.split(")")[0] for part in text.split("unix_timestamp(")[2:]]
    followed.connection.execute("SET time_zone = '+00:00'")
    return [int(followed.connection.query(f"SELECT UNIX_TIMESTAMP({each})")[0][0]) for each in constants]


@pytest.mark.mariadb
@pytest.mark.parametrize("zone", ["-07:00", "+05:45", "SYSTEM", "Europe/Berlin", "+00:00"])
def test_mariadb(far_away: MariaDb, database_name: str, zone: str) -> None:
    followed_wholly(far_away.endpoint, database_name, zone)


@pytest.mark.mysql56
@pytest.mark.parametrize("zone", ["-07:00", "SYSTEM"])
def test_mysql(mysql56: MySql56, database_name: str, zone: str) -> None:
    followed_wholly(mysql56.endpoint, database_name, zone)
