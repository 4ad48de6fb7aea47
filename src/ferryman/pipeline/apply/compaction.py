"""Compaction: the net effect of a run of changes, key by key (algorithms.md §5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import repeat

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.changes import ChangeBatch
from ferryman.model.names import TableName
from ferryman.pipeline.apply.shapes import Shape, Shapes


class TableChanges:
    """The net effect on one table with a row key.

    Attributes:
        shape: How its rows are written.
        before: Row key → the row's values of `Shape.unique` before the run; `None` when there was no such row.
        after: Row key → the row after the run; `None` when there is none. Has the same keys as `before`.
    """

    __slots__ = ("after", "before", "shape")

    def __init__(self, shape: Shape) -> None:
        """Begin without changes."""
        self.shape = shape
        self.before: dict[Row, Row | None] = {}
        self.after: dict[Row, Row | None] = {}

    def add(self, change: ChangeBatch) -> None:
        """Take the next changes, in log order."""
        if change.before is None:
            self._insert(change)
        elif change.after is None:
            self._delete(change)
        else:
            self._update(change)

    def _insert(self, change: ChangeBatch) -> None:
        assert change.after is not None
        keys = self.shape.keys(change.after)
        self._remember(keys, repeat(None))
        self.after.update(zip(keys, self.shape.rows(change.after), strict=True))

    def _delete(self, change: ChangeBatch) -> None:
        assert change.before is not None
        keys = self.shape.keys(change.before)
        self._remember(keys, self.shape.unique_values(change.before))
        self.after.update(dict.fromkeys(keys))

    def _update(self, change: ChangeBatch) -> None:
        assert change.before is not None
        assert change.after is not None
        old_keys, new_keys = self.shape.keys(change.before), self.shape.keys(change.after)
        old_values, rows = self.shape.unique_values(change.before), self.shape.rows(change.after)
        if old_keys == new_keys:
            self._remember(old_keys, old_values)
            self.after.update(zip(new_keys, rows, strict=True))
            return
        for old_key, values, new_key, row in zip(old_keys, old_values, new_keys, rows, strict=True):
            self.before.setdefault(old_key, values)
            if new_key != old_key:  # a key change leaves a delete behind
                self.after[old_key] = None
                self.before.setdefault(new_key, None)
            self.after[new_key] = row

    def _remember(self, keys: Iterable[Row], values: Iterable[Row | None]) -> None:
        """Keep what each key had before its first change; runs at the speed of C."""
        deque(map(self.before.setdefault, keys, values), maxlen=0)


class Compaction:
    """The net effect of a run of changes on tables with a row key."""

    def __init__(self, shapes: Shapes) -> None:
        """Begin without changes."""
        self._shapes = shapes
        self.tables: dict[TableName, TableChanges] = {}

    def add(self, change: ChangeBatch) -> None:
        """Take the next changes, in log order."""
        shape = self._shapes.of(change)
        table = self.tables.get(change.table)
        if table is None:
            table = self.tables[change.table] = TableChanges(shape)
        elif table.shape is not shape:
            raise FerrymanError(
                "log.schema_mismatch",
                f"row images of {change.table} change their columns without a schema statement between them",
                context={"table": str(change.table)},
            )
        table.add(change)

    @property
    def row_count(self) -> int:
        """Keys touched, over all tables."""
        return sum(len(table.after) for table in self.tables.values())
