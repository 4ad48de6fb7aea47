"""Canonical values as JSON text, a column at a time (oms-behaviour §8.11).

Three families of formats write the same value in different ways: PLAIN (Default, Canal, Dataworks, SharePlex), DEBEZIUM and
MAXWELL. Floating-point numbers keep the shortest text that reads back to the same bits, where OMS rounds to 7 or 16
digits: a value must not change on its way (I5).
"""

from __future__ import annotations

import enum
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring

from ferryman.foundation.remembered import Remembered
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


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows of some columns become objects: what stands around each value, and how each is written.

    Attributes:
        parts: One more than columns.
        forms: What the kernel makes of each value.
        makers: What makes the texts instead, of columns whose values it cannot write.
    """

    parts: tuple[bytes, ...]
    forms: tuple[JsonForm, ...]
    makers: tuple[Callable[[ColumnData], list[bytes]] | None, ...]

    def filled(self, batch: Batch) -> tuple[ColumnData | list[bytes], ...]:
        """Return the columns of a batch, or their texts."""
        pairs = zip(self.makers, batch.columns, strict=True)
        return tuple([data if make is None else make(data) for make, data in pairs])


def _shape_of(columns: tuple[Column, ...], family: Family) -> _Shape:
    heads = [(b"," if place else b"{") + quote(column.name) + b":" for place, column in enumerate(columns)]
    encoders = [encoder_of(column.type, family) for column in columns]
    return _Shape(
        parts=(*heads, b"}" if columns else b"{}"),
        forms=tuple(encoder if isinstance(encoder, JsonForm) else JsonForm.PLAIN for encoder in encoders),
        makers=tuple(None if isinstance(encoder, JsonForm) else encoder for encoder in encoders),
    )


class Objects:
    """Writes images as JSON objects; remembers what it found out about columns."""

    def __init__(self, family: Family) -> None:
        self._shapes = Remembered(lambda columns: _shape_of(columns, family))

    def texts(self, columns: Sequence[Column], batch: Batch) -> list[list[bytes]]:
        """Return the JSON texts of each column."""
        shape = self._shapes.of(tuple(columns))
        filled = zip(shape.filled(batch), shape.forms, strict=True)
        return [Woven((b"", b""), (data,), (form,)).texts(batch.row_count) for data, form in filled]

    def objects(self, columns: Sequence[Column], batch: Batch | None, count: int, *, extra: bytes = b"") -> list[bytes]:
        """Return each row as an object; ``null`` `count` times without rows; `extra` members come last, as they are."""
        return woven([self.woven(columns, batch, extra=extra)]).texts(count)

    def woven(self, columns: Sequence[Column], batch: Batch | None, *, extra: bytes = b"") -> Piece:
        """Return the same, to be woven into a message."""
        if batch is None:
            return _NULL
        shape = self._shapes.of(tuple(columns))
        parts = shape.parts if not extra else (*shape.parts[:-1], (b"," if columns else b"{") + extra + b"}")
        return Woven(parts, shape.filled(batch), shape.forms)

    def changed(
        self, columns: Sequence[Column], before: Batch | None, after: Batch | None
    ) -> list[tuple[bytes, bytes]]:
        """Return of each updated row two objects, of just the columns that have changed: their old and new values."""
        assert before is not None
        assert after is not None
        names = [quote(column.name) for column in columns]
        olds, news = (zip(*self.texts(columns, image), strict=True) for image in (before, after))
        return [_differing(names, old, new) for old, new in zip(olds, news, strict=True)]


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
