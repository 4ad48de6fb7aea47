"""Carries a schema statement out at the target: not transactional there, so every step of it can be found out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ferryman.foundation.errors import AlreadySoError, FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.pipeline.apply.statement import Outcome, Side, State, torn
from ferryman.pipeline.apply.surroundings import Surroundings
from ferryman.spi.dialect import shown_sql


class Carrying:
    """One statement on its way."""

    def __init__(
        self,
        around: Surroundings,
        statement: SchemaStatement,
        before: Checkpoint,
        outcome: Outcome,
        begun: Intent | None,
    ) -> None:
        """Make it; `begun` is what a run before this one had begun."""
        self._around = around
        self._statement = statement
        self._before = before
        self._outcome = outcome
        self._interrupted = begun is not None and begun.ddl is not None and begun.end == statement.position
        """Whether a run before this one may have begun the statement."""
        self._steps_done = begun.steps if begun is not None and self._interrupted else 0

    def run(self, intent: Intent) -> Iterator[Intent]:
        """Run what is to run; yields an intent before and between, to be committed before the next is asked for."""
        outcome = self._outcome
        if not outcome.steps and not outcome.statements:
            return
        if not outcome.steps and not outcome.by_hand and self._is_done(*self._sides()):
            return
        yield replace(intent, steps=self._steps_done)
        if outcome.steps:
            yield from self._take_steps(intent)
        if outcome.statements and not (outcome.steps and self._interrupted and self._is_done(*self._sides())):
            self._run_fenced(outcome.statements, self._shown)

    def _take_steps(self, intent: Intent) -> Iterator[Intent]:
        """Take the steps that are left; of the first of them it is the catalog that knows."""
        sides = self._around.statements.sides(self._before.schema, self._outcome)
        for number, step in enumerate(self._outcome.steps):
            if number < self._steps_done:
                continue
            asked = self._interrupted and number == self._steps_done
            if not (asked and self._is_done(sides[number], sides[number + 1])):
                self._run_fenced([step.sql], lambda: False)
            yield replace(intent, steps=number + 1)

    def _sides(self) -> tuple[Side, Side]:
        *_, before, after = self._around.statements.sides(self._before.schema, self._outcome)
        return before, after

    def _shown(self) -> bool:
        return self._around.statements.shown(self._around.target, *self._sides())

    def _is_done(self, before: Side, after: Side) -> bool:
        """Whether the target shows the effect already."""
        if not self._interrupted and not self._around.statements.may_be_there(self._statement):
            return False
        state = self._around.statements.state(self._around.target, before, after)
        if state is State.TORN and self._interrupted:
            raise torn(self._statement)
        return state is State.AFTER

    def _run_fenced(self, statements: Sequence[str], shown: Callable[[], bool]) -> None:
        """Run statements while a transaction holds the lease, so that a new holder waits for their end (I7).

        The catalog does not always tell whether an interrupted statement was carried out: one that adds an index or a
        partition leaves a table that fits both. It is run again, and may then be refused for its effect is there (I8).
        """
        session = self._around.lanes.open()
        refused: list[AlreadySoError] = []
        try:
            for sql in statements:
                self._run_ddl(sql, refused)
            if refused and not shown():
                raise refused[0]
        finally:
            session.rollback()

    def _run_ddl(self, sql: str, refused: list[AlreadySoError]) -> None:
        statement = self._statement
        try:
            self._around.target.run_ddl(sql)
        except FerrymanError as error:
            error.context.update(position=str(statement.position), sql=shown_sql(statement.sql))
            error.message += f" (schema statement at source log {statement.position}: {shown_sql(statement.sql)})"
            if not isinstance(error, AlreadySoError) or not self._interrupted:
                raise
            refused.append(error)
