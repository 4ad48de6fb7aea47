"""Whose log a position belongs to: the server's UUID, when the file began, and the transactions before the place.

File names and offsets repeat: after RESET MASTER, on a server restored from a backup, on another one behind the same
address. Going on there would leave changes out in silence.
"""

from __future__ import annotations

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.log.gtid_sets import GtidSet
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position

_NO_SUCH_VARIABLE = 1193


def server_identity(connection: Connection) -> str:
    """Return MySQL's ``server_uuid``; empty where there is none (MariaDB: its GTIDs tell the same)."""
    return variable(connection, "server_uuid") if connection.server.flavor != "mariadb" else ""


def serving(connection: Connection) -> dict[str, str]:
    """Return by which entries of a token a place names the server whose files hold it."""
    if connection.server.flavor == "mariadb":
        return {"server_id": variable(connection, "server_id")}
    found = server_identity(connection)
    return {"server": found} if found else {}


def is_elsewhere(connection: Connection, place: Position) -> bool:
    """Whether a place is known to be one in the files of another server."""
    return any(place.token.get(key, value) != value for key, value in serving(connection).items())


def uses_gtids(connection: Connection) -> bool:
    """Whether every transaction of a MySQL has a GTID."""
    return variable(connection, "gtid_mode").upper() == "ON"


def executed_gtids(connection: Connection) -> GtidSet | None:
    """Return all transactions a MySQL has carried out; `None` where it names none, or with tags.

    OceanBase's own variables say nothing of what its Binlog Service has.
    """
    if connection.server.flavor == "oceanbase" or not uses_gtids(connection):
        return None
    return GtidSet.read(variable(connection, "gtid_executed"))


def variable(connection: Connection, name: str) -> str:
    """Return a system variable; empty where the server has none of that name."""
    try:
        return str(connection.query(f"SELECT @@global.{name}")[0][0] or "")
    except FerrymanError as error:
        if error.context.get("errno") != _NO_SUCH_VARIABLE:
            raise
        return ""


def compare_executed(connection: Connection, start: Position) -> None:
    """See that a MySQL still knows all transactions before a place of its own; places without identity are not compared.

    Raises:
        FerrymanError: ``position.other_log``: its log has been reset since.
    """
    known = start.token.get("server")
    ours = GtidSet.read(start.token.get("gtid", "")) if known else None
    if ours is not None and ours.text:
        theirs = executed_gtids(connection)
        if theirs is not None and not ours.within(theirs):
            raise other_log(connection.where, start, "it no longer knows all transactions before that place")


def other_log(where: str, start: Position, why: str) -> FerrymanError:
    """Make the error for a position that does not belong to the log found."""
    return FerrymanError("position.other_log", f"{start} is not a place in the binary log that {where} has now: {why}")
