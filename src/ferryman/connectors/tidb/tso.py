"""Timestamps of TiDB's oracle (TSO), and positions of kind ``tso``.

A TSO is milliseconds since the Unix epoch, shifted left by 18 bits, and a counter in the low bits. A commit has one; a
snapshot at a TSO shows exactly the commits with that TSO or an earlier one.
"""

from __future__ import annotations

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

KIND = "tso"
_COUNTER_BITS = 18


def position_of(tso: int, step: int = 0) -> Position:
    """Return the place behind all commits up to `tso`; `step` numbers records inside one commit."""
    return Position(kind=KIND, token={"tso": str(tso)}, order=(tso, step), time=seconds_of(tso))


def tso_of(position: Position) -> int:
    """Read a position; ``position.other_log`` for one of another kind."""
    if position.kind != KIND:
        raise FerrymanError("position.other_log", f"a {position.kind} position cannot be one of TiDB's timestamps")
    return int(position.token["tso"])


def seconds_of(tso: int) -> float:
    """Return the Unix seconds of a TSO, to the millisecond."""
    return (tso >> _COUNTER_BITS) / 1000


def tso_at(unix_seconds: int) -> int:
    """Return the first TSO of a second."""
    return unix_seconds * 1000 << _COUNTER_BITS


def current_tso(connection: Connection) -> int:
    """Return a TSO of now: every later commit has a greater one.

    A transaction's start is the only TSO that every version (4.0 on) gives to whoever asks; ``SHOW MASTER STATUS`` needs
    a privilege.
    """
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    try:
        return int(connection.query("SELECT @@tidb_current_ts")[0][0])
    finally:
        connection.execute("ROLLBACK")
