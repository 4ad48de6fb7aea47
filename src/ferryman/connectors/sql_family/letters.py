"""Dead letters in the target's `_ferryman` schema (`ferryman.model.dead_letter`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ferryman.connectors.sql_family.words import Connection, Words
from ferryman.model.changes import Operation
from ferryman.model.dead_letter import DeadLetter, LetterState

_MEMBERS = "number, state, place, operation, reason, message, document, decision"
_CHANGING = ("state", "reason", "message", "decision", "changed_at")


def save(connection: Connection, words: Words, project: str, letter: DeadLetter) -> None:
    """Write a letter within the open transaction; one of the same number gets its state, reason and decision."""
    document = json.dumps(letter.to_document(), ensure_ascii=False, separators=(",", ":"))
    connection.execute(
        f"INSERT INTO {words.table('dead_letter')}"
        f" (project, {_MEMBERS}, source_table, target_table, written_at, changed_at)"
        f" VALUES ({'%s, ' * 11}{words.now}, {words.now})"
        + words.upsert(("project", "number"), dict.fromkeys(_CHANGING)),
        (
            project,
            letter.number,
            letter.state.value,
            letter.position,
            letter.operation.value,
            letter.reason,
            letter.message,
            document,
            letter.decision,
            str(letter.source),
            str(letter.target),
        ),
    )


def settle(connection: Connection, words: Words, project: str, numbers: Sequence[int], state: LetterState) -> None:
    """Change the state of letters within the open transaction."""
    for first in range(0, len(numbers), 1000):
        some = numbers[first : first + 1000]
        listed = ", ".join(["%s"] * len(some))
        connection.execute(
            f"UPDATE {words.table('dead_letter')} SET state=%s, changed_at={words.now}"
            f" WHERE project=%s AND number IN ({listed})",
            (state.value, project, *some),
        )


def read(
    connection: Connection, words: Words, project: str, *, after: int, limit: int, open_only: bool
) -> list[DeadLetter]:
    """Read letters behind a number, in order; none where there is no `_ferryman` schema."""
    only = f" AND state='{LetterState.OPEN.value}'" if open_only else ""
    rows = words.query_or_nothing(
        connection,
        f"SELECT {_MEMBERS} FROM {words.table('dead_letter')} WHERE project=%s AND number>%s{only}"
        f" ORDER BY number LIMIT {int(limit)}",
        (project, after),
    )
    return [_letter(row) for row in rows]


def last(connection: Connection, words: Words, project: str) -> int:
    """Return the greatest number; 0 without letters."""
    sql = f"SELECT COALESCE(MAX(number), 0) FROM {words.table('dead_letter')} WHERE project=%s"
    rows = words.query_or_nothing(connection, sql, (project,))
    return int(rows[0][0]) if rows else 0


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    number, state, place, operation, reason, message, document, decision = row
    return DeadLetter.of(
        json.loads(document),
        number=int(number),
        state=LetterState(state),
        position=place,
        operation=Operation(operation),
        reason=reason,
        message=message,
        decision=decision,
    )
