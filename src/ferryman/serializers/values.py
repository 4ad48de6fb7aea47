"""Canonical values as JSON text, a column at a time (oms-behaviour §8.11).

Three families of formats write the same value in different ways: PLAIN (Default, Canal, Dataworks, SharePlex), DEBEZIUM and
MAXWELL. Floating-point numbers keep the shortest text that reads back to the same bits, where OMS rounds to 7 or 16
digits: a value must not change on its way (I5).
"""

from __future__ import annotations

import enum
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring

from ferryman.kernel import JsonForm
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.schema import Column
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind
from ferryman.serializers import times
from ferryman.serializers.weaving import Piece, Woven, woven

Encoder = JsonForm | Callable[[ColumnData], list[bytes]]
"""How a column's values become JSON: a form that the kernel writes, or what makes the texts, ``null`` for NULL."""

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
        return JsonForm.PLAIN
    if kind.kind is Kind.YEAR:
        return each(lambda value: b"%d" % int(value))
    if kind.kind is Kind.BIT:
        return each(lambda value: _base64(bit_bytes(value, kind.bits)))
    if kind.kind in BYTES_KINDS:
        return JsonForm.BASE64
    if kind.kind is Kind.TIMESTAMP:
        return each(lambda value: _quoted(times.epoch_text(value)))
    if kind.kind in {Kind.TIME, Kind.DATETIME}:
        return each(lambda value: _quoted(times.trimmed(value))) if kind.fraction else JsonForm.STRING
    return None


def _debezium(kind: ColumnType) -> Encoder | None:
    makers: dict[Kind, Callable[[bytes], bytes]] = {
        Kind.BIT: lambda value: _base16(bit_bytes(value, kind.bits)),
        Kind.DATE: times.epoch_days,
        Kind.TIME: times.microseconds,
        Kind.DATETIME: times.epoch_milliseconds,
        Kind.TIMESTAMP: lambda value: _quoted(times.zoned(value)),
    }
    if kind.kind in BYTES_KINDS:
        return JsonForm.HEXADECIMAL
    if kind.kind is Kind.DECIMAL or (kind.kind is Kind.INTEGER and kind.unsigned and kind.bits == 64):
        return JsonForm.STRING
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
    found = _BY_FAMILY[family](kind)
    return JsonForm.STRING if found is None else found


class Objects:
    """Writes images as JSON objects; remembers what it found out about columns."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._known: dict[tuple[Column, ...], tuple[list[bytes], list[Encoder]]] = {}

    def texts(self, columns: Sequence[Column], batch: Batch) -> list[list[bytes]]:
        """Return the JSON texts of each column."""
        _, encoders = self._of(tuple(columns))
        pairs = zip(encoders, batch.columns, strict=True)
        return [woven([_encoded(encoder, data)]).texts(batch.row_count) for encoder, data in pairs]

    def objects(self, columns: Sequence[Column], batch: Batch | None, count: int, *, extra: bytes = b"") -> list[bytes]:
        """Return each row as an object; ``null`` `count` times without rows; `extra` members come last, as they are."""
        return woven([self.woven(columns, batch, extra=extra)]).texts(count)

    def woven(self, columns: Sequence[Column], batch: Batch | None, *, extra: bytes = b"") -> Piece:
        """Return the same, to be woven into a message."""
        if batch is None:
            return _NULL
        heads, encoders = self._of(tuple(columns))
        pieces: list[Piece] = []
        for head, encoder, data in zip(heads, encoders, batch.columns, strict=True):
            pieces += [head, _encoded(encoder, data)]
        more = (b"," if encoders and extra else b"") + extra
        return woven([*pieces, more + b"}"] if pieces else [b"{" + more + b"}"])

    def changed(
        self, columns: Sequence[Column], before: Batch | None, after: Batch | None
    ) -> list[tuple[bytes, bytes]]:
        """Return of each updated row two objects, of just the columns that have changed: their old and new values."""
        assert before is not None
        assert after is not None
        names = [quote(column.name) for column in columns]
        olds, news = (zip(*self.texts(columns, image), strict=True) for image in (before, after))
        return [_differing(names, old, new) for old, new in zip(olds, news, strict=True)]

    def _of(self, columns: tuple[Column, ...]) -> tuple[list[bytes], list[Encoder]]:
        """Return what stands before each value, and how it is written."""
        if columns not in self._known:
            heads = [(b"," if place else b"{") + quote(column.name) + b":" for place, column in enumerate(columns)]
            self._known[columns] = heads, [encoder_of(column.type, self._family) for column in columns]
        return self._known[columns]


def _encoded(encoder: Encoder, data: ColumnData) -> Piece:
    if isinstance(encoder, JsonForm):
        return Woven((b"", b""), (data,), (encoder,))
    return encoder(data)


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
