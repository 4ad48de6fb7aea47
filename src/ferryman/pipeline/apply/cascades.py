"""Cascades: what the source's foreign keys did without a word in its log, done again in the target.

InnoDB carries out ON DELETE and ON UPDATE actions inside the engine; the binary log holds only the parent's change.
Target sessions run without foreign keys, so apply looks for the children itself, in the target, as they are at that
place of the log. Finding them again after they were changed would find others, so cascades are never repeated: they
commit together with the checkpoint (I3).

Source: MySQL manual, "InnoDB and FOREIGN KEY constraints"; MariaDB ``storage/innobase/row/row0ins.cc``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.model.batch import Row, Value
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
        references = self._children.get(change.table) if self._children else None
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

    def crossing(self, some: Container[TableName]) -> frozenset[TableName]:
        """Return the tables that are reached by actions from a table of `some` to one that is not, or the other way."""
        pairs = ((parent, child.child.name) for parent, children in self._children.items() for child in children)
        return self.family(child for parent, child in pairs if (parent in some) != (child in some))

    def obscured_by(self, parent: TableName) -> list[Table]:
        """Return the tables without a key that this table's changes reach in two steps or more, and those behind."""
        near = {reference.child.name for reference in self.children(parent)}
        far = {r.child.name: r.child for table in self.family(near) for r in self.children(table)}
        behind = self.family(name for name, table in far.items() if table.row_key is None)
        return [table for name, table in far.items() if name in behind]


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


class Witness(Protocol):
    """Is told what a cascade did while the target's rows may be younger than the log's place (`settling`)."""

    def moved(self, child: Table, columns: Sequence[str], old: Row, new: Row | None) -> None:
        """Rows of `child` had `old` in these columns and got `new` (`None`: NULLs) without a word in the log."""
        ...

    def obscured(self, table: Table) -> None:
        """Rows of `table` went or changed by way of others', and which cannot be told: a table without a key is amid."""
        ...

    def skips(self, table: Table) -> bool:
        """Whether changes of a table must be left out: it has no key, and all of its rows will be read again."""
        ...

    def lost(self, child: Reference, values: Sequence[Row], grandchild: Reference, referred: Sequence[Row]) -> None:
        """Children with these `values` of their foreign key went.

        `grandchild` refers to them; `referred` is what it refers to, of the children that were found.
        """
        ...


class Cascade:
    """Carries out the actions of one change, in a session's open transaction."""

    def __init__(
        self,
        foreign_keys: ForeignKeys,
        target_of: Callable[[Table], Table],
        session: TargetSession,
        *,
        skipped: frozenset[TableName] = frozenset(),
        witness: Witness | None = None,
    ) -> None:
        """Make a cascade.

        Args:
            foreign_keys: Of the schema at this place of the log.
            target_of: Finds the target's table of a source table.
            session: Where to act; its transaction commits the checkpoint too.
            skipped: Children whose rows already show what happened here (a keyless table read later).
            witness: Before the project is consistent, when rows of the target may be younger than the log says:
                whom to tell what was done.
        """
        self._foreign_keys = foreign_keys
        self._target_of = target_of
        self._session = session
        self._skipped = skipped
        self._witness = witness

    def run(self, change: ChangeBatch) -> None:
        """Do to the children what the source did."""
        if self._witness is not None:
            for table in self._foreign_keys.obscured_by(change.table):
                self._witness.obscured(table)
        for reference in self._children(change.table):
            columns = reference.key.parent_columns
            if change.after is None:
                assert change.before is not None
                self._delete(reference, list(change.before.project(_indexes(change, columns)).rows()), 1)
            else:
                for old, new in changed_pairs(change, columns):
                    self._update(reference, old, new, 1)

    def _children(self, parent: TableName) -> list[Reference]:
        return [r for r in self._foreign_keys.children(parent) if not self._is_skipped(r.child)]

    def _is_skipped(self, child: Table) -> bool:
        return child.name in self._skipped or (self._witness is not None and self._witness.skips(child))

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
            if self._witness is not None and each.key.on_delete in _ACTIONS:
                self._witness.lost(reference, values, each, rows)
            self._delete(each, rows, depth + 1)

    def _update(self, reference: Reference, old: Row, new: Row, depth: int) -> None:
        """A parent's referenced values have changed."""
        if old == new or None in old or reference.key.on_update not in _ACTIONS:
            return
        _check_depth(reference, depth)
        becomes = None if reference.key.on_update is ReferenceAction.SET_NULL else new
        if self._witness is not None:
            self._witness.moved(reference.child, reference.key.columns, old, becomes)
        self._set(reference, old, becomes, depth)

    def _set(self, reference: Reference, old: Row, new: Row | None, depth: int) -> None:
        """Give the children that refer to `old` other values, and go on to what refers to these."""
        moved = [(each, self._moved(reference, old, new, each)) for each in self._children(reference.child.name)]
        self._set_columns(reference, old, new)
        for each, pairs in moved:
            for before, after in pairs:
                self._update(each, before, after, depth + 1)

    def _set_columns(self, reference: Reference, old: Row, new: Row | None) -> None:
        target, columns = self._columns(reference.child, reference.key.columns)
        try:
            self._session.update_keys(target, columns, [old], [new])
        except DuplicateKeyError:
            if self._witness is None or new is None:
                raise
            # Younger rows are there under the new values already; all of these are read again at the end.
            self._session.delete_keys(target, columns, [new])
            self._session.update_keys(target, columns, [old], [new])

    def _moved(self, reference: Reference, old: Row, new: Row | None, grand: Reference) -> list[tuple[Row, Row]]:
        """Return what the values a grandchild refers to were, and become, as its parent's `reference` columns change."""
        own = [name.casefold() for name in reference.key.columns]
        wanted = [name.casefold() for name in grand.key.parent_columns]
        if not set(wanted) & set(own):
            return []
        was = dict(zip(own, old, strict=True))
        becomes = dict(zip(own, new or (None,) * len(own), strict=True))
        if self._witness is not None:
            self._tell_moved(grand, wanted, was, becomes)
            if set(wanted) <= set(own):  # known without the rows in between, which may not be there (yet)
                return [(tuple(was[name] for name in wanted), tuple(becomes[name] for name in wanted))]
        rows = dict.fromkeys(self._read(reference, [old], grand.key.parent_columns))
        return [(row, tuple(becomes.get(name, value) for name, value in zip(wanted, row, strict=True))) for row in rows]

    def _tell_moved(
        self, grand: Reference, wanted: Sequence[str], was: dict[str, Value], becomes: dict[str, Value]
    ) -> None:
        """Tell of a grandchild's columns that move along, whichever rows are there."""
        if self._witness is None or grand.key.on_update not in _ACTIONS or self._is_skipped(grand.child):
            return
        pairs = [(own, name) for own, name in zip(grand.key.columns, wanted, strict=True) if name in was]
        new = tuple(becomes[name] for _, name in pairs)
        self._witness.moved(
            grand.child,
            tuple(own for own, _ in pairs),
            tuple(was[name] for _, name in pairs),
            None if None in new or grand.key.on_update is ReferenceAction.SET_NULL else new,
        )

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
