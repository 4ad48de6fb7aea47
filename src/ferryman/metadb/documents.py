"""JSON documents in columns: UTF-8, compressed when large.

A compressed document begins with ``x`` (zlib's first byte), which no JSON text does, so reading needs no flag.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

PACKED_FROM = 4096
"""Bytes from which a document is compressed."""


def pack(document: Any) -> bytes:
    """Turn a JSON document into bytes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return zlib.compress(text, 1) if len(text) >= PACKED_FROM else text


def unpack(stored: bytes | str) -> Any:
    """Turn what `pack` made back into a document."""
    data = stored.encode() if isinstance(stored, str) else bytes(stored)
    text = zlib.decompress(data) if data[:1] == b"x" else data
    return json.loads(text.decode("utf-8", "surrogatepass"))


def unpack_optional(stored: bytes | str | None) -> Any | None:
    """Turn what `pack` made back into a document; `None` stays `None`."""
    return None if stored is None else unpack(stored)
