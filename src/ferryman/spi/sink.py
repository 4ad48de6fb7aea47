"""What a sink offers: a place that takes messages instead of rows (a message queue, files), and keeps *marks* with them.

The pipeline makes the messages (`ferryman.formats`) and chooses topic, partition and key; a sink only makes them durable,
in order. A mark is a small named JSON document of a project (its checkpoint, a finished chunk). Where a sink keeps marks
it commits them after the messages they cover, or together with them:

- *exactly once* (`Sink.exactly_once`): messages and marks of one `commit` become visible together or not at all;
- *at least once*: marks follow the messages, so that after a kill at most what lay between two commits comes again.

Nothing is ever marked that is not durable (I1), whichever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ferryman.model.batch import Batch
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where changes come from.

    Attributes:
        position: The place behind their record of the log; `None` for rows read by the load.
        seconds: When they were committed, Unix seconds; 0 for rows read by the load.
        database_type: The source in OMS's words: ``MYSQL``, ``OB_MYSQL``.
        sequence: A number that grows from message to message while the task runs.
        transaction: What the source calls the transaction.
    """

    position: Position | None
    seconds: float
    database_type: str
    sequence: int = 0
    transaction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEvent:
    """Rows of one table with one operation, as a format turns them into messages, one a row.

    Attributes:
        name: The table's name as it is published (after ``--map``).
        table: The source's table, as it was at the position.
        columns: The columns of both images, in their order.
        before: `None` for INSERT.
        after: `None` for DELETE.
        ordinals: Each row's place within its record of the log: position and ordinal name a change for good, so that
            a consumer can tell a repetition. A row whose key changes may be two messages of one ordinal.
        sequences: As `Origin.sequence`, one a row.
    """

    name: TableName
    table: Table
    operation: Operation
    columns: tuple[Column, ...]
    before: Batch | None
    after: Batch | None
    origin: Origin
    ordinals: Sequence[int] = ()
    sequences: Sequence[int] = ()

    @property
    def row_count(self) -> int:
        """Messages to be made."""
        image = self.after if self.after is not None else self.before
        return image.row_count if image is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEvent:
    """A schema statement.

    Attributes:
        name: The table it concerns, as published; of several the first.
        verb: ``CREATE``, ``ALTER``, ``DROP``, ``TRUNCATE``, ``RENAME``, ``CREATE_INDEX``, ``DROP_INDEX``.
        sql: Its text as the source logged it.
        table: The table behind the statement; `None` when it is gone.
    """

    name: TableName
    verb: str
    sql: str
    table: Table | None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class RowImages:
    """Rows for a sink that keeps columns; `moved` are those of an update whose key changes."""

    event: RowEvent
    moved: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Messages for one topic, in order; equal lengths.

    Attributes:
        partitions: Where each goes; a sink without partitions ignores it.
        keys: What names the row; messages of one key stay in order. `None` where nothing does.
        values: The messages; `None` is a tombstone (the key is gone).
        names: What names each change for good, for sinks that are not exactly once: they keep it beside the message.
        rows: The rows themselves instead, where the format is one of columns.
    """

    topic: str
    partitions: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    names: Sequence[str | None] = ()
    rows: RowImages | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """A topic to be made: partitions, copies, and the queue's own options."""

    name: str
    partitions: int
    replication: int
    options: Mapping[str, str]


class SinkWriter(Protocol):
    """One stream of messages of one task; one thread.

    Raises (any method): ``lease.lost`` as `LeaseLostError` (another holder has taken over, I7), ``sink.too_large`` (a
    message is larger than the queue takes: refused, never dropped), ``sink.refused``, ``endpoint.connection_lost``
    (nothing since `begin` counts: roll back and begin again).
    """

    def begin(self) -> None:
        """Begin what one `commit` makes durable."""
        ...

    def publish(self, messages: Messages) -> None:
        """Hand messages over; they may still be under way when this returns."""
        ...

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Return when all messages since `begin`, and behind them the marks, are durable; a mark of `None` goes."""
        ...

    def rollback(self) -> None:
        """Give up what was published since `begin`, as far as the sink can; never raises."""
        ...

    def close(self) -> None:
        """Release what is held; never raises."""
        ...


@runtime_checkable
class GatheringWriter(Protocol):
    """A writer that gathers what is committed, and shows it to readers later."""

    def show(self, *, everything: bool) -> None:
        """Show what has waited long enough, or everything."""
        ...


class Sink(Protocol):
    """A place for messages. Thread-safe but for its writers.

    Attributes:
        exactly_once: Whether messages and marks commit together.
        keeps_marks: Whether marks are kept here; else the pipeline keeps them in its notes.
    """

    exactly_once: bool
    keeps_marks: bool

    def check(self) -> None:
        """Connect and log in; raises ``endpoint.unreachable`` or ``endpoint.access_denied``."""
        ...

    def prepare(self) -> None:
        """Make the place for the marks where it is missing."""
        ...

    def topics(self, names: Iterable[str]) -> dict[str, int]:
        """Return those of the topics that exist, with their number of partitions."""
        ...

    def make_topic(self, plan: TopicPlan) -> None:
        """Make a topic; one that exists is no error. Raises ``sink.topic_refused``."""
        ...

    def writer(self, task: str, epoch: int, lane: int) -> SinkWriter:
        """Become the one who writes on this lane of a task: whoever did before can commit no more (I7).

        Args:
            task: ``<project id>/load``, ``<project id>/apply``.
            epoch: Raised by each new holder.
            lane: Each lane is a stream of its own.
        """
        ...

    def latest(self, topics: Iterable[str]) -> dict[tuple[str, int], str]:
        """Return the name of the last message of each topic and partition that has one, as `Messages.names`.

        A task that goes on knows by it which messages it repeats. Nothing where a sink is exactly once.
        """
        ...

    def marks(self, project: str) -> dict[str, Any]:
        """Return the marks of a project, as committed."""
        ...

    def forget(self, project: str) -> None:
        """Remove a project's marks (release, ``--fresh``); messages stay."""
        ...

    def close(self) -> None:
        """Release what is held; never raises."""
        ...
