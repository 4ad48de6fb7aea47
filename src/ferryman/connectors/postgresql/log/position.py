"""Positions in PostgreSQL's log: an LSN, and inside a transaction the number of the record.

A logical stream delivers transactions in the order of their commit records. The place behind a transaction is
``(end, 0)``, where `end` is the LSN behind its commit record; a place inside it is ``(final, n)``, where `final` is the
LSN at which its commit record begins: behind the end of every transaction before, and before its own end.
"""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

KIND = "lsn"


def lsn_position(lsn: int, number: int = 0, *, slot: str = "", time: float = 0.0) -> Position:
    """Make a position.

    Args:
        lsn: Bytes from the log's beginning.
        number: Of the record inside its transaction; 0 between two transactions.
        slot: The replication slot that keeps the log from there on; also the name of its publication.
        time: When the transaction before the place was committed, Unix seconds.
    """
    token = {"lsn": lsn_text(lsn)}
    if number:
        token["record"] = str(number)
    if slot:
        token["slot"] = slot
    return Position(kind=KIND, token=token, order=(lsn, number), time=time)


def lsn_text(lsn: int) -> str:
    """Write an LSN as PostgreSQL does: ``16/B374D848``."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_of(text: str) -> int:
    """Read an LSN; ``log.corrupt`` when it is none."""
    high, _, low = text.partition("/")
    try:
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError:
        raise FerrymanError("log.corrupt", f"{text!r} is no place in PostgreSQL's log") from None


def place_of(position: Position) -> tuple[int, int]:
    """Return LSN and record number of a position; ``position.purged`` for one of another kind of log."""
    if position.kind != KIND:
        raise FerrymanError("position.purged", f"a {position.kind} position cannot be one of PostgreSQL's log")
    return position.order[0], position.order[1]


def slot_of(position: Position) -> str:
    """Return the slot of a position; ``source.slot_lost`` when it names none."""
    slot = position.token.get("slot", "")
    if not slot:
        raise FerrymanError("source.slot_lost", f"the position {position} names no replication slot")
    return slot
