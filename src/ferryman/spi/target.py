"""What a SQL target offers: DDL, fenced transactions of rows, and the `_ferryman` schema with its own progress.

`_ferryman` in the target (invariants I2, I3, I7, I8): `lease` (one row a lane and task with the epoch of its holder),
`checkpoint` (one row a project), `chunk` (finished chunks of the load), `dead_letter`
(changes set aside). Values are canonical bytes throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.batch import Batch, Row
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.source import Chunk, TableReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A task's right to write, held in the target.

    Attributes:
        task: Which task: ``<project id>/load``, ``<project id>/apply``.
        epoch: Raised by each new holder.
        lane: Each lane locks a row of its own, so that lanes do not wait for each other.
    """

    task: str
    epoch: int
    lane: int = 0


class TargetSession(Protocol):
    """One connection; one transaction at a time; one thread.

    `table` is always the *target's* table (target name, target columns); `columns` names the batch's columns.
    Statements are cut by the session to what the server takes in one packet.

    Raises (any write): ``target.value_refused`` (a value does not fit: table, column when known, the server's message
    without the value), ``target.duplicate_key`` (`DuplicateKeyError`), ``target.deadlock`` (retry AUTO; the transaction
    is gone), ``target.full``, ``endpoint.connection_lost`` (the outcome of a commit under way is unknown).
    """

    def begin(self, lease: Lease) -> None:
        """Begin a transaction and lock the lease row of this lane; `LeaseLostError` unless the epoch is ours (I7)."""
        ...

    def commit(self) -> None:
        """Commit."""
        ...

    def rollback(self) -> None:
        """Roll back; never raises."""
        ...

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Insert rows; a taken unique key raises `DuplicateKeyError` and leaves the *transaction* usable."""
        ...

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows; whichever rows hold any of their unique values go first (algorithms.md §3), without cascades."""
        ...

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        """Delete the rows whose `key` columns equal one of `keys`; absent ones are no error. Returns rows deleted."""
        ...

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        """Set the `key` columns from `old[i]` to `new[i]` (all NULL when `None`): ON UPDATE CASCADE and SET NULL."""
        ...

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete exactly one row equal to `row` in all columns (tables without a key); returns 0 or 1."""
        ...

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite exactly one row equal to `before` (tables without a key); returns 0 or 1."""
        ...

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        """Read `columns` of rows whose `key` columns equal one of `keys`, within this transaction."""
        ...

    def truncate(self, table: Table) -> None:
        """Empty the table with DELETE semantics inside the transaction (a keyless load that starts again)."""
        ...

    def savepoint(self) -> None:
        """Set the one place within this transaction that `undo` goes back to; the one before is forgotten."""
        ...

    def undo(self) -> None:
        """Undo what was written since `savepoint`, also after a refusal; the transaction stays usable."""
        ...

    def begin_part(self) -> None:
        """Set the place that `undo_part` goes back to; the one before is forgotten, and that of `savepoint`, too."""
        ...

    def undo_part(self) -> None:
        """Undo what was written since `begin_part`, also after a refusal; the transaction stays usable."""
        ...

    def save_letter(self, project: str, letter: DeadLetter) -> None:
        """Write a dead letter within this transaction, over the one of the same number if there is one."""
        ...

    def settle_letters(self, project: str, numbers: Sequence[int], state: LetterState) -> None:
        """Change the state of dead letters within this transaction."""
        ...

    def save_checkpoint(self, project: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint within this transaction; ``checkpoint.moved_back`` when it would move back (I2)."""
        ...

    def mark_chunk(self, project: str, table: TableName, chunk: Chunk, rows: int) -> None:
        """Record a finished chunk within this transaction."""
        ...

    def close(self) -> None:
        """End the connection; never raises."""
        ...


class Target(Protocol):
    """A SQL database to write to. Thread-safe but for its sessions."""

    def check(self) -> None:
        """Connect and log in; raises ``endpoint.unreachable`` or ``endpoint.access_denied``."""
        ...

    def prepare(self) -> None:
        """Make the `_ferryman` schema where it is missing; ``target.privilege`` when not allowed."""
        ...

    def read_schema(self, selection: Selection) -> Schema:
        """Read the target's catalog; `selection` holds *target* names."""
        ...

    def reader(self) -> TableReader:
        """Open a reader (verification)."""
        ...

    def snapshot_reader(self, table: Table) -> TableReader:
        """Open a reader whose reads of `table` all see the moment of this call.

        Raises:
            FerrymanError: ``target.no_snapshot``: the table's engine has no snapshots.
        """
        ...

    def session(self) -> TargetSession:
        """Open a session for writing: foreign keys off, strict, UTC, zero dates and id 0 as they are."""
        ...

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        """Become the holder of a task's lease rows, lanes ``0..lanes-1``.

        A transaction of its own, which waits for those of the holder before. `LeaseLostError` when a higher epoch
        stands there.
        """
        ...

    def load_checkpoint(self, project: str) -> Checkpoint | None:
        """Read the project's checkpoint."""
        ...

    def finished_chunks(self, project: str) -> dict[TableName, list[tuple[Chunk, int]]]:
        """Read the finished chunks of each (source) table, each with its row count."""
        ...

    def dead_letters(
        self, project: str, *, after: int = 0, limit: int = 1000, open_only: bool = False
    ) -> list[DeadLetter]:
        """Read up to `limit` dead letters with numbers greater than `after`, in order."""
        ...

    def last_letter(self, project: str) -> int:
        """Return the number of the project's last dead letter; 0 when there is none."""
        ...

    def forget(self, project: str) -> None:
        """Remove every trace of a project from `_ferryman` (release, `--fresh`)."""
        ...

    def run_ddl(self, sql: str) -> None:
        """Run one DDL statement; ``target.ddl_failed`` with the server's message."""
        ...

    def close(self) -> None:
        """Release what is held; never raises."""
        ...
