"""Records that must wait for others: in memory while they are few, else in a file."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator

_MEMORY_BYTES = 16 << 20
_LENGTH = struct.Struct("<Q")


class Spool:
    """A queue of byte strings: filled, then read through once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__

    def put(self, payload: bytes) -> None:
        """Add a payload."""
        self._file.write(_LENGTH.pack(len(payload)))
        self._file.write(payload)

    def __iter__(self) -> Iterator[bytes]:
        """Yield everything, in the order it came."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            yield self._file.read(_LENGTH.unpack(head)[0])

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
