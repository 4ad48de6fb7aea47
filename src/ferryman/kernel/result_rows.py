"""Reference: rows of a MySQL binary-protocol result set to canonical batches.

Source: MySQL client/server protocol, "Binary Protocol Resultset" and "Binary Protocol Value".

The connection must speak utf8mb4: text is taken as it comes. Which bytes a value takes is said by the wire type, which
text it becomes by the catalog's type; pairs of the two that lose nothing are in `wire_columns`, all others are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import error as StructError  # noqa: N812 (an exception class with a module's name)

from ferryman.kernel.errors import KernelError, ServerError
from ferryman.kernel.wire_columns import Column, column_for
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.types import ColumnType

_FULL_PACKET = 0xFFFFFF
"""A packet of this length is followed by its continuation."""
_OK, _EOF, _ERR = 0x00, 0xFE, 0xFF
DECODE_ERRORS = (ValueError, LookupError, OverflowError, StructError)
"""What reading or formatting impossible bytes raises (`UnicodeError` is a `ValueError`)."""


@dataclass(frozen=True, slots=True)
class WireColumn:
    """A column of a result set: what the server said of it, and what the catalog says (it decides the canonical form).

    Attributes:
        wire_type: The protocol's type byte (``MYSQL_TYPE_LONG`` = 3 …).
        unsigned: The protocol's UNSIGNED flag.
        type: The column's type by the catalog.
    """

    wire_type: int
    unsigned: bool
    type: ColumnType


class ResultSetDecoder:
    """Decodes the row packets of one result set; fed with what comes from the socket, cut anywhere.

    Feeding starts with the first byte of the first row packet's header (after the column definitions and, without
    CLIENT_DEPRECATE_EOF, their EOF packet).
    """

    def __init__(self, columns: Sequence[WireColumn], *, deprecate_eof: bool = False) -> None:
        """Make a decoder for rows of these columns."""
        self._plan = _plan(columns)
        self._bitmap_bytes = (len(columns) + 9) // 8
        self._null_mask = (1 << (len(columns) + 2)) - 4
        self._end_limit = _FULL_PACKET if deprecate_eof else 9
        self._chunks: list[bytes] = []
        self._pending = 0
        self._needed = 4
        self._parts: list[bytes] = []
        self._values: list[list[Value]] = [[] for _ in columns]
        self._rows = 0
        self._kept = 0
        self._bytes = 0
        self._finished = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes. Raises `ServerError` for an ERR packet, `KernelError` for malformed bytes."""
        self._chunks.append(bytes(data))
        self._pending += len(data)
        if self._pending < self._needed:
            return
        whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        raw: list[list[object]] = [[] for _ in self._plan]
        try:
            rest = self._packets(whole, raw)
        finally:
            self._keep(raw)
        self._chunks, self._pending = [whole[rest:]], len(whole) - rest

    def _packets(self, data: bytes, raw: list[list[object]]) -> int:
        """Read whole packets of `data` into `raw`; returns the place of the first byte left over."""
        size = len(data)
        sinks = [(column.append, read) for column, (read, _) in zip(raw, self._plan, strict=True)]
        place = 0
        while place + 4 <= size:
            start = place + 4
            length = int.from_bytes(data[place : place + 3], "little")
            end = start + length
            if end > size:
                self._needed = length + 4
                return place
            if self._finished:
                raise _malformed("bytes behind the end of the result set")
            place = end
            if length == _FULL_PACKET or self._parts:
                self._part(data[start:end], sinks)
            else:
                self._packet(data, start, end, sinks)
        self._needed = 4
        return place

    def _part(self, part: bytes, sinks: _Sinks) -> None:
        """Gather a payload of 16 MB or more."""
        self._parts.append(part)
        if len(part) < _FULL_PACKET:
            payload = b"".join(self._parts)
            self._parts = []
            self._packet(payload, 0, len(payload), sinks)

    def _packet(self, data: bytes, start: int, end: int, sinks: _Sinks) -> None:
        if start == end:
            raise _malformed("an empty packet")
        kind = data[start]
        if kind == _OK:
            self._row(data, start + 1, end, sinks)
        elif kind == _ERR:
            raise _server_error(data[start + 1 : end])
        elif kind == _EOF and end - start < self._end_limit:
            self._finished = True
        else:
            raise _malformed(f"a packet that begins with 0x{kind:02x}")

    def _row(self, data: bytes, place: int, end: int, sinks: _Sinks) -> None:
        bitmap = place + self._bitmap_bytes
        nulls = int.from_bytes(data[place:bitmap], "little") & self._null_mask
        place = bitmap
        # Reads past `end` only move `place` past it, which the last line refuses: one check a row bounds all of them.
        try:
            if not nulls:
                for append, read in sinks:
                    value, place = read(data, place)
                    append(value)
            else:
                nulls >>= 2
                for append, read in sinks:
                    if nulls & 1:
                        append(None)
                    else:
                        value, place = read(data, place)
                        append(value)
                    nulls >>= 1
        except DECODE_ERRORS as error:
            raise _malformed(f"row {self._rows + 1}") from error
        if place != end:
            raise _malformed(f"row {self._rows + 1}: {place - end:+} bytes")
        self._rows += 1

    def _keep(self, raw: list[list[object]]) -> None:
        """Format the values of whole rows, column by column: all columns of these rows are kept, or none."""
        new = self._rows - self._kept
        self._rows = self._kept
        texts = [self._texts(index, column[:new]) for index, column in enumerate(raw)]
        for kept, more in zip(self._values, texts, strict=True):
            kept.extend(more)
            self._bytes += sum([len(value) for value in more if value is not None])
        self._rows = self._kept = self._rows + new

    def _texts(self, index: int, raw: list[object]) -> list[Value]:
        try:
            return self._plan[index][1](raw)
        except DECODE_ERRORS as error:
            raise _malformed(f"a value of column {index + 1}") from error

    @property
    def buffered_rows(self) -> int:
        """Whole rows decoded and not yet taken."""
        return self._rows

    @property
    def buffered_bytes(self) -> int:
        """Bytes of their values."""
        return self._bytes

    @property
    def finished(self) -> bool:
        """Whether the end of the result set has been seen."""
        return self._finished

    def take(self) -> Batch:
        """Return all buffered rows and forget them."""
        batch = Batch(self._rows, tuple([ColumnData.of(values) for values in self._values]))
        self._values = [[] for _ in self._plan]
        self._rows = self._kept = self._bytes = 0
        return batch


_Sinks = list[tuple[Callable[[object], None], Callable[[bytes, int], tuple[object, int]]]]


def _plan(columns: Sequence[WireColumn]) -> list[Column]:
    plan = []
    for index, column in enumerate(columns):
        found = column_for(column.wire_type, column.unsigned, column.type)
        if found is None:
            kind = column.type.kind.value
            raise _malformed(f"column {index + 1} of kind {kind} came as wire type {column.wire_type}")
        plan.append(found)
    return plan


def _malformed(what: str) -> KernelError:
    return KernelError("wire.malformed", f"the server's answer cannot be read: {what}")


def _server_error(body: bytes) -> ServerError:
    if len(body) < 2:
        return ServerError(0, "", "")
    errno, text = int.from_bytes(body[:2], "little"), body[2:]
    state = b""
    if text[:1] == b"#":
        state, text = text[1:6], text[6:]
    return ServerError(errno, state.decode("ascii", "replace"), text.decode("utf-8", "replace"))
