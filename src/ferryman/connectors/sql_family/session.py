"""The part of a session that keeps the books: fencing, checkpoint, finished chunks and dead letters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ferryman.connectors.sql_family import bookkeeping, letters
from ferryman.connectors.sql_family.words import Connection, Words
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.names import TableName
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease


class BookSession(ABC):
    """One connection for writing; one transaction at a time; one thread."""

    def __init__(self, connection: Connection, words: Words) -> None:
        """Keep the books over a connection."""
        self._books = connection
        self._words = words
        self._checkpoints = bookkeeping.CheckpointWriter(connection, words)

    @abstractmethod
    def rollback(self) -> None:
        """Roll back; never raises."""

    @abstractmethod
    def _lock(self, lease: Lease) -> int | None:
        """Begin a transaction, lock the lane's lease row and return the epoch that stands there."""

    def begin(self, lease: Lease) -> None:
        """Begin a transaction and lock the lease row of this lane (I7)."""
        try:
            held = self._lock(lease)
        except FerrymanError:
            self.rollback()
            raise
        if held != lease.epoch:
            self.rollback()
            raise LeaseLostError(
                "lease.lost",
                f"{lease.task} lane {lease.lane}: our epoch is {lease.epoch}, the target's is {held}",
                context={"task": lease.task, "epoch": lease.epoch, "held": held},
            )

    def save_letter(self, project: str, letter: DeadLetter) -> None:
        """Write a dead letter within this transaction."""
        letters.save(self._books, self._words, project, letter)

    def settle_letters(self, project: str, numbers: Sequence[int], state: LetterState) -> None:
        """Change the state of dead letters within this transaction."""
        letters.settle(self._books, self._words, project, numbers, state)

    def save_checkpoint(self, project: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint within this transaction (I2)."""
        self._checkpoints.save(project, checkpoint)

    def mark_chunk(self, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
        """Record a finished chunk within this transaction."""
        bookkeeping.mark_chunk(self._books, self._words, project, table, chunk, rows)

    def close(self) -> None:
        """End the connection; an open transaction is rolled back by it."""
        self._books.close()
