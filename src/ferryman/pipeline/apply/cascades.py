"""Cascades: what the source's foreign keys did without a word in its log, done again in the target.

InnoDB carries out ON DELETE and ON UPDATE actions inside the engine; the binary log holds only the parent's change.
Target sessions run without foreign keys, so apply looks for the children itself, in the target, as they are at that
place of the log. Finding them again after they were changed would find others, so cascades are never repeated: they
commit together with the checkpoint (I3).

Source: MySQL manual, "InnoDB and FOREIGN KEY constraints"; MariaDB ``storage/innobase/row/row0ins.cc``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.changes import ChangeBatch
from ferryman.model.names import TableName
from ferryman.model.schema import ForeignKey, ReferenceAction, Schema, Table
from ferryman.spi.target import TargetSession

_ACTIONS = frozenset({ReferenceAction.CASCADE, ReferenceAction.SET_NULL})
_DEPTH = 255
"""Deeper than any engine cascades: beyond it the references of the rows are a ring."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A child's foreign key with an action, seen from the parent."""

    child: Table
    key: ForeignKey


class ForeignKeys:
    """The acting foreign keys between the selected tables of one schema."""

    def __init__(self, schema: Schema) -> None:
        """Index the schema's foreign keys by their parents."""
        self._children: dict[TableName, list[Reference]] = {}
        for child in schema.tables:
            for key in child.foreign_keys:
                if _ACTIONS & {key.on_delete, key.on_update} and schema.table(key.parent) is not None:
                    self._children.setdefault(key.parent, []).append(Reference(child, key))

    def children(self, parent: TableName) -> Sequence[Reference]:
        """Return the foreign keys that refer to a table."""
        return self._children.get(parent, ())

    def fires(self, change: ChangeBatch) -> bool:
        """Whether a change made the source's foreign keys act."""
        references = self._children.get(change.table)
        if references is None or not change.cascades or change.before is None:
            return False
        if change.after is None:
            return any(reference.key.on_delete in _ACTIONS for reference in references)
        return any(
            reference.key.on_update in _ACTIONS and changed_pairs(change, reference.key.parent_columns)
            for reference in references
        )

    def family(self, parents: Iterable[TableName]) -> frozenset[TableName]:
        """Return these tables and every table their actions can reach."""
        found: set[TableName] = set()
        waiting = list(parents)
        while waiting:
            if (table := waiting.pop()) not in found:
                found.add(table)
                waiting.extend(reference.child.name for reference in self.children(table))
        return frozenset(found)


def changed_pairs(change: ChangeBatch, columns: Sequence[str]) -> list[tuple[Row, Row]]:
    """Return the values of `columns` before and after, of the rows in which they differ (byte by byte, as InnoDB)."""
    assert change.before is not None
    assert change.after is not None
    indexes = _indexes(change, columns)
    pairs = zip(change.before.project(indexes).rows(), change.after.project(indexes).rows(), strict=True)
    return [(old, new) for old, new in pairs if old != new]


def _indexes(change: ChangeBatch, columns: Sequence[str]) -> list[int]:
    places = {name.casefold(): index for index, name in enumerate(change.columns)}
    return [places[name.casefold()] for name in columns]


class Cascade:
    """Carries out the actions of one change, in a session's open transaction."""

    def __init__(
        self,
        foreign_keys: ForeignKeys,
        target_of: Callable[[Table], Table],
        session: TargetSession,
        *,
        skipped: frozenset[TableName] = frozenset(),
        settled: bool = True,
    ) -> None:
        """Make a cascade.

        Args:
            foreign_keys: Of the schema at this place of the log.
            target_of: Finds the target's table of a source table.
            session: Where to act; its transaction commits the checkpoint too.
            skipped: Children whose rows already show what happened here (a keyless table read later).
            settled: Whether the target's rows are those of this place of the log; before the project is consistent
                they may be younger.
        """
        self._foreign_keys = foreign_keys
        self._target_of = target_of
        self._session = session
        self._skipped = skipped
        self._settled = settled

    def run(self, change: ChangeBatch) -> None:
        """Do to the children what the source did."""
        for reference in self._children(change.table):
            columns = reference.key.parent_columns
            if change.after is None:
                assert change.before is not None
                self._delete(reference, list(change.before.project(_indexes(change, columns)).rows()), 1)
            else:
                for old, new in changed_pairs(change, columns):
                    self._update(reference, old, new, 1)

    def _children(self, parent: TableName) -> list[Reference]:
        return [r for r in self._foreign_keys.children(parent) if r.child.name not in self._skipped]

    def _delete(self, reference: Reference, parents: Sequence[Row], depth: int) -> None:
        """The parents' rows with these referenced values are gone."""
        values = list(dict.fromkeys(row for row in parents if None not in row))
        if not values or reference.key.on_delete not in _ACTIONS:
            return
        _check_depth(reference, depth)
        if reference.key.on_delete is ReferenceAction.SET_NULL:
            for value in values:
                self._set(reference, value, None, depth)
            return
        target, columns = self._columns(reference.child, reference.key.columns)
        grand = self._children(reference.child.name)
        lost = [(each, self._read(reference, values, each.key.parent_columns)) for each in grand]
        self._session.delete_keys(target, columns, values)
        for each, rows in lost:
            self._delete(each, rows, depth + 1)

    def _update(self, reference: Reference, old: Row, new: Row, depth: int) -> None:
        """A parent's referenced values have changed."""
        if old == new or None in old or reference.key.on_update not in _ACTIONS:
            return
        _check_depth(reference, depth)
        self._set(reference, old, None if reference.key.on_update is ReferenceAction.SET_NULL else new, depth)

    def _set(self, reference: Reference, old: Row, new: Row | None, depth: int) -> None:
        """Give the children that refer to `old` other values, and go on to what refers to these."""
        target, columns = self._columns(reference.child, reference.key.columns)
        moved = [(each, self._moved(reference, old, new, each)) for each in self._children(reference.child.name)]
        changed = self._session.update_keys(target, columns, [old], [new])
        if changed and new is not None and not self._settled:
            raise _unsettled(reference)
        for each, pairs in moved:
            for before, after in pairs:
                self._update(each, before, after, depth + 1)

    def _moved(self, reference: Reference, old: Row, new: Row | None, grand: Reference) -> list[tuple[Row, Row]]:
        """Return what the values a grandchild refers to were, and become, as its parent's `reference` columns change."""
        own = [name.casefold() for name in reference.key.columns]
        wanted = grand.key.parent_columns
        if not any(name.casefold() in own for name in wanted):
            return []
        becomes = dict(zip(own, new or (None,) * len(own), strict=True))
        rows = dict.fromkeys(self._read(reference, [old], wanted))
        return [
            (row, tuple(becomes.get(name.casefold(), value) for name, value in zip(wanted, row, strict=True)))
            for row in rows
        ]

    def _read(self, reference: Reference, values: Sequence[Row], wanted: Sequence[str]) -> list[Row]:
        target, columns = self._columns(reference.child, reference.key.columns)
        _, names = self._columns(reference.child, wanted)
        return list(self._session.rows_by_key(target, columns, values, names).rows())

    def _columns(self, table: Table, columns: Sequence[str]) -> tuple[Table, tuple[str, ...]]:
        target = self._target_of(table)
        return target, tuple(target.column(name).name for name in columns)


def _check_depth(reference: Reference, depth: int) -> None:
    if depth > _DEPTH:
        raise FerrymanError(
            "log.schema_mismatch",
            f"the rows of {reference.child.name} refer to each other in a ring by {reference.key.name}",
            context={"table": str(reference.child.name), "foreign_key": reference.key.name},
        )


def _unsettled(reference: Reference) -> FerrymanError:
    return FerrymanError(
        "apply.cascade_unsettled",
        f"a row of {reference.key.parent} changed its key while rows were being loaded, and ON UPDATE CASCADE changed "
        f"rows of {reference.child.name}: which of them had been loaded before cannot be told",
        context={"table": str(reference.child.name), "foreign_key": reference.key.name},
    )
