"""Where a message goes: topic, partition, key (oms-behaviour §8.12).

HASH keeps the changes of one key in order, also where a key changes: such an update goes as a delete of the old key and
an insert of the new one, each to the partition of its own key, so that whoever reads a key's partition sees all of its
life in commit order. A table without a key is a bag: the whole row stands for the key.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.foundation.remembered import Remembered
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.project import PartitionRule, PublishOptions
from ferryman.model.schema import Column, Table
from ferryman.serializers.contract import ColumnarFormat, KeySerializer, Serializer, TransactionSerializer
from ferryman.serializers.identity import border_text, place_text, places_in
from ferryman.serializers.values import Family, Objects
from ferryman.spi.publishing import topic_of
from ferryman.spi.sink import Messages, Origin, RowEvent, RowImages, StatementEvent


@dataclass(frozen=True, slots=True)
class _Key:
    """How a table's messages are keyed: `places` of the columns in the images; `named`: whether a message has a key."""

    places: tuple[int, ...]
    columns: tuple[Column, ...]
    named: bool


class Router:
    """Turns events into messages with their places."""

    def __init__(
        self, options: PublishOptions, serializer: Serializer, partitions: Mapping[str, int], *, named: bool = False
    ) -> None:
        """Make a router.

        Args:
            options: Topic, rule and key columns.
            serializer: Makes the messages.
            partitions: Topic → partitions to use; fixed for the project's life, so that a key never moves.
            named: Whether messages carry what names their change for good.
        """
        self._options = options
        self._serializer = serializer
        self._partitions = dict(partitions)
        self._named = named
        self._keys = Objects(Family.PLAIN)
        self._key = Remembered(self._new_key)
        self._own_keys = serializer if isinstance(serializer, KeySerializer) else None
        self._columnar = isinstance(serializer, ColumnarFormat)
        self._last = 0
        _refuse_unknown_partition(options, partitions)

    def with_partitions(self, partitions: Mapping[str, int]) -> Router:
        """Return a router that knows more topics and goes on counting."""
        router = Router(self._options, self._serializer, partitions, named=self._named)
        router._last = self._last
        return router

    @property
    def partitions(self) -> Mapping[str, int]:
        """Topics and their partitions."""
        return self._partitions

    def rows(self, event: RowEvent) -> Messages:
        """Return the messages of rows, in order."""
        key = self._key.of(event.name, event.table, event.columns)
        if self._columnar:
            return self._columns(event, key)
        if event.operation is Operation.UPDATE and self._options.rule is PartitionRule.HASH:
            moved = _moved_rows(event, key.places)
            if moved:
                return self._split(event, key, moved)
        return self._plain(self._numbered(event), key)

    def _columns(self, event: RowEvent, key: _Key) -> Messages:
        """Return rows as they are. Whatever the rule: a row that loses its key must be told from one that keeps it."""
        moved = _moved_rows(event, key.places) if event.operation is Operation.UPDATE else []
        topic = topic_of(self._options, event.name)
        self._count(topic)
        return Messages(topic=topic, partitions=(), keys=(), values=(), rows=RowImages(event=event, moved=moved))

    def statement(self, event: StatementEvent) -> list[Messages]:
        """Return a schema statement's messages: one for each partition that holds changes of the table."""
        value = self._serializer.statement(event)
        if value is None:
            return []
        topic = topic_of(self._options, event.name)
        return [self._everywhere(topic, event.name, value, place_text(event.origin))]

    def heartbeats(self, origin: Origin) -> list[Messages]:
        """Return a heartbeat for each partition of each topic."""
        value = self._serializer.heartbeat(origin)
        if value is None:
            return []
        return [self._everywhere(topic, None, value) for topic in self._partitions]

    def border(self, topic: str, partitions: Sequence[int], origin: Origin, *, begins: bool) -> Messages:
        """Return the record of a transaction's begin or end, for these partitions of a topic."""
        assert isinstance(self._serializer, TransactionSerializer)
        value = self._serializer.border(origin, begins=begins)
        return self._same(topic, partitions, value, border_text(origin, begins=begins))

    def next_sequence(self, seconds: float, count: int = 1) -> int:
        """Return the first of `count` growing numbers: the second, then a counter of five digits."""
        first = max(int(seconds) * 100_000, self._last + 1)
        self._last = first + count - 1
        return first

    # Places ---------------------------------------------------------------------------------------------------------

    def _count(self, topic: str) -> int:
        try:
            return self._partitions[topic]
        except KeyError:
            raise FerrymanError("sink.topic_missing", f"there is no topic {topic!r}") from None

    def _places(self, topic: str, name: TableName) -> list[int] | None:
        """Return the partitions that hold changes of a table; `None` when its key decides."""
        count = self._count(topic)
        if self._options.rule is PartitionRule.ONE:
            return [self._options.partition]
        if self._options.rule is PartitionRule.TABLE:
            return [zlib.crc32(str(name).encode()) % count]
        return [0] if count == 1 else None

    def _everywhere(self, topic: str, name: TableName | None, value: bytes, change: str | None = None) -> Messages:
        places = self._places(topic, name) if name is not None else None
        return self._same(topic, places or list(range(self._count(topic))), value, change)

    def _same(self, topic: str, places: Sequence[int], value: bytes, change: str | None) -> Messages:
        count = len(places)
        names = [change] * count if self._named else ()
        return Messages(topic=topic, partitions=places, keys=[None] * count, values=[value] * count, names=names)

    def _new_key(self, name: TableName, table: Table, columns: tuple[Column, ...]) -> _Key:
        places, named = self._chosen(name, columns), True
        if not places:
            places = tuple(places_in(table, columns))
        if not places:
            places, named = tuple(range(len(columns))), False
        return _Key(places, tuple(columns[place] for place in places), named)

    def _chosen(self, name: TableName, columns: tuple[Column, ...]) -> tuple[int, ...]:
        """Return the places of the columns that the project spreads a table by; empty where it names none."""
        chosen = self._options.key_columns.get(str(name)) or ()
        places = {column.name.casefold(): place for place, column in enumerate(columns)}
        missing = [column for column in chosen if column.casefold() not in places]
        if missing:
            raise UsageError("sink.key_column_missing", f"{name} has no column {missing[0]!r} to spread by")
        return tuple(places[column.casefold()] for column in chosen)

    def _numbered(self, event: RowEvent) -> RowEvent:
        if event.origin.position is None:
            return event
        first = self.next_sequence(event.origin.seconds, event.row_count)
        return replace(event, sequences=range(first, first + event.row_count))

    def _plain(self, event: RowEvent, key: _Key) -> Messages:
        image = event.after if event.after is not None else event.before
        assert image is not None
        topic, count = topic_of(self._options, event.name), event.row_count
        keys = self._keys.objects(key.columns, image.project(key.places), count)
        fixed = self._places(topic, event.name)
        parts = self._count(topic)
        partitions = fixed * count if fixed is not None else [zlib.crc32(value) % parts for value in keys]
        return Messages(
            topic=topic,
            partitions=partitions,
            keys=self._named_keys(event, key, keys),
            values=self._serializer.rows(event),
            names=self._names(event),
        )

    def _named_keys(self, event: RowEvent, key: _Key, keys: list[bytes]) -> Sequence[bytes | None]:
        if not key.named:
            return [None] * event.row_count
        return self._own_keys.keys(event, key.places) if self._own_keys is not None else keys

    def _names(self, event: RowEvent) -> list[str]:
        place = place_text(event.origin) if self._named else None
        return [f"{place}:{ordinal}" for ordinal in event.ordinals or range(event.row_count)] if place else []

    # Rows whose key changes ------------------------------------------------------------------------------------------

    def _split(self, event: RowEvent, key: _Key, moved: Sequence[int]) -> Messages:
        """Replace each update of a key by a delete and an insert, at its place."""
        gone = set(moved)
        kept = [row for row in range(event.row_count) if row not in gone]
        numbers = self._numbers(event, gone)
        made = [
            self._plain(_rows_of(event, Operation.DELETE, moved, [numbers[row] for row in moved]), key),
            self._plain(_rows_of(event, Operation.INSERT, moved, [numbers[row] + 1 for row in moved]), key),
        ]
        if kept:
            made.append(self._plain(_rows_of(event, Operation.UPDATE, kept, [numbers[row] for row in kept]), key))
        places = {row: [(0, n), (1, n)] for n, row in enumerate(moved)} | {row: [(2, n)] for n, row in enumerate(kept)}
        order = [place for row in range(event.row_count) for place in places[row]]
        return Messages(
            topic=made[0].topic,
            partitions=[made[part].partitions[n] for part, n in order],
            keys=[made[part].keys[n] for part, n in order],
            values=[made[part].values[n] for part, n in order],
            names=[made[part].names[n] for part, n in order] if self._named else (),
        )

    def _numbers(self, event: RowEvent, gone: set[int]) -> list[int]:
        first = self.next_sequence(event.origin.seconds, event.row_count + len(gone))
        numbers = []
        for row in range(event.row_count):
            numbers.append(first)
            first += 2 if row in gone else 1
        return numbers


def _moved_rows(event: RowEvent, places: Sequence[int]) -> list[int]:
    """Return the rows of an update whose key changes."""
    before, after = event.before, event.after
    assert before is not None
    assert after is not None
    moved: set[int] = set()
    for place in places:
        old, new = before.columns[place], after.columns[place]
        if old.data == new.data and old.offsets == new.offsets and old.nulls == new.nulls:
            continue
        pairs = zip(old.values(), new.values(), strict=True)
        moved.update(row for row, (was, now) in enumerate(pairs) if was != now)
    return sorted(moved)


def _rows_of(event: RowEvent, operation: Operation, rows: Sequence[int], numbers: Sequence[int]) -> RowEvent:
    ordinals = event.ordinals or range(event.row_count)
    return replace(
        event,
        operation=operation,
        before=None if operation is Operation.INSERT else taken(event.before, rows),
        after=None if operation is Operation.DELETE else taken(event.after, rows),
        ordinals=[ordinals[row] for row in rows],
        sequences=numbers,
    )


def taken(batch: Batch | None, rows: Sequence[int]) -> Batch | None:
    """Return a batch of these rows."""
    if batch is None or len(rows) == batch.row_count:
        return batch
    columns = []
    for column in batch.columns:
        values = column.values()
        columns.append(ColumnData.of([values[row] for row in rows]))
    return Batch(len(rows), tuple(columns))


def _refuse_unknown_partition(options: PublishOptions, partitions: Mapping[str, int]) -> None:
    if options.rule is not PartitionRule.ONE:
        return
    for topic, count in partitions.items():
        if not 0 <= options.partition < count:
            raise UsageError(
                "sink.partition_unknown",
                f"topic {topic} has partitions 0 to {count - 1}, there is no partition {options.partition}",
            )
