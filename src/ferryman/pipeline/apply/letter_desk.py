"""Carries out what operators decide about dead letters; the applier's lease makes it the only one that writes (I7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.changes import Operation
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.schema import Table
from ferryman.pipeline.apply.conflicts import CONFLICTS
from ferryman.pipeline.apply.letters import Letters
from ferryman.spi.target import TargetSession

DECISIONS_NOTE = "apply.letter_decisions"
LOOK_SECONDS = 1.0


class Replayed(Protocol):
    """What the desk needs of an applier."""

    letters: Letters

    def letter_table(self, letter: DeadLetter) -> Table | None:
        """Return the target's table of a letter as it is now; `None` when the source has none of that name."""
        ...

    def transaction(self) -> AbstractContextManager[TargetSession]:
        """Open a transaction of the coordinator."""
        ...


class LetterDesk:
    """Looks about once a second whether there is something to do."""

    def __init__(self, applier: Replayed, decisions: Callable[[], Sequence[dict[str, Any]] | None]) -> None:
        """Make a desk; `decisions` returns what control has noted: ``id``, ``number``, ``action`` (retry, skip)."""
        self._applier = applier
        self._decisions = decisions
        self._looked = 0.0
        self._done: set[str] = set()

    def work(self) -> None:
        """Carry out what has been decided since."""
        if not self._applier.letters.count or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for decision in self._decisions() or ():
            if decision["id"] not in self._done:
                self._carry_out(decision)
                self._done.add(decision["id"])

    def _carry_out(self, decision: dict[str, Any]) -> None:
        letter = self._applier.letters.get(int(decision["number"]))
        if letter is None or letter.decision == decision["id"]:
            return
        letter = replace(letter, decision=decision["id"])
        with self._applier.transaction() as session:
            if decision["action"] == "skip":
                letter = replace(letter, state=LetterState.SKIPPED)
            else:
                letter = self._retried(session, letter)
            self._applier.letters.rewrite(session, letter)

    def _retried(self, session: TargetSession, letter: DeadLetter) -> DeadLetter:
        """Try the change again; one that is refused stays open, with the new reason."""
        session.savepoint()
        try:
            self._write(session, letter)
        except FerrymanError as error:
            if error.code not in CONFLICTS:
                raise
            session.undo()
            return replace(letter, reason=error.code, message=error.message)
        return replace(letter, state=LetterState.APPLIED)

    def _write(self, session: TargetSession, letter: DeadLetter) -> None:
        table = self._applier.letter_table(letter)
        if table is None or not _has_columns(table, letter):
            raise _missing(letter, "its table, or a column of it, is no longer there under that name")
        if letter.key_columns:
            session.delete_keys(table, letter.key_columns, [letter.key])
        if letter.operation is Operation.INSERT or letter.key_columns:
            assert letter.after is not None
            session.insert(table, letter.columns, Batch.of([letter.after], len(letter.columns)))
            return
        assert letter.before is not None
        if letter.after is None:
            done = session.delete_row(table, letter.columns, letter.before)
        else:
            done = session.update_row(table, letter.columns, letter.before, letter.after)
        if not done:
            raise _missing(letter, f"{letter.target} has no row equal to the one before the change")


def _has_columns(table: Table, letter: DeadLetter) -> bool:
    names = {column.name for column in table.columns}
    return names >= {*letter.columns, *letter.key_columns}


def _missing(letter: DeadLetter, why: str) -> FerrymanError:
    return FerrymanError("apply.row_missing", f"{letter.operation.value} of a row of {letter.source}: {why}")
