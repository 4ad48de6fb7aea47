"""A mirror in memory of what a polled OceanBase hands out, held against the tables as they were at each border."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.oceanbase.scn.place import place_of
from ferryman.connectors.oceanbase.source import OceanBaseSource
from ferryman.embedded import OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.changes import ChangeBatch, Operation, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Table
from ferryman.model.selection import Selection
from ferryman.spi.source import LogRecord


class Mirror:
    """Rows by table, changed as the records say; every change must fit what is there."""

    def __init__(self, server: OceanBase, database: str) -> None:
        self.selection = Selection(objects=(f"{database}.*",))
        self.source = OceanBaseSource(server.endpoint, self.selection)
        self.border: Position = self.source.current_position()
        self.tables: dict[TableName, Table] = {}
        self.rows: dict[TableName, Counter[Row]] = {}
        self.read_catalog()
        for table in self.tables.values():
            self.rows[table.name] = self.at(table, self.border)
        self.statements: list[str] = []
        self.warnings: list[str] = []
        self.operations: Counter[tuple[str, Operation]] = Counter()
        self.checked = 0

    def read_catalog(self) -> None:
        self.tables = {table.name: table for table in self.source.read_schema(self.selection).tables}
        for name in self.tables:
            self.rows.setdefault(name, Counter())

    def at(self, table: Table, position: Position) -> Counter[Row]:
        """The table's rows at a position."""
        names = [column.name for column in table.columns]
        with closing(Reader(self.source._connect, as_of=place_of(position).scn)) as reader:
            return Counter(row for batch in reader.read(table, names) for row in batch.rows())

    def follow(self, enough: Callable[[], bool], *, check: bool = True, start: Position | None = None) -> None:
        """Take records until a border finds `enough`; each border is compared with the source at its SCN."""
        decoder = self.source.decoder(lambda name: self.tables.get(name), self.selection.includes)
        pending: list[ChangeBatch] = []
        with self.source.log(start or self.border) as records:
            for record in records:
                if record is None:
                    continue
                if record.warning:
                    self.warnings.append(record.warning)
                if record.breaks_off:
                    pending.clear()
                    decoder = self.source.decoder(lambda name: self.tables.get(name), self.selection.includes)
                if self._take(record, decoder, pending) and check:
                    self.compare()
                if record.boundary and not record.payload and enough():
                    return

    def _take(self, record: LogRecord, decoder: Any, pending: list[ChangeBatch]) -> bool:
        """Take a record; whether a window ends with it."""
        if not record.payload:
            return False
        assert record.position > self.border
        for item in decoder.decode(record):
            if isinstance(item, ChangeBatch):
                pending.append(item)
            elif isinstance(item, SchemaStatement):
                self._run(item)
        if record.boundary:
            for change in pending:
                self.apply(change)
            pending.clear()
            self.border = record.position
        return record.boundary and record.position.order[2] == 0

    def _run(self, statement: SchemaStatement) -> None:
        self.statements.append(statement.sql)
        before = dict(self.tables)
        self.read_catalog()
        for name, table in self.tables.items():
            if name in before and before[name].columns != table.columns:
                self._reshape(table)
        if statement.sql.lower().startswith("truncate table "):
            name = statement.sql.split()[-1].replace("`", "").split(".")[-1]
            for table, rows in self.rows.items():
                if table.table == name:
                    rows.clear()

    def _reshape(self, table: Table) -> None:
        """What the statement makes of the rows there are: as the source itself shows those of the last border now."""
        try:
            self.rows[table.name] = self.at(table, self.border)
        except FerrymanError as error:
            if error.context.get("errno") not in (1412, 4344):  # built anew: it will be emptied
                raise

    def apply(self, change: ChangeBatch) -> None:
        rows = self.rows[change.table]
        self.operations[(change.table.table, change.operation)] += change.row_count
        for row in change.before.rows() if change.before is not None else ():
            assert rows[row] > 0, f"{change.operation} of a row of {change.table} that is not there"
            rows[row] -= 1
            if not rows[row]:
                del rows[row]
        for row in change.after.rows() if change.after is not None else ():
            rows[row] += 1

    def compare(self) -> None:
        """The mirror equals the source as of the border."""
        for table in self.tables.values():
            assert self.rows[table.name] == self.at(table, self.border), f"{table.name} at {self.border}"
        self.checked += 1


class Writers:
    """Threads that run statements until told to stop; what a race between them refuses is passed over."""

    def __init__(self, jobs: list[Callable[[], None]]) -> None:
        self._stop = threading.Event()
        self.failures: list[BaseException] = []
        self.rounds = 0
        self._threads = [threading.Thread(target=self._run, args=(job,), daemon=True) for job in jobs]

    def _run(self, job: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                job()
                self.rounds += 1
        except BaseException as error:
            self.failures.append(error)

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.failures, self.failures
