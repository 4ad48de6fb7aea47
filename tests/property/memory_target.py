"""A SQL target in memory, faithful to `ferryman.spi.target`, that dies or stumbles wherever a test wants. For tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from memory_tables import MemoryReader, MemoryTable

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError, LeaseLostError
from ferryman.model.batch import Batch, Row
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.target import Lease


class Crash(BaseException):
    """`kill -9` of the task: nothing in the task may catch it and go on."""


class MemoryTarget:
    """Durable state, and what goes wrong with it.

    Attributes:
        strike: Called before each call with the call's name, and after each commit with ``committed``; may raise.
        on_commit: Called after each commit.
    """

    def __init__(self, tables: Sequence[Table]):
        self.tables = {table.name: MemoryTable(table) for table in tables}
        self.leases: dict[tuple[str, int], int] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.letters: dict[int, DeadLetter] = {}
        self.strike: Callable[[str], None] = lambda call: None
        self.on_commit: Callable[[], None] = lambda: None
        self.ddl: list[str] = []
        self.run_statement: Callable[[str], None] = lambda sql: None
        self.refuse: Callable[[Table, Row], None] = lambda table, row: None
        self.calls = 0
        self.open_lane = 0

    def session(self) -> MemorySession:
        return MemorySession(self)

    def raise_epoch(self, task: str, epoch: int, lanes: int) -> None:
        self.strike("raise_epoch")
        for lane in range(lanes):
            if self.leases.get((task, lane), 0) > epoch:
                raise LeaseLostError("lease.lost", "another holder")
        for lane in range(lanes):
            self.leases[(task, lane)] = epoch

    def load_checkpoint(self, project: str) -> Checkpoint | None:
        return self.checkpoints.get(project)

    def dead_letters(self, project: str, *, after=0, limit=1000, open_only=False) -> list[DeadLetter]:
        found = [self.letters[number] for number in sorted(self.letters) if number > after]
        return [each for each in found if not open_only or each.state is LetterState.OPEN][:limit]

    def last_letter(self, project: str) -> int:
        return max(self.letters, default=0)

    def read_schema(self, selection: Selection) -> Schema:
        return Schema(tables=tuple(t.table for n, t in self.tables.items() if selection.includes(n)))

    def reader(self) -> MemoryReader:
        return MemoryReader(self.tables)

    def run_ddl(self, sql: str) -> None:
        self.strike("run_ddl")
        self.ddl.append(sql)
        self.run_statement(sql)
        self.strike("ddl done")

    def close(self) -> None:
        pass


class MemorySession:
    """One connection: works on copies, which the commit puts in place."""

    def __init__(self, target: MemoryTarget):
        self.target = target
        self.work: dict[TableName, MemoryTable] | None = None
        self.checkpoints: dict[str, Checkpoint] = {}
        self.letters: dict[int, DeadLetter] = {}
        self.marked: tuple[dict[TableName, MemoryTable], dict[int, DeadLetter]] | None = None
        self.part: tuple[dict[TableName, MemoryTable], dict[int, DeadLetter]] | None = None
        self.lease: Lease | None = None

    def begin(self, lease: Lease) -> None:
        self._call("begin", inside=False)
        assert self.work is None, "a transaction is open"
        if self.target.leases.get((lease.task, lease.lane)) != lease.epoch:
            raise LeaseLostError("lease.lost", f"lane {lease.lane}: not ours")
        self.work, self.checkpoints, self.lease = {}, {}, lease
        self.letters, self.marked, self.part = dict(self.target.letters), None, None
        self.target.open_lane = lease.lane

    def commit(self) -> None:
        self._call("commit")
        assert self.work is not None
        assert self.lease is not None
        epoch = self.target.leases[(self.lease.task, self.lease.lane)]
        assert epoch == self.lease.epoch, "committed by one who has lost the lease"
        self.target.tables.update(self.work)
        self.target.checkpoints.update(self.checkpoints)
        if self.lease.lane == 0:  # letters are written by the coordinator only
            self.target.letters = self.letters
        self.work = None
        self.target.on_commit()
        self.target.strike("committed")

    def rollback(self) -> None:
        self.work = None

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        self._call("insert")
        found = self._table(table)
        trial = found.copy()
        for row in batch.rows():
            self.target.refuse(table, row)
            trial.insert(self._whole(found, columns, row))
        found.rows = trial.rows

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        self._call("replace")
        found = self._table(table)
        for row in batch.rows():
            self.target.refuse(table, row)
        for row in batch.rows():
            found.replace(self._whole(found, columns, row))

    def truncate(self, table: Table) -> None:
        self._call("truncate")
        self._table(table).rows = []

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        self._call("delete_keys")
        found = self._table(table)
        gone = found.matching(key, keys)
        for row in gone:
            found.remove(row)
        return len(gone)

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        self._call("update_keys")
        found, count = self._table(table), 0
        for before, after in zip(old, new, strict=True):
            for row in found.matching(key, [before]):
                found.change(row, key, after or (None,) * len(key))
                count += 1
        return count

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        self._call("delete_row")
        found = self._table(table)
        for each in found.rows:
            if found.values(each, columns) == row:
                found.remove(each)
                return 1
        return 0

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        self._call("update_row")
        found = self._table(table)
        self.target.refuse(table, after)
        for each in found.rows:
            if found.values(each, columns) == before:
                found.change(each, columns, after)
                return 1
        return 0

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        self._call("rows_by_key")
        found = self._table(table)
        return Batch.of([found.values(row, columns) for row in found.matching(key, keys)], len(columns))

    def savepoint(self) -> None:
        self._call("savepoint")
        assert self.work is not None
        self.marked = {name: table.copy() for name, table in self.work.items()}, dict(self.letters)

    def undo(self) -> None:
        self._call("undo")
        assert self.marked is not None, "no savepoint in this transaction"
        work, letters = self.marked
        self.work, self.letters = {name: table.copy() for name, table in work.items()}, dict(letters)

    def begin_part(self) -> None:
        self._call("begin_part")
        assert self.work is not None
        self.part = {name: table.copy() for name, table in self.work.items()}, dict(self.letters)
        self.marked = None

    def undo_part(self) -> None:
        self._call("undo_part")
        assert self.part is not None, "no part in this transaction"
        work, letters = self.part
        self.work, self.letters = {name: table.copy() for name, table in work.items()}, dict(letters)
        self.marked = None

    def save_letter(self, project: str, letter: DeadLetter) -> None:
        self._call("save_letter")
        self.letters[letter.number] = letter

    def settle_letters(self, project: str, numbers: Sequence[int], state: LetterState) -> None:
        self._call("settle_letters")
        for number in numbers:
            self.letters[number] = replace(self.letters[number], state=state)

    def save_checkpoint(self, project: str, checkpoint: Checkpoint) -> None:
        self._call("save_checkpoint")
        before = self.target.load_checkpoint(project)
        if before is not None and checkpoint.position < before.position:
            raise FerrymanError("checkpoint.moved_back", "moved back")
        self.checkpoints[project] = checkpoint

    def close(self) -> None:
        self.work = None

    def _call(self, name: str, *, inside: bool = True) -> None:
        self.target.calls += 1
        assert not inside or self.work is not None, f"{name} outside a transaction"
        try:
            self.target.strike(name)
        except FerrymanError:
            self.work = None  # a deadlock, a lost connection: the transaction is gone
            raise

    def _table(self, table: Table) -> MemoryTable:
        assert self.work is not None
        if table.name not in self.work:
            self.work[table.name] = self.target.tables[table.name].copy()
        return self.work[table.name]

    @staticmethod
    def _whole(table: MemoryTable, columns: Sequence[str], row: Row) -> Row:
        by_name = dict(zip(columns, row, strict=True))
        return tuple(by_name.get(name) for name in table.names)


__all__ = ["Crash", "DuplicateKeyError", "MemorySession", "MemoryTarget"]
