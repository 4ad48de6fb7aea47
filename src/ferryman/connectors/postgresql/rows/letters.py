"""Dead letters in the target's `_ferryman` schema (`ferryman.model.dead_letter`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.errors import MISSING
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Operation
from ferryman.model.dead_letter import DeadLetter, LetterState

_MEMBERS = "number, state, place, operation, reason, message, document, decision"


def save(connection: Connection, project: str, letter: DeadLetter) -> None:
    """Write a letter within the open transaction; one of the same number gets its state, reason and decision."""
    document = json.dumps(letter.to_document(), ensure_ascii=False, separators=(",", ":"))
    connection.execute(
        f"INSERT INTO _ferryman.dead_letter (project, {_MEMBERS}, source_table, target_table, written_at, changed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(), clock_timestamp())"
        " ON CONFLICT (project, number) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
        " message = excluded.message, decision = excluded.decision, changed_at = excluded.changed_at",
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


def settle(connection: Connection, project: str, numbers: Sequence[int], state: LetterState) -> None:
    """Change the state of letters within the open transaction."""
    for first in range(0, len(numbers), 1000):
        some = numbers[first : first + 1000]
        listed = ", ".join(["%s"] * len(some))
        connection.execute(
            f"UPDATE _ferryman.dead_letter SET state=%s, changed_at=clock_timestamp() WHERE project=%s AND number IN ({listed})",
            (state.value, project, *some),
        )


def read(connection: Connection, project: str, *, after: int, limit: int, open_only: bool) -> list[DeadLetter]:
    """Read letters behind a number, in order; none where there is no `_ferryman` schema."""
    only = f" AND state='{LetterState.OPEN.value}'" if open_only else ""
    rows = _query_or_nothing(
        connection,
        f"SELECT {_MEMBERS} FROM _ferryman.dead_letter WHERE project=%s AND number>%s{only} ORDER BY number LIMIT {int(limit)}",
        (project, after),
    )
    return [_letter(row) for row in rows]


def last(connection: Connection, project: str) -> int:
    """Return the greatest number; 0 without letters."""
    sql = "SELECT COALESCE(MAX(number), 0) FROM _ferryman.dead_letter WHERE project=%s"
    rows = _query_or_nothing(connection, sql, (project,))
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


def _query_or_nothing(connection: Connection, sql: str, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    try:
        return connection.query(sql, args)
    except FerrymanError as error:
        if error.context.get("sqlstate") in MISSING:
            return []
        raise
