"""Settling: what cascades did while rows were being loaded cannot be told from the log, so it is read again.

The hand-over rests on one thing: whatever changed since the load began is in the log with full images. InnoDB's cascades
are not. Until the load's end is passed, rows of the target may be younger than the log's place; carried out on such rows,
an ON UPDATE action can move the wrong ones, and a row that moved between two chunks may be missing or there twice. So the
*values* that moved are remembered, and behind the load's end all rows that hold them are read from the source once more.

Where the source can show itself at one known place of its log (a *view*), the log is applied exactly up to there first:
what is read then is neither older nor younger than the target, and one round is enough, however much is written
meanwhile. Where it cannot, the reading is a small load of its own, whose end is the new place from which the target is
consistent; what moves during that time matters only where it touches the values just read, so that the rounds become
empty as soon as the cascades leave these alone. Where a cascade of several steps may have found nothing on its way, the rows
behind it are compared with the source's.

An applier that has never seen such a cascade pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from itertools import islice

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.types import ColumnType
from ferryman.pipeline.apply.cascades import ForeignKeys, Reference
from ferryman.pipeline.apply.folding import WILD, fold_of
from ferryman.pipeline.apply.ledger import MOST_VALUES, Ledger, Place, Values
from ferryman.pipeline.apply.shapes import shape_of
from ferryman.pipeline.apply.view import View, open_view
from ferryman.spi.source import Source, TableReader
from ferryman.spi.target import Target, TargetSession

_AT_ONCE = 500


class Unsettled:
    """Remembers what cascades touched before the project was consistent; a `cascades.Witness`."""

    def __init__(self, ledger: Ledger, save: Callable[[Ledger], None]) -> None:
        """Go on with a ledger.

        Args:
            ledger: As it was left.
            save: Writes it durably.
        """
        self.ledger = ledger
        self._save = save
        self._dirty = False

    @property
    def is_open(self) -> bool:
        """Whether something has to be read again."""
        return bool(self.ledger.moved or self.ledger.orphans or self.ledger.whole)

    def renamed(self, renamed: Sequence[tuple[TableName, TableName]], after: Schema) -> None:
        """Follow names while rows may still be read by name; call it at every schema statement until consistent.

        Whoever read the old name may have read another table (log rotation, two tables that exchange names), or found
        none and taken it for dropped (renamed and altered): the rows are nowhere in the log, so all of it is read again.
        Tables without a key come from one snapshot each, and are judged by its position instead.
        """
        before, names = self.ledger.whole, dict(renamed)
        there = {table.name for table in after.tables}
        keyed = {table.name for table in after.tables if table.row_key is not None}
        self.ledger.whole = ({names.get(name, name) for name in before} & there) | (set(names.values()) & keyed)
        self._dirty = self._dirty or before != self.ledger.whole
        self.keep()

    def unlogged(self, names: Iterable[TableName]) -> None:
        """Read all of these tables again: a schema statement gave their rows values that stand in no log."""
        for name in names:
            self._read_whole(name)
        self.keep()

    def moved(self, child: Table, columns: Sequence[str], old: Row, new: Row | None) -> None:
        """Remember values that moved, where younger rows may hold them."""
        if child.row_key is None:  # such tables are exact from their snapshot on
            return
        place = (child.name, tuple(columns))
        values = {row for row in (old, new) if row is not None and None not in row}
        if self.ledger.reread is not None and not _may_share(child, columns, values, self._younger(place)):
            return
        self._add(child, place, values)

    def _add(self, child: Table, place: Place, values: set[Row]) -> None:
        if child.name in self.ledger.whole or values <= self.ledger.moved.get(place, set()):
            return
        self.ledger.moved.setdefault(place, set()).update(values)
        self._dirty = True
        if sum(map(len, self.ledger.moved.values())) > MOST_VALUES:
            self._read_whole(child.name)

    def _read_whole(self, name: TableName) -> None:
        if name not in self.ledger.whole:
            self.ledger.whole.add(name)
            self.ledger.moved = {place: values for place, values in self.ledger.moved.items() if place[0] != name}
            self._dirty = True

    def obscured(self, table: Table) -> None:
        """Read all of such a table again."""
        self._read_whole(table.name)

    def skips(self, table: Table) -> bool:
        """Whether a table has no key and all of its rows are to be read again."""
        return table.row_key is None and table.name in self.ledger.whole

    def lost(self, child: Reference, values: Sequence[Row], grandchild: Reference, referred: Sequence[Row]) -> None:
        """Remember what refers to children that went.

        Children not found leave orphans behind. Children found may be younger ones, to come back by the log; what
        referred to them will not.
        """
        if grandchild.child.row_key is None or not self._may_be_elsewhere(child, values):
            return
        place = (grandchild.child.name, grandchild.key.columns)
        if place not in self.ledger.orphans:
            self.ledger.orphans.add(place)
            self._dirty = True
        self._add(grandchild.child, place, {row for row in referred if None not in row})

    def _younger(self, place: Place) -> set[Row]:
        """Values that rows younger than the log's place may hold: as they were read, and as they were moved since."""
        return (self.ledger.reread or {}).get(place, set()) | self.ledger.moved.get(place, set())

    def _may_be_elsewhere(self, child: Reference, values: Sequence[Row]) -> bool:
        """Whether children with these values may be younger in the target, or not there (any more)."""
        if self.ledger.reread is None:
            return True
        places = {place for place in (*self.ledger.reread, *self.ledger.moved) if place[0] == child.child.name}
        return any(
            columns != child.key.columns or _may_share(child.child, columns, values, self._younger((name, columns)))
            for name, columns in places
        )

    def keep(self) -> None:
        """Write what was added down, before the changes that caused it are committed."""
        if self._dirty:
            self._save(self.ledger)
            self._dirty = False

    def begin_reading(self) -> None:
        """Note that rows are about to become younger than the log's place: until all are read, every value matters."""
        if self.ledger.reread is not None:
            self.ledger.reread = None
            self._save(self.ledger)

    def settled(self, since: Position, reread: Values | None) -> None:
        """Note that these values (`None`: whole tables) have been read again; from `since` on the target is consistent."""
        self.ledger = Ledger(reread=reread, since=since)
        self._save(self.ledger)


def _may_share(table: Table, columns: Sequence[str], one: Iterable[Row], other: Iterable[Row]) -> bool:
    """Whether two sets may hold values that are equal to a server."""
    mine, theirs = _folded(table, columns, one), _folded(table, columns, other)
    return bool(mine & theirs) or bool(theirs and (_any_wild(mine) or _any_wild(theirs)))


def _folded(table: Table, columns: Sequence[str], rows: Iterable[Row]) -> set[Row]:
    folds = [fold_of(table.column(name).type) for name in columns]
    return {
        tuple(
            fold(part) if fold is not None and part is not None else part for fold, part in zip(folds, row, strict=True)
        )
        for row in rows
    }


def _any_wild(rows: Iterable[Row]) -> bool:
    return any(WILD in row for row in rows)


class Settler:
    """Reads again what is unsettled, and writes it to the target."""

    def __init__(
        self,
        source: Source,
        target: Target,
        transaction: Callable[[], AbstractContextManager[TargetSession]],
        target_of: Callable[[Table], Table],
    ) -> None:
        """Make a settler.

        Args:
            source: Where to read.
            target: Where to write, and to look for rows that cascades have missed.
            transaction: Opens a fenced transaction of the target.
            target_of: Finds the target's table of a source table.
        """
        self._source = source
        self._target = target
        self._transaction = transaction
        self._target_of = target_of
        self._view: View | None = None

    @property
    def place(self) -> Position | None:
        """The place of the log that must be applied, no more and no less, before what was looked at can be written."""
        return self._view.place if self._view is not None else None

    def look(self, unsettled: Unsettled, schema: Schema) -> None:
        """Open a view of the source, unless one is open."""
        if self._view is None:
            self._view = open_view(self._source, _concerned(unsettled.ledger, schema))

    def close(self) -> None:
        """Close the view."""
        view, self._view = self._view, None
        if view is not None:
            view.reader.close()

    def settle(self, unsettled: Unsettled, schema: Schema) -> int:
        """Read again what is unsettled; returns rows written or removed. May be repeated after a crash."""
        view = self._view
        assert view is not None, "nothing has been looked at"
        try:
            return self._settle(view, unsettled, schema)
        except FerrymanError as error:
            if error.code != "source.table_changed":
                raise
            return 0  # the statement comes further on in the log: behind it, it is tried again
        finally:
            self.close()

    def _settle(self, view: View, unsettled: Unsettled, schema: Schema) -> int:
        ledger, reread = unsettled.ledger, Values()
        whole = [table for name in sorted(ledger.whole) if (table := schema.table(name)) is not None]
        if not all(self._is_there(table) for table in whole):
            return 0  # renamed or changed once more: the log tells what to read, further on
        if view.place is None:
            unsettled.begin_reading()
        count = sum(self._reload(view, table) for table in whole)
        for (name, columns), values in ledger.moved.items():
            reread[name, columns] = set(values)
            if (table := schema.table(name)) is not None:
                for some in _cut(sorted(values)):
                    rows = self._reread(view.reader, table, columns, some)
                    reread[name, columns].update(value for value in rows if None not in value)
                    count += len(rows)
        mended = self._mend_strays(view.reader, ledger.orphans, schema)
        count += mended
        if view.place is not None:  # as old as the log's place, all of it: nothing is suspect any more
            unsettled.settled(view.place, Values())
        else:  # of rows read whole, and of strays, every value may be touched once more
            unsettled.settled(self._source.current_position(), None if whole or mended else reread)
        return count

    def _is_there(self, table: Table) -> bool:
        found = self._source.read_schema(Selection(objects=(exact_pattern(table.name),))).table(table.name)
        return found is not None and _shape(found) == _shape(table)

    def _reload(self, view: View, table: Table) -> int:
        """Read a whole table again; what changes meanwhile is in the log, as with any load (algorithms.md §2).

        One without a key is written in one transaction, so that it is as old as the log's place at any time.
        """
        target, image = self._target_of(table), tuple(column.name for column in table.columns)
        shape = shape_of(table, target, image)
        if table.row_key is None and view.place is None:
            raise _keyless(table)
        count = 0
        with ExitStack() as stack:
            session = stack.enter_context(self._transaction())
            session.truncate(target)
            for batch in view.reader.read(table, image):
                rows = shape.batch(shape.rows(batch))
                if table.row_key is None:
                    session.insert(target, shape.written, rows)
                else:
                    session.replace(target, shape.written, rows)
                    stack.close()
                    session = stack.enter_context(self._transaction())
                count += batch.row_count
        return count

    def _reread(self, reader: TableReader, table: Table, columns: Sequence[str], values: Sequence[Row]) -> list[Row]:
        """Bring all rows that hold these values, on either side, to what the source has now.

        Returns:
            What these columns hold in each row written: such rows are younger than the log's place now.
        """
        target, image = self._target_of(table), tuple(column.name for column in table.columns)
        shape = shape_of(table, target, image)
        by = tuple(target.column(name).name for name in columns)
        with closing(self._target.reader()) as there:
            ours = list(there.rows_by(target, shape.key_columns, by, values).rows())
        images = [reader.rows_by(table, image, columns, values)]
        known = {shape.row_key.value(key) for key in shape.keys(images[0])}
        # A row of ours that holds none of these values there any more has moved on, perhaps to NULL, or is gone.
        others = [key for key in ours if shape.row_key.value(key) not in known]
        images.append(reader.rows_by(table, image, [image[index] for index in shape.key], others))
        rows = [row for each in images for row in shape.rows(each)]
        with self._transaction() as session:
            session.delete_keys(target, by, values)
            if rows:
                session.replace(target, shape.written, shape.batch(rows))
        places = [image.index(table.column(name).name) for name in columns]
        return [value for each in images for value in each.project(places).rows()]

    def _mend_strays(self, reader: TableReader, places: Iterable[Place], schema: Schema) -> int:
        """Bring rows that cascades of several steps may have missed to what the source has, in all tables behind these."""
        family = ForeignKeys(schema).family(name for name, _ in places)
        tables = [table for table in schema.tables if table.name in family and table.row_key is not None]
        return sum(self._mend(reader, table, keys) for table in tables for keys in _cut(self._strays(reader, table)))

    def _strays(self, reader: TableReader, table: Table) -> Iterator[Row]:
        """Yield the target's keys of rows that the source does not have, or has under other parents.

        Whether a row's parent is there does not tell: it may have gone and come back.
        """
        assert table.row_key is not None
        target, width = self._target_of(table), len(table.row_key.columns)
        parents = dict.fromkeys(name for key in table.foreign_keys for name in key.columns)
        names = [*table.row_key.columns, *parents]
        with closing(self._target.reader()) as there:
            for batch in there.read(target, [target.column(name).name for name in names]):
                for rows in _cut(batch.rows()):
                    keys = [row[:width] for row in rows]
                    known = set(reader.rows_by(table, names, table.row_key.columns, keys).rows())
                    yield from (row[:width] for row in rows if row not in known)

    def _mend(self, reader: TableReader, table: Table, keys: Sequence[Row]) -> int:
        """Give the target what the source has under these keys."""
        assert table.row_key is not None
        target, image = self._target_of(table), tuple(column.name for column in table.columns)
        shape = shape_of(table, target, image)
        rows = shape.rows(reader.rows_by(table, image, table.row_key.columns, keys))
        with self._transaction() as session:
            session.delete_keys(target, shape.key_columns, keys)
            if rows:
                session.replace(target, shape.written, shape.batch(rows))
        return len(keys)


def _shape(table: Table) -> list[tuple[str, ColumnType]]:
    """What rows are read by; defaults may be spelled in another way by a catalog than by a statement."""
    return [(column.name, column.type) for column in table.columns]


def _cut(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _concerned(ledger: Ledger, schema: Schema) -> list[TableName]:
    """Return the tables that may be looked at: those read whole, and all that foreign keys connect."""
    connected = {name for table in schema.tables for key in table.foreign_keys for name in (table.name, key.parent)}
    return sorted(table.name for table in schema.tables if table.name in connected | ledger.whole)


def _keyless(table: Table) -> FerrymanError:
    return FerrymanError(
        "apply.cascade_unsettled",
        f"while rows were being loaded, a cascade of several steps reached {table.name}, which has no key, and the source "
        "cannot show it at a known place of its log: which of its rows are concerned cannot be told",
        context={"table": str(table.name)},
    )
