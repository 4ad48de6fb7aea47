"""A SQL database to write to (`ferryman.spi.target.Target`), but for what each kind does in its own way."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from ferryman.connectors.sql_family import bookkeeping, letters
from ferryman.connectors.sql_family.words import Connection, Words
from ferryman.foundation.errors import FerrymanError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint
from ferryman.spi.source import Chunk

LEASE_PATIENCE_SECONDS = 600.0
"""How long a new holder waits for the last transaction of the one before; a server ends an idle one after 300 s."""

KEPT_BY_DDL = frozenset({"endpoint.connection_lost", "target.privilege", "target.full", "endpoint.unreachable"})
"""Codes of failures of a DDL statement that are not the statement's."""

C = TypeVar("C", bound=Connection)


class SqlTarget(ABC, Generic[C]):
    """Opens a connection for each call and each session."""

    words: ClassVar[Words]

    def __init__(self, endpoint: Endpoint) -> None:
        """Make a target; connects later."""
        self._endpoint = endpoint

    @abstractmethod
    def _connect(self, *, writer: bool = False) -> C:
        """Open a connection."""

    @abstractmethod
    def _make_tables(self, connection: C) -> None:
        """Make the tables of `_ferryman` that are missing."""

    def check(self) -> None:
        """Connect and log in."""
        with self._connect():
            pass

    def prepare(self) -> None:
        """Make the `_ferryman` schema where it is missing."""
        with self._connect() as connection:
            self._make_tables(connection)

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        """Become the holder of a task's lease rows, however many lock waits that takes."""
        deadline = time.monotonic() + LEASE_PATIENCE_SECONDS
        while True:
            try:
                with self._connect(writer=True) as connection:
                    bookkeeping.raise_epoch(connection, self.words, task, epoch, lanes)
                return
            except FerrymanError as error:
                if error.code != "target.deadlock" or time.monotonic() > deadline:
                    raise

    def load_checkpoint(self, project: str) -> Checkpoint | None:
        """Read the project's checkpoint."""
        with self._connect() as connection:
            return bookkeeping.load_checkpoint(connection, self.words, project)

    def finished_chunks(self, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
        """Read the finished chunks of each source table."""
        with self._connect() as connection:
            return bookkeeping.finished_chunks(connection, self.words, project)

    def dead_letters(
        self, project: str, *, after: int = 0, limit: int = 1000, open_only: bool = False
    ) -> list[DeadLetter]:
        """Read dead letters."""
        with self._connect() as connection:
            return letters.read(connection, self.words, project, after=after, limit=limit, open_only=open_only)

    def last_letter(self, project: str) -> int:
        """Return the number of the project's last dead letter."""
        with self._connect() as connection:
            return letters.last(connection, self.words, project)

    def forget(self, project: str) -> None:
        """Remove every trace of a project from `_ferryman`."""
        with self._connect(writer=True) as connection:
            bookkeeping.forget(connection, self.words, project)

    def close(self) -> None:
        """Release what is held: nothing."""
