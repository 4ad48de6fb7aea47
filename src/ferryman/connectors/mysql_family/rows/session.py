"""Fenced transactions of rows (`ferryman.spi.target.TargetSession`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.errors import VALUE_REFUSED, column_of, without_values
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.mysql_family.rows import reader, statements
from ferryman.connectors.mysql_family.rows.blanks import LAX, Blanks
from ferryman.connectors.mysql_family.rows.bookkeeping import WORDS
from ferryman.connectors.mysql_family.rows.bulk import BulkLoader
from ferryman.connectors.mysql_family.rows.fitness import refuse_misfits
from ferryman.connectors.mysql_family.rows.literals import columns_of
from ferryman.connectors.mysql_family.rows.statements import PACKET_HEAD, RowWriter
from ferryman.connectors.sql_family.session import BookSession
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import RowText
from ferryman.model.batch import Batch, Row
from ferryman.model.schema import Table
from ferryman.spi.target import Lease

_PACKET_MARGIN = 1024


class Session(BookSession):
    """One connection for writing; one transaction at a time; one thread."""

    def __init__(self, connection: Connection) -> None:
        """Take over a connection opened with ``writer=True, role="target"``."""
        super().__init__(connection, WORDS)
        self._connection = connection
        self._packet = int(connection.query("SELECT @@max_allowed_packet")[0][0]) - _PACKET_MARGIN
        self._statement_bytes = min(statements.STATEMENT_BYTES, self._packet)
        text = RowText()
        self._rows = RowWriter(text, self._statement_bytes)
        self._bulk = BulkLoader(connection, text)
        self._flavor, version = connection.server.flavor, connection.server.version
        self._native_json = self._flavor != "mariadb"
        # MySQL calls VALUES() deprecated from 8.0.20 on, in a warning for each statement.
        self._may_upsert = self._flavor in ("oceanbase", "mariadb", "tidb") or version < (8, 0, 20)

    def _lock(self, lease: Lease) -> int | None:
        self._connection.execute("START TRANSACTION")
        rows = self._connection.query(
            "SELECT epoch FROM `_ferryman`.lease WHERE task=%s AND lane=%s FOR UPDATE", (lease.task, lease.lane)
        )
        return int(rows[0][0]) if rows else None

    def commit(self) -> None:
        """Commit."""
        self._connection.execute("COMMIT")
        self._checkpoints.committed()

    def rollback(self) -> None:
        """Roll back; a connection on which that fails is closed, which rolls back as well."""
        self._checkpoints.rolled_back()
        try:
            self._connection.execute("ROLLBACK")
        except FerrymanError:
            self._connection.abort()

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Insert rows; `DuplicateKeyError` leaves the transaction usable (the family undoes the statement alone)."""
        refuse_misfits(table, columns_of(table, columns), batch)
        batch = self._without_blanks(table, columns, batch, self._rows.insert)
        if not self._bulk.load(table, columns, batch):
            self._write(table, columns, batch, self._rows.insert(table, columns, batch))

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows over whichever hold any of their unique values; foreign keys are off, so nothing cascades."""
        plain = self._may_upsert and statements.upsert_is_replace(table, columns)
        make = self._rows.upsert if plain else self._rows.replace
        batch = self._without_blanks(table, columns, batch, self._rows.replace)
        self._write(table, columns, batch, make(table, columns, batch))

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        """Delete rows by key."""
        return self._run_all(table, statements.delete_keys(table, key, keys, self._statement_bytes))

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        """Set key columns, in the order given."""
        blanks = self._blanks(table, key)
        if not any(row is not None and blanks.within_row(row).columns for row in new):
            return self._run_all(table, statements.update_keys(table, key, old, new, self._statement_bytes))
        if not blanks.apart:
            new = [row if row is None else blanks.within_row(row).row_as_index(row) for row in new]
        made = statements.update_keys(table, key, old, new, self._statement_bytes)
        return sum(self._run_blank(table, blanks, sql) for sql in made)

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete exactly one row equal to `row`."""
        return self._run(table, statements.delete_row(table, columns, row, native_json=self._native_json))

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite exactly one row equal to `before`."""
        refuse_misfits(table, columns_of(table, columns), Batch.of([after], len(columns)))
        blanks = self._blanks(table, columns).within_row(after)
        after = after if blanks.apart else blanks.row_as_index(after)
        sql = statements.update_row(table, columns, before, after, native_json=self._native_json)
        if blanks.columns:
            return self._run_blank(table, blanks, sql)
        changed = self._run(table, sql)
        self._refuse_warnings(table)
        return changed

    def rows_by_key(self, table: Table, key: Sequence[str], keys: Sequence[Row], columns: Sequence[str]) -> Batch:
        """Read rows by key within this transaction."""
        return reader.rows_by_key(self._connection, table, key, keys, columns)

    def truncate(self, table: Table) -> None:
        """Delete all rows within this transaction."""
        self._run(table, f"DELETE FROM {quote_table(table.name)}".encode())

    def savepoint(self) -> None:
        """Set the place that `undo` goes back to; a name used again moves."""
        self._connection.execute("SAVEPOINT ferryman_change")

    def undo(self) -> None:
        """Undo what was written since `savepoint`."""
        self._connection.execute("ROLLBACK TO SAVEPOINT ferryman_change")

    def begin_part(self) -> None:
        """Set the place that `undo_part` goes back to; a name used again moves."""
        self._connection.execute("SAVEPOINT ferryman_part")

    def undo_part(self) -> None:
        """Undo what was written since `begin_part`."""
        self._connection.execute("ROLLBACK TO SAVEPOINT ferryman_part")

    def _write(
        self,
        table: Table,
        columns: Sequence[str],
        batch: Batch,
        made: Iterable[memoryview],
        check: Callable[[], None] | None = None,
    ) -> None:
        refuse_misfits(table, columns_of(table, columns), batch)
        for packet in made:
            with packet:  # released even when an error keeps this frame alive: the next statement needs the buffer
                self._require_room(table, len(packet) - len(PACKET_HEAD))
                self._connection.execute_packet(packet, table=str(table.name))
            check() if check else self._refuse_warnings(table)

    def _blanks(self, table: Table, columns: Sequence[str]) -> Blanks:
        return Blanks.of(columns_of(table, columns), self._flavor)

    def _without_blanks(
        self, table: Table, columns: Sequence[str], batch: Batch, make: Callable[..., Iterable[memoryview]]
    ) -> Batch:
        """Return the rows in a form in which ENUMs' error values can be written; where there is none, write those rows here."""
        blanks = self._blanks(table, columns).within(batch)
        if not blanks.columns or not blanks.apart:
            return blanks.as_index(batch) if blanks.columns else batch
        plain, pieces = blanks.parted(batch)
        for piece in pieces:
            most = blanks.count(piece)
            made = make(table, columns, piece, LAX)
            self._write(table, columns, piece, made, partial(self._refuse_others, table, blanks, most))
        return plain

    def _run_blank(self, table: Table, blanks: Blanks, sql: bytes) -> int:
        """Run a statement of one row's values, error values of ENUMs among them."""
        changed = self._run(table, LAX + sql if blanks.apart else sql)
        self._refuse_others(table, blanks, len(blanks.columns) if blanks.apart else 0)
        return changed

    def _refuse_others(self, table: Table, blanks: Blanks, most: int) -> None:
        """Refuse all warnings but those, `most` of them, that error values were written."""
        count = self._connection.warning_count
        if count and not (count <= most and blanks.explain(self._connection.query("SHOW WARNINGS"))):
            self._refuse_warnings(table)
            raise FerrymanError(
                "target.value_refused",
                f"{table.name} at {self._connection.where}: {count} warnings where error values of ENUMs were written",
                context={"table": str(table.name)},
            )

    def _run_all(self, table: Table, made: Iterable[bytes]) -> int:
        return sum(self._run(table, sql) for sql in made)

    def _run(self, table: Table, sql: bytes) -> int:
        self._require_room(table, len(sql))
        return self._connection.execute(sql, table=str(table.name))

    def _require_room(self, table: Table, size: int) -> None:
        if size > self._packet:
            raise FerrymanError(
                "target.packet_too_large",
                f"a row of {table.name} needs a statement of {size} bytes; {self._connection.where} takes"
                f" {self._packet} (max_allowed_packet)",
                hint=f"SET GLOBAL max_allowed_packet={1 << (size + _PACKET_MARGIN).bit_length()} there, then resume",
            )

    def _refuse_warnings(self, table: Table) -> None:
        """Treat "data truncated" as refused: decimals are rounded and blanks cut with no more than that (I5)."""
        if not self._connection.warning_count:
            return
        for _, errno, text in self._connection.query("SHOW WARNINGS"):
            if int(errno) in VALUE_REFUSED:
                column = column_of(str(text))
                raise FerrymanError(
                    "target.value_refused",
                    f"column {column!r} of {table.name} at {self._connection.where}: {without_values(str(text))}"
                    f" (warning {errno})",
                    context={"errno": int(errno), "table": str(table.name), "column": column},
                )
