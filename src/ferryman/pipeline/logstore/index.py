"""Sparse index of a segment: transaction borders and where their successors' records begin.

Entries are records of the store's own format with the byte offset as payload, so they are checked the same way. The
index is a convenience: a missing, short or torn one only makes readers scan more (and `rebuild` mends it).
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ferryman.foundation.files import open_private, write_private
from ferryman.kernel import whole_body
from ferryman.kernel.log_records import PREFIX
from ferryman.model.position import Position
from ferryman.pipeline.logstore.format import decode_record, encode_record
from ferryman.spi.source import LogRecord

INDEX_BYTES = 1 << 20
"""About so many bytes of records lie between two entries."""
_OFFSET = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The records behind `position` begin at byte `offset` of the segment."""

    offset: int
    position: Position


def read_index(path: Path, kind: str) -> list[IndexEntry]:
    """Return the sound entries of an index file, in order; an empty list when there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    entries: list[IndexEntry] = []
    place = 0
    while (body := whole_body(data, place, len(data))) is not None:
        record = decode_record(body, kind, {})
        if len(record.payload) != _OFFSET.size:
            break
        entries.append(IndexEntry(_OFFSET.unpack(record.payload)[0], record.position))
        place += PREFIX.size + len(body)
    return entries


def append_entries(path: Path, entries: Iterable[IndexEntry]) -> None:
    """Append entries. Only for records that are durable already: an entry vouches for what lies before it."""
    with open_private(path, os.O_APPEND) as file:
        file.write(b"".join(map(_encode, entries)))


def rebuild(path: Path, entries: Iterable[IndexEntry]) -> None:
    """Write an index anew."""
    write_private(path, b"".join(map(_encode, entries)))


def last_entry(entries: Iterable[IndexEntry], wanted: Callable[[IndexEntry], bool]) -> IndexEntry | None:
    """Return the last of the leading entries that are wanted."""
    best = None
    for entry in entries:
        if not wanted(entry):
            break
        best = entry
    return best


def forget_index(path: Path) -> None:
    """Delete an index file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _encode(entry: IndexEntry) -> bytes:
    record = LogRecord(payload=_OFFSET.pack(entry.offset), position=entry.position, boundary=True)
    return encode_record(record, {})
