"""Reads over the binary protocol: a statement is prepared and executed, and its row packets go straight to the kernel.

Source: MySQL client/server protocol, "COM_STMT_PREPARE", "COM_STMT_EXECUTE", "Binary Protocol Resultset".
PyMySQL keeps what it read ahead in `_rfile`; reading on through that same object loses nothing and works over TCP, TLS
and unix sockets alike: first what is in its buffer (`read1`, which never waits while there is something), then straight
into ours, which is greater (`readinto1` would take what is buffered *and* wait for more: the end may be there already).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pymysql.err
from pymysql.protocol import FieldDescriptorPacket

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.errors import convert
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import ResultSetDecoder, WireColumn
from ferryman.kernel.errors import ServerError
from ferryman.model.batch import Batch
from ferryman.model.types import ColumnType, Kind

_PREPARE, _EXECUTE, _CLOSE = 0x16, 0x17, 0x19
_UNSIGNED_FLAG = 32
_NO_CURSOR_ONCE = struct.pack("<BI", 0, 1)
RECEIVE_BYTES = 1 << 17


def read_rows(
    connection: Connection,
    sql: str | bytes,
    types: Sequence[ColumnType],
    *,
    batch_bytes: int = 1 << 20,
    table: str = "",
) -> Iterator[Batch]:
    """Run a SELECT and yield its rows as batches of about `batch_bytes`; memory is bounded by that and one row.

    A generator given up midway closes the connection, for the rest of its rows is still on the way.

    Args:
        connection: Idle; nobody else may use it until the generator ends.
        sql: Without parameters.
        types: The catalog's type of each column of the result.
        batch_bytes: A batch ends once its values have this many bytes.
        table: For error messages.

    Raises:
        FerrymanError: As `Connection.query` does; `KernelError` for malformed bytes.
    """
    connection.claim()
    finished = False
    try:
        statement = _prepare(connection, sql)
        decoder = _execute(connection, statement, types)
        yield from _batches(connection, decoder, batch_bytes)
        connection.raw._execute_command(_CLOSE, struct.pack("<I", statement))
        finished = True
    except ServerError as error:
        # The ERR packet has ended the result set: the connection is in step again.
        finished = True
        raise _converted(connection, pymysql.err.OperationalError(error.errno, error.text), table) from error
    except pymysql.err.InterfaceError as error:
        raise _converted(connection, error, table) from error
    except pymysql.err.Error as error:
        finished = connection.is_open
        raise _converted(connection, error, table) from error
    except OSError as error:
        raise _converted(connection, pymysql.err.OperationalError(2013, str(error)), table) from error
    finally:
        connection.busy = False
        if not finished:
            connection.abort()


def read_all(connection: Connection, sql: str | bytes, types: Sequence[ColumnType], *, table: str = "") -> Batch:
    """Run a SELECT with a small result and return all its rows as one batch."""
    batches = list(read_rows(connection, sql, types, batch_bytes=1 << 62, table=table))
    return batches[0] if batches else Batch.of([], len(types))


def _converted(connection: Connection, error: Exception, table: str) -> FerrymanError:
    return convert(error, where=connection.where, role=connection.role, table=table)


def _prepare(connection: Connection, sql: str | bytes) -> int:
    """Prepare; the column definitions that come with it are read and forgotten (those of the execution count)."""
    raw = connection.raw
    raw._execute_command(_PREPARE, sql)
    data = raw._read_packet().get_all_data()
    if len(data) < 9 or data[0] != 0:
        raise pymysql.err.InterfaceError(0, "malformed answer to COM_STMT_PREPARE")
    statement, columns, parameters = struct.unpack_from("<IHH", data, 1)
    for count in (parameters, columns):
        for _ in range(count + 1 if count else 0):  # + 1: the EOF packet behind them
            raw._read_packet()
    return int(statement)


def _execute(connection: Connection, statement: int, types: Sequence[ColumnType]) -> ResultSetDecoder:
    raw = connection.raw
    raw._execute_command(_EXECUTE, struct.pack("<I", statement) + _NO_CURSOR_ONCE)
    count = raw._read_packet().read_length_encoded_integer()
    if count != len(types):
        raise pymysql.err.InterfaceError(0, f"a result of {count} columns where {len(types)} were asked for")
    fields: list[Any] = [raw._read_packet(FieldDescriptorPacket) for _ in types]
    raw._read_packet()  # the EOF packet behind the definitions
    for field, kind in zip(fields, types, strict=True):
        _refuse_changed(connection, field, kind)
    return ResultSetDecoder([_wire_column(field, kind) for field, kind in zip(fields, types, strict=True)])


def _wire_column(field: Any, kind: ColumnType) -> WireColumn:
    return WireColumn(int(field.type_code), bool(int(field.flags) & _UNSIGNED_FLAG), kind)


_WIRE_TYPES = {
    Kind.INTEGER: frozenset({1, 2, 3, 8, 9}),
    Kind.DECIMAL: frozenset({0, 246}),
    Kind.FLOAT: frozenset({4}),
    Kind.DOUBLE: frozenset({5}),
    Kind.DATE: frozenset({10, 14}),
    Kind.TIME: frozenset({11, 19}),
    Kind.DATETIME: frozenset({12, 18}),
    Kind.TIMESTAMP: frozenset({7, 17}),
    Kind.YEAR: frozenset({13}),
}
_CLOCK_KINDS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})


def _refuse_changed(connection: Connection, field: Any, kind: ColumnType) -> None:
    """Refuse a column whose type is no longer the catalog's: its values would lose digits on the way (I5, I9)."""
    expected = _WIRE_TYPES.get(kind.kind)
    digits = kind.fraction if kind.kind in _CLOCK_KINDS else kind.scale if kind.kind is Kind.DECIMAL else None
    if (expected is None or field.type_code in expected) and (digits is None or field.scale == digits):
        return
    connection.abort()
    raise FerrymanError(
        "target.table_changed" if connection.role == "target" else "source.table_changed",
        f"column {field.name!r} of {field.org_table} at {connection.where} is no longer {kind.native or kind.kind.value}",
    )


def _batches(connection: Connection, decoder: ResultSetDecoder, batch_bytes: int) -> Iterator[Batch]:
    for piece in _pieces(connection):
        decoder.feed(piece)
        if decoder.finished:
            break
        if decoder.buffered_bytes >= batch_bytes:
            yield decoder.take()
    if decoder.buffered_rows:
        yield decoder.take()


def _pieces(connection: Connection) -> Iterator[memoryview]:
    """Yield what the server sends, without end; each piece is valid until the next."""
    stream = connection.raw._rfile
    buffer = memoryview(bytearray(RECEIVE_BYTES))
    piece = memoryview(stream.read1(RECEIVE_BYTES))
    while len(piece):
        yield piece
        piece = buffer[: stream.readinto1(buffer)]
    connection.abort()
    raise pymysql.err.OperationalError(2013, "the server closed the connection in the middle of a result")
