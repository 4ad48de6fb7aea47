"""Bytes of the log store: segment headers and records (docs/log-store-format.md).

Records are read by `ferryman.kernel.log_records`.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import decode_position
from ferryman.kernel.log_records import BOUNDARY, HEAD, PREFIX, WHOLE_TOKEN
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json
from ferryman.spi.source import LogRecord

VERSION = 1
MAGIC = b"FERRYLOG"
_PREAMBLE = struct.Struct("<8sIII")
"""Magic, version, length and CRC32 of the JSON document that follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHeader:
    """The head of a segment.

    Attributes:
        sequence: The segment's number, from 1.
        epoch: Of the writer that made it.
        start: The transaction border behind which its records lie.
        previous_length: Bytes of the segment before that count; what stands behind them never happened.
    """

    sequence: int
    epoch: int
    start: Position
    previous_length: int = 0


def encode_header(header: SegmentHeader) -> bytes:
    """Return a segment's first bytes."""
    document = json.dumps(to_json(header), ensure_ascii=False).encode()
    return _PREAMBLE.pack(MAGIC, VERSION, len(document), zlib.crc32(document)) + document


def decode_header(data: bytes) -> tuple[SegmentHeader, int]:
    """Return a segment's header and its length in bytes.

    Raises:
        FerrymanError: ``logstore.corrupt``; ``logstore.newer`` for a version this program does not know.
    """
    if len(data) < _PREAMBLE.size:
        raise corrupt("a segment's header is cut off")
    magic, version, length, crc = _PREAMBLE.unpack_from(data)
    if magic != MAGIC:
        raise corrupt("a segment does not begin as one")
    if version > VERSION:
        raise FerrymanError("logstore.newer", f"the log store has version {version}, this program knows {VERSION}")
    document = data[_PREAMBLE.size : _PREAMBLE.size + length]
    if len(document) != length or zlib.crc32(document) != crc:
        raise corrupt("a segment's header is damaged")
    return from_json(SegmentHeader, json.loads(document)), _PREAMBLE.size + length


def corrupt(message: str) -> FerrymanError:
    """Make the error for bytes that are not what the format allows."""
    return FerrymanError("logstore.corrupt", message)


def encode_record(record: LogRecord, token: dict[str, str]) -> bytes:
    """Return a record's bytes; `token` is that of the record before it (of the segment's start for the first)."""
    position = record.position
    new = position.token
    flags = BOUNDARY if record.boundary else 0
    if new.keys() == token.keys():
        changed = {key: value for key, value in new.items() if token[key] != value}
    else:
        flags |= WHOLE_TOKEN
        changed = new
    order = position.order
    head = HEAD.pack(flags, len(order), len(changed), position.time)
    body = b"".join((head, struct.pack(f"<{len(order)}Q", *order), _pack_token(changed), record.payload))
    length = len(body)
    return PREFIX.pack(length, zlib.crc32(body, length)) + body


def _pack_token(entries: dict[str, str]) -> bytes:
    parts = []
    for key, value in entries.items():
        name, text = key.encode(), value.encode()
        parts.append(struct.pack("<BI", len(name), len(text)) + name + text)
    return b"".join(parts)


def is_boundary(body: memoryview) -> bool:
    """Whether the record's position lies between two transactions."""
    return bool(body[0] & BOUNDARY)


def decode_record(body: memoryview, kind: str, token: dict[str, str]) -> LogRecord:
    """Return the record; arguments and errors as of `decode_position`."""
    position, place = decode_position(body, kind, token)
    return LogRecord(payload=bytes(body[place:]), position=position, boundary=is_boundary(body))
