"""One window: the two moments it lies between, and the sessions that see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.rows.wire import read_rows
from ferryman.connectors.oceanbase.scn.moments import is_history_gone
from ferryman.connectors.oceanbase.scn.queries import image_columns, key_columns
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Table


class HistoryLostError(Exception):
    """The rows of a table at the window's begin cannot be had: it must be read anew."""

    def __init__(self, table: TableName, reason: str) -> None:
        """Name the table and say why."""
        super().__init__(f"{table}: {reason}")
        self.table = table
        self.reason = reason


class SchemaMovedError(Exception):
    """The schema changed while the window was read: it begins again."""


@dataclass(frozen=True, slots=True)
class Window:
    """The changes between two SCNs.

    Attributes:
        prev: What is before the window.
        now: Its end.
        snapshot: In a transaction that sees `now`.
        past: Outside any: flashback reads of `prev`.
    """

    prev: int
    now: int
    snapshot: Connection
    past: Connection

    def read_now(self, table: Table, sql: str | bytes) -> Iterator[Batch]:
        """Read images of rows as they are at the end; `SchemaMovedError` when the table is no longer as the catalog said."""
        try:
            yield from self._read(self.snapshot, table, sql)
        except FerrymanError as error:
            if error.code == "source.table_changed" or error.context.get("errno") == 1412:
                raise SchemaMovedError(error.message) from error
            raise _lost_if_gone(table, error) from error

    def read_then(self, table: Table, sql: str | bytes) -> Iterator[Batch]:
        """Read images of rows as they were at the begin; `HistoryLostError` when that cannot be had."""
        yield from self._read_back(self.past, table, sql)

    def keys_of_both(self, table: Table, sql: str | bytes) -> Iterator[Batch]:
        """Run a statement that compares the end with a flashback read of the begin; yields keys."""
        yield from self._read_back(self.snapshot, table, sql, key_columns(table))

    def _read_back(
        self, connection: Connection, table: Table, sql: str | bytes, columns: Sequence[Column] = ()
    ) -> Iterator[Batch]:
        try:
            yield from self._read(connection, table, sql, columns)
        except FerrymanError as error:
            if error.code == "source.table_changed":
                raise SchemaMovedError(error.message) from error
            raise _lost_if_gone(table, error) from error

    def _read(
        self, connection: Connection, table: Table, sql: str | bytes, columns: Sequence[Column] = ()
    ) -> Iterator[Batch]:
        types = [column.type for column in columns or image_columns(table)]
        yield from read_rows(connection, sql, types, table=str(table.name))

    def totals(self, table: Table, sql: str) -> tuple[int, int]:
        """Return the number of rows at the end, and the greatest SCN of any."""
        try:
            count, newest = self.snapshot.query(sql, table=str(table.name))[0]
        except FerrymanError as error:
            if error.code == "source.table_changed" or error.context.get("errno") == 1412:
                raise SchemaMovedError(error.message) from error
            raise
        return int(count), int(newest)

    def count_then(self, table: Table, sql: str) -> int:
        """Return the number of rows at the begin."""
        try:
            return int(self.past.query(sql, table=str(table.name))[0][0])
        except FerrymanError as error:
            raise _lost_if_gone(table, error) from error


def _lost_if_gone(table: Table, error: FerrymanError) -> Exception:
    return HistoryLostError(table.name, error.message) if is_history_gone(error) else error
