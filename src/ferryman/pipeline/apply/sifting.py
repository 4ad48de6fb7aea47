"""Sifting: a window that met a conflict is written again row by row, so that only what is refused is set aside.

All of it happens in the transaction of the checkpoint: rows, dead letters and position are committed together (I2, I3).
Keys that may need each other's unique values are first removed together and then written one by one: then only a row
that the source does not have, or a value that does not fit, can still stand in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.names import TableName
from ferryman.model.project import ConflictPolicy
from ferryman.pipeline.apply.compaction import TableChanges
from ferryman.pipeline.apply.conflicts import CONFLICTS, Policies, conflict
from ferryman.pipeline.apply.groups import conflict_groups
from ferryman.pipeline.apply.letters import Letters, form_of
from ferryman.pipeline.apply.shapes import Shape
from ferryman.pipeline.apply.window import Part
from ferryman.pipeline.apply.writer import KeylessChange, Mode, Writer
from ferryman.spi.target import TargetSession


class SiftingWriter(Writer):
    """Writes the changes of one part, setting aside what the target refuses as the policies say."""

    def __init__(self, plain: Writer, letters: Letters, policies: Policies, part: Part) -> None:
        """Make a writer for one part."""
        self._plain = plain
        self._letters = letters
        self._policies = policies
        self._part = part
        self._positions: dict[TableName, dict[Row, str]] = {}
        self._records = {id(placed.change): str(placed.position) for placed in part.changes}

    def write(self, session: TargetSession, changes: TableChanges, keys: Sequence[Row], mode: Mode) -> None:
        """Bring the rows to their state after the run, but for those that are refused."""
        for group in conflict_groups(changes, {}):
            session.savepoint()
            try:
                self._plain.write(session, changes, group, mode)
            except FerrymanError as error:
                if error.code not in CONFLICTS:
                    raise
                session.undo()
                self._dismantle(session, changes, group, mode)

    def _dismantle(self, session: TargetSession, changes: TableChanges, group: Sequence[Row], mode: Mode) -> None:
        shape = changes.shape
        before = _rows_there(session, shape, group)
        session.delete_keys(shape.target, shape.key_columns, group)
        write = session.replace if mode is Mode.CONVERGING else session.insert
        aside = [
            key
            for key in group
            if changes.after[key] is not None and not self._is_written(session, changes, key, write)
        ]
        for key in aside:  # only now: what was there may hold a value that another row of the group was to get
            if (row := before.get(form_of(shape, key))) is not None:
                _try(session, partial(_put, session, shape, row))

    def _is_written(self, session: TargetSession, changes: TableChanges, key: Row, write: Callable[..., None]) -> bool:
        shape, batch = changes.shape, changes.batch([key])
        error = _try(session, lambda: write(shape.target, shape.written, batch))
        if error is None:
            return True
        position = self._position(shape, key)
        policy = self._policies.of(shape.source.name, position)
        if policy is ConflictPolicy.OVERWRITE:
            error = _try(session, lambda: session.replace(shape.target, shape.written, batch))
            if error is None:
                return True
        operation = Operation.INSERT if changes.before[key] is None else Operation.UPDATE
        if policy is not ConflictPolicy.SKIP:
            raise conflict(
                error, what=operation.value, table=shape.source.name, key=shape.key_columns, position=position
            ) from error
        self._letters.write(session, _letter(shape, operation, position, error, key=key, after=next(batch.rows())))
        return False

    def write_keyless(self, session: TargetSession, shape: Shape, run: Sequence[ChangeBatch]) -> None:
        """Write changes of a table without a key row by row."""
        for change in run:
            for each in KeylessChange.of(shape, change):
                self._write_row(session, shape, each, self._records[id(change)])

    def _write_row(self, session: TargetSession, shape: Shape, change: KeylessChange, position: str) -> None:
        error = _try(session, lambda: self._plain.write_keyless_row(session, shape, change))
        if error is None:
            return
        policy = self._policies.of(shape.source.name, position)
        if policy is ConflictPolicy.OVERWRITE and error.code == "apply.row_missing":
            error = _try(session, lambda: _put(session, shape, change.after))
            if error is None:
                return
        if policy is not ConflictPolicy.SKIP:
            what = change.operation.value
            raise conflict(error, what=what, table=shape.source.name, key=(), position=position) from error
        letter = _letter(shape, change.operation, position, error, before=change.before, after=change.after)
        self._letters.write(session, letter)

    def _position(self, shape: Shape, key: Row) -> str:
        """Return behind which record the last change of a row lies."""
        name = shape.source.name
        if name not in self._positions:
            found = self._positions[name] = {}
            for placed in self._part.changes:
                if placed.change.table == name:
                    for image in (placed.change.before, placed.change.after):
                        found.update(
                            dict.fromkeys(shape.keys(image) if image is not None else (), str(placed.position))
                        )
        return self._positions[name][key]


def _try(session: TargetSession, act: Callable[[], None]) -> FerrymanError | None:
    """Do something that may be refused; returns the refusal, and nothing is done then."""
    session.savepoint()
    try:
        act()
    except FerrymanError as error:
        if error.code not in CONFLICTS:
            raise
        session.undo()
        return error
    return None


def _put(session: TargetSession, shape: Shape, row: Row | None) -> None:
    """The row to be rewritten is not there: the source's row is put there; one to be deleted is gone already."""
    if row is not None:
        session.insert(shape.target, shape.written, Batch.of([row], len(shape.written)))


def _rows_there(session: TargetSession, shape: Shape, keys: Sequence[Row]) -> dict[Row, Row]:
    width = len(shape.key_columns)
    columns = (*shape.key_columns, *shape.written)
    found = session.rows_by_key(shape.target, shape.key_columns, keys, columns)
    return {form_of(shape, row[:width]): row[width:] for row in found.rows()}


def _letter(
    shape: Shape,
    operation: Operation,
    position: str,
    error: FerrymanError,
    *,
    key: Row = (),
    before: Row | None = None,
    after: Row | None = None,
) -> DeadLetter:
    return DeadLetter(
        number=0,
        position=position,
        source=shape.source.name,
        target=shape.target.name,
        operation=operation,
        reason=error.code,
        message=error.message,
        key_columns=shape.key_columns,
        key=key,
        columns=shape.written,
        before=before,
        after=after,
    )
