"""Commands as packets on the socket. Source: MySQL client/server protocol, "Protocol::Packet"."""

from __future__ import annotations

import struct
from typing import Any

from pymysql.connections import MAX_PACKET_LEN


def send_command(raw: Any, packet: memoryview) -> int:
    """Send a command that stands behind room for one packet's head; return the number of the packet that answers.

    It goes as it lies, in pieces where it is too long for one packet: a full one says that another follows, be it empty.
    """
    if len(packet) - 4 < MAX_PACKET_LEN:
        struct.pack_into("<I", packet, 0, len(packet) - 4)
        raw._write_bytes(packet)
        return 1
    number = 0
    for number, start in enumerate(range(4, len(packet) + 1, MAX_PACKET_LEN)):
        with packet[start : start + MAX_PACKET_LEN] as piece:
            raw._write_bytes(struct.pack("<I", len(piece) | (number & 0xFF) << 24))
            raw._write_bytes(piece)
    return (number + 1) & 0xFF
