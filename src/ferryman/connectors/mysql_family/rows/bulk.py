"""LOAD DATA LOCAL: many rows as lines, made in memory and sent when the server asks for the "file".

LOCAL makes the server go on where an INSERT would stop: rows in the way are skipped, values that do not fit are changed,
each with a warning. So it counts only when every row is in and nothing warned; else it is undone, as if it had not been,
and INSERT says what is wrong (I5).

Lines are read as bytes (``CHARACTER SET binary``): no character set can take two bytes of a value for one. So only tables
go this way whose text columns hold UTF-8, and whose types have no other form in text.
Source: MySQL client/server protocol, "LOCAL INFILE Request".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pymysql.err
from pymysql.connections import MAX_PACKET_LEN, MySQLResult

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.errors import convert
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.mysql_family.rows.literals import columns_of, name_of
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import RowText
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Table
from ferryman.model.types import NUMERIC_KINDS, Kind

LEAST_ROWS = 500
"""Fewer rows are not worth the savepoint and the second round trip."""

MOST_BYTES = 4 << 20
"""Rows with more bytes may not fit in one packet, escaped."""

MOST_REFUSALS = 3
"""After so many batches that had to be undone, a table goes by INSERT for good."""

_PLAIN_KINDS = frozenset({*NUMERIC_KINDS, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_TEXT_KINDS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT, Kind.ENUM, Kind.SET})
_BYTE_KINDS = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB})
_UTF8 = frozenset({"utf8mb4", "utf8mb3", "utf8"})
_FATAL = frozenset({"endpoint.connection_lost", "target.deadlock", "target.full", "lease.lost"})
_FORBIDDEN = frozenset({1148, 3948, 4166})
"""LOCAL INFILE is not allowed: MySQL before 8, MySQL 8, MariaDB."""


class BulkLoader:
    """Loads batches within the transaction of a session's connection."""

    def __init__(self, connection: Connection, text: RowText) -> None:
        """Take the connection, and a buffer nobody else uses meanwhile."""
        self._connection = connection
        self._text = text
        self._allowed = _is_allowed(connection)
        self._refusals: dict[TableName, int] = {}

    def load(self, table: Table, columns: Sequence[str], batch: Batch) -> bool:
        """Write the rows; false when it cannot be done this way: then nothing has been written."""
        wanted = columns_of(table, columns)
        if not self._allowed or batch.row_count < LEAST_ROWS or batch.byte_size > MOST_BYTES:
            return False
        if self._refusals.get(table.name, 0) >= MOST_REFUSALS or not all(map(_can_be_read, wanted)):
            return False
        self._text.begin(bytes(4))  # room for the packet's head
        self._text.load_lines(batch, [column.type.kind for column in wanted], 0, 1 << 62)
        if len(self._text) - 4 >= MAX_PACKET_LEN:
            return False
        return self._load_or_undo(table, wanted, batch.row_count)

    def _load_or_undo(self, table: Table, columns: Sequence[Column], rows: int) -> bool:
        self._connection.execute("SAVEPOINT ferryman_bulk")
        if self._is_loaded(table, columns, rows):
            return True
        self._connection.execute("ROLLBACK TO SAVEPOINT ferryman_bulk")
        self._refusals[table.name] = self._refusals.get(table.name, 0) + 1
        return False

    def _is_loaded(self, table: Table, columns: Sequence[Column], rows: int) -> bool:
        try:
            with memoryview(self._text) as packet:
                return _send(self._connection, load_statement(table, columns), packet) == (rows, 0)
        except FerrymanError as error:
            if error.code in _FATAL or not self._connection.is_open:
                raise
            self._allowed = self._allowed and error.context.get("errno") not in _FORBIDDEN
            return False


def load_statement(table: Table, columns: Sequence[Column]) -> bytes:
    """Return the statement; a BIT is read as a number."""
    names, sets = [], []
    for place, column in enumerate(columns):
        is_bit = column.type.kind is Kind.BIT
        names.append(b"@b%d" % place if is_bit else name_of(column))
        sets += [b"%s=CAST(@b%d AS UNSIGNED)" % (name_of(column), place)] if is_bit else []
    statement = (
        b"LOAD DATA LOCAL INFILE 'ferryman' INTO TABLE %s CHARACTER SET binary"
        rb" FIELDS TERMINATED BY '\t' ENCLOSED BY '' ESCAPED BY '\\' LINES STARTING BY '' TERMINATED BY '\n' (%s)"
    ) % (quote_table(table.name).encode(), b",".join(names))
    return statement + (b" SET " + b",".join(sets) if sets else b"")


def _is_allowed(connection: Connection) -> bool:
    if connection.server.flavor not in ("mariadb", "mysql"):
        return False  # OceanBase changes values on this way without a word, and is slower
    local, log, form = connection.query("SELECT @@local_infile, @@log_bin, @@binlog_format")[0]
    return str(local) == "1" and not (str(log) == "1" and str(form).upper() == "STATEMENT")


def _can_be_read(column: Column) -> bool:
    """Whether the server reads the column's values from bytes as they are."""
    kind = column.type.kind
    if kind in _TEXT_KINDS:
        return (column.type.charset or "") in _UTF8
    return kind in _PLAIN_KINDS or kind in _BYTE_KINDS


def _send(connection: Connection, statement: bytes, packet: memoryview) -> tuple[int, int]:
    """Run LOAD DATA with one packet of lines; returns the rows it wrote and its warnings."""
    connection.claim()
    try:
        return _exchange(connection, statement, packet)
    except (pymysql.err.Error, OSError) as error:
        raise convert(error, where=connection.where, role=connection.role) from error
    finally:
        connection.busy = False


def _exchange(connection: Connection, statement: bytes, packet: memoryview) -> tuple[int, int]:
    raw = connection.raw
    raw._execute_command(0x03, statement)
    if not raw._read_packet().is_load_local_packet():
        connection.abort()
        raise pymysql.err.InterfaceError(0, "LOAD DATA LOCAL was not answered with a request for the file")
    # Whatever file the answer names: these lines are all it gets.
    struct.pack_into("<I", packet, 0, len(packet) - 4 | raw._next_seq_id << 24)
    raw._write_bytes(packet)
    raw._next_seq_id = (raw._next_seq_id + 1) % 256
    raw.write_packet(b"")
    result = MySQLResult(raw)
    result.read()
    raw._result = result
    return int(result.affected_rows or 0), int(result.warning_count or 0)
