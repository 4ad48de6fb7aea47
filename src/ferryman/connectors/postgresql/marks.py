"""Marks for two-way use: what Ferryman writes to a server can be told in the server's log from what others write.

A marked transaction begins with a message of its own in the log (`pg_logical_emit_message`), which a stream that asks for
messages gets before the rows. Schema statements are not in the log: what they did to a table shows when its next row comes,
and apply then sees that the other side's table has it already (`pipeline.apply.statement`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from ferryman.connectors.postgresql.log import stream as streams
from ferryman.connectors.postgresql.log.messages import MARK_PREFIX
from ferryman.connectors.postgresql.rows.session import Session
from ferryman.connectors.postgresql.source import PostgresSource
from ferryman.connectors.postgresql.target import PostgreSqlTarget
from ferryman.model.position import Position
from ferryman.spi.source import LogRecord
from ferryman.spi.target import TargetSession

MARK = f"SELECT pg_logical_emit_message(true, '{MARK_PREFIX}', '')"


class UnmarkedSource(PostgresSource):
    """A source whose log leaves out transactions that Ferryman wrote there."""

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """Stream the log from `start` without end."""
        return streams.stream(self._endpoint, start, durable, skips_marked=True)


class MarkingTarget(PostgreSqlTarget):
    """A target on which all that is written bears a mark."""

    def session(self) -> TargetSession:
        """Open a session for writing."""
        return MarkingSession(self._connect(writer=True))

    def run_ddl(self, sql: str) -> None:
        """Run DDL; several statements in one text are one transaction."""
        super().run_ddl(f"{MARK}; {sql}")


class MarkingSession(Session):
    """A session whose transactions begin with the mark."""

    opening = f"BEGIN; {MARK}"
