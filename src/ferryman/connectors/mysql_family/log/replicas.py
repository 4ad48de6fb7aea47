"""Who else reads a server's log: replicas are told apart by ids that nobody hands out.

A server that hears of a second replica with an id ends the stream of the first: MySQL 5.6 without a word.

Sources: MySQL internals manual, "COM_REGISTER_SLAVE"; MySQL manual, "SHOW REPLICAS"; MariaDB KB, "SHOW SLAVE HOSTS".
"""

from __future__ import annotations

import contextlib
import random
import struct

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.connectors.mysql_family.log.identity import variable
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint

_SYNTAX = 1064
_NAME = b"ferryman"


def free_server_id(connection: Connection) -> int:
    """Return an id that no replica has now, nor the server itself."""
    taken = {int(variable(connection, "server_id") or 0)}
    with contextlib.suppress(FerrymanError):  # needs a privilege of its own; a clash is improbable anyway
        taken |= _replica_ids(connection)
    while (server_id := random.randrange(1 << 30, 1 << 32)) in taken:
        pass
    return server_id


def registration(server_id: int) -> bytes:
    """Return the body of COM_REGISTER_SLAVE: who we are, for ``SHOW SLAVE HOSTS``."""
    return struct.pack("<IB", server_id, len(_NAME)) + _NAME + struct.pack("<BBHII", 0, 0, 0, 0, 0)


def has_replica(endpoint: Endpoint, server_id: int) -> bool:
    """Whether a replica of this id is connected, once ours is not; `False` where the server does not tell."""
    with contextlib.suppress(FerrymanError), open_connection(endpoint) as connection:
        return server_id in _replica_ids(connection)
    return False


def _replica_ids(connection: Connection) -> set[int]:
    try:
        rows = connection.query("SHOW SLAVE HOSTS")
    except FerrymanError as error:
        if error.context.get("errno") != _SYNTAX:  # MySQL 8.4 has only the new words
            raise
        rows = connection.query("SHOW REPLICAS")
    return {int(row[0]) for row in rows}
