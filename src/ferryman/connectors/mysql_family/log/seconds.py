"""The place in a server's binary log at a second."""

from __future__ import annotations

import contextlib

from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.log.binlog import current_position, stream
from ferryman.connectors.mysql_family.log.position import FIRST_OFFSET, binlog_position
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import Endpoint


def position_at(endpoint: Endpoint, unix_seconds: int) -> Position:
    """Return the last position at or before a second, by the time of each transaction.

    Raises:
        FerrymanError: ``position.purged``: the oldest file the server has begins later.
    """
    with contextlib.closing(open_connection(endpoint)) as connection:
        end = current_position(connection)
        files = [str(row[0]) for row in connection.query("SHOW BINARY LOGS")]
    if end.time <= unix_seconds:
        return end
    file = _last_file_before(endpoint, files, unix_seconds)
    best = binlog_position(file, FIRST_OFFSET)
    with stream(endpoint, best) as records:
        for record in records:
            if record is None or record.position.time > unix_seconds or record.position > end:
                break
            best = record.position if record.boundary else best
    return best


def _last_file_before(endpoint: Endpoint, files: list[str], unix_seconds: int) -> str:
    """Search for the last file that begins at or before a second."""
    low, high = 0, len(files)
    while low < high:
        middle = (low + high) // 2
        if _first_time(endpoint, files[middle]) <= unix_seconds:
            low = middle + 1
        else:
            high = middle
    if not low:
        raise FerrymanError(
            "position.purged", f"the binary log of {endpoint} begins behind Unix second {unix_seconds} ({files[:1]})"
        )
    return files[low - 1]


def _first_time(endpoint: Endpoint, file: str) -> float:
    with stream(endpoint, binlog_position(file, FIRST_OFFSET)) as records:
        return next((record.position.time for record in records if record is not None), 0.0)
