r"""Reference: canonical batches to SQL text of the MySQL family.

What each kind becomes, so that the server reads back the very same value under any sql_mode without
NO_BACKSLASH_ESCAPES, on a connection that speaks utf8mb4:

- INTEGER, DECIMAL, BIT, YEAR: the number itself (quoted, a YEAR ``0`` would become 2000, a BIT its characters);
- FLOAT, DOUBLE: with an exponent, which makes the literal a double (``0.1`` alone is a DECIMAL, and ``-0`` loses its sign);
- JSON: its text, but for documents with numbers that OceanBase would change: those are built by SQL (`json_literal`);
- bytes: ``_binary'…'``, so that no character set touches them; all else: ``'…'``. Both with backslash escapes.

In lines for LOAD DATA (fields end with a tab, lines with a line feed, a backslash escapes, ``\N`` is NULL) the values stand
as they are, but for those three bytes and NUL: MariaDB and MySQL read numbers from text exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ferryman.kernel.json_literal import constructor
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.types import BYTES_KINDS, NUMERIC_KINDS, Kind

_ESCAPES = {b"\0": b"\\0", b"\n": b"\\n", b"\r": b"\\r", b"\x1a": b"\\Z", b"'": b"\\'", b"\\": b"\\\\"}
_SPECIAL = re.compile(rb"[\0\n\r\x1a'\\]")
_FIELD_ESCAPES = {b"\0": b"\\0", b"\t": b"\\t", b"\n": b"\\n", b"\\": b"\\\\"}
_FIELD_SPECIAL = re.compile(rb"[\0\t\n\\]")
_SLICE_ROWS = 512
"""Rows written at a time: what does not fit any more is thrown away, so that it should be little."""


def literal(value: Value, kind: Kind) -> bytes:
    """Return one value as an SQL literal that any sql_mode without NO_BACKSLASH_ESCAPES reads back to the same value."""
    return b"NULL" if value is None else literal_writer(kind)(value)


def insert_values(batch: Batch, kinds: Sequence[Kind], start: int, max_bytes: int) -> tuple[bytes, int]:
    """Return ``(v,…),(v,…)`` for rows from `start` on, and the index of the first row that did not fit in `max_bytes`.

    At least one row is returned, however large. From the last row on there is nothing: ``(b"", row_count)``.
    """
    rows: list[bytes] = []
    size = -1
    for first in range(start, batch.row_count, _SLICE_ROWS):
        for row in _rows(batch, kinds, first, min(first + _SLICE_ROWS, batch.row_count)):
            size += len(row) + 1
            if size > max_bytes and rows:
                return b",".join(rows), start + len(rows)
            rows.append(row)
    return b",".join(rows), max(start, batch.row_count)


def load_lines(batch: Batch, kinds: Sequence[Kind], start: int, max_bytes: int) -> tuple[bytes, int]:
    """Return lines for LOAD DATA for rows from `start` on, and the index of the first row that did not fit.

    At least one row is returned, however large. From the last row on there is nothing: ``(b"", row_count)``.
    """
    lines: list[bytes] = []
    size = 0
    for first in range(start, batch.row_count, _SLICE_ROWS):
        for line in _lines(batch, kinds, first, min(first + _SLICE_ROWS, batch.row_count)):
            size += len(line)
            if size > max_bytes and lines:
                return b"".join(lines), start + len(lines)
            lines.append(line)
    return b"".join(lines), max(start, batch.row_count)


class RowText(bytearray):
    """Rows of batches as text, in one buffer that is used again and again: making it anew costs more than filling it.

    It is looked at through ``memoryview(text)``; while such a view lives, changing the text raises `BufferError`.
    """

    def begin(self, prefix: bytes) -> None:
        """Forget all and begin with `prefix`."""
        self[:] = prefix

    def add(self, text: bytes) -> None:
        """Add bytes as they are."""
        self += text

    def insert_values(self, batch: Batch, kinds: Sequence[Kind], start: int, max_bytes: int) -> int:
        """Add what `insert_values` makes; return the first row that did not fit in `max_bytes`."""
        text, end = insert_values(batch, kinds, start, max_bytes)
        self.add(text)
        return end

    def load_lines(self, batch: Batch, kinds: Sequence[Kind], start: int, max_bytes: int) -> int:
        """Add what `load_lines` makes; return the first row that did not fit in `max_bytes`."""
        text, end = load_lines(batch, kinds, start, max_bytes)
        self.add(text)
        return end


def _lines(batch: Batch, kinds: Sequence[Kind], first: int, last: int) -> list[bytes]:
    columns = [_fields(_slice(column, first, last), kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return [b"\t".join(row) + b"\n" for row in zip(*columns, strict=True)]


def _fields(values: list[Value], kind: Kind) -> list[bytes]:
    write = _single_field if kind is Kind.FLOAT else bytes if kind in NUMERIC_KINDS else _field
    return [b"\\N" if value is None else write(value) for value in values]


def _rows(batch: Batch, kinds: Sequence[Kind], first: int, last: int) -> list[bytes]:
    columns = [_literals(_slice(column, first, last), kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return [b"(" + b",".join(row) + b")" for row in zip(*columns, strict=True)]


def _slice(column: ColumnData, first: int, last: int) -> list[Value]:
    data, offsets, nulls = column.data, column.offsets, column.nulls
    return [
        None if nulls[row >> 3] >> (row & 7) & 1 else data[offsets[row] : offsets[row + 1]]
        for row in range(first, last)
    ]


def _literals(values: list[Value], kind: Kind) -> list[bytes]:
    write = literal_writer(kind)
    return [b"NULL" if value is None else write(value) for value in values]


def literal_writer(kind: Kind) -> Callable[[bytes], bytes]:
    """Return what writes values of a kind as literals."""
    if kind is Kind.FLOAT:
        return _single
    if kind is Kind.DOUBLE:
        return _double
    if kind in NUMERIC_KINDS:
        return bytes
    if kind is Kind.JSON:
        return _json
    return _binary if kind in BYTES_KINDS else _text


_GREATEST_SINGLE = {b"3.4028235e+38": b"3.4028234663852886e+38", b"-3.4028235e+38": b"-3.4028234663852886e+38"}
"""The shortest text of the greatest FLOAT is, read as a double, a little beyond it: the servers refuse it (1264)."""


def _single(value: bytes) -> bytes:
    return _GREATEST_SINGLE.get(value) or _double(value)


def _double(value: bytes) -> bytes:
    return value if b"e" in value else value + b"e0"


def _text(value: bytes) -> bytes:
    return b"'" + _escaped(value) + b"'"


def _json(value: bytes) -> bytes:
    return constructor(value, _text) or _text(value)


def _binary(value: bytes) -> bytes:
    return b"_binary'" + _escaped(value) + b"'"


def _escaped(value: bytes) -> bytes:
    return _SPECIAL.sub(_escape, value) if _SPECIAL.search(value) else value


def _escape(match: re.Match[bytes]) -> bytes:
    return _ESCAPES[match.group()]


def _single_field(value: bytes) -> bytes:
    return _GREATEST_SINGLE.get(value, value)


def _field(value: bytes) -> bytes:
    return _FIELD_SPECIAL.sub(lambda match: _FIELD_ESCAPES[match.group()], value)
