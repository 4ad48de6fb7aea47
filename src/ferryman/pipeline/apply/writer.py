"""Writing net changes: deletes first, then rows, in as few statements as the tables allow."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.pipeline.apply.compaction import TableChanges
from ferryman.pipeline.apply.shapes import Shape
from ferryman.spi.target import TargetSession


class Mode(enum.Enum):
    """What is known of the target's rows before a run is written."""

    CONVERGING = "converging"
    """The load has just been there: rows may be older or younger than the log says."""
    REPEATED = "repeated"
    """Each row is as it was before the run or, after a crash, as it is behind it."""
    FRESH = "fresh"
    """Each row is as it was before the run."""


@dataclass(frozen=True, slots=True)
class KeylessChange:
    """A change of one row of a table without a key: its written columns before and after."""

    operation: Operation
    before: Row | None
    after: Row | None

    @classmethod
    def of(cls, shape: Shape, change: ChangeBatch) -> Iterator[KeylessChange]:
        """Yield the rows of a batch of changes."""
        before, after = _written(shape, change.before), _written(shape, change.after)
        return map(cls, repeat(change.operation, change.row_count), before, after)


class Writer:
    """Writes net changes over whichever session a lane has."""

    def __init__(self, *, replace_strangers: bool) -> None:
        """Make a writer.

        Args:
            replace_strangers: Once consistent, a unique value held by a row the source does not have: `True` removes
                that row (the user let tables be loaded that were not empty), `False` stops. Removing it
                silently could lose a row where the target's collation takes two values for one (I5).
        """
        self._replace_strangers = replace_strangers

    def write(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row], mode: Mode) -> None:
        """Bring the rows of `keys` to their state after the run, within the session's transaction."""
        if mode is Mode.CONVERGING:
            self._write_converging(session, changes, keys)
        elif mode is Mode.REPEATED:
            self._write_repeated(session, changes, keys)
        else:
            self._write_fresh(session, changes, keys)

    def write_keyless(self, session: TargetSession, shape: Shape, run: Sequence[ChangeBatch]) -> None:
        """Apply consecutive changes of one kind to one table without a key, in log order."""
        if run[0].operation is Operation.INSERT:
            _insert_all(session, shape, run)
            return
        for change in run:
            for each in KeylessChange.of(shape, change):
                self.write_keyless_row(session, shape, each)

    def write_keyless_row(self, session: TargetSession, shape: Shape, change: KeylessChange) -> None:
        """Apply a change of one row; ``apply.row_missing`` when the target has no row equal to the one before."""
        target, written, before, after = shape.target, shape.written, change.before, change.after
        if before is None and after is not None:
            session.insert(target, written, Batch.of([after], len(written)))
            return
        assert before is not None
        if after is None:
            done = session.delete_row(target, written, before)
        else:
            done = session.update_row(target, written, before, after)
        if not done:
            raise _row_missing(shape, change.operation)

    def _write_converging(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        """Whatever stands in the way goes: its own change is still to come in the log (algorithms.md §3)."""
        self._delete(session, changes, [key for key in keys if changes.after[key] is None])
        self._replace(session, changes, [key for key in keys if changes.after[key] is not None])

    def _write_repeated(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        before, after = changes.before, changes.after
        there = [key for key in keys if after[key] is not None]
        gone = [key for key in keys if after[key] is None and before[key] is not None]
        if changes.shape.uniques:  # every key may still have to give up a unique value
            self._delete(session, changes, [*gone, *there])
            self._insert(session, changes, there)
        else:
            self._delete(session, changes, gone)
            self._replace(session, changes, there)

    def _write_fresh(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        gone, moved, kept, new = _sort(changes, keys)
        self._delete(session, changes, [*gone, *moved])
        self._replace(session, changes, kept)
        self._insert(session, changes, [*moved, *new])

    def _delete(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        if keys:
            session.delete_keys(changes.shape.target, changes.shape.key_columns, keys)

    def _replace(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        if keys:
            shape = changes.shape
            session.replace(shape.target, shape.written, changes.batch(keys))

    def _insert(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        if not keys:
            return
        shape = changes.shape
        batch = changes.batch(keys)
        try:
            session.insert(shape.target, shape.written, batch)
        except DuplicateKeyError as error:
            if self._replace_strangers:
                session.replace(shape.target, shape.written, batch)
                return
            # The rows may be there already under their own keys; who else stands in the way is no row of the source.
            session.delete_keys(shape.target, shape.key_columns, keys)
            _insert_or_stop(lambda: session.insert(shape.target, shape.written, batch), changes, error)


def _insert_or_stop(insert: Callable[[], None], changes: TableChanges, cause: FerrymanError) -> None:
    try:
        insert()
    except DuplicateKeyError:
        name = changes.shape.target.name
        raise FerrymanError(
            "apply.unique_conflict",
            f"a row of {changes.shape.source.name} cannot be written to {name}: another row there holds one of its "
            "unique values",
            context={"table": str(name)},
        ) from cause


def _sort(changes: TableChanges, keys: Sequence[Row]) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
    """Sort keys into: gone, rows whose unique values change, other updated rows, new rows."""
    before, after, unique_after = changes.before, changes.after, changes.unique_after
    opaque, unique = changes.shape.opaque, bool(changes.shape.unique)
    gone: list[Row] = []
    moved: list[Row] = []
    kept: list[Row] = []
    new: list[Row] = []
    for key in keys:
        old = before[key]
        if after[key] is None:
            if old is not None:
                gone.append(key)
        elif old is None:
            new.append(key)
        elif opaque or (unique and old != unique_after[key]):
            moved.append(key)
        else:
            kept.append(key)
    return gone, moved, kept, new


def _written(shape: Shape, image: Batch | None) -> Iterable[Row | None]:
    """Return the written columns of each row of an image; `None` for each row where there is no image."""
    return repeat(None) if image is None else [row[: len(shape.written)] for row in shape.rows(image)]


def _insert_all(session: TargetSession, shape: Shape, run: Sequence[ChangeBatch]) -> None:
    rows = chain.from_iterable(shape.rows(change.after) for change in run if change.after is not None)
    try:
        session.insert(shape.target, shape.written, shape.batch(rows))
    except DuplicateKeyError as error:
        raise FerrymanError(
            "apply.unique_conflict",
            f"a row of {shape.source.name} cannot be written to {shape.target.name}: another row there holds one of "
            "its unique values",
            context={"table": str(shape.target.name)},
        ) from error


def _row_missing(shape: Shape, operation: Operation) -> FerrymanError:
    # I3: changes of tables without a key are applied exactly once, so that only somebody else can have taken the row.
    return FerrymanError(
        "apply.row_missing",
        f"{operation.value} of a row of {shape.source.name}: {shape.target.name} has no row equal to it",
        context={"table": str(shape.target.name), "operation": operation.value},
    )
