"""Canonical values as JSON text, a column at a time (oms-behaviour §8.11).

Three families of formats write the same value in different ways: PLAIN (Default, Canal, Dataworks, SharePlex), DEBEZIUM and
MAXWELL. Floating-point numbers keep the shortest text that reads back to the same bits, where OMS rounds to 7 or 16
digits: a value must not change on its way (I5).
"""

from __future__ import annotations

import enum
import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import cast

from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.schema import Column
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind
from ferryman.serializers import times

Encoder = Callable[[ColumnData], list[bytes]]
"""A column's values as JSON texts, ``null`` for NULL."""

_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')
_NULL = b"null"


class Family(enum.Enum):
    """How values are written."""

    PLAIN = "plain"
    DEBEZIUM = "debezium"
    MAXWELL = "maxwell"


def quote(text: str) -> bytes:
    """Return a JSON string."""
    return encode_basestring(text).encode()


def constant(text: str | None) -> bytes:
    """Return a JSON string (or null) as part of a template: percent signs doubled."""
    return _NULL if text is None else quote(text).replace(b"%", b"%%")


def each(function: Callable[[bytes], bytes]) -> Encoder:
    """Make an encoder of a function of one value."""

    def encode(column: ColumnData) -> list[bytes]:
        return [_NULL if value is None else function(value) for value in column.values()]

    return encode


def as_is(column: ColumnData) -> list[bytes]:
    """Encode numbers whose canonical text is JSON's already."""
    return cast("list[bytes]", [_NULL if value is None else value for value in column.values()])


def strings(column: ColumnData) -> list[bytes]:
    """Encode text; a column without anything to escape is only put in quotes."""
    if _SPECIAL.search(column.data) is None:
        return [_NULL if value is None else b'"%b"' % value for value in column.values()]
    return [_NULL if value is None else quote(value.decode()) for value in column.values()]


def _base64(value: bytes) -> bytes:
    return b'"%b"' % b2a_base64(value, newline=False)


def _base16(value: bytes) -> bytes:
    return b'"%b"' % value.hex().upper().encode()


def _quoted(value: bytes) -> bytes:
    return b'"%b"' % value


def _set_array(value: bytes) -> bytes:
    return b"[%b]" % b",".join(quote(label) for label in value.decode().split(",") if label)


def bit_bytes(value: bytes, bits: int) -> bytes:
    """Return a BIT's bytes, most significant first."""
    return int(value).to_bytes((max(bits, 1) + 7) // 8, "big")


def _plain(kind: ColumnType) -> Encoder | None:
    if kind.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE}:
        return as_is
    if kind.kind is Kind.YEAR:
        return each(lambda value: b"%d" % int(value))
    if kind.kind is Kind.BIT:
        return each(lambda value: _base64(bit_bytes(value, kind.bits)))
    if kind.kind in BYTES_KINDS:
        return each(_base64)
    if kind.kind is Kind.TIMESTAMP:
        return each(lambda value: _quoted(times.epoch_text(value)))
    if kind.kind in {Kind.TIME, Kind.DATETIME}:
        return each(lambda value: _quoted(times.trimmed(value))) if kind.fraction else each(_quoted)
    return None


def _debezium(kind: ColumnType) -> Encoder | None:
    makers: dict[Kind, Callable[[bytes], bytes]] = {
        Kind.DECIMAL: _quoted,
        Kind.BIT: lambda value: _base16(bit_bytes(value, kind.bits)),
        Kind.DATE: times.epoch_days,
        Kind.TIME: times.microseconds,
        Kind.DATETIME: times.epoch_milliseconds,
        Kind.TIMESTAMP: lambda value: _quoted(times.zoned(value)),
    }
    if kind.kind in BYTES_KINDS:
        return each(_base16)
    if kind.kind is Kind.INTEGER and kind.unsigned and kind.bits == 64:
        return each(_quoted)
    return each(makers[kind.kind]) if kind.kind in makers else _plain(kind)


def _maxwell(kind: ColumnType) -> Encoder | None:
    if kind.kind is Kind.SET:
        return each(_set_array)
    if kind.kind in {Kind.DATETIME, Kind.TIMESTAMP}:
        return each(lambda value: _quoted(times.six_digits(value)))
    return _plain(kind)


_BY_FAMILY = {Family.PLAIN: _plain, Family.DEBEZIUM: _debezium, Family.MAXWELL: _maxwell}


def encoder_of(kind: ColumnType, family: Family) -> Encoder:
    """Return how a column is written; whatever is no number, time or bytes is text."""
    return _BY_FAMILY[family](kind) or strings


class Objects:
    """Writes images as JSON objects; remembers what it found out about columns."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._known: dict[tuple[Column, ...], tuple[bytes, list[Encoder]]] = {}

    def texts(self, columns: Sequence[Column], batch: Batch) -> list[list[bytes]]:
        """Return the JSON texts of each column."""
        _, encoders = self._of(tuple(columns))
        return [encode(data) for encode, data in zip(encoders, batch.columns, strict=True)]

    def objects(self, columns: Sequence[Column], batch: Batch | None, count: int, *, extra: bytes = b"") -> list[bytes]:
        """Return each row as an object; ``null`` `count` times without rows; `extra` members come last, as they are."""
        if batch is None:
            return [_NULL] * count
        template, encoders = self._of(tuple(columns))
        if extra:
            template = template[:-1] + (b"," if encoders else b"") + extra.replace(b"%", b"%%") + b"}"
        texts = [encode(data) for encode, data in zip(encoders, batch.columns, strict=True)]
        if not texts:
            return [template % ()] * batch.row_count
        return [template % row for row in zip(*texts, strict=True)]

    def changed(
        self, columns: Sequence[Column], before: Batch | None, after: Batch | None
    ) -> list[tuple[bytes, bytes]]:
        """Return of each updated row two objects, of just the columns that have changed: their old and new values."""
        assert before is not None
        assert after is not None
        names = [quote(column.name) for column in columns]
        olds, news = (zip(*self.texts(columns, image), strict=True) for image in (before, after))
        return [_differing(names, old, new) for old, new in zip(olds, news, strict=True)]

    def _of(self, columns: tuple[Column, ...]) -> tuple[bytes, list[Encoder]]:
        if columns not in self._known:
            members = b",".join(constant(column.name) + b":%b" for column in columns)
            self._known[columns] = b"{%b}" % members, [encoder_of(column.type, self._family) for column in columns]
        return self._known[columns]


def _differing(names: Sequence[bytes], old: Sequence[bytes], new: Sequence[bytes]) -> tuple[bytes, bytes]:
    changed = [(name, was, now) for name, was, now in zip(names, old, new, strict=True) if was != now]
    before = b",".join(b"%b:%b" % (name, was) for name, was, _ in changed)
    after = b",".join(b"%b:%b" % (name, now) for name, _, now in changed)
    return b"{%b}" % before, b"{%b}" % after


def key_text(value: Value, kind: ColumnType) -> bytes:
    """Return a key's value as text without quotes: binary as Base64, all else as it is."""
    if value is None:
        return b""
    return b2a_base64(value, newline=False) if kind.kind in BYTES_KINDS else value
