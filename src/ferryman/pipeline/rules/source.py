"""The source behind its rules: every table has the columns, and shows the rows, that the target shall have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, LogItem
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.rules.rules import Rules
from ferryman.pipeline.rules.tables import ImageRule, RuledTable
from ferryman.spi.source import (
    Chunk,
    LogDecoder,
    LogRecord,
    PostponingSource,
    RecordLog,
    SnapshotSource,
    Source,
    TableReader,
)


class RuledSource:
    """A source behind rules."""

    def __init__(self, real: Source, rules: Rules) -> None:
        """Stand before a source."""
        self.real = real
        self._rules = rules

    def check(self) -> None:
        """As the source."""
        self.real.check()

    def read_schema(self, selection: Selection) -> Schema:
        """Read the catalog; tables are as they look behind the rules."""
        return self._rules.schema(self.real.read_schema(selection))

    def reader(self) -> TableReader:
        """Open a reader."""
        return RuledReader(self.real.reader())

    def consistent_reader(self, tables: Sequence[TableName]) -> tuple[TableReader, Position]:
        """Open a reader whose reads all see one moment."""
        reader, position = self.real.consistent_reader(tables)
        return RuledReader(reader), position

    def snapshot(self, table: Table, held: Position) -> tuple[TableReader, Position] | None:
        """Open a reader whose reads all see one moment, where the source can."""
        found = self.real.snapshot(table, held) if isinstance(self.real, SnapshotSource) else None
        return None if found is None else (RuledReader(found[0]), found[1])

    def current_position(self) -> Position:
        """As the source."""
        return self.real.current_position()

    def position_at(self, unix_seconds: int) -> Position:
        """As the source."""
        return self.real.position_at(unix_seconds)

    def keep_log(self, project: str, selection: Selection) -> Position:
        """As the source."""
        return self.real.keep_log(project, selection)

    def release_log(self, project: str) -> None:
        """As the source."""
        self.real.release_log(project)

    def log(
        self, start: Position, durable: Callable[[], Position] | None = None
    ) -> AbstractContextManager[Iterator[LogRecord | None]]:
        """As the source: the log is raw, rules are for what is decoded of it."""
        return self.real.log(start, durable)

    def in_commit_order(self, log: RecordLog, start: Position, reopen: Callable[[Position], RecordLog]) -> RecordLog:
        """As the source, where its log needs it."""
        return self.real.in_commit_order(log, start, reopen) if isinstance(self.real, PostponingSource) else log

    def decoder(
        self, table_at: Callable[[TableName], Table | None], includes: Callable[[TableName], bool]
    ) -> LogDecoder:
        """Make a decoder; `table_at` knows the source's tables as they are, changes come as they are behind the rules."""
        return RuledDecoder(self.real.decoder(table_at, includes), table_at, self._rules)

    def close(self) -> None:
        """As the source."""
        self.real.close()


def ruled_source(source: Source, rules: Rules) -> Source:
    """Return a source behind rules, if there are any."""
    return source if rules.is_empty else RuledSource(source, rules)


def unruled_source(source: Source) -> Source:
    """Return what stands behind `ruled_source`."""
    return source.real if isinstance(source, RuledSource) else source


class RuledReader:
    """A reader behind rules. The source itself picks the rows; what becomes of values is done here."""

    def __init__(self, real: TableReader) -> None:
        """Stand before a reader."""
        self._real = real

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        chunk: Chunk | None = None,
        limit: int | None = None,
        where: str | None = None,
        batch_bytes: int = 1 << 20,
        ordered: bool = False,
    ) -> Iterator[Batch]:
        """Read rows."""
        ruled = _Ruled(table, columns, where)
        batches = self._real.read(
            ruled.table,
            ruled.reads,
            chunk=chunk,
            limit=limit,
            where=ruled.where,
            batch_bytes=batch_bytes,
            ordered=ordered,
        )
        return map(ruled.batch, batches)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], keys: Sequence[Row], *, where: str | None = None
    ) -> Batch:
        """Read rows by their key."""
        ruled = _Ruled(table, columns, where)
        return ruled.batch(self._real.rows_by_key(ruled.table, ruled.reads, keys, where=ruled.where))

    def rows_by(
        self,
        table: Table,
        columns: Sequence[str],
        by: Sequence[str],
        values: Sequence[Row],
        *,
        where: str | None = None,
    ) -> Batch:
        """Read rows by columns that are as at the source."""
        ruled = _Ruled(table, columns, where)
        ruled.require_same(by)
        return ruled.batch(self._real.rows_by(ruled.table, ruled.reads, by, values, where=ruled.where))

    def count_estimate(self, table: Table) -> int:
        """Return the server's guess, of all rows."""
        return self._real.count_estimate(_real(table))

    def key_range(self, table: Table) -> tuple[Row, Row] | None:
        """Return the least and the greatest row key of all rows."""
        return self._real.key_range(_real(table))

    def split_points(self, table: Table, chunk_rows: int, *, after: Row | None = None) -> Iterator[Row]:
        """Yield chunk ends."""
        return self._real.split_points(_real(table), chunk_rows, after=after)

    def close(self) -> None:
        """As the reader."""
        self._real.close()


def _real(table: Table) -> Table:
    return table.rule.real if isinstance(table, RuledTable) else table


class _Ruled:
    """What to read of the source for some columns of a table behind its rules."""

    def __init__(self, table: Table, columns: Sequence[str], where: str | None) -> None:
        self.table = _real(table)
        self._rule = table.rule if isinstance(table, RuledTable) else None
        self.reads: tuple[str, ...] = tuple(columns)
        self.where = where
        self.batch: Callable[[Batch], Batch] = _as_it_is
        if self._rule is None:
            return
        conditions = [condition for condition in (where, self._rule.where) if condition]
        self.where = "\n) AND (".join(conditions) or None
        if self._rule.shapes_columns:
            self.reads = self._rule.read_columns(columns)
            self.batch = self._rule.batch_of(columns, self.reads)

    def require_same(self, columns: Sequence[str]) -> None:
        """Refuse to look values up that the source does not hold: nobody may ask for such."""
        changed = set(self._rule.transforms) | {c.name.casefold() for c, _ in self._rule.added} if self._rule else set()
        if changed & {name.casefold() for name in columns}:
            raise FerrymanError("internal.error", f"rows of {self.table.name} were asked for by values of their rules")


def _as_it_is(batch: Batch) -> Batch:
    return batch


class RuledDecoder:
    """A decoder behind rules."""

    def __init__(self, real: LogDecoder, table_at: Callable[[TableName], Table | None], rules: Rules) -> None:
        """Stand before a decoder."""
        self._real = real
        self._table_at = table_at
        self._rules = rules
        self._images: dict[tuple[TableName, tuple[str, ...]], tuple[RuledTable, ImageRule]] = {}

    def decode(self, record: LogRecord) -> list[LogItem]:
        """Decode a record; what a filter holds back is not there."""
        items: list[LogItem] = []
        for item in self._real.decode(record):
            if isinstance(item, ChangeBatch) and (image := self._image(item)) is not None:
                items.extend(image.changes(item))
            else:
                items.append(item)
        return items

    def _image(self, change: ChangeBatch) -> ImageRule | None:
        table = self._table_at(change.table)
        ruled = self._rules.table(table) if table is not None else None
        if not isinstance(ruled, RuledTable):
            return None
        at = (change.table, change.columns)
        known = self._images.get(at)
        if known is None or known[0] is not ruled:
            known = self._images[at] = (ruled, ImageRule(ruled.rule, change.columns))
        return known[1]
