"""Writing net changes: deletes first, then rows, in as few statements as the tables allow."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.model.batch import Row
from ferryman.pipeline.apply.compaction import TableChanges
from ferryman.spi.target import TargetSession


class Mode(enum.Enum):
    """What is known of the target's rows before a run is written."""

    CONVERGING = "converging"
    """The load has just been there: rows may be older or younger than the log says."""
    REPEATED = "repeated"
    """Each row is as it was before the run or, after a crash, as it is behind it."""
    FRESH = "fresh"
    """Each row is as it was before the run."""


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
            session.replace(shape.target, shape.written, shape.batch(_rows(changes, keys)))

    def _insert(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row]) -> None:
        if not keys:
            return
        shape = changes.shape
        batch = shape.batch(_rows(changes, keys))
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


def _rows(changes: TableChanges, keys: Sequence[Row]) -> list[Row]:
    return [row for row in map(changes.after.__getitem__, keys) if row is not None]


def _sort(changes: TableChanges, keys: Sequence[Row]) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
    """Sort keys into: gone, rows whose unique values change, other updated rows, new rows."""
    before, after, pick = changes.before, changes.after, changes.shape.unique_of
    opaque = changes.shape.opaque
    gone: list[Row] = []
    moved: list[Row] = []
    kept: list[Row] = []
    new: list[Row] = []
    for key in keys:
        row, old = after[key], before[key]
        if row is None:
            if old is not None:
                gone.append(key)
        elif old is None:
            new.append(key)
        else:
            (kept if not opaque and old == pick(row) else moved).append(key)
    return gone, moved, kept, new
