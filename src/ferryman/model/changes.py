"""What a decoded log says: transactions as a stream of changes, schema statements and commits."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.position import Position

UNKNOWN_VALUE = b"\xff"
"""A value of an old image that is not in the log: it may be equal to any other. No text is these bytes."""


class Operation(enum.Enum):
    """What happened to a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """Changes of one kind to one table, in log order: row `i` of `before` became row `i` of `after`.

    Attributes:
        table: The source's name of the table.
        columns: Names of the columns of both batches, in the order of the log's row image.
        before: Rows as they were; `None` for INSERT. Full images, but where a source logs no more than its row key of
            a table with one: then the columns of other unique keys are `UNKNOWN_VALUE` and the rest is NULL.
        after: Rows as they are; `None` for DELETE.
        cascades: Whether the source's foreign keys were checked: then its ON DELETE / ON UPDATE actions took place and
            are *not* in the log (InnoDB cascades are never logged as row events).
        partial: Whether `before` holds no more than the row key, as above.
    """

    table: TableName
    operation: Operation
    columns: tuple[str, ...]
    before: Batch | None
    after: Batch | None
    cascades: bool = True
    partial: bool = False

    @property
    def row_count(self) -> int:
        """Changed rows."""
        image = self.after if self.after is not None else self.before
        return image.row_count if image is not None else 0

    @property
    def byte_size(self) -> int:
        """Bytes of all values of both images."""
        before, after = self.before, self.after
        return (before.byte_size if before is not None else 0) + (after.byte_size if after is not None else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A transaction begins; its changes follow, then one `Commit`."""

    position: Position
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The transaction begun last is committed; everything before `position` belongs to whole transactions."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStatement:
    """A DDL statement, a transaction of its own.

    Attributes:
        sql: Its text, UTF-8 as the source logged it.
        database: The default database of the session that ran it.
        position: The place behind it.
        marked: Ferryman ran it in two-way use: where changes go, it has been run before.
    """

    sql: str
    database: str
    position: Position
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The source is idle and alive: everything up to `position` has been seen at `position.time`."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Savepoint:
    """A place in the open transaction to which it may be rolled back; one of the same name before is forgotten."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The open transaction's changes never happened: all of them, or those behind a savepoint.

    Attributes:
        position: The place behind it.
        savepoint: Its name; `None`: the whole transaction, which ends here without a `Commit`.
    """

    position: Position
    savepoint: str | None = None


LogItem = Begin | ChangeBatch | Savepoint | Rollback | Commit | SchemaStatement | Pulse
"""What decoding the log yields, in log order."""
