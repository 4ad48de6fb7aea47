"""What a server says instead of its log, as errors of ours."""

from __future__ import annotations

import pymysql.err

from ferryman.connectors.mysql_family.errors import convert
from ferryman.connectors.mysql_family.log.identity import other_log
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

_GONE = ("could not find", "purged")
"""Words of error 1236 that mean: the file asked for is not in the log (any more)."""
_BEYOND = "to start replication from"
"""Words of error 1236 that mean: the file is there and ends before the place (RESET MASTER, a tail lost in a crash)."""
_SAME_ID = ("same server_uuid", "same server_id")
"""MySQL 5.7 and later say it with error 1236, MariaDB with one of its own."""


def refusal(packet: bytes, where: str, start: Position, place: str, server_id: int) -> FerrymanError:
    """Turn an ERR packet into an error of ours.

    Args:
        packet: As it came.
        where: The server.
        start: Where the log was asked for.
        place: Where it was read last.
        server_id: Under which id.
    """
    errno, text = int.from_bytes(packet[1:3], "little"), packet[9:].decode("utf-8", "replace")
    if any(words in text.lower() for words in _SAME_ID):
        return id_taken(where, server_id, place)
    if errno != 1236:
        return convert(pymysql.err.OperationalError(errno, text), where=where)
    said = f"{where} refuses its log from {place} on: {text}"
    if _BEYOND in text.lower():
        return other_log(where, start, text)
    if any(words in text.lower() for words in _GONE):
        return FerrymanError("position.purged", said)
    hint = "raise max_allowed_packet at the source, then resume" if "max_allowed_packet" in text else ""
    return FerrymanError("log.corrupt", said, hint=hint)


def id_taken(where: str, server_id: int, place: str) -> FerrymanError:
    """Make the error for a stream that ended because another replica came with its id."""
    return FerrymanError(
        "source.server_id_taken",
        f"another replica with our server id {server_id} has connected to {where}, which ended our stream at {place}",
    )
