"""The open dead letters of a project, as apply knows them: which rows of the target lack a change (ADR 0050)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.names import TableName
from ferryman.model.schema import Schema
from ferryman.pipeline.apply.compaction import TableChanges
from ferryman.pipeline.apply.shapes import Shape
from ferryman.pipeline.apply.statement import Outcome
from ferryman.spi.target import Target, TargetSession

MOST_OPEN = 100_000
"""With more of them something is wrong that no row by row policy mends."""
_PAGE = 1000


class Letters:
    """Written in the transaction of the window; counts once that is committed."""

    def __init__(self, target: Target, project: str) -> None:
        """Read which are open."""
        self._project = project
        self._target = target
        self._keyed: dict[TableName, dict[Row, int]] = {}
        self._keyless: dict[TableName, set[int]] = {}
        self._open: set[int] = set()
        self._last = target.last_letter(project)
        self._written: list[DeadLetter] = []
        self._settled: list[int] = []
        self._read()

    def _read(self) -> None:
        after = 0
        while page := self._target.dead_letters(self._project, after=after, limit=_PAGE, open_only=True):
            for letter in page:
                self._note(letter)
            after = page[-1].number

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def waits_for(self, table: TableName) -> bool:
        """Whether one of a source table's rows is open."""
        return bool(self._keyed.get(table) or self._keyless.get(table))

    def write(self, session: TargetSession, letter: DeadLetter) -> None:
        """Keep a new letter; `letter.number` is given here.

        Raises:
            FerrymanError: ``apply.too_many_letters``.
        """
        if len(self._open) + len(self._written) >= MOST_OPEN:
            raise FerrymanError(
                "apply.too_many_letters",
                f"{MOST_OPEN} changes wait in the dead letters already; the next one is of {letter.source}"
                f" at {letter.position}: {letter.message}",
                context={"table": str(letter.source), "position": letter.position, "reason": letter.reason},
            )
        letter = replace(letter, number=self._last + len(self._written) + 1)
        session.save_letter(self._project, letter)
        self._written.append(letter)

    def supersede(self, session: TargetSession, tables: Iterable[TableChanges]) -> None:
        """Settle the letters of rows that this window has brought to a later state."""
        numbers = [number for changes in tables for number in self._met(changes)]
        self.settle(session, numbers, LetterState.SUPERSEDED)

    def supersede_tables(self, session: TargetSession, names: Iterable[TableName]) -> None:
        """Settle all letters of tables that have been emptied or are gone."""
        numbers = [number for name in names for number in self._of_table(name)]
        self.settle(session, numbers, LetterState.SUPERSEDED)

    def _of_table(self, name: TableName) -> Iterable[int]:
        return [*self._keyed.get(name, {}).values(), *self._keyless.get(name, ())]

    def rewrite(self, session: TargetSession, letter: DeadLetter) -> None:
        """Write an open letter anew: another state, or another reason."""
        session.save_letter(self._project, letter)
        if letter.state is not LetterState.OPEN:
            self._settled.append(letter.number)

    def settle(self, session: TargetSession, numbers: list[int], state: LetterState) -> None:
        """Say what has become of letters."""
        if numbers:
            session.settle_letters(self._project, numbers, state)
            self._settled += numbers

    def _met(self, changes: TableChanges) -> list[int]:
        known = self._keyed.get(changes.shape.source.name)
        if not known:
            return []
        forms = {form_of(changes.shape, key): number for key, number in known.items()}
        return [forms[form] for key in changes.after if (form := form_of(changes.shape, key)) in forms]

    def get(self, number: int) -> DeadLetter | None:
        """Read a letter."""
        page = self._target.dead_letters(self._project, after=number - 1, limit=1, open_only=True)
        return page[0] if page and page[0].number == number else None

    def committed(self) -> None:
        """What was written in the transaction stands."""
        settled = set(self._settled)
        self._open -= settled
        if settled:
            self._forget(settled)
        for letter in self._written:
            self._note(letter)
        self._last += len(self._written)
        self.rolled_back()

    def _forget(self, settled: set[int]) -> None:
        for numbers in self._keyless.values():
            numbers.difference_update(settled)
        for known in self._keyed.values():
            for key in [key for key, number in known.items() if number in settled]:
                del known[key]

    def rolled_back(self) -> None:
        """What was written in the transaction is gone."""
        self._written, self._settled = [], []

    def _note(self, letter: DeadLetter) -> None:
        self._open.add(letter.number)
        if letter.key_columns:
            self._keyed.setdefault(letter.source, {})[letter.key] = letter.number
        else:
            self._keyless.setdefault(letter.source, set()).add(letter.number)


def emptied(before: Schema, outcome: Outcome, sql: str) -> list[TableName]:
    """Return the tables of which a schema statement has left no row: what waits for their rows is void."""
    moved = {old for old, _ in outcome.renamed}
    gone = [name for name in outcome.touched if outcome.schema.table(name) is None and name not in moved]
    if "truncate" not in sql.casefold():
        return gone
    return gone + [name for name in outcome.touched if before.table(name) == outcome.schema.table(name)]


def form_of(_shape: Shape, key: Row) -> Row:
    """Return by what a row is known: its key's bytes. A fold would take rows for one that the server may hold apart."""
    return key
