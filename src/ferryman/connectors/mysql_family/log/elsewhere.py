"""Places told by transactions: where a server's own files have carried out just those of a GTID position (ADR 0115)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.log.gtid_sets import GtidSet
from ferryman.connectors.mysql_family.log.position import FIRST_OFFSET, binlog_position, file_and_offset, in_era
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import Endpoint
from ferryman.spi.source import LogRecord

Stream = Callable[[Endpoint, Position], AbstractContextManager[Iterator[LogRecord | None]]]


def gtid_at(connection: Connection, file: str, offset: int) -> str | None:
    """Return MariaDB's GTID state at a place; `None` elsewhere, and where the server cannot tell."""
    if connection.server.flavor != "mariadb":
        return None
    found = connection.query("SELECT BINLOG_GTID_POS(%s, %s)", (file, offset))[0][0]
    return None if found is None else str(found)


def holds(connection: Connection, place: Position, ours: str, stream: Stream) -> bool:
    """Whether the very place is one of this server's log, too, behind the same transactions (a copy of the server)."""
    file, _ = file_and_offset(place)
    place, mariadb = in_era(place, 0), connection.server.flavor == "mariadb"
    if file not in _files(connection):
        return False
    with stream(connection.endpoint, binlog_position(file, FIRST_OFFSET)) as records:
        for record in records:
            if record is None or not record.payload or record.position > place:
                return False
            if record.position == place:
                found = record.position.token.get("gtid") or ""
                return record.boundary and _state(found, mariadb=mariadb) == _state(ours, mariadb=mariadb)
    return False


def place_behind(connection: Connection, gtid: str, stream: Stream) -> Position | None:
    """Return the place of a server's log before which it has just the transactions of a GTID position, if there is one.

    Args:
        connection: To the server.
        gtid: MariaDB: ``0-1-5,2-1-7``; MySQL: a set.
        stream: Reads its log, from the beginning of one file.

    Raises:
        FerrymanError: ``position.purged``: its oldest file begins with transactions that are not among them.
    """
    mariadb = connection.server.flavor == "mariadb"
    wanted = _state(gtid, mariadb=mariadb)
    files = _files(connection)
    file = next((each for each in reversed(files) if _within(_before(connection, each), wanted, mariadb=mariadb)), None)
    if file is None or wanted is None:
        said = f"the binary log of {connection.where} begins behind the transactions {gtid} ({files[:1]})"
        raise FerrymanError("position.purged", said)
    with stream(connection.endpoint, binlog_position(file, FIRST_OFFSET)) as records:
        for record in records:
            if record is None or not record.payload:
                return None  # its end
            found = record.position.token.get("gtid")
            if not record.boundary or found is None:
                continue
            if _state(found, mariadb=mariadb) == wanted:
                return record.position
            if not _within(found, wanted, mariadb=mariadb):
                return None  # it has passed others than those
    return None


def _files(connection: Connection) -> list[str]:
    return [str(row[0]) for row in connection.query("SHOW BINARY LOGS")]


def _before(connection: Connection, file: str) -> str:
    """Return the transactions before a file, as its head tells them."""
    if connection.server.flavor == "mariadb":
        return gtid_at(connection, file, FIRST_OFFSET) or ""
    rows = connection.query(f"SHOW BINLOG EVENTS IN '{file}' LIMIT 3")
    return next((str(row[5]) for row in rows if str(row[2]).lower() == "previous_gtids"), "")


def _state(text: str, *, mariadb: bool) -> object:
    """Return a GTID position in a form that can be compared; `None` for a set that cannot be read (tags)."""
    if mariadb:
        return frozenset(part.strip() for part in text.split(",") if part.strip())
    found = GtidSet.read(text)
    return found.text if found is not None else None


def _within(text: str, wanted: object, *, mariadb: bool) -> bool:
    """Whether what lies before a file is all among the wanted transactions."""
    if not mariadb:
        one, other = GtidSet.read(text), GtidSet.read(str(wanted))
        return one is not None and other is not None and one.within(other)
    assert isinstance(wanted, frozenset)
    last = {part.split("-")[0]: int(part.split("-")[2]) for part in wanted}
    parts = [part.split("-") for part in text.split(",") if part]
    return all(int(part[2]) <= last.get(part[0], -1) for part in parts)
