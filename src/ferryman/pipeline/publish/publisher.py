"""Publishes one log: windows become messages in commit order, and the checkpoint commits with (or behind) them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.changes import ChangeBatch, SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import PublishOptions
from ferryman.model.schema import Column, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.apply.statement import Outcome, Statements
from ferryman.pipeline.apply.window import Part, Placed
from ferryman.pipeline.publish.borders import Borders
from ferryman.pipeline.publish.checkpoints import Checkpoints
from ferryman.pipeline.publish.routing import Router
from ferryman.pipeline.publish.statements import verb_of
from ferryman.spi.publishing import topic_of
from ferryman.spi.sink import GatheringWriter, Messages, Origin, RowEvent, StatementEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a publisher works with.

    Attributes:
        database_type: The source in OMS's words.
        admit: Returns topics and partitions with that of a table that has come.
        keyless_from: Where the changes of each loaded table without a key begin.
        consistent_from: Returns the load's end; `None` while it is not known.
        clock: Unix seconds.
        behind_rules: Returns a table of the source as it looks behind the project's rules.
    """

    options: PublishOptions
    selection: Selection
    database_type: str
    checkpoints: Checkpoints
    router: Router
    admit: Callable[[TableName], Mapping[str, int]]
    statements: Statements
    keyless_from: dict[TableName, Position]
    consistent_from: Callable[[], Position | None]
    clock: Callable[[], float]
    behind_rules: Callable[[Table], Table] = lambda table: table


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a row image becomes a message: which of its columns, what they are, and the published table's name."""

    name: TableName
    table: Table
    columns: tuple[Column, ...]
    places: tuple[int, ...]


class Publisher:
    """Publishes one log.

    Attributes:
        checkpoint: As it is marked.
        idle_since: Returns when the source was last known to be alive with nothing unpublished, Unix seconds; `None`
            while something waits.
    """

    def __init__(self, around: Surroundings, checkpoint: Checkpoint) -> None:
        """Begin at a checkpoint."""
        self._around = around
        self._router = around.router
        self._borders = Borders(around.checkpoints.begun) if around.options.transactions else None
        self._shapes: dict[tuple[TableName, tuple[str, ...]], _Shape] = {}
        self._last_message = around.clock()
        self.idle_since: Callable[[], float | None] = lambda: None
        self.checkpoint = checkpoint

    def table_at(self, name: TableName) -> Table | None:
        """Return a source table as it is at the place the log is being decoded at (I9)."""
        return self.checkpoint.schema.table(name)

    def concerns(self, statement: SchemaStatement) -> bool:
        """Whether a schema statement matters to what is published."""
        return self._around.statements.concerns(self.checkpoint.schema, statement)

    @property
    def fence(self) -> Position | None:
        """From where on what a consumer rebuilds is consistent: the load's end."""
        return self._around.consistent_from()

    @property
    def consistent(self) -> bool:
        """Whether the checkpoint has passed the load's end."""
        fence = self.fence
        return fence is not None and self.checkpoint.position >= fence

    def settle(self) -> int:
        """Nothing is read again (the precheck refuses cascades, which no log shows); do what is due by the clock."""
        if isinstance(writer := self._around.checkpoints.writer, GatheringWriter):
            writer.show(everything=False)
        wanted, now = self._around.options.heartbeat_seconds, self._around.clock()
        if wanted and now - self._last_message >= wanted and (seen := self.idle_since()) is not None:
            self._send_heartbeat(replace(self.checkpoint.position, time=seen))
            self._last_message = now
        return 0

    def _send_heartbeat(self, position: Position) -> None:
        origin = self._origin(position, self._router.next_sequence(position.time))
        with self._committing(self.checkpoint) as publish:
            for messages in self._router.heartbeats(origin):
                publish(messages)

    # Rows -------------------------------------------------------------------------------------------------------------

    def prepare(self, part: Part) -> None:
        """Nothing is done before it is its turn."""

    def apply(self, part: Part, prepared: None = None) -> None:
        """Publish a part of the log and mark the checkpoint."""
        del prepared
        after = replace(self.checkpoint, position=part.end) if part.whole else self.checkpoint
        with self._committing(after, None if part.whole else part.end) as publish:
            for messages in self._messages(part):
                publish(messages)
        self._last_message = self._around.clock()

    def _messages(self, part: Part) -> Iterator[Messages]:
        ordinals, start = _Ordinals(), 0
        for border in part.borders:
            yield from self._stretch(part.changes[start : border.changes], ordinals)
            yield from self._ended(border.position, border.transaction)
            start = border.changes
        yield from self._stretch(part.changes[start:], ordinals)

    def _stretch(self, changes: Sequence[Placed], ordinals: _Ordinals) -> Iterator[Messages]:
        """Yield the messages of one transaction, or of a part of it."""
        for placed in changes:
            first = ordinals.take(placed)
            if not self._is_loaded(placed):
                yield from self._changed(placed, first)

    def _changed(self, placed: Placed, first: int) -> Iterator[Messages]:
        """Yield the messages of a change, and in front of them that its transaction begins."""
        if self._borders is None:
            yield self._router.rows(self._event(placed, first))
            return
        begin = self._origin(placed.position, self._router.next_sequence(placed.position.time), placed.transaction)
        yield from self._borders.around(self._router, self._router.rows(self._event(placed, first)), begin)

    def _ended(self, position: Position, transaction: str) -> Iterator[Messages]:
        if self._borders is not None:
            yield from self._borders.end(self._router, self._origin(position, transaction=transaction))

    def _is_loaded(self, placed: Placed) -> bool:
        """Whether a change of a table without a key is in the rows loaded already (algorithms.md §4)."""
        start = self._around.keyless_from.get(placed.change.table)
        return start is not None and placed.position <= start

    def _event(self, placed: Placed, first: int) -> RowEvent:
        change = placed.change
        shape = self._shape(change)
        return RowEvent(
            name=shape.name,
            table=shape.table,
            operation=change.operation,
            columns=shape.columns,
            before=_known(change, shape),
            after=_projected(change.after, shape),
            origin=self._origin(placed.position, transaction=placed.transaction),
            ordinals=range(first, first + change.row_count),
        )

    def _shape(self, change: ChangeBatch) -> _Shape:
        at = (change.table, change.columns)
        if at not in self._shapes:
            self._shapes[at] = self._new_shape(change)
        return self._shapes[at]

    def _new_shape(self, change: ChangeBatch) -> _Shape:
        table = self.checkpoint.schema.table(change.table)
        if table is None:
            raise FerrymanError(
                "log.schema_mismatch",
                f"the log has changes of {change.table}, which the schema at that position does not have",
                context={"table": str(change.table)},
            )
        table = self._around.behind_rules(table)
        places = {name.casefold(): place for place, name in enumerate(change.columns)}
        columns = [column for column in table.written_columns if column.name.casefold() in places]
        kept = tuple(places[column.name.casefold()] for column in columns)
        return _Shape(self._around.selection.target_name(change.table), table, tuple(columns), kept)

    def _origin(self, position: Position, sequence: int = 0, transaction: str = "") -> Origin:
        return Origin(
            position=position,
            seconds=position.time,
            database_type=self._around.database_type,
            sequence=sequence,
            transaction=transaction,
        )

    # Schema statements ------------------------------------------------------------------------------------------------

    def run(self, statement: SchemaStatement) -> Outcome:
        """Publish a schema statement in the topics of the tables it touches; from here on the schema is the one after it."""
        before = self.checkpoint
        outcome = self._around.statements.outcome(before.schema, statement)
        skipped = (*before.skipped, str(statement.position)) if outcome.by_hand else before.skipped
        after = replace(before, position=statement.position, schema=outcome.schema, skipped=skipped)
        touched = self._touched(outcome)
        self._admit(touched, outcome)
        with self._committing(after) as publish:
            for messages in self._ended(statement.position, ""):  # it stands amid a transaction, as PostgreSQL's may
                publish(messages)
            for event in self._statement_events(statement, outcome, touched):
                for messages in self._router.statement(event):
                    publish(messages)
        self._shapes.clear()
        self._last_message = self._around.clock()
        return replace(outcome, statements=(statement.sql,)) if touched else outcome

    def _touched(self, outcome: Outcome) -> list[TableName]:
        return [name for name in dict.fromkeys(outcome.touched) if self._around.selection.includes(name)]

    def _admit(self, touched: list[TableName], outcome: Outcome) -> None:
        """See to the topics of tables that are new."""
        partitions: Mapping[str, int] = self._router.partitions
        for name in touched:
            published = self._around.selection.target_name(name)
            if outcome.schema.table(name) is not None and topic_of(self._around.options, published) not in partitions:
                partitions = self._around.admit(published)
        if partitions is not self._router.partitions:
            self._router = self._router.with_partitions(partitions)

    def _statement_events(
        self, statement: SchemaStatement, outcome: Outcome, touched: list[TableName]
    ) -> Iterator[StatementEvent]:
        topics: set[str] = set()
        for name in touched:
            published = self._around.selection.target_name(name)
            topic = topic_of(self._around.options, published)
            if topic in topics or topic not in self._router.partitions:
                continue
            topics.add(topic)
            yield StatementEvent(
                name=published,
                verb=verb_of(statement.sql),
                sql=statement.sql,
                table=outcome.schema.table(name),
                origin=self._origin(statement.position, self._router.next_sequence(statement.position.time)),
            )

    # Idle -------------------------------------------------------------------------------------------------------------

    def move_to(self, border: Position) -> None:
        """Move the checkpoint over a stretch of the log that holds nothing for us."""
        if border > self.checkpoint.position:
            with self._committing(replace(self.checkpoint, position=border)):
                pass

    @property
    def begun(self) -> Iterable[tuple[str, int]]:
        """Topics and partitions in which the transaction behind the checkpoint has begun."""
        return self._borders.begun if self._borders is not None else ()

    def _committing(self, after: Checkpoint, applied: Position | None = None) -> _Committing:
        return _Committing(self, self._around.checkpoints, after, applied)


class _Committing:
    """One commit: begin, publish, commit with the checkpoint; given up as a whole when anything fails."""

    def __init__(
        self, publisher: Publisher, checkpoints: Checkpoints, after: Checkpoint, applied: Position | None
    ) -> None:
        self._publisher, self._checkpoints = publisher, checkpoints
        self._after, self._applied = after, applied

    def __enter__(self) -> Callable[[Messages], None]:
        self._checkpoints.writer.begin()
        return self._checkpoints.writer.publish

    def __exit__(self, kind: object, *_rest: object) -> None:
        try:
            if kind is None:
                self._checkpoints.commit(self._after, self._applied, self._publisher.begun)
                self._publisher.checkpoint = self._after
                return
        except BaseException:
            self._checkpoints.writer.rollback()
            raise
        self._checkpoints.writer.rollback()


class _Ordinals:
    """Numbers the rows of each record of the log: one record may hold several batches."""

    def __init__(self) -> None:
        self._position: Position | None = None
        self._next = 0

    def take(self, placed: Placed) -> int:
        """Return the first number of a change's rows."""
        if placed.position != self._position:
            self._position, self._next = placed.position, 0
        first = self._next
        self._next += placed.change.row_count
        return first


def _known(change: ChangeBatch, shape: _Shape) -> Batch | None:
    """Return the old image; where the log holds no more of it than the key, the rest is NULL."""
    before = _projected(change.before, shape)
    if before is None or not change.partial or shape.table.row_key is None:
        return before
    key = set(shape.table.row_key.columns)
    nothing = ColumnData.of([None] * before.row_count)
    parts = zip(before.columns, shape.columns, strict=True)
    return Batch(before.row_count, tuple(data if column.name in key else nothing for data, column in parts))


def _projected(batch: Batch | None, shape: _Shape) -> Batch | None:
    if batch is None or shape.places == tuple(range(len(batch.columns))):
        return batch
    return batch.project(shape.places)
