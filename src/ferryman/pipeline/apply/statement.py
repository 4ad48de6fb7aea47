"""Schema statements of the log, done at the target: not transactional there, so every step can be found out again.

The intent names the statement before the target is touched. After a crash the target's catalog tells how far it got:
as before → run it, as after → record it, neither → stop and say so (algorithms.md §8).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.serial import from_json
from ferryman.spi.dialect import DdlEffect, DdlStep, Dialect, TableChange, shown_sql
from ferryman.spi.target import Target

Side = dict[TableName, Table]
"""Tables of the target, as they must be before or behind a statement."""


class Choice(enum.Enum):
    """What an operator wants done with a statement that stopped the task."""

    SKIP = "skip"
    """Nothing: neither the target nor our picture of the source changes."""
    APPLY = "apply"
    """Run the given SQL at the target."""
    DONE = "done"
    """The target has it already."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An operator's choice for the statement at `position` (as text)."""

    position: str
    choice: Choice
    sql: str = ""

    @classmethod
    def of(cls, note: Mapping[str, Any] | None) -> Decision | None:
        """Read the note ``apply.choice``; the position is a Position document or its text."""
        if not note:
            return None
        position = note["position"]
        if isinstance(position, Mapping):
            position = from_json(Position, position)
        return cls(str(position), Choice(note["choice"]), str(note.get("sql") or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is left to do for a statement.

    Attributes:
        schema: The source's schema behind it.
        statements: What the target must run.
        by_hand: Whether an operator decided.
        touched: Source tables concerned.
        renamed: Those that took another name, old and new.
        unlogged: Those (by their names before) whose existing rows took values that stand in no log.
        steps: What the target must run before `statements`, each noted once it is done.
        reused: Those (by their names before) with names that may mean something else now.
    """

    schema: Schema
    statements: tuple[str, ...] = ()
    by_hand: bool = False
    touched: tuple[TableName, ...] = ()
    renamed: tuple[tuple[TableName, TableName], ...] = ()
    unlogged: tuple[TableName, ...] = ()
    steps: tuple[DdlStep, ...] = ()
    reused: tuple[TableName, ...] = ()

    def to_read_again(self, *, consistent: bool) -> tuple[TableName, ...]:
        """The `unlogged` tables by their names behind the statement.

        Before the target is consistent those with `reused` names as well: rows of theirs were read by either meaning.
        """
        names = dict(self.renamed)
        return tuple(names.get(name, name) for name in (*self.unlogged, *(() if consistent else self.reused)))


class State(enum.Enum):
    """How far a statement got at the target before a crash."""

    BEFORE = "before"
    AFTER = "after"
    TORN = "torn"


class Statements:
    """Decides what schema statements mean for the target."""

    def __init__(
        self,
        dialect: Dialect,
        selection: Selection,
        known: Position | None,
        decision: Callable[[], Decision | None],
        catalog: Callable[[], Schema] | None = None,
        *,
        two_way: bool = False,
    ) -> None:
        """Make a decider.

        Args:
            dialect: The target's.
            selection: What is moved.
            known: Statements up to here may already show in the schema we began with.
            decision: Reads the operator's choice.
            catalog: Reads the source's catalog: the last resort for what an operator decided and nobody understands.
            two_way: Another project moves changes the other way.
        """
        self._two_way = two_way
        self._dialect = dialect
        self._selection = selection
        self._known = known
        self._decision = decision
        self._catalog = catalog

    def concerns(self, schema: Schema, statement: SchemaStatement) -> bool:
        """Whether a statement changes anything we move; `False` costs no window."""
        effect = self._replay(schema, statement)
        return not effect.known or bool(effect.statements or effect.touched) or effect.schema != schema

    def outcome(self, schema: Schema, statement: SchemaStatement) -> Outcome:
        """Decide; ``apply.ddl_unknown`` when only an operator can."""
        decision = self._decision()
        if decision is not None and decision.position == str(statement.position):
            return self._chosen(schema, statement, decision)
        effect = self._replay(schema, statement)
        if statement.marked and effect.known:  # it came from where it would go: what is known of this side follows it
            return replace(_outcome(effect, ()), unlogged=())
        if not effect.known:
            if self.may_be_known(statement):
                return Outcome(schema=schema)
            raise _unknown(statement, effect)
        if self.may_be_known(statement) and effect.steps:
            raise _unknown(statement, effect, _AMBIGUOUS)
        if self.may_be_known(statement) and effect.schema == schema:
            return Outcome(schema=schema, reused=tuple(effect.reused))
        return _outcome(effect, effect.statements, effect.steps)

    def _chosen(self, schema: Schema, statement: SchemaStatement, decision: Decision) -> Outcome:
        if decision.choice is Choice.SKIP:
            return Outcome(schema=schema, by_hand=True)
        effect = self._replay(schema, statement)
        followed = effect.known or TableChange.of_statement(statement.sql) is not None  # that is no SQL to run
        as_told = followed and not decision.sql
        statements = effect.statements if as_told else (decision.sql or statement.sql,)
        steps = effect.steps if as_told else ()
        if not effect.known and effect.schema == schema:
            effect = self._guessed(schema, statement, decision)
        if decision.choice is Choice.DONE:
            return _outcome(effect, (), by_hand=True)
        return _outcome(effect, statements, steps, by_hand=True)

    def _guessed(self, schema: Schema, statement: SchemaStatement, decision: Decision) -> DdlEffect:
        """Say what a statement that is not understood made of the source's schema.

        The operator's own SQL tells, if it is understood; else the tables it names are taken as the catalog shows them
        now. Should they have changed once more since, the log does not fit them, and decoding stops (I9).
        """
        if decision.sql:
            effect = self._dialect.replay(schema, self._selection, decision.sql, statement.database)
            if effect.known and effect.schema != schema:
                return effect
        if self._catalog is None:
            return DdlEffect(schema=schema)
        return _as_found(schema, self._catalog(), statement.sql.casefold())

    def may_be_known(self, statement: SchemaStatement) -> bool:
        """Whether the schema we began with may show this statement's effect already."""
        if self._known is None:
            return False
        return _shown_by(self._known, statement.position)

    def may_be_there(self, statement: SchemaStatement) -> bool:
        """Whether the target may show this statement's effect though it was never run.

        In two-way use a table that is found changed (the log has no statement) may have been changed from the other side.
        """
        change = TableChange.of_statement(statement.sql) if self._two_way else None
        return self.may_be_known(statement) or (change is not None and not change.truncated)

    def _replay(self, schema: Schema, statement: SchemaStatement) -> DdlEffect:
        return self._dialect.replay(schema, self._selection, statement.sql, statement.database)

    def sides(self, before: Schema, outcome: Outcome) -> list[Side]:
        """Return the tables of the target that a statement concerns: before it, behind each of its steps, and behind it."""
        touched = list(dict.fromkeys((*_changed(before, outcome.schema), *outcome.reused)))
        steps = [{table.name: table for table in step.tables} for step in outcome.steps]
        return [self._converted(before, touched), *steps, self._converted(outcome.schema, touched)]

    def state(self, target: Target, before: Side, after: Side) -> State:
        """Compare the target's catalog with what it must be before and after a statement, or a step of it."""
        if before == after:
            return State.BEFORE  # nothing to tell it by: such statements (TRUNCATE …) may run twice
        there = _found(target, before, after)
        if self._matches(there, before, after):
            return State.AFTER if _parted(there, before, after) else State.BEFORE
        return State.AFTER if self._matches(there, after, before) else State.TORN

    def shown(self, target: Target, before: Side, after: Side) -> bool:
        """Whether the target's catalog is as it must be behind a statement; it may fit the one before as well."""
        return self._matches(_found(target, before, after), after, before)

    def _matches(self, found: Side, there: Side, other: Side) -> bool:
        """Whether the target has the tables `there`, and none that only `other` has."""
        if (other.keys() - there.keys()) & found.keys() or there.keys() - found.keys():
            return False
        return not any(self._dialect.differences(table, found[name]) for name, table in there.items())

    def _converted(self, schema: Schema, names: Sequence[TableName]) -> Side:
        """Return the target's form of these tables, by the target's names."""
        tables = [table for name in names if (table := schema.table(name)) is not None]
        converted = [self._dialect.target_table(table, self._selection) for table in tables]
        return {table.name: table for table in converted}


def _changed(before: Schema, after: Schema) -> list[TableName]:
    names = dict.fromkeys(table.name for table in (*before.tables, *after.tables))
    return [name for name in names if before.table(name) != after.table(name)]


def _shown_by(known: Position, place: Position) -> bool:
    """Whether a catalog read before `known` may show a statement at `place`; OceanBase numbers its statements itself."""
    if "ddl" in known.token and "ddl" in place.token:
        return "again" not in place.token and int(place.token["ddl"]) <= int(known.token["ddl"])
    return place <= known


def _as_found(schema: Schema, found: Schema, sql: str) -> DdlEffect:
    """Take the tables that a statement's text names over from the catalog."""
    named = {t.name: found.table(t.name) for t in (*schema.tables, *found.tables) if t.name.table.casefold() in sql}
    touched = [name for name, table in named.items() if schema.table(name) != table]
    for name in touched:
        table = named[name]
        schema = schema.without_table(name) if table is None else schema.with_table(table)
    return DdlEffect(schema=schema, touched=tuple(touched))


def _found(target: Target, before: Side, after: Side) -> Side:
    names = before.keys() | after.keys()
    found = target.read_schema(Selection(objects=tuple(map(exact_pattern, sorted(names)))))
    return {table.name: table for table in found.tables}


def _parted(found: Side, old: Side, new: Side) -> bool:
    """Whether partitions came or went: that is no difference to rows, and their servers refuse it a second time."""
    changed = [name for name in new.keys() & old.keys() if new[name].partition_names != old[name].partition_names]
    return bool(changed) and all(found[name].partition_names == new[name].partition_names for name in changed)


def _outcome(
    effect: DdlEffect, statements: tuple[str, ...], steps: tuple[DdlStep, ...] = (), *, by_hand: bool = False
) -> Outcome:
    return Outcome(
        schema=effect.schema,
        statements=statements,
        by_hand=by_hand,
        touched=effect.touched,
        renamed=effect.renamed,
        unlogged=effect.unlogged,
        steps=steps,
        reused=tuple(effect.reused),
    )


_AMBIGUOUS = "it exchanges names, and the catalog that the project began with may show that already, or not"


def reused_with_letters(statement: SchemaStatement, names: Sequence[str]) -> FerrymanError:
    """Make the error for names that mean something else behind a statement while rows wait that are told by them."""
    what = f"rows of {', '.join(names)} wait in the dead letters, by names that mean other columns behind it"
    return _stopped(statement, f"{what}: retry or skip them first")


def _unknown(statement: SchemaStatement, effect: DdlEffect, reason: str = "") -> FerrymanError:
    reasons = "; ".join(f"{each.path}: {each.message}" for each in effect.conversions)
    return _stopped(statement, reason or reasons or "not understood")


def _stopped(statement: SchemaStatement, reasons: str) -> FerrymanError:
    return FerrymanError(
        "apply.ddl_unknown",
        f"the source's log has a schema statement at {statement.position} that cannot be followed:"
        f" {shown_sql(statement.sql)} ({reasons})",
        context={
            "position": str(statement.position),
            "sql": shown_sql(statement.sql),
            "choices": [c.value for c in Choice],
        },
    )


def torn(statement: SchemaStatement) -> FerrymanError:
    """Make the error for a statement that the target has half done."""
    return FerrymanError(
        "apply.ddl_torn",
        f"the target was interrupted in a schema statement (source position {statement.position}) and its tables are "
        f"neither as before nor as after it: {shown_sql(statement.sql)}",
        context={
            "position": str(statement.position),
            "sql": shown_sql(statement.sql),
            "choices": [c.value for c in Choice],
        },
    )
