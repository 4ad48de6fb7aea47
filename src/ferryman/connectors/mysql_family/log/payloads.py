"""Compressed transactions of MySQL 8: the events of one, without checksums, packed with zstd into one event.

Source: MySQL WL#3549; ``binlog_cache_data::compress`` (MySQL 8.0 ``sql/binlog.cc``): the whole cache of a transaction is
packed, its end among it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import zstandard

from ferryman.connectors.mysql_family.log import events
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position


def unpacked(body: bytes, position: Position) -> Iterator[bytes]:
    """Yield the events of a compressed transaction, headers and all, without holding them all.

    Args:
        body: Of the TRANSACTION_PAYLOAD event.
        position: Behind it; for messages.

    Raises:
        FerrymanError: ``log.unsupported_event`` for another compression, ``log.corrupt``.
    """
    compression, expected, payload = events.payload_fields(body)
    if compression not in (0, events.PAYLOAD_UNCOMPRESSED):
        raise FerrymanError("log.unsupported_event", f"transaction compression {compression} before {position}")
    size = 0
    source: io.BufferedIOBase | zstandard.ZstdDecompressionReader = io.BytesIO(payload)
    if compression == 0:
        source = zstandard.ZstdDecompressor().stream_reader(payload, read_across_frames=True)
    try:
        while head := _read(source, events.HEADER_LENGTH):
            length = events.event_header(head).length
            event = head + _read(source, max(0, length - events.HEADER_LENGTH))
            size += len(event)
            yield event
    except zstandard.ZstdError as error:
        raise events.corrupt(f"a compressed transaction before {position}: {error}") from error
    if size != (expected or len(payload)):
        raise events.corrupt(f"a compressed transaction before {position} has {size} bytes, not {expected}")


def _read(source: io.BufferedIOBase | zstandard.ZstdDecompressionReader, size: int) -> bytes:
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
