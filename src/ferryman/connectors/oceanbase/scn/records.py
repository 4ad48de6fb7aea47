"""The bytes of one log record: changes of a table, a schema statement, or the end of a window (docs/oceanbase-source.md).

All numbers are little-endian. A record begins with its version and its kind, a byte each.

========  ==========================================================================================================
kind      what follows
========  ==========================================================================================================
C         operation (1 insert, 2 update, 3 delete); database and table (text); number of columns (u16) and their
          names (text); number of rows (u32); the images: update has before and after, insert after, delete before
S         default database (text); the statement (text)
E         nothing: the window ends here
========  ==========================================================================================================

Text is a length (u32) and UTF-8. An image is, column by column, the NULL bitmap, `rows` lengths (u32 each), the values.
"""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.batch import type_code as offset_code
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.names import TableName

VERSION = 1
_CHANGES, _STATEMENT, _END = b"C", b"S", b"E"
_OPERATIONS = (Operation.INSERT, Operation.UPDATE, Operation.DELETE)
_U32, _U16 = struct.Struct("<I"), struct.Struct("<H")
END = bytes((VERSION,)) + _END


@dataclass(frozen=True, slots=True)
class Statement:
    """A schema statement of the source."""

    sql: str
    database: str


def encode_changes(change: ChangeBatch) -> bytes:
    """Return a record of changes."""
    head = bytes((VERSION,)) + _CHANGES + bytes((_OPERATIONS.index(change.operation) + 1,))
    names = [_text(change.table.database), _text(change.table.table), _U16.pack(len(change.columns))]
    names += [_text(name) for name in change.columns]
    images = [_image(image) for image in (change.before, change.after) if image is not None]
    return b"".join((head, *names, _U32.pack(change.row_count), *images))


def encode_statement(statement: Statement) -> bytes:
    """Return a record of a schema statement."""
    return bytes((VERSION,)) + _STATEMENT + _text(statement.database) + _text(statement.sql)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return _U32.pack(len(data)) + data


def _image(batch: Batch) -> bytes:
    return b"".join(part for column in batch.columns for part in (column.nulls, _lengths(column), column.data))


def _lengths(column: ColumnData) -> bytes:
    return _little(array("I", [end - start for start, end in pairwise(column.offsets)])).tobytes()


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def decode(payload: bytes) -> ChangeBatch | Statement | None:
    """Read a record; `None` for the end of a window.

    Raises:
        FerrymanError: ``log.corrupt``; ``logstore.newer`` for a version this program does not know.
    """
    if payload[:1] and payload[0] > VERSION:
        raise FerrymanError("logstore.newer", f"a record has version {payload[0]}, this program knows {VERSION}")
    try:
        found = _decode(_Cursor(payload, 2), payload[1:2])
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise FerrymanError("log.corrupt", f"a record of changes cannot be read: {error}") from error
    return found


def _decode(cursor: _Cursor, kind: bytes) -> ChangeBatch | Statement | None:
    if kind == _CHANGES:
        found: ChangeBatch | Statement | None = _decode_changes(cursor)
    elif kind == _STATEMENT:
        database = cursor.text()
        found = Statement(cursor.text(), database)
    elif kind == _END:
        found = None
    else:
        raise FerrymanError("log.corrupt", f"a record of unknown kind {kind!r}")
    if not cursor.at_end:
        raise FerrymanError("log.corrupt", "a record is longer than what it says of itself")
    return found


class _Cursor:
    """Reads forward; every read is checked against the end."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place

    @property
    def at_end(self) -> bool:
        return self._place == len(self._data)

    def take(self, size: int) -> bytes:
        part = self._data[self._place : self._place + size]
        if len(part) != size:
            raise struct.error(f"{size} bytes expected, {len(part)} left")
        self._place += size
        return part

    def number(self, form: struct.Struct) -> int:
        return int(form.unpack(self.take(form.size))[0])

    def text(self) -> str:
        return self.take(self.number(_U32)).decode("utf-8", "surrogateescape")

    def lengths(self, rows: int) -> array[int]:
        numbers = array("I")
        numbers.frombytes(self.take(4 * rows))
        return _little(numbers)

    def image(self, columns: int, rows: int) -> Batch:
        return Batch(rows, tuple(self._column(rows) for _ in range(columns)))

    def _column(self, rows: int) -> ColumnData:
        nulls = self.take((rows + 7) // 8)
        offsets = array(offset_code, accumulate(self.lengths(rows), initial=0))
        return ColumnData(offsets, self.take(offsets[-1]), nulls)


def _decode_changes(cursor: _Cursor) -> ChangeBatch:
    operation = _OPERATIONS[cursor.take(1)[0] - 1]
    table = TableName(cursor.text(), cursor.text())
    columns = tuple(cursor.text() for _ in range(cursor.number(_U16)))
    rows = cursor.number(_U32)
    before = cursor.image(len(columns), rows) if operation is not Operation.INSERT else None
    after = cursor.image(len(columns), rows) if operation is not Operation.DELETE else None
    # What a foreign key did at the source shows as changes of its own.
    return ChangeBatch(table=table, operation=operation, columns=columns, before=before, after=after, cascades=False)
