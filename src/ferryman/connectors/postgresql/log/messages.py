"""The messages of the output plugin ``pgoutput``, protocol version 1.

Source: PostgreSQL manual, "Logical Replication Message Formats". What a server sends is hostile input: every read is
bounds-checked and fails as ``log.corrupt``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError

RELATION, BEGIN, COMMIT = ord("R"), ord("B"), ord("C")
INSERT, UPDATE, DELETE, TRUNCATE = ord("I"), ord("U"), ord("D"), ord("T")
TYPE, ORIGIN, MESSAGE = ord("Y"), ord("O"), ord("M")

MARK_PREFIX = "ferryman"
"""Of the message at the head of a transaction that Ferryman wrote in two-way use."""
_MARK = MARK_PREFIX.encode() + b"\0"
_PREFIX_AT = 10
"""Bytes of a Message before its prefix: its kind, flags and LSN."""

EPOCH_SECONDS = 946_684_800.0
"""2000-01-01, from which PostgreSQL counts microseconds, in Unix seconds."""

UNCHANGED = object()
"""Stands for a large value that an UPDATE has left as it was: it is not in the log."""

Values = Sequence[object]
"""One row image: `bytes` (the value's text), `None` for NULL, or `UNCHANGED`."""

_BEGIN = struct.Struct(">QqI")
_COMMIT = struct.Struct(">BQQq")


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as the log describes it; `key`: whether old images hold it."""

    name: str
    key: bool
    type_oid: int
    modifier: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it was when the messages that follow were written.

    Attributes:
        identity: ``d`` (the primary key), ``i`` (an index), ``f`` (the whole row), ``n`` (nothing).
    """

    oid: int
    schema: str
    table: str
    identity: str
    columns: tuple[RelationColumn, ...]


@dataclass(frozen=True, slots=True)
class BeginMessage:
    """A transaction; `final_lsn` is where its commit record begins, `time` Unix seconds."""

    final_lsn: int
    time: float
    xid: int


@dataclass(frozen=True, slots=True)
class RowMessage:
    """A changed row; `old` holds the whole row only where `whole`."""

    relation: int
    old: Values | None
    new: Values | None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class TruncateMessage:
    """Tables emptied at once."""

    relations: tuple[int, ...]


def corrupt(message: str) -> FerrymanError:
    """Make the error for bytes that are not what the protocol allows."""
    return FerrymanError("log.corrupt", f"PostgreSQL's log cannot be read: {message}")


class _Cursor:
    """Reads a message from front to back."""

    __slots__ = ("_data", "_place")

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place

    def take(self, size: int) -> bytes:
        end = self._place + size
        if size < 0 or end > len(self._data):
            raise corrupt("a message is cut off")
        part = self._data[self._place : end]
        self._place = end
        return part

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "big", signed=signed)

    def letter(self) -> str:
        return chr(self.take(1)[0])

    def text(self) -> str:
        end = self._data.find(b"\0", self._place)
        if end < 0:
            raise corrupt("a name does not end")
        try:
            name = self._data[self._place : end].decode()
        except UnicodeDecodeError:
            raise corrupt("a name is no UTF-8") from None
        self._place = end + 1
        return name

    def end(self) -> None:
        if self._place != len(self._data):
            raise corrupt("a message is longer than it says")


def parse_begin(data: bytes) -> BeginMessage:
    """Read a Begin message."""
    if len(data) != 1 + _BEGIN.size:
        raise corrupt("a Begin message has a wrong length")
    lsn, micros, xid = _BEGIN.unpack_from(data, 1)
    return BeginMessage(lsn, EPOCH_SECONDS + micros / 1e6, xid)


def parse_commit(data: bytes) -> int:
    """Read a Commit message; returns the place behind the transaction."""
    if len(data) != 1 + _COMMIT.size:
        raise corrupt("a Commit message has a wrong length")
    _flags, _commit, end, _micros = _COMMIT.unpack_from(data, 1)
    return int(end)


def commit_lsn(data: bytes) -> int:
    """Return where the commit record of a Commit message begins."""
    parse_commit(data)
    return int(_COMMIT.unpack_from(data, 1)[1])


def is_mark(data: bytes) -> bool:
    """Whether a Message, of a transaction, says that Ferryman wrote what follows in it."""
    return data[1:2] == b"\x01" and data[_PREFIX_AT:].startswith(_MARK)


def relation_id(data: bytes) -> int:
    """Return the table of a Relation, Insert, Update or Delete message."""
    if len(data) < 5:
        raise corrupt("a message is cut off")
    return int.from_bytes(data[1:5], "big")


def parse_relation(data: bytes) -> Relation:
    """Read a Relation message; an empty schema name means ``pg_catalog``."""
    cursor = _Cursor(data, 1)
    oid, schema, table, identity = cursor.number(4), cursor.text(), cursor.text(), cursor.letter()
    columns = tuple(_column(cursor) for _ in range(cursor.number(2)))
    cursor.end()
    return Relation(oid, schema or "pg_catalog", table, identity, columns)


def _column(cursor: _Cursor) -> RelationColumn:
    flags = cursor.number(1)
    return RelationColumn(cursor.text(), bool(flags & 1), cursor.number(4), cursor.number(4, signed=True))


def parse_row(data: bytes) -> RowMessage:
    """Read an Insert, Update or Delete message."""
    cursor = _Cursor(data, 1)
    relation = cursor.number(4)
    old: Values | None = None
    whole = False
    letter = cursor.letter()
    if letter in "KO":
        whole = letter == "O"
        old = _tuple(cursor)
        letter = "" if data[0] == DELETE else cursor.letter()
    new = _tuple(cursor) if letter == "N" else None
    cursor.end()
    if (new is None) != (data[0] == DELETE) or (old is None and data[0] == DELETE):
        raise corrupt("a change lacks a row image")
    return RowMessage(relation, old, new, whole)


def _tuple(cursor: _Cursor) -> Values:
    values: list[object] = []
    for _ in range(cursor.number(2)):
        kind = cursor.take(1)
        if kind == b"t":
            values.append(cursor.take(cursor.number(4)))
        elif kind == b"n":
            values.append(None)
        elif kind == b"u":
            values.append(UNCHANGED)
        else:
            raise corrupt("a value of unknown form")
    return values


def parse_truncate(data: bytes) -> TruncateMessage:
    """Read a Truncate message."""
    cursor = _Cursor(data, 1)
    count, _options = cursor.number(4), cursor.number(1)
    if count > len(data):
        raise corrupt("a message is cut off")
    relations = tuple(cursor.number(4) for _ in range(count))
    cursor.end()
    return TruncateMessage(relations)
