"""Fenced transactions of rows (`ferryman.spi.target.TargetSession`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.errors import NUL_HINT
from ferryman.connectors.postgresql.quoting import quote_table, quote_text
from ferryman.connectors.postgresql.rows import reader, statements
from ferryman.connectors.postgresql.rows.bookkeeping import WORDS
from ferryman.connectors.postgresql.rows.literals import columns_of, key_arrays, key_condition
from ferryman.connectors.postgresql.rows.sequences import Numbers
from ferryman.connectors.sql_family.session import BookSession
from ferryman.foundation.errors import DuplicateKeyError, FerrymanError
from ferryman.kernel import NUL, MisfitError, encode_copy, text_form
from ferryman.model.batch import Batch, Row
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.spi.target import Lease

_ACTING = """
SELECT 1 FROM pg_constraint WHERE contype = 'f' AND to_regclass({name}) IN (conrelid, confrelid)
UNION ALL SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass({name}) AND NOT tgisinternal AND tgenabled <> 'D' LIMIT 1
"""


class Session(BookSession):
    """One connection for writing; one transaction at a time; one thread.

    A failed statement undoes the whole transaction in PostgreSQL, so each write that may meet a taken value has a savepoint
    before it. A savepoint is let go with the next one, in one round trip.
    """

    opening: ClassVar[str] = "BEGIN"
    """How a transaction begins."""

    def __init__(self, connection: Connection) -> None:
        """Take over a connection opened with ``writer=True, role="target"``."""
        super().__init__(connection, WORDS)
        self._connection = connection
        self._numbers = Numbers()
        self._has_part = self._has_savepoint = self._has_mark = False
        self._looked_at: set[TableName] = set()

    def _lock(self, lease: Lease) -> int | None:
        self._has_part = self._has_savepoint = self._has_mark = False
        self._numbers.forget()
        where = f"task = {quote_text(lease.task)} AND lane = {lease.lane}"
        result = self._connection.run(f"{self.opening}; SELECT epoch FROM _ferryman.lease WHERE {where} FOR UPDATE")
        return int(result.get_value(0, 0) or b"0") if result.ntuples else None

    def commit(self) -> None:
        """Commit; sequences go on behind the numbers that were written."""
        self._connection.run("; ".join([*self._numbers.statements(), "COMMIT"]))
        self._numbers.forget()
        self._checkpoints.committed()

    def rollback(self) -> None:
        """Roll back; a connection on which that fails is closed, which rolls back as well."""
        self._checkpoints.rolled_back()
        self._numbers.forget()
        try:
            self._connection.run("ROLLBACK")
        except FerrymanError:
            self._connection.abort()

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Insert rows; `DuplicateKeyError` leaves the transaction usable."""
        if not batch.row_count:
            return
        self._refuse_triggers(table)
        self._copy(table, columns, batch)
        self._numbers.see(table, columns, batch)

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows; whichever rows hold any of their unique values go first (algorithms.md §3)."""
        if not batch.row_count:
            return
        self._refuse_triggers(table)
        self._numbers.see(table, columns, batch)
        try:
            self._delete_in_the_way(table, columns, list(batch.rows()))
            self._copy(table, columns, batch)
        except DuplicateKeyError:
            if batch.row_count == 1:
                raise
            for row in batch.rows():  # rows of one batch hold the same value: the later one stays
                self.replace(table, columns, Batch.of([row], len(columns)))

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        """Delete the rows with these keys; returns how many there were."""
        if not keys:
            return 0
        self._refuse_triggers(table)
        columns = columns_of(table, key)
        sql = f"DELETE FROM {quote_table(table.name)} WHERE {key_condition(columns)}"
        return sum(self._run_with(table, sql, each) for each in key_arrays(columns, keys, statements.KEYS_A_STATEMENT))

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        """Set key columns, in the order given; `DuplicateKeyError` leaves the transaction usable."""
        self._refuse_triggers(table)
        return self._run_guarded(table, statements.update_keys(table, key, old, new))

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete exactly one row equal to `row`."""
        self._refuse_triggers(table)
        return self._run(table, statements.delete_row(table, columns, row))

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite exactly one row equal to `before`."""
        self._refuse_triggers(table)
        self._encoded(table, columns, Batch.of([after], len(columns)))  # refuses what would be changed in silence
        return self._run(table, statements.update_row(table, columns, before, after))

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        """Read rows by key within this transaction."""
        return reader.rows_by_key(self._connection, table, key, keys, columns)

    def truncate(self, table: Table) -> None:
        """Delete all rows within this transaction."""
        self._refuse_triggers(table)
        self._run(table, f"DELETE FROM {quote_table(table.name)}")

    def savepoint(self) -> None:
        """Set the place that `undo` goes back to; the savepoint of a write before it would end this one with it."""
        first = "RELEASE c; " if self._has_mark else "RELEASE w; " if self._has_savepoint else ""
        self._connection.run(f"{first}SAVEPOINT c")
        self._has_mark, self._has_savepoint = True, False

    def undo(self) -> None:
        """Undo what was written since `savepoint`."""
        self._connection.run("ROLLBACK TO c")
        self._has_savepoint = False

    def begin_part(self) -> None:
        """Set the place that `undo_part` goes back to; those within the one before end with it."""
        self._connection.run("RELEASE p; SAVEPOINT p" if self._has_part else "SAVEPOINT p")
        self._has_part, self._has_savepoint, self._has_mark = True, False, False

    def undo_part(self) -> None:
        """Undo what was written since `begin_part`."""
        self._connection.run("ROLLBACK TO p")
        self._has_savepoint = self._has_mark = False

    def _copy(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        data = self._encoded(table, columns, batch)
        before = self._savepoint()
        with _undone(self):
            self._connection.copy_in(statements.copy_into(table, columns), [data], before=before, table=str(table.name))

    def _encoded(self, table: Table, columns: Sequence[str], batch: Batch) -> bytes:
        wanted = columns_of(table, columns)
        try:
            return encode_copy(batch, [text_form(column.type) for column in wanted])
        except MisfitError as misfit:
            column = wanted[misfit.column]
            raise FerrymanError(
                "target.value_refused",
                f"column {column.name!r} of {table.name} at {self._connection.where} ({column.type.native})"
                f" cannot hold {misfit.reason}",
                hint=NUL_HINT if misfit.reason == NUL else "",
                context={"table": str(table.name), "column": column.name},
            ) from misfit

    def _savepoint(self) -> str:
        text = "RELEASE w; SAVEPOINT w" if self._has_savepoint else "SAVEPOINT w"
        self._has_savepoint = True
        return text

    def undo_write(self) -> None:
        """Go back to the savepoint of the last write."""
        self._connection.run("ROLLBACK TO w")

    def _delete_in_the_way(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        for index in table.unique_keys:
            values = statements.UniqueValues(table, index, columns)
            arrays = values.arrays(rows) if values.known else []
            if arrays:
                self._run_with(table, f"DELETE FROM {quote_table(table.name)} WHERE {values.condition}", arrays)

    def _run_guarded(self, table: Table, made: Iterable[str]) -> int:
        changed = 0
        for sql in made:
            with _undone(self):
                changed += self._run(table, f"{self._savepoint()}; {sql}")
        return changed

    def _run(self, table: Table, sql: str) -> int:
        return self._connection.run(sql.encode("utf-8", "surrogateescape"), table=str(table.name)).command_tuples or 0

    def _run_with(self, table: Table, sql: str, arrays: Sequence[bytes]) -> int:
        return self._connection.run_with(sql, arrays, table=str(table.name)).command_tuples or 0

    def _refuse_triggers(self, table: Table) -> None:
        """Foreign keys and triggers that act on our writes would change or refuse rows: better not begin."""
        if not self._connection.fires_triggers or table.name in self._looked_at:
            return
        sql = _ACTING.format(name=quote_text(quote_table(table.name)))
        if self._connection.run(sql, table=str(table.name)).ntuples:
            user = self._connection.endpoint.username
            raise FerrymanError(
                "target.privilege",
                f"{table.name} at {self._connection.where} has foreign keys or triggers, and {user} may not silence them",
                hint=f"GRANT SET ON PARAMETER session_replication_role TO {user} (PostgreSQL 15 or newer), then resume",
            )
        self._looked_at.add(table.name)


@contextmanager
def _undone(session: Session) -> Iterator[None]:
    """Go back to the savepoint when a unique value was taken: the transaction stays usable."""
    try:
        yield
    except DuplicateKeyError:
        session.undo_write()
        raise
