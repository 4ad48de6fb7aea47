"""Reference: the records of a log store's segment (docs/log-store-format.md), many at a time."""

from __future__ import annotations

import struct
import zlib

from ferryman.kernel.errors import KernelError
from ferryman.model.position import Position

PREFIX = struct.Struct("<II")
"""Length of a record's body and CRC32 of length and body."""
HEAD = struct.Struct("<BBBd")
"""Flags, number of order numbers, number of token entries, time."""
BOUNDARY = 1
WHOLE_TOKEN = 2
"""The record's token replaces the one before it; without this flag its entries change the one before it."""

Record = tuple[Position, bytes, bool]
"""The place behind it, its payload, whether it lies between two transactions."""


def whole_body(data: bytes | bytearray | memoryview, place: int, end: int) -> memoryview | None:
    """Return the body of the record at `place` of ``data[:end]``, or `None` where no whole and sound one begins."""
    if end - place < PREFIX.size:
        return None
    length, crc = PREFIX.unpack_from(data, place)
    start = place + PREFIX.size
    if length < HEAD.size or length > end - start:
        return None
    body = memoryview(data)[start : start + length]
    return body if zlib.crc32(body, length) == crc else None


def decode_position(body: memoryview, kind: str, token: dict[str, str]) -> tuple[Position, int]:
    """Return a record's position and where in `body` its payload begins.

    Args:
        body: What `whole_body` returned.
        kind: The positions' kind, from the segment's header.
        token: The token of the record before; the new position has a dictionary of its own.

    Raises:
        KernelError: ``logstore.corrupt``: the checksum is right and the content is not.
    """
    try:
        return _decode_position(body, kind, token)
    except (struct.error, UnicodeDecodeError) as error:
        raise KernelError("logstore.corrupt", f"a record cannot be read: {error}") from error


def _decode_position(body: memoryview, kind: str, token: dict[str, str]) -> tuple[Position, int]:
    flags, order_count, entry_count, time = HEAD.unpack_from(body)
    place = HEAD.size
    order = struct.unpack_from(f"<{order_count}Q", body, place)
    place += 8 * order_count
    entries: dict[str, str] = {}
    for _ in range(entry_count):
        key_length, value_length = struct.unpack_from("<BI", body, place)
        place += 5
        key = str(body[place : place + key_length], "utf-8")
        place += key_length
        entries[key] = str(body[place : place + value_length], "utf-8")
        place += value_length
    new = entries if flags & WHOLE_TOKEN else {**token, **entries}
    return Position(kind=kind, token=new, order=order, time=time), place


def decode_records(
    data: bytes, place: int, end: int, kind: str, token: dict[str, str]
) -> tuple[list[Record], int, dict[str, str]]:
    """Decode the records of ``data[place:end]`` up to the first that is not whole and sound, or cannot be read.

    Args:
        data: Bytes of a segment.
        place: Where a record begins.
        end: Records end there at the latest; at most ``len(data)``.
        kind: The positions' kind, from the segment's header.
        token: The token of the record before `place`.

    Returns:
        The records, the place behind the last, and its token.

    Raises:
        KernelError: ``logstore.corrupt``: the first record's checksum is right and its content is not.
        ValueError: `place` or `end` lies outside of the data.
    """
    end = _limit(data, place, end)
    found: list[Record] = []
    while (body := whole_body(data, place, end)) is not None:
        try:
            position, start = decode_position(body, kind, token)
        except KernelError:
            if found:
                break
            raise
        token = position.token
        found.append((position, bytes(body[start:]), bool(body[0] & BOUNDARY)))
        place += PREFIX.size + len(body)
    return found, place, token


def pass_records(data: bytes, place: int, end: int, enough: int) -> tuple[int, int]:
    """Pass whole and sound records, up to the first border at `enough` or behind it.

    Returns:
        The place behind the last record passed (`place` if there is none), and behind the last border (0 if none).
    """
    end = _limit(data, place, end)
    border = 0
    while (body := whole_body(data, place, end)) is not None:
        place += PREFIX.size + len(body)
        if body[0] & BOUNDARY:
            border = place
            if border >= enough:
                break
    return place, border


def _limit(data: bytes, place: int, end: int) -> int:
    if not 0 <= place <= len(data) or end > len(data):
        raise ValueError("a place outside of the data")
    return max(end, place)
