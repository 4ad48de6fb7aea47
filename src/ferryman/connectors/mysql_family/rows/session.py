"""Fenced transactions of rows (`ferryman.spi.target.TargetSession`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.errors import VALUE_REFUSED, column_of, without_values
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.mysql_family.rows import reader, statements
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
        flavor, version = connection.server.flavor, connection.server.version
        self._native_json = flavor != "mariadb"
        # MySQL calls VALUES() deprecated from 8.0.20 on, in a warning for each statement.
        self._may_upsert = flavor in ("oceanbase", "mariadb", "tidb") or version < (8, 0, 20)

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
        if not self._bulk.load(table, columns, batch):
            self._write(table, columns, batch, self._rows.insert(table, columns, batch))

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows over whichever hold any of their unique values; foreign keys are off, so nothing cascades."""
        plain = self._may_upsert and statements.upsert_is_replace(table, columns)
        make = self._rows.upsert if plain else self._rows.replace
        self._write(table, columns, batch, make(table, columns, batch))

    def delete_keys(self, table: Table, key: Sequence[str], keys: Sequence[Row]) -> int:
        """Delete rows by key."""
        return self._run_all(table, statements.delete_keys(table, key, keys, self._statement_bytes))

    def update_keys(self, table: Table, key: Sequence[str], old: Sequence[Row], new: Sequence[Row | None]) -> int:
        """Set key columns, in the order given."""
        return self._run_all(table, statements.update_keys(table, key, old, new, self._statement_bytes))

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete exactly one row equal to `row`."""
        return self._run(table, statements.delete_row(table, columns, row, native_json=self._native_json))

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite exactly one row equal to `before`."""
        refuse_misfits(table, columns_of(table, columns), Batch.of([after], len(columns)))
        sql = statements.update_row(table, columns, before, after, native_json=self._native_json)
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

    def _write(self, table: Table, columns: Sequence[str], batch: Batch, made: Iterable[memoryview]) -> None:
        refuse_misfits(table, columns_of(table, columns), batch)
        for packet in made:
            with packet:  # released even when an error keeps this frame alive: the next statement needs the buffer
                self._require_room(table, len(packet) - len(PACKET_HEAD))
                self._connection.execute_packet(packet, table=str(table.name))
            self._refuse_warnings(table)

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
