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
_AGAIN = ("same server_uuid", "same server_id")


def refusal(packet: bytes, where: str, start: Position, place: str) -> FerrymanError:
    """Turn an ERR or EOF packet into an error of ours; `place` is where the log was read last."""
    if packet[:1] != b"\xff" or len(packet) < 9:
        return FerrymanError("endpoint.connection_lost", f"{where} ended the stream of its log")
    errno, text = int.from_bytes(packet[1:3], "little"), packet[9:].decode("utf-8", "replace")
    if errno != 1236:
        return convert(pymysql.err.OperationalError(errno, text), where=where)
    said = f"{where} refuses its log from {place} on: {text}"
    if any(words in text.lower() for words in _AGAIN):
        return FerrymanError("endpoint.connection_lost", said)
    if _BEYOND in text.lower():
        return other_log(where, start, text)
    if any(words in text.lower() for words in _GONE):
        return FerrymanError("position.purged", said)
    hint = "raise max_allowed_packet at the source, then resume" if "max_allowed_packet" in text else ""
    return FerrymanError("log.corrupt", said, hint=hint)
