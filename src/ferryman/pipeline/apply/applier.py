"""The applier: takes windows from the log and commits them to the target, each exactly once (I2, I3, I7, I8).

A part of the log is applied in one of two ways. A small one goes in *one* target transaction together with the
checkpoint. A greater one is announced first (the intent), then its keyed changes go through the lanes, and a last
transaction commits what must happen exactly once, the checkpoint, and the end of the intent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Row
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.model.dead_letter import DeadLetter
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.pipeline.apply.carrying import Carrying
from ferryman.pipeline.apply.cascades import ForeignKeys
from ferryman.pipeline.apply.compaction import Compaction, TableChanges
from ferryman.pipeline.apply.conflicts import CONFLICTS
from ferryman.pipeline.apply.current import Current, current_values
from ferryman.pipeline.apply.groups import Spread, conflict_groups
from ferryman.pipeline.apply.lanes import Job
from ferryman.pipeline.apply.letters import Letters, emptied
from ferryman.pipeline.apply.sequence import Plan
from ferryman.pipeline.apply.settling import Settler
from ferryman.pipeline.apply.sifting import SiftingWriter
from ferryman.pipeline.apply.stages import LANES, PLANNING
from ferryman.pipeline.apply.statement import Outcome, reused_with_letters
from ferryman.pipeline.apply.surroundings import Surroundings, Tables
from ferryman.pipeline.apply.transactions import Transactions
from ferryman.pipeline.apply.window import Cutter, Part
from ferryman.pipeline.apply.writer import Mode, Writer
from ferryman.spi.dialect import shown_sql
from ferryman.spi.target import TargetSession


class Applier:
    """Applies one log.

    Attributes:
        letters: The project's open dead letters.
    """

    def __init__(self, around: Surroundings, checkpoint: Checkpoint) -> None:
        """Begin at a checkpoint; `attach` gives the log."""
        self._around = around
        self._tables = Tables(checkpoint.schema, around)
        self.letters = Letters(around.target, around.project_id)
        self._transactions = Transactions(around.lanes, self.letters, around.project_id, checkpoint)
        self._settler = Settler(around.source, around.target, self.transaction, self._target_of)
        self._begun = checkpoint.intent
        """What a run before this one had begun."""

    @property
    def checkpoint(self) -> Checkpoint:
        """As it stands in the target; amid a source transaction that is applied as a whole, as it would stand."""
        return self._transactions.checkpoint

    def transaction(self) -> AbstractContextManager[TargetSession]:
        """One transaction of the coordinator; the checkpoint saved in it counts once it is committed."""
        return self._transactions.one()

    def close(self) -> None:
        """Let go of what is being looked at; the sessions are the lanes'."""
        self._settler.close()

    def table_at(self, name: TableName) -> Table | None:
        """Return a source table as it is at the place the log is being decoded at (I9).

        Decoding never runs ahead of a schema statement that concerns us, so that the checkpoint's schema is the one.
        """
        return self.checkpoint.schema.table(name)

    def wants(self, name: TableName) -> bool:
        """Whether changes of a table are applied: those that move, and what an online schema change makes of them."""
        selection = self._around.selection
        return selection.includes(name) or (self.table_at(name) is not None and selection.follows(name))

    def concerns(self, statement: SchemaStatement) -> bool:
        """Whether a schema statement must be applied."""
        return self._around.statements.concerns(self.checkpoint.schema, statement)

    def resume(self, cutter: Cutter) -> None:
        """Tell the cutter where a crash has left a window half applied."""
        intent = self.checkpoint.intent
        if intent is not None and intent.ddl is None:
            cutter.resume(intent.applied or self.checkpoint.position, intent.end)

    @property
    def fence(self) -> Position | None:
        """From where on the target is consistent: the load's end, or where rows were or will be read again after it."""
        return self._settler.place or self._around.unsettled.ledger.since or self._around.consistent_from()

    @property
    def consistent(self) -> bool:
        """Whether the target's rows are those of the source at the checkpoint, with nothing left to read again."""
        return self._has_passed_fence() and not self._around.unsettled.is_open

    def _has_passed_fence(self) -> bool:
        start = self.fence
        return start is not None and self.checkpoint.position >= start

    def move_to(self, border: Position) -> None:
        """Move the checkpoint over a stretch of the log that holds nothing for us."""
        if border > self.checkpoint.position:
            with self.transaction() as session:
                self._transactions.save(session, replace(self.checkpoint, position=border, intent=None))

    def settle(self) -> int:
        """Behind the fence, read again what cascades touched before it; returns rows written (algorithms.md §9).

        Looking at the source puts up a new fence; the reading is due when that is reached.
        """
        unsettled = self._around.unsettled
        if not (unsettled.is_open and self._has_passed_fence()):
            return 0
        try:
            self._settler.look(unsettled, self._tables.schema)
        except FerrymanError as error:
            if error.code != "source.table_changed":
                raise
            return 0  # gone: the log tells so further on
        return self._settler.settle(unsettled, self._tables.schema) if self._has_passed_fence() else 0

    def join(self, schema: Schema) -> None:
        """Take over tables that another project has brought to the very place of our checkpoint.

        What foreign keys between them and ours did before is in neither project's work: such rows are read again.
        """
        after = self.checkpoint.schema.with_tables(schema.tables)
        self._around.unsettled.unlogged(ForeignKeys(after).crossing({table.name for table in schema.tables}))
        with self.transaction() as session:
            self._transactions.save(session, replace(self.checkpoint, schema=after))
        self._tables = Tables(after, self._around)

    # Rows -----------------------------------------------------------------------------------------------------------

    def prepare(self, part: Part) -> Plan:
        """Sort and compact the changes of a part."""
        with _told_where(part):
            return self._plan(part)

    def apply(self, part: Part, prepared: Plan | None = None) -> None:
        """Apply a part of the log and commit the checkpoint with it."""
        with _told_where(part):
            self._apply(part, prepared or self._plan(part))

    def _apply(self, part: Part, plan: Plan) -> None:
        self._around.ground.look(self._at_target(placed.change.table for placed in part.changes), part.start)
        try:
            self._apply_fast(part, plan)
        except FerrymanError as error:
            if error.code not in CONFLICTS:
                raise
            self._sift(part, plan)

    def _sift(self, part: Part, plan: Plan) -> None:
        """Write a part that met a conflict once more, row by row, in one transaction; lanes may have written already."""
        consistent = self._is_consistent()
        mode = (Mode.REPEATED if self._is_repeated(part) else Mode.FRESH) if consistent else Mode.CONVERGING
        writer = SiftingWriter(self._around.writer, self.letters, self._around.policies(), part)
        self._apply_at_once(part, plan, mode, consistent=consistent, writer=writer)

    def _apply_fast(self, part: Part, plan: Plan) -> None:
        repeated, consistent = self._is_repeated(part), self._is_consistent()
        mode = (Mode.REPEATED if repeated else Mode.FRESH) if consistent else Mode.CONVERGING
        if self._around.atomic or plan.parallel.row_count <= self._around.small:
            self._apply_at_once(part, plan, mode, consistent=consistent)
            return
        intent = self._intent(part, part.start, consistent=consistent)
        with self.transaction() as session:
            current = current_values(session, plan.parallel) if mode is Mode.CONVERGING else {}
            if not repeated:
                self._transactions.save(session, replace(self.checkpoint, intent=intent))
        self._apply_in_lanes(part, plan, current, mode, consistent=consistent)

    def _plan(self, part: Part) -> Plan:
        stages = self._around.stages
        began = stages.clock()
        plan = self._tables.planner.plan(part.changes)
        stages.add(PLANNING, stages.clock() - began)
        stages.see_crowds(plan.parallel)
        return plan

    def _apply_at_once(
        self, part: Part, plan: Plan, mode: Mode, *, consistent: bool, writer: Writer | None = None
    ) -> None:
        """Rows and checkpoint in one transaction: nothing to announce, nothing to repeat."""
        writer = writer or self._around.writer
        with self._transactions.over(part) if self._around.atomic else self.transaction() as session:
            for changes in plan.parallel.tables.values():
                writer.write(session, changes, list(changes.after), mode)
            self._write_last(session, part, plan, consistent=consistent, writer=writer)

    def _apply_in_lanes(self, part: Part, plan: Plan, current: Current, mode: Mode, *, consistent: bool) -> None:
        lanes = self._around.lanes
        started = lanes.start(self._jobs(plan.parallel, current, mode))
        try:
            with self.transaction() as session:
                self._write_last(session, part, plan, consistent=consistent, wait=partial(lanes.finish, started))
        finally:
            lanes.drain(started)

    def _write_last(
        self,
        session: TargetSession,
        part: Part,
        plan: Plan,
        *,
        consistent: bool,
        wait: Callable[[], None] = lambda: None,
        writer: Writer | None = None,
    ) -> None:
        """Write what happens exactly once, and the checkpoint; `wait` for the lanes before all of it is committed."""
        self._tables.sequences.write(session, plan.sequence, writer or self._around.writer, consistent=consistent)
        self.letters.supersede(session, plan.keyed)
        if part.whole:
            after = replace(self.checkpoint, position=part.end, intent=None)
        else:
            after = replace(self.checkpoint, intent=self._intent(part, part.end, consistent=consistent))
        self._around.unsettled.keep()
        began = self._around.stages.clock()
        wait()  # I2: the checkpoint passes only what the lanes have committed
        self._around.stages.add(LANES, self._around.stages.clock() - began)
        self._transactions.save(session, after)

    def _jobs(self, parallel: Compaction, current: Current, mode: Mode) -> list[Job]:
        spread = Spread(self._around.lanes.count)
        for name, changes in parallel.tables.items():
            for group in conflict_groups(changes, current.get(name, {})):
                spread.add(changes, group)
        return [partial(self._write_lane, lane, mode) for lane in spread.lanes()]

    def _write_lane(
        self, lane: Sequence[tuple[TableChanges, list[Row]]], mode: Mode, session: TargetSession, again: bool
    ) -> None:
        if again and mode is Mode.FRESH:
            mode = Mode.REPEATED
        for changes, keys in lane:
            self._around.writer.write(session, changes, keys, mode)

    def _is_repeated(self, part: Part) -> bool:
        """Whether a crash may have left this very part half applied."""
        intent = self.checkpoint.intent
        return intent is not None and intent.ddl is None and part.end <= intent.end

    def _is_consistent(self) -> bool:
        """Whether the load's end had been passed when the window was cut; one answer for the whole window."""
        intent = self.checkpoint.intent
        return intent.consistent if intent is not None else self.consistent

    def _intent(self, part: Part, applied: Position, *, consistent: bool) -> Intent:
        inside = applied if applied > self.checkpoint.position else None
        return Intent(end=part.end, consistent=consistent, applied=inside)

    # Schema statements ----------------------------------------------------------------------------------------------

    def run(self, statement: SchemaStatement) -> Outcome:
        """Apply a schema statement as a window of its own (algorithms.md §8)."""
        self._transactions.finish()
        before = _settled(self.checkpoint)
        outcome = self._around.statements.outcome(before.schema, statement)
        self._refuse_hidden(statement, outcome)
        self._around.ground.forget(self._at_target((*outcome.touched, *(new for _, new in outcome.renamed))))
        self._refuse_letters(statement, outcome)
        carrying = Carrying(self._around, statement, before, outcome, self._begun)
        for intent in carrying.run(Intent(end=statement.position, ddl=statement.sql, consistent=self._is_consistent())):
            with self.transaction() as session:
                self._transactions.save(session, replace(before, intent=intent))
        skipped = (*before.skipped, str(statement.position)) if outcome.by_hand else before.skipped
        after = replace(before, position=statement.position, schema=outcome.schema, intent=None, skipped=skipped)
        if not self.consistent:
            self._around.unsettled.renamed(outcome.renamed, outcome.schema)
        self._around.unsettled.unlogged(outcome.to_read_again(consistent=self.consistent))
        with self.transaction() as session:
            self._transactions.save(session, after)
            if not outcome.by_hand:
                self.letters.supersede_tables(session, emptied(before.schema, outcome, statement.sql))
        self._tables = Tables(after.schema, self._around)
        return outcome

    def _refuse_hidden(self, statement: SchemaStatement, outcome: Outcome) -> None:
        """A table without a key must not change its shape, rows or name between the load's begin and its snapshot.

        Its rows were read as they were behind the statement: run now, it would take them, or values in them, away, and
        their changes up to the snapshot are not applied again (algorithms.md §4).
        """
        if outcome.by_hand:
            return
        moved = {old for old, _ in outcome.renamed}
        for name in outcome.touched:
            start = self._around.keyless_from.get(name)
            if start is None or statement.position > start:
                continue
            if name in moved or outcome.schema.table(name) is not None:  # one that only goes takes nothing along
                raise _hidden(name, statement)

    def _refuse_letters(self, statement: SchemaStatement, outcome: Outcome) -> None:
        """The row of a dead letter tells its columns by their names: those must not mean others when it is written."""
        waiting = [str(name) for name in outcome.reused if self.letters.waits_for(name)]
        if waiting and outcome.steps and not outcome.by_hand:
            raise reused_with_letters(statement, waiting)

    def letter_table(self, letter: DeadLetter) -> Table | None:
        """Return the target's table of a dead letter as it is now."""
        table = self._tables.schema.table(letter.source)
        return self._target_of(table) if table is not None else None

    def _at_target(self, names: Iterable[TableName]) -> list[TableName]:
        return [self._around.selection.target_name(name) for name in dict.fromkeys(names)]

    def _target_of(self, table: Table) -> Table:
        return self._tables.target_of(table)


def _settled(checkpoint: Checkpoint) -> Checkpoint:
    """Amid a transaction in parts, go on from the last one: the intent that says so gives way to a schema statement's."""
    intent = checkpoint.intent
    return checkpoint if intent is None or intent.applied is None else replace(checkpoint, position=intent.applied)


def _hidden(name: TableName, statement: SchemaStatement) -> FerrymanError:
    return FerrymanError(
        "apply.keyless_changed",
        f"{name} has no key, and was changed at {statement.position}, before its rows were read: {shown_sql(statement.sql)}",
        context={"table": str(name), "position": str(statement.position), "sql": shown_sql(statement.sql)},
    )


@contextmanager
def _told_where(part: Part) -> Iterator[None]:
    """Say in an error at which place of the log it was met."""
    try:
        yield
    except FerrymanError as error:
        if "position" not in error.context:
            error.context["position"] = str(part.start)
            error.message += f" (source log {part.start} to {part.end})"
        raise
