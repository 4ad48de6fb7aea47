"""Turns our records back into changes (`ferryman.spi.source.LogDecoder`)."""

from __future__ import annotations

from collections.abc import Callable

from ferryman.connectors.oceanbase.scn.records import Statement, decode
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.spi.source import LogRecord


class ScnDecoder:
    """Decodes windows: each is one transaction."""

    def __init__(self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]) -> None:
        """Make a decoder; arguments as in `Source.decoder`."""
        self._table_at = table_at
        self._includes = includes
        self._begun = False

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Decode the next record; errors as in `LogDecoder.decode`."""
        found = decode(record.payload)
        if isinstance(found, Statement):
            return [SchemaStatement(sql=found.sql, database=found.database, position=record.position)]
        if isinstance(found, ChangeBatch):
            return self._changes(found, record)
        begun, self._begun = self._begun, False
        return [Commit(position=record.position)] if begun else []

    def _changes(self, change: ChangeBatch, record: LogRecord) -> list[LogItem]:
        if not self._includes(change.table):
            return []
        self._compare(change)
        if self._begun:
            return [change]
        self._begun = True
        # All records of a window share its first SCN: it names the window.
        return [Begin(position=record.position, transaction_id=f"scn {record.position.token['scn']}"), change]

    def _compare(self, change: ChangeBatch) -> None:
        """I9: rows are read by the names of their columns, so these must be the schema's."""
        table = self._table_at(change.table)
        known = {column.name.casefold() for column in table.columns} if table is not None else set()
        if table is None or {name.casefold() for name in change.columns} != known:
            raise FerrymanError(
                "log.schema_mismatch",
                f"the columns read of {change.table} are not those that the schema statements seen have led to",
                context={"table": str(change.table)},
            )
