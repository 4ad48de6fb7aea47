"""Compaction: the net effect of a run of changes, key by key (algorithms.md §5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat

from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import PICK_BITS, gather
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch
from ferryman.model.names import TableName
from ferryman.pipeline.apply.shapes import Shape, Shapes

_FEW_ROWS = 8
"""Images of fewer rows are put together: each that is picked from costs as much as copying some rows."""


class TableChanges:
    """The net effect on one table with a row key.

    Rows stay where they were decoded: what is kept of a row is where it stands (a *pick*, `ferryman.kernel.gather`).

    Attributes:
        shape: How its rows are written.
        before: Row key → the row's values of `Shape.unique` before the run; `None` when there was no such row.
        after: Row key → the pick of the row after the run; `None` when there is none. Has the same keys as `before`.
        unique_after: Row key → the values of `Shape.unique` of the row after the run; says nothing of rows that are gone.
        change_count: How many changes of rows these were.
    """

    __slots__ = ("_images", "_places", "after", "before", "change_count", "shape", "unique_after")

    def __init__(self, shape: Shape) -> None:
        """Begin without changes."""
        self.shape = shape
        self.before: dict[Row, Row | None] = {}
        self.after: dict[Row, int | None] = {}
        self.unique_after: dict[Row, Row] = {}
        self.change_count = 0
        self._images: list[Batch] = []
        written = shape.written_places
        self._places = written if written != tuple(range(len(shape.image))) else None
        """Indexes of the written columns, where these are not just those of the image."""

    def add(self, change: ChangeBatch) -> None:
        """Take the next changes, in log order."""
        self.change_count += change.row_count
        if change.before is None:
            assert change.after is not None
            self._insert(change.after)
        elif change.after is None:
            self._delete(change.before)
        else:
            self._update(change.before, change.after)

    def batch(self, keys: Iterable[Row]) -> Batch:
        """Return the written columns of the rows after the run, in this order; keys whose rows are gone are left out."""
        picks = [pick for pick in map(self.after.__getitem__, keys) if pick is not None]
        return gather(self._images, picks)

    def settle(self) -> None:
        """Say that the run is over: rows that came in many small images are put into one, and older states of them go."""
        if len(self._images) * _FEW_ROWS < len(self.after) or len(self._images) < 2:
            return
        left = {key: pick for key, pick in self.after.items() if pick is not None}
        self._images = [gather(self._images, list(left.values()))]
        self.after.update(zip(left, range(len(left)), strict=True))

    def _insert(self, image: Batch) -> None:
        keys = self.shape.keys(image)
        self._remember(keys, repeat(None))
        self._write(keys, image)

    def _delete(self, image: Batch) -> None:
        keys = self.shape.keys(image)
        self._remember(keys, self._unique_values(image))
        self.after.update(dict.fromkeys(keys))

    def _update(self, before: Batch, after: Batch) -> None:
        old_keys, new_keys = self.shape.keys(before), self.shape.keys(after)
        old_values = self._unique_values(before)
        if old_keys == new_keys:
            self._remember(old_keys, old_values)
            self._write(new_keys, after)
            return
        for old_key, values, new_key, pick in zip(old_keys, old_values, new_keys, self._picks(after), strict=True):
            self.before.setdefault(old_key, values)
            if new_key != old_key:  # a key change leaves a delete behind
                self.after[old_key] = None
                self.before.setdefault(new_key, None)
            self.after[new_key] = pick
        if self.shape.unique:
            self.unique_after.update(zip(new_keys, self._unique_values(after), strict=True))

    def _unique_values(self, image: Batch) -> list[Row]:
        return self.shape.unique_values(image) if self.shape.unique else [()] * image.row_count

    def _write(self, keys: Sequence[Row], image: Batch) -> None:
        self.after.update(zip(keys, self._picks(image), strict=True))
        if self.shape.unique:
            self.unique_after.update(zip(keys, self._unique_values(image), strict=True))

    def _picks(self, image: Batch) -> range:
        first = len(self._images) << PICK_BITS
        self._images.append(image if self._places is None else image.project(self._places))
        return range(first, first + image.row_count)

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

    def settle(self) -> None:
        """Say that the run is over."""
        for table in self.tables.values():
            table.settle()
