"""Changes of a table without a key between two SCNs: as a bag of rows, what is there more and what is there less.

Both moments are read side by side in the order in which they are stored. Rows that are in both cancel out soon, so
that memory holds little more than the rows that differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest

from ferryman.connectors.oceanbase.scn import queries
from ferryman.connectors.oceanbase.scn.records import encode_changes
from ferryman.connectors.oceanbase.scn.window import Window
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.schema import Table

_ROWS_A_RECORD = 1000


class BagChanges:
    """Finds the changes of one table in one window; attributes and arguments as of `KeyedChanges`."""

    def __init__(self, window: Window, table: Table, count_then: int | None) -> None:
        """Begin."""
        self._window = window
        self._table = table
        self._count_then = count_then
        self.count = 0
        self.changed = 0

    def payloads(self) -> Iterator[bytes]:
        """Yield records: rows that are gone, then rows that came. An update is one of each."""
        window, table = self._window, self._table
        self.count, newest = window.totals(table, queries.totals(table))
        then = self._count_then
        if then is None:
            then = window.count_then(table, queries.count_at(table, window.prev))
        if newest <= window.prev and self.count == then:
            return
        balance = self._balance()
        self.changed = sum(map(abs, balance.values()))
        yield from self._records(Operation.DELETE, {row: -count for row, count in balance.items() if count < 0})
        yield from self._records(Operation.INSERT, {row: count for row, count in balance.items() if count > 0})

    def _balance(self) -> dict[Row, int]:
        """Return how many more of each row there are now than then, without those of which there are as many."""
        balance: dict[Row, int] = {}
        now = self._window.read_now(self._table, queries.all_rows(self._table))
        then = self._window.read_then(self._table, queries.all_rows(self._table, self._window.prev))
        for came, went in zip_longest(now, then):
            _add(balance, came, 1)
            _add(balance, went, -1)
        return balance

    def _records(self, operation: Operation, counts: dict[Row, int]) -> Iterator[bytes]:
        rows = (row for row, count in counts.items() for _ in range(count))
        columns = tuple(column.name for column in queries.image_columns(self._table))
        while some := list(islice(rows, _ROWS_A_RECORD)):
            image = Batch.of(some, len(columns))
            deletes = operation is Operation.DELETE
            yield encode_changes(
                ChangeBatch(
                    table=self._table.name,
                    operation=operation,
                    columns=columns,
                    before=image if deletes else None,
                    after=None if deletes else image,
                    cascades=False,
                )
            )


def _add(balance: dict[Row, int], batch: Batch | None, sign: int) -> None:
    if batch is None:
        return
    for row in batch.rows():
        left = balance.get(row, 0) + sign
        if left:
            balance[row] = left
        else:
            del balance[row]


class WholeTable:
    """All rows of a table as inserted: for one whose rows of before cannot be had; it is emptied first."""

    def __init__(self, window: Window, table: Table) -> None:
        """Begin."""
        self._window = window
        self._table = table
        self.count = 0
        self.changed = 0

    def payloads(self) -> Iterator[bytes]:
        """Yield the rows."""
        columns = tuple(column.name for column in queries.image_columns(self._table))
        for image in self._window.read_now(self._table, queries.all_rows(self._table)):
            self.count += image.row_count
            self.changed += image.row_count
            yield encode_changes(
                ChangeBatch(
                    table=self._table.name,
                    operation=Operation.INSERT,
                    columns=columns,
                    before=None,
                    after=image,
                    cascades=False,
                )
            )
