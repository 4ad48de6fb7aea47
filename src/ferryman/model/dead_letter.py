"""Dead letters: changes that the target refused and a policy set aside; kept in the target, in its `_ferryman` schema."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from ferryman.model.batch import Row, Value
from ferryman.model.changes import Operation
from ferryman.model.names import TableName

VERSION = 1


class LetterState(enum.Enum):
    """What has become of a dead letter."""

    OPEN = "open"
    """The target lacks the change."""
    SUPERSEDED = "superseded"
    """A later change of the same row is at the target, or in a letter of its own."""
    APPLIED = "applied"
    """Applied after all, when an operator asked for it."""
    SKIPPED = "skipped"
    """An operator has given it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One change of one row.

    Attributes:
        number: Counts from 1 within a project, in log order.
        position: Behind which record of the source's log the change lies, as text.
        source: The source's table.
        target: The target's.
        operation: What the change is; of a table with a key, the net effect within one window.
        reason: The code of the error that refused it.
        message: That error's message; without row values.
        key_columns: Target names of the row key; empty for a table without one.
        key: Its values.
        columns: Target names of the columns of `before` and `after`.
        before: The row as it was (tables without a key only).
        after: The row as it is to be; `None` for a delete.
        decision: Of the operator's last decision that was carried out: its id.
    """

    number: int
    state: LetterState = LetterState.OPEN
    position: str
    source: TableName
    target: TableName
    operation: Operation
    reason: str
    message: str
    key_columns: tuple[str, ...] = ()
    key: Row = field(default=(), repr=False)
    columns: tuple[str, ...] = ()
    before: Row | None = field(default=None, repr=False)
    after: Row | None = field(default=None, repr=False)
    decision: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return the change itself: text as text, bytes that are none as ``{"hex": …}``, NULL as null."""
        return {
            "version": VERSION,
            "source": [self.source.database, self.source.table],
            "target": [self.target.database, self.target.table],
            "key_columns": list(self.key_columns),
            "key": _shown(self.key),
            "columns": list(self.columns),
            "before": _shown(self.before),
            "after": _shown(self.after),
        }

    @classmethod
    def of(cls, document: dict[str, Any], **rest: Any) -> DeadLetter:
        """Make a letter of its document and the members beside it."""
        return cls(
            source=TableName(*document["source"]),
            target=TableName(*document["target"]),
            key_columns=tuple(document["key_columns"]),
            key=_row(document["key"]) or (),
            columns=tuple(document["columns"]),
            before=_row(document["before"]),
            after=_row(document["after"]),
            **rest,
        )


def _shown(row: Row | None) -> list[Any] | None:
    return None if row is None else [_text(value) for value in row]


def _text(value: Value) -> Any:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}
    return text if "\0" not in text else {"hex": value.hex()}


def _row(shown: list[Any] | None) -> Row | None:
    return None if shown is None else tuple(_value(each) for each in shown)


def _value(shown: Any) -> Value:
    if isinstance(shown, dict):
        return bytes.fromhex(shown["hex"])
    return None if shown is None else str(shown).encode()
