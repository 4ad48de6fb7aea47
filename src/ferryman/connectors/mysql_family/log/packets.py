"""Packets of the MySQL protocol from a socket, many at a time.

Source: MySQL client/server protocol, "MySQL Packets".
"""

from __future__ import annotations

import socket
import time

from ferryman.foundation.errors import FerrymanError

RECEIVE_BYTES = 256 << 10
_LARGEST_PART = 0xFFFFFF


class PacketReader:
    """Reads the packets of one endless answer; one thread.

    The socket's timeout decides how long `next` waits; what had come by then is kept.
    """

    def __init__(self, peer: socket.socket, *, silence_seconds: float) -> None:
        """Read from `peer`, on which nothing is outstanding.

        Args:
            peer: A connected socket (TLS or not) with a timeout.
            silence_seconds: The connection counts as lost after so long without a byte.
        """
        self._peer = peer
        self._silence_seconds = silence_seconds
        self._buffer = bytearray(RECEIVE_BYTES)
        self._start = self._end = 0
        self._sequence = 1
        self._parts: list[bytes] = []
        self._heard_at = time.monotonic()

    def next(self) -> bytes | None:
        """Return the next packet's payload, or `None` when none was complete within the socket's timeout.

        Raises:
            FerrymanError: ``endpoint.connection_lost``, ``log.corrupt`` (packets out of order).
        """
        while (part := self._part()) is not None:
            if len(part) < _LARGEST_PART and not self._parts:
                return part
            self._parts.append(part)
            if len(part) < _LARGEST_PART:
                payload, self._parts = b"".join(self._parts), []
                return payload
        return None

    def _part(self) -> bytes | None:
        if not self._hold(4):
            return None
        start = self._start
        length = int.from_bytes(self._buffer[start : start + 3], "little")
        if not self._hold(4 + length):
            return None
        start = self._start
        if self._buffer[start + 3] != self._sequence:
            raise FerrymanError("endpoint.connection_lost", "packets of the source's log came out of order")
        self._sequence = (self._sequence + 1) & 0xFF
        self._start = start + 4 + length
        return bytes(memoryview(self._buffer)[start + 4 : self._start])

    def _hold(self, size: int) -> bool:
        """Have `size` bytes at hand; `False` when they did not come in time."""
        while self._end - self._start < size:
            if len(self._buffer) - self._start < size:
                self._make_room(size)
            if not self._receive():
                return False
        return True

    def _make_room(self, size: int) -> None:
        held = self._buffer[self._start : self._end]
        self._buffer = held + bytes(max(RECEIVE_BYTES, size) - len(held))
        self._start, self._end = 0, len(held)

    def _receive(self) -> bool:
        if self._start == self._end:
            self._start = self._end = 0
        try:
            count = self._peer.recv_into(memoryview(self._buffer)[self._end :])
        except TimeoutError:
            if time.monotonic() - self._heard_at > self._silence_seconds:
                raise _lost(f"nothing heard for {self._silence_seconds:.0f} s") from None
            return False
        except OSError as error:
            raise _lost(str(error)) from error
        if not count:
            raise _lost("the server closed it")
        self._heard_at = time.monotonic()
        self._end += count
        return True


def _lost(why: str) -> FerrymanError:
    return FerrymanError("endpoint.connection_lost", f"the connection that carries the source's log is gone: {why}")
