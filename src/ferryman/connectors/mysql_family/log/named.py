"""Places that a person names: a file of the binary log and an offset in it, or the transactions before the place (ADR 0139).

Sources: MySQL manual, "GTID Sets"; MariaDB KB, "Global Transaction ID" (``gtid_binlog_state``).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.log.binlog import current_position, stream
from ferryman.connectors.mysql_family.log.elsewhere import place_behind
from ferryman.connectors.mysql_family.log.gtid_sets import GtidSet
from ferryman.connectors.mysql_family.log.position import FIRST_OFFSET, binlog_position, file_number
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.position import Position
from ferryman.model.project import Endpoint

_FILE = re.compile(r"(?P<file>[^\s:/]+\.\d{1,18}):(?P<offset>\d{1,18})")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_RUNS = r"(?::\d{1,19}(?:-\d{1,19})?)+"
_MYSQL = re.compile(rf"{_UUID}{_RUNS}(?:,{_UUID}{_RUNS})*")
_MARIADB = re.compile(r"\d{1,10}-\d{1,10}-\d{1,20}(?:,\d{1,10}-\d{1,10}-\d{1,20})*")
_LATER = "give a place that the log has, or move the existing rows, too (--types full,incremental)"


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """Either a file and an offset, or GTIDs."""

    file: str = ""
    offset: int = 0
    gtid: str = ""


def read_place(text: str, *, mariadb: bool) -> NamedPlace:
    """Read ``file:offset`` or the server's GTIDs.

    Raises:
        UsageError: ``position.invalid``.
    """
    plain = "".join(text.split())
    if found := _FILE.fullmatch(plain):
        if int(found["offset"]) < FIRST_OFFSET:
            raise _invalid(text, f"a file's first event is at offset {FIRST_OFFSET}")
        return NamedPlace(file=found["file"], offset=int(found["offset"]))
    plain = plain.lower()
    if (_MYSQL if mariadb else _MARIADB).fullmatch(plain):
        raise _invalid(text, f"these are GTIDs of {'MySQL, but the server is MariaDB' if mariadb else 'MariaDB only'}")
    if not (_MARIADB if mariadb else _MYSQL).fullmatch(plain):
        raise _invalid(text, "it is neither FILE:OFFSET nor a position of GTIDs")
    _refuse_nonsense(text, plain.split(","), mariadb=mariadb)
    return NamedPlace(gtid=plain)


def _refuse_nonsense(text: str, parts: list[str], *, mariadb: bool) -> None:
    if mariadb:
        domains = [part.split("-")[0] for part in parts]
        if len(set(domains)) != len(domains):
            raise _invalid(text, "a domain is named twice")
        return
    for run in (run for part in parts for run in part.split(":")[1:]):
        first, _, last = run.partition("-")
        if not 0 < int(first) <= int(last or first):
            raise _invalid(text, f"{run} is no range of transactions")


def _invalid(text: str, why: str) -> UsageError:
    return UsageError("position.invalid", f"{text!r} names no place in a log: {why}")


def check_place(connection: Connection, text: str) -> NamedPlace:
    """Ask the server whether its log may have a place, without reading the log.

    Raises:
        FerrymanError: ``position.invalid``, ``position.purged``, ``position.other_log``, ``position.not_found``.
    """
    mariadb = connection.server.flavor == "mariadb"
    place = read_place(text, mariadb=mariadb)
    if place.file:
        return _checked_file(connection, place)
    if mariadb:
        _check_mariadb(connection, place.gtid)
    else:
        _check_mysql(connection, place.gtid)
    return place


def position_named(endpoint: Endpoint, text: str) -> Position:
    """Return the place a person named, if it lies between two transactions.

    Raises:
        FerrymanError: As `check_place`.
    """
    with contextlib.closing(open_connection(endpoint)) as connection:
        place = check_place(connection, text)
        if place.file:
            return _at_file(connection, place)
        try:
            found = place_behind(connection, place.gtid, stream)
        except FerrymanError as error:
            if error.code != "position.purged":
                raise
            raise FerrymanError(error.code, error.message, hint=_LATER) from error
    if found is None:
        said = f"no place in the binary log of {connection.where} has just the transactions {place.gtid} before it"
        hint = "take them whole from what the server said (gtid_executed, BINLOG_GTID_POS), or give FILE:OFFSET"
        raise FerrymanError("position.not_found", said, hint=hint)
    return found


# Files ----------------------------------------------------------------------------------------------------------------


def _checked_file(connection: Connection, place: NamedPlace) -> NamedPlace:
    """See that the server has the file, as far as that; the end of a file that is over is the next one's beginning."""
    sizes = {str(row[0]): int(row[1]) for row in connection.query("SHOW BINARY LOGS")}
    names = list(sizes)
    asked, log = f"{place.file}:{place.offset}", f"the binary log of {connection.where}"
    if place.file not in sizes:
        if _stem(place.file) != _stem(names[0]):
            raise FerrymanError("position.other_log", f"{asked} is not a place in {log}, whose files are {names[0]} …")
        if file_number(place.file) < file_number(names[0]):
            raise FerrymanError("position.purged", f"{log} begins with {names[0]}, behind {asked}", hint=_LATER)
        raise _ahead(asked, log, names[-1], sizes[names[-1]])
    if place.offset > sizes[place.file]:
        raise _ahead(asked, log, place.file, sizes[place.file])
    if place.offset == sizes[place.file] and place.file != names[-1]:
        return NamedPlace(file=names[names.index(place.file) + 1], offset=FIRST_OFFSET)
    return place


def _ahead(asked: str, log: str, file: str, size: int) -> FerrymanError:
    return FerrymanError("position.not_found", f"{log} has not come to {asked}: {file} ends at {size}")


def _stem(file: str) -> str:
    return file.rpartition(".")[0]


def _at_file(connection: Connection, place: NamedPlace) -> Position:
    """Read the file from its beginning: only so is it known where transactions begin, and what came before."""
    start = binlog_position(place.file, FIRST_OFFSET)
    wanted, before = (start.order[0], place.offset), start
    with stream(connection.endpoint, start) as records:
        for record in records:
            if record is None or not record.payload:
                break
            if not record.boundary:
                continue
            if record.position.order == wanted or place.offset == FIRST_OFFSET:
                return record.position
            if record.position.order > wanted:
                break
            before = record.position
    said = f"{place.file}:{place.offset} of {connection.where} lies amid a transaction, which begins at {before}"
    raise FerrymanError("position.not_found", said, hint="begin between two transactions")


# GTIDs ----------------------------------------------------------------------------------------------------------------


def _check_mariadb(connection: Connection, gtid: str) -> None:
    """``gtid_binlog_state`` names the last transaction of each server in each domain."""
    state = str(connection.query("SELECT @@global.gtid_binlog_state")[0][0] or "")
    last = {tuple(part.split("-")[:2]): int(part.split("-")[2]) for part in state.split(",") if part}
    for part in gtid.split(","):
        domain, server, number = part.split("-")
        if (domain, server) not in last:
            raise _foreign(connection, part)
        if int(number) > last[domain, server]:
            raise _unreached(connection, part, f"{domain}-{server}-{last[domain, server]}")


def _check_mysql(connection: Connection, gtid: str) -> None:
    told, wanted = current_position(connection).token.get("gtid"), GtidSet.read(gtid)
    executed = GtidSet.read(told) if told else None
    assert wanted is not None, "it has been read as a set without tags"
    if executed is None:
        why = "it names none, or with tags (gtid_mode)"
        said = f"no place in the binary log of {connection.where} can be found by GTIDs: {why}"
        raise FerrymanError("position.not_found", said, hint="begin at FILE:OFFSET")
    if foreign := wanted.servers - executed.servers:
        raise _foreign(connection, min(foreign))
    if not wanted.within(executed):
        raise _unreached(connection, gtid, executed.text)


def _foreign(connection: Connection, named: str) -> FerrymanError:
    said = f"{connection.where} knows no transactions of that server: {named}"
    return FerrymanError(
        "position.other_log", said, hint="give GTIDs of this very server, or name the server they are of"
    )


def _unreached(connection: Connection, named: str, reached: str) -> FerrymanError:
    return FerrymanError("position.not_found", f"{connection.where} has not come to {named}: it is at {reached}")
