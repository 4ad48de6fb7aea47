"""Positions of the MySQL family: binlog file and offset, with MariaDB's GTIDs beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

KIND = "binlog"
FIRST_OFFSET = 4
"""Behind the magic number of a file."""
_ERA_BITS = 32
"""Numbers of files have fewer."""
_NUMBER = re.compile(r".*\.(\d+)\Z", re.DOTALL)


_NOBODY: Mapping[str, str] = MappingProxyType({})


def binlog_position(
    file: str,
    offset: int,
    *,
    gtid: str | None = None,
    serving: Mapping[str, str] = _NOBODY,
    begun: str = "",
    time: float = 0.0,
    era: int = 0,
) -> Position:
    """Make a position.

    Args:
        file: The file's name.
        offset: The place in it.
        gtid: MariaDB: the last transaction of each domain before the place; MySQL: all transactions before it.
        serving: By what a place names the server whose files hold it (`log.identity.serving`).
        begun: Unix second at which the server began the file, as text.
        time: As in `Position`.
        era: How often the log went on in another server's files (ADR 0115).
    """
    token = {"file": file, "offset": str(offset)}
    if gtid is not None:
        token["gtid"] = gtid
    token |= serving
    if begun:
        token["begun"] = begun
    if era:
        token["era"] = str(era)
    return Position(kind=KIND, token=token, order=(era << _ERA_BITS | file_number(file), offset), time=time)


def era_of(position: Position) -> int:
    """Return how often the log had gone on in another server's files."""
    return int(position.token.get("era", 0))


def in_era(position: Position, era: int) -> Position:
    """Return a place in a server's own files as one of the log that has come to them."""
    file, offset = file_and_offset(position)
    token = {**position.token, "era": str(era)} if era else position.token
    return replace(position, token=token, order=(era << _ERA_BITS | file_number(file), offset))


@lru_cache(maxsize=64)
def file_number(file: str) -> int:
    """Return the number at the end of a binlog file's name; ``log.corrupt`` when there is none."""
    found = _NUMBER.match(file)
    if found is None:
        raise FerrymanError("log.corrupt", f"{file!r} is no name of a binary log file")
    return int(found[1])


def file_and_offset(position: Position) -> tuple[str, int]:
    """Return the binlog file and offset of a position."""
    if position.kind != KIND:
        raise FerrymanError("position.purged", f"a {position.kind} position cannot be one of a binary log")
    return position.token["file"], int(position.token["offset"])


class GtidState:
    """MariaDB's GTID position: the last GTID of each replication domain."""

    def __init__(self, text: str) -> None:
        """Read ``0-1-5,2-1-7``; the empty text is the beginning of all logs."""
        self._domains = {part.split("-", 1)[0]: part for part in text.split(",") if part}
        self.text = ",".join(self._domains.values())

    def add(self, gtid: str) -> None:
        """Take a transaction in."""
        self._domains[gtid.split("-", 1)[0]] = gtid
        self.text = gtid if len(self._domains) == 1 else ",".join(self._domains.values())

    def knows_domain_of(self, gtid: str) -> bool:
        """Whether a transaction of that domain has been seen."""
        return gtid.split("-", 1)[0] in self._domains

    def take(self, text: str) -> None:
        """Take in domains not seen yet."""
        for part in text.split(","):
            if part and not self.knows_domain_of(part):
                self.add(part)


def lost_gtid(ours: str, server: str) -> str | None:
    """Return a transaction of ours that the server's state does not end with in its domain, or `None`.

    Domains only one side knows do not count (``FLUSH BINARY LOGS DELETE_DOMAIN_ID``), unless the server knows none.
    """
    theirs = {part.split("-", 1)[0]: part for part in server.split(",") if part}
    for part in ours.split(","):
        if part and theirs.get(part.split("-", 1)[0], part if theirs else "") != part:
            return part
    return None
