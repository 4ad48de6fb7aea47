"""Changes of a table with a key between two SCNs, exactly, with images before and after.

Written after the begin: rows with a greater ORA_ROWSCN at the end. What they were before: flashback by key. Deleted:
counted, not searched for: ``rows then + inserted - rows now`` is their number, and only if it is not 0 the keys of then
are compared with those of now. The comparison must find just that many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferryman.connectors.mysql_family.rows.literals import key_conditions
from ferryman.connectors.oceanbase.scn import queries
from ferryman.connectors.oceanbase.scn.records import encode_changes
from ferryman.connectors.oceanbase.scn.spool import Spool
from ferryman.connectors.oceanbase.scn.window import HistoryLostError, Window
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.schema import Table

_KEYS_A_QUERY = 500
_QUERY_BYTES = 1 << 20


class KeyedChanges:
    """Finds the changes of one table in one window.

    Attributes:
        count: Rows at the window's end, once `payloads` has been read through.
        changed: Changed rows.
    """

    def __init__(self, window: Window, table: Table, count_then: int | None) -> None:
        """Begin.

        Args:
            window: Between which moments.
            table: As the catalog shows it.
            count_then: Rows at the window's begin, when known.
        """
        self._window = window
        self._table = table
        self._count_then = count_then
        self._columns = tuple(column.name for column in queries.image_columns(table))
        self._key = queries.places_of((c.name for c in queries.key_columns(table)), table.columns)
        self._unique = _unique_places(table)
        self._inserted = 0
        self.count = 0
        self.changed = 0

    def payloads(self) -> Iterator[bytes]:
        """Yield records: what goes first, so that at no time two rows hold one unique value; then what is there."""
        window, table = self._window, self._table
        self.count, newest = window.totals(table, queries.totals(table))
        then = self._count_then
        if then is None:
            then = window.count_then(table, queries.count_at(table, window.prev))
        if newest <= window.prev and self.count == then:
            return
        with Spool() as going, Spool() as coming:
            for batch in window.read_now(table, queries.changed_since(table, window.prev)):
                self._sort(list(batch.rows()), going, coming)
            yield from self._deleted(then + self._inserted - self.count)
            yield from going
            yield from coming

    def _sort(self, rows: Sequence[Row], going: Spool, coming: Spool) -> None:
        """Sort rows as they are now into inserted, updated, and updated with another unique value."""
        before = self._before(rows)
        inserted = [row for row, old in zip(rows, before, strict=True) if old is None]
        pairs = [(old, row) for row, old in zip(rows, before, strict=True) if old is not None and old != row]
        moved = [pair for pair in pairs if self._moves(*pair)]
        kept = [pair for pair in pairs if not self._moves(*pair)]
        self._inserted += len(inserted)
        self._put(going, Operation.DELETE, [old for old, _ in moved], [])
        self._put(coming, Operation.UPDATE, [old for old, _ in kept], [new for _, new in kept])
        self._put(coming, Operation.INSERT, [], [*inserted, *(new for _, new in moved)])
        self.changed += len(inserted) + len(pairs)

    def _moves(self, old: Row, new: Row) -> bool:
        """Whether an update changes a value of a unique key other than the row key; of one on expressions, it may."""
        return self._unique is None or any(old[place] != new[place] for place in self._unique)

    def _put(self, spool: Spool, operation: Operation, before: Sequence[Row], after: Sequence[Row]) -> None:
        if before or after:
            spool.put(self._encode(operation, before, after))

    def _encode(self, operation: Operation, before: Sequence[Row], after: Sequence[Row]) -> bytes:
        width = len(self._columns)
        return encode_changes(
            ChangeBatch(
                table=self._table.name,
                operation=operation,
                columns=self._columns,
                before=Batch.of(before, width) if operation is not Operation.INSERT else None,
                after=Batch.of(after, width) if operation is not Operation.DELETE else None,
                cascades=False,
            )
        )

    # What rows were -----------------------------------------------------------------------------------------------

    def _before(self, rows: Sequence[Row]) -> list[Row | None]:
        """Return what each row was at the window's begin, `None` where it was not there."""
        keys = [self._key_of(row) for row in rows]
        found = {self._key_of(row): row for row in self._rows_then(keys)}
        before = [found.pop(key, None) for key in keys]
        if found:
            # Keys that the collation takes for equal and that are not the same bytes: the server pairs them.
            before = [old or self._row_then(key) for old, key in zip(before, keys, strict=True)]
        return before

    def _rows_then(self, keys: Sequence[Row]) -> Iterator[Row]:
        columns = queries.key_columns(self._table)
        for condition in key_conditions(columns, keys, rows=_KEYS_A_QUERY, max_bytes=_QUERY_BYTES):
            sql = queries.rows_where(self._table, condition, self._window.prev)
            for batch in self._window.read_then(self._table, sql):
                yield from batch.rows()

    def _row_then(self, key: Row) -> Row | None:
        return next(iter(list(self._rows_then([key]))), None)

    def _key_of(self, row: Row) -> Row:
        return tuple(row[place] for place in self._key)

    # What is gone -------------------------------------------------------------------------------------------------

    def _deleted(self, expected: int) -> Iterator[bytes]:
        found = 0
        if expected > 0:
            sql = queries.gone_since(self._table, self._window.prev)
            for keys in self._window.keys_of_both(self._table, sql):
                rows = self._in_order(list(keys.rows()))
                found += len(rows)
                yield self._encode(Operation.DELETE, rows, [])
        if found != expected:
            raise HistoryLostError(self._table.name, f"{expected} rows are gone since, and {found} of them were found")
        self.changed += found

    def _in_order(self, keys: Sequence[Row]) -> list[Row]:
        rows = {self._key_of(row): row for row in self._rows_then(keys)}
        return [rows[key] for key in keys if key in rows]


def _unique_places(table: Table) -> list[int] | None:
    """Return the places of all columns of the other unique keys; `None` when one is on an expression."""
    names: set[str] = set()
    for index in table.unique_keys:
        if index == table.row_key:
            continue
        if any(part.column is None for part in index.parts):
            return None
        names.update(name.casefold() for name in index.columns)
    return [place for place, column in enumerate(table.columns) if column.name.casefold() in names]
