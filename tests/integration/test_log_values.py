"""What the log says of a row is, byte for byte, what a SELECT says (I5): every type, every form of the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from test_family_every_type import fill, rows_of

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.log import binlog
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.embedded import MariaDb
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem, Operation, Rollback, Savepoint, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection

pytestmark = pytest.mark.mariadb

CHARSETS = {
    "l1": "VARCHAR(40) CHARACTER SET latin1",
    "l1c": "CHAR(20) CHARACTER SET latin1",
    "gb": "VARCHAR(40) CHARACTER SET gbk",
    "gbt": "TEXT CHARACTER SET gbk",
    "u16": "VARCHAR(40) CHARACTER SET utf16",
    "u32": "CHAR(9) CHARACTER SET utf32",
    "u2": "VARCHAR(40) CHARACTER SET ucs2",
    "sj": "VARCHAR(40) CHARACTER SET sjis",
    "eu": "VARCHAR(40) CHARACTER SET ujis",
    "b5": "VARCHAR(40) CHARACTER SET big5",
    "ru": "VARCHAR(40) CHARACTER SET cp1251",
    "k8": "VARCHAR(40) CHARACTER SET koi8r",
    "u3": "VARCHAR(40) CHARACTER SET utf8mb3",
    "asci": "VARCHAR(40) CHARACTER SET ascii",
    "vb": "VARCHAR(40) CHARACTER SET binary",
    "eg": "ENUM('x', '中文', 'é') CHARACTER SET gbk",
    "sg": "SET('a', '文') CHARACTER SET gbk",
    "e1": "ENUM('ü', '€') CHARACTER SET latin1",
    "uid": "UUID",
    "i6": "INET6",
    "i4": "INET4",
    "pt": "POINT",
    "gc": "GEOMETRYCOLLECTION",
    "big": "VARCHAR(20000) CHARACTER SET latin1",
    "gen": "INT AS (CHAR_LENGTH(l1)) VIRTUAL",
    "kept": "VARCHAR(50) AS (CONCAT(l1, '!')) STORED",
    "inv": "INT INVISIBLE DEFAULT 5",
}
TEXTS = {
    "l1": "'höß€'", "l1c": "'é  '", "gb": "'中文字'", "gbt": "REPEAT('汉', 3000)", "u16": "'é😀'", "u32": "'😀x'", "u2": "'中é'",
    "sj": "'日本ｶﾅ'", "eu": "'日本ｶﾅ'", "b5": "'繁體'", "ru": "'Привет'", "k8": "'Привет'", "u3": "'中é'", "asci": "'~'",
    "vb": "x'ff00fe'", "eg": "'中文'", "sg": "'a,文'", "e1": "'€'", "uid": "'123e4567-e89b-12d3-a456-426655440000'",
    "i6": "'2001:db8::ff00:42:8329'", "i4": "'192.168.0.1'", "pt": "POINT(1.5, -2)",
    "gc": "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')", "big": "REPEAT('é', 20000)",
}  # fmt: skip


class Source:
    """A database of its own on the shared server, and what its log says."""

    def __init__(self, endpoint: Endpoint, connection: Connection, database: str, metadata: str) -> None:
        self.metadata = metadata
        self.endpoint, self.connection, self.database = endpoint, connection, database
        self.start = binlog.current_position(connection)

    def schema(self) -> Schema:
        return read_schema(self.connection, Selection(objects=(f"{self.database}.*",)))

    def run(self, sql: str) -> None:
        self.connection.execute(sql.replace("DB.", f"{self.database}."))

    def rows(self, name: str) -> list[tuple[bytes | None, ...]]:
        table = self.schema().table(TableName(self.database, name))
        assert table is not None
        rows: list[tuple[bytes | None, ...]] = rows_of(
            Reader(lambda: self.connection), table, [column.name for column in table.columns]
        )
        return rows

    def items(self, schema: Schema | None = None) -> list[LogItem]:
        known = schema or self.schema()
        decoder = BinlogDecoder(known.table, lambda name: name.database == self.database)
        return [
            item for record in records(self.endpoint, self.start, self.connection) for item in decoder.decode(record)
        ]


def records(endpoint: Endpoint, start: Position, connection: Connection):
    end = binlog.current_position(connection)
    with binlog.stream(endpoint, start) as stream:
        for record in stream:
            if record is not None and record.payload:
                yield record
            if record is not None and record.position >= end:
                return


@pytest.fixture(params=["FULL", "MINIMAL", "NO_LOG"])
def source(request: pytest.FixtureRequest, mariadb: MariaDb, database_name: str) -> Iterator[Source]:
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"SET GLOBAL binlog_row_metadata={request.param}")
        connection.execute(f"CREATE DATABASE {database_name} CHARACTER SET utf8mb4")
        yield Source(mariadb.endpoint, connection, database_name, request.param)
        connection.execute("SET GLOBAL binlog_row_metadata=FULL")
        connection.execute("SET GLOBAL log_bin_compress=OFF")
        connection.execute(f"DROP DATABASE {database_name}")


def images(items: list[LogItem], operation: Operation, side: str) -> list[tuple[bytes | None, ...]]:
    return [
        row
        for item in items
        if isinstance(item, ChangeBatch) and item.operation is operation
        for row in getattr(item, side).rows()
    ]


def make_charsets(source: Source) -> None:
    columns = ", ".join(f"`{name}` {kind}" for name, kind in CHARSETS.items())
    source.run(f"CREATE TABLE DB.charsets (id INT PRIMARY KEY, {columns}, UNIQUE (big))")
    values, nothing = ", ".join(TEXTS.values()), ", NULL" * len(TEXTS)
    source.run(f"INSERT INTO DB.charsets (id, {', '.join(TEXTS)}) VALUES (1, {values}), (2{nothing})")


def refuse_unknown_labels(source: Source) -> None:
    """A catalog shows 😀 as a question mark, and only full metadata tells it better."""
    with pytest.raises(FerrymanError, match="cannot show") as caught:
        source.items()
    assert caught.value.code == "log.schema_mismatch"


def with_true_labels(schema: Schema) -> Schema:
    (table,) = schema.tables
    columns = tuple(
        replace(c, type=replace(c.type, values=("", "a", "b c", "d'e", "é😀"))) if c.name == "en" else c
        for c in table.columns
    )
    return schema.with_table(replace(table, columns=columns))


@pytest.mark.parametrize("table", ["everything", "charsets"])
@pytest.mark.parametrize("compressed", ["OFF", "ON"])
def test_log_equals_select(source: Source, table: str, compressed: str) -> None:
    source.connection.execute(f"SET GLOBAL log_bin_compress={compressed}")
    source.connection.execute("SET SESSION max_statement_time=0")
    with open_connection(source.endpoint) as other:  # a session that saw the settings
        source.connection = other
        fill(other, source.database) if table == "everything" else make_charsets(source)
        inserted = source.rows(table)
        source.run(f"UPDATE DB.{table} SET id = id + 10")
        updated = source.rows(table)
        source.run(f"DELETE FROM DB.{table}")
        schema = source.schema()
        if table == "everything" and source.metadata != "FULL":
            refuse_unknown_labels(source)
            schema = with_true_labels(schema)
        items = source.items(schema)
    assert len(inserted) >= 2
    assert images(items, Operation.INSERT, "after") == inserted
    assert images(items, Operation.UPDATE, "before") == inserted
    assert sorted(images(items, Operation.UPDATE, "after")) == sorted(updated)
    assert sorted(images(items, Operation.DELETE, "before")) == sorted(updated)


def test_transactions_are_whole(source: Source) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY)")
    source.run("BEGIN")
    source.run("INSERT INTO DB.t VALUES (1), (2)")
    source.run("SAVEPOINT s")
    source.run("INSERT INTO DB.t VALUES (3)")
    source.run("ROLLBACK TO s")
    source.run("SET SESSION foreign_key_checks=0")
    source.run("DELETE FROM DB.t WHERE id = 1")
    source.run("SET SESSION foreign_key_checks=1")
    source.run("COMMIT")
    source.run("BEGIN")
    source.run("INSERT INTO DB.t VALUES (4)")
    source.run("ROLLBACK")
    _, *items = source.items()
    assert [type(item) for item in items] == [Begin, ChangeBatch, Savepoint, ChangeBatch, Commit]
    assert [item.cascades for item in items if isinstance(item, ChangeBatch)] == [True, False]
    assert items[-1].position == binlog.current_position(source.connection)
    assert items[-1].position.token["gtid"] == str(
        source.connection.query("SELECT BINLOG_GTID_POS(%s, %s)", tuple(items[-1].position.token.values())[:2])[0][0]
    )


def test_what_a_temporary_table_leaves_of_a_rollback_is_told(source: Source) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY)")
    for sql in (
        "BEGIN", "INSERT INTO DB.t VALUES (1)", "CREATE TEMPORARY TABLE DB.tmp (a INT)", "ROLLBACK",
        "BEGIN", "INSERT INTO DB.t VALUES (2)", "SAVEPOINT `S p`", "INSERT INTO DB.t VALUES (3)",
        "DROP TEMPORARY TABLE DB.tmp", "ROLLBACK TO `S p`", "COMMIT",
    ):  # fmt: skip
        source.run(sql)
    _, *items = source.items()
    assert [type(item) for item in items] == [
        Begin, ChangeBatch, Rollback, Begin, ChangeBatch, Savepoint, ChangeBatch, Rollback, Commit
    ]  # fmt: skip
    assert [item.savepoint for item in items if isinstance(item, Rollback)] == [None, "s p"]


def test_statements_keep_their_text_and_database(source: Source) -> None:
    source.connection.execute(f"USE {source.database}")
    source.connection.execute("CREATE TABLE `ü名` (`名` INT COMMENT 'é')")
    source.connection.execute("SET NAMES latin1")
    source.connection.execute(b"CREATE TABLE `" + "größe".encode("latin-1") + b"` (i INT)")
    source.connection.execute("SET NAMES utf8mb4")
    source.connection.execute("CREATE TEMPORARY TABLE gone (i INT)")
    source.connection.execute("DROP TEMPORARY TABLE gone")
    source.connection.execute("SET STATEMENT lock_wait_timeout=9 FOR ALTER TABLE `größe` ADD COLUMN j INT")
    found = [item for item in source.items() if isinstance(item, SchemaStatement)]
    assert [item.sql for item in found] == [
        "CREATE TABLE `ü名` (`名` INT COMMENT 'é')",
        "CREATE TABLE `größe` (i INT)",
        "ALTER TABLE `größe` ADD COLUMN j INT",
    ]
    assert {item.database for item in found} == {source.database}


def test_other_tables_are_dropped_unread(source: Source) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY)")
    known = source.schema()
    source.run("CREATE TABLE DB.later (id INT PRIMARY KEY)")
    source.run("INSERT INTO DB.later VALUES (1)")
    source.run("CREATE SEQUENCE DB.s")
    source.run("DO NEXTVAL(DB.s)")
    decoder = BinlogDecoder(known.table, lambda name: name.table == "t" and name.database == source.database)
    seen = [i for r in records(source.endpoint, source.start, source.connection) for i in decoder.decode(r)]
    assert not [item for item in seen if isinstance(item, ChangeBatch | Begin | Commit)]


@pytest.mark.parametrize(
    ("ddl", "what"),
    [
        ("ALTER TABLE DB.t ADD COLUMN x INT", "columns"),
        ("ALTER TABLE DB.t MODIFY v BIGINT", "'v'"),
        ("ALTER TABLE DB.t MODIFY d DECIMAL(10,3)", "'d'"),
        ("ALTER TABLE DB.t MODIFY b BIT(9)", "'b'"),
        ("ALTER TABLE DB.t MODIFY tm DATETIME(3)", "'tm'"),
        ("ALTER TABLE DB.t MODIFY c BLOB", "'c'"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(source: Source, ddl: str, what: str) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY, v INT, d DECIMAL(10,2), b BIT(8), tm DATETIME(6), c VARCHAR(9))")
    stale = source.schema()
    source.run(ddl)
    source.run("INSERT INTO DB.t (id) VALUES (1)")
    with pytest.raises(FerrymanError) as caught:
        source.items(stale)
    assert caught.value.code == "log.schema_mismatch"
    assert what in caught.value.message
    assert f"{source.database}.t" in caught.value.message


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SET SESSION binlog_format=STATEMENT; UPDATE DB.t SET v = 1", "log.statement_format"),
        ("SET SESSION binlog_row_image=MINIMAL; UPDATE DB.t SET v = 8 WHERE id = 1", "log.partial_image"),
    ],
)
def test_what_cannot_be_told_is_refused(source: Source, sql: str, code: str) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY, v INT)")
    source.run("INSERT INTO DB.t VALUES (1, 1)")
    for statement in sql.split("; "):
        source.run(statement)
    source.run("SET SESSION binlog_format=ROW, binlog_row_image=FULL")
    with pytest.raises(FerrymanError) as caught:
        source.items()
    assert caught.value.code == code


def test_xa_in_one_phase_is_a_transaction(source: Source) -> None:
    source.run("CREATE TABLE DB.t (id INT PRIMARY KEY)")
    for statement in ("XA START 'x'", "INSERT INTO DB.t VALUES (9)", "XA END 'x'", "XA COMMIT 'x' ONE PHASE"):
        source.run(statement)
    assert images(source.items(), Operation.INSERT, "after") == [(b"9",)]
