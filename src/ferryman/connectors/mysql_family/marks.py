"""Marks for two-way use: what Ferryman writes to a server can be told in the server's binlog from what others write.

A marked transaction begins with a change of its lane's lease row in `_ferryman`, which others' transactions never hold; so
the decoder knows from the first row event on. A marked schema statement bears a comment, which the binlog keeps. MySQL
logs DROP TABLE in words of its own, without comments (MariaDB keeps one that stands behind these two words): there the
table first takes a name in `_ferryman`, in a marked RENAME.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.connectors.mysql_family.log.queries import MARK
from ferryman.connectors.mysql_family.rows.session import Session
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.spi.source import LogDecoder
from ferryman.spi.target import Lease, TargetSession

_DROP = re.compile(r"\s*DROP\s+TABLE\s+(IF\s+EXISTS\s+)?(?P<table>.*)", re.IGNORECASE | re.DOTALL)

_NO_TABLE = 1146
_LEFT = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema='_ferryman' AND LEFT(table_name, 8)='dropped_'"
)


class UnmarkedSource(FamilySource):
    """A source whose log leaves out rows that Ferryman wrote there."""

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder of the log's records."""
        return BinlogDecoder(table_at, includes, self._moments, skips_marked=True)


class MarkingTarget(FamilyTarget):
    """A target on which all that is written bears a mark."""

    def session(self) -> TargetSession:
        """Open a session for writing."""
        return MarkingSession(self._connect(writer=True))

    def prepare(self) -> None:
        """Make the `_ferryman` schema where it is missing, and remove what a drop has left that was interrupted."""
        super().prepare()
        with self._connect(writer=True) as connection:
            for (name,) in connection.query(_LEFT):
                connection.execute(f"DROP TABLE IF EXISTS `_ferryman`.`{name}`")

    def run_ddl(self, sql: str) -> None:
        """Run one DDL statement."""
        with self._connect() as connection:
            flavor = connection.server.flavor
        for statement in marked(sql, flavor):
            try:
                super().run_ddl(statement)
            except FerrymanError as error:
                if error.context.get("errno") == _NO_TABLE and (drop := _DROP.fullmatch(sql)) and drop[1]:
                    return  # IF EXISTS: it does not
                raise


class MarkingSession(Session):
    """A session whose transactions begin with the mark."""

    def _lock(self, lease: Lease) -> int | None:
        """Begin by changing the lease row: that locks it, too; a change that changes nothing would not be logged."""
        self._connection.execute("START TRANSACTION")
        changed = self._connection.execute(
            "UPDATE `_ferryman`.lease SET raised_at=GREATEST(UTC_TIMESTAMP(6), raised_at + INTERVAL 1 MICROSECOND)"
            " WHERE task=%s AND lane=%s AND epoch=%s",
            (lease.task, lease.lane, lease.epoch),
        )
        return lease.epoch if changed else self._epoch_of(self._connection, lease)

    @staticmethod
    def _epoch_of(connection: Connection, lease: Lease) -> int | None:
        rows = connection.query(
            "SELECT epoch FROM `_ferryman`.lease WHERE task=%s AND lane=%s", (lease.task, lease.lane)
        )
        return int(rows[0][0]) if rows else None


def marked(sql: str, flavor: str) -> list[str]:
    """Return what runs in place of a schema statement, so that the binlog shows the mark."""
    drop = _DROP.fullmatch(sql)
    if drop is None:
        return [f"{MARK} {sql}"]
    if flavor == "mariadb":
        return [f"DROP TABLE {drop[1] or ''}{MARK} {drop['table']}"]
    gone = f"`_ferryman`.`dropped_{uuid.uuid4().hex[:20]}`"
    return [f"{MARK} RENAME TABLE {drop['table']} TO {gone}", f"DROP TABLE {gone}"]
