"""Makes objects at the target, those that are there already taken as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby

from ferryman.foundation.errors import AWAY, AlreadySoError, FerrymanError
from ferryman.model.schema import Check, ForeignKey, Index, Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.pipeline.plan import find_table
from ferryman.pipeline.schema.report import CONVERTED, DONE, FAILED, SKIPPED, Report
from ferryman.spi.dialect import Conversion, DdlStatement, Dialect, SchemaPlan
from ferryman.spi.target import Target
from ferryman.spi.task import TaskContext, load_options

OBJECTS_NOTE = "schema.objects"
_ONE_BY_ONE = frozenset({"database", "extension", "type", "view", "foreign_key"})
"""Kinds whose statements need each other, or lock two tables: in order. The others run side by side."""
Piece = list[int]
"""Objects made by one statement: places in the report."""
_STOPS = AWAY | {"endpoint.access_denied", "target.full"}
"""Errors of the surroundings, not of the object: the step ends with them and is resumed."""


class Maker:
    """Runs the statements of one plan."""

    def __init__(
        self,
        context: TaskContext,
        target: Target,
        dialect: Dialect,
        plan: SchemaPlan,
        there: Schema,
        report: Report,
    ) -> None:
        """Begin; `there` is the target's catalog of the planned objects."""
        self._parallel = load_options(context).side_by_side
        self._context = context
        self._target = target
        self._dialect = dialect
        self._there = there
        self._report = report
        self._tables = {str(table.name): table for table in plan.tables.values()}
        self._other: dict[str, str] = context.note(OBJECTS_NOTE) or {}
        self._parts = {statement.object for statement in plan.statements if statement.kind in {"index", "foreign_key"}}
        self._converted = {name for each in plan.conversions for name in each.owners}
        self._sources = {str(table.name): str(source) for source, table in plan.tables.items()}
        self._owners = {f"{t.name}.{part.name}": str(t.name) for t in plan.tables.values() for part in _parts_of(t)}

    def run(self) -> None:
        """Run every statement that waits; kinds one after the other, parts of one table in order."""
        places = enumerate(self._report.states)
        for kind, group in groupby(places, key=lambda place: _phase(place[1].statement)):
            numbers = [number for number, _ in group]
            if kind in _ONE_BY_ONE:
                self._run_each(numbers)
            else:
                self._run_beside(numbers)
            if self._context.stop_requested():
                return
        self._retry_views()
        self._report.show()

    def _run_beside(self, numbers: list[int]) -> None:
        """Run the statements of different tables side by side, those of one table in order unless they say otherwise."""
        chains = [chain for _, group in groupby(numbers, key=self._table_of) for chain in self._chains(list(group))]
        with ThreadPoolExecutor(max_workers=self._parallel, thread_name_prefix="schema") as pool:
            for done in [pool.submit(self._run_pieces, chain) for chain in chains]:
                done.result()

    def _table_of(self, number: int) -> str:
        statement = self._statement(number)
        return statement.object if statement.kind == "table" else self._owners[statement.object]

    def _chains(self, numbers: list[int]) -> list[list[Piece]]:
        """Part the statements of one table: those that may run beside others alone, and the rest in order, joined."""
        alone = [[[number]] for number in numbers if self._statement(number).beside]
        others = groupby(
            (number for number in numbers if not self._statement(number).beside),
            key=lambda number: bool(self._statement(number).action),
        )
        in_order = [piece for joins, run in others for piece in ([list(run)] if joins else [[n] for n in run])]
        return [*alone, in_order] if in_order else alone

    def _statement(self, number: int) -> DdlStatement:
        return self._report.states[number].statement

    def _run_pieces(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if self._context.stop_requested():
                return
            self._report.begin(piece)
            self._run_joined([number for number in piece if self._is_wanted(self._statement(number))])
            self._run_each([number for number in piece if self._report.states[number].state != DONE])

    def _is_wanted(self, statement: DdlStatement) -> bool:
        return not self._is_there(statement) and statement.label not in self._other

    def _run_joined(self, piece: Piece) -> None:
        """Make several parts of one table by one statement; when it is refused they wait for one each, which tells them apart."""
        if len(piece) < 2:
            return
        first, *others = (self._statement(number) for number in piece)
        try:
            self._target.run_ddl(", ".join([first.sql, *(statement.action for statement in others)]))
        except FerrymanError as error:
            if error.code in _STOPS:
                raise
            return
        for number in piece:
            self._report.settle(number, DONE)

    def _run_each(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self._context.stop_requested():
                return
            self._run_one(number)

    def _run_one(self, number: int) -> None:
        statement = self._statement(number)
        if self._other.get(statement.label) == "":
            self._report.settle(number, SKIPPED, "left out, as was chosen")
            return
        try:
            message = self._make(statement)
        except FerrymanError as error:
            if error.code in _STOPS:
                raise
            self._report.settle(number, FAILED, error.message)
            return
        self._report.settle(number, CONVERTED if self._is_converted(statement) else DONE, message)

    def _is_converted(self, statement: DdlStatement) -> bool:
        return self._sources.get(statement.object, statement.object) in self._converted

    def _make(self, statement: DdlStatement) -> str:
        """Make one object; returns a remark."""
        if statement.kind == "table" and (found := self._found(statement.object)) is not None:
            return self._taken(statement, found)
        if self._is_there(statement):
            return "was there"
        if statement.label in self._other:
            return self._make_otherwise(statement, self._other[statement.label])
        try:
            self._target.run_ddl(statement.sql)
        except AlreadySoError:
            return self._after_another(statement)
        except FerrymanError as error:
            return self._after_refusal(statement, error)
        return ""

    def _after_another(self, statement: DdlStatement) -> str:
        """Look again for what is said to be there: the server may have gone on with it after an earlier run was killed."""
        table = self._tables.get(self._owners.get(statement.object, statement.object))
        found = self._read(table) if table is not None else None
        if table is not None and found is not None:
            if statement.kind == "table":
                return self._taken(statement, found)
            if _has_part(found, statement, self._owners):
                return "was there"
        self._target.run_ddl(statement.sql)
        return ""

    def _read(self, table: Table) -> Table | None:
        return find_table(self._target.read_schema(Selection(objects=(exact_pattern(table.name),))), table.name)

    def _make_otherwise(self, statement: DdlStatement, sql: str) -> str:
        """Run the operator's SQL for an object; a table must be the one planned all the same, but for its options."""
        self._target.run_ddl(sql)
        if statement.kind == "table":
            table = self._tables[statement.object]
            found = self._read(table)
            if found is None:
                raise FerrymanError("schema.failed", f"the SQL given for {statement.object} has not made it")
            self._taken(statement, found)
        return "made by the SQL given"

    def _found(self, name: str) -> Table | None:
        wanted = self._tables.get(name)
        return find_table(self._there, wanted.name) if wanted is not None else None

    def _taken(self, statement: DdlStatement, found: Table) -> str:
        """Take a table that is there if it is the one wanted; its parts made by statements of their own may be missing."""
        table = self._tables[statement.object]
        wanted = replace(
            table,
            indexes=tuple(
                i for i in table.indexes if f"{table.name}.{i.name}" not in self._parts or _has(found, i.name)
            ),
            foreign_keys=(),
        )
        differences = self._dialect.differences(wanted, replace(found, foreign_keys=()))
        if differences:
            raise FerrymanError(
                "target.table_differs",
                f"{statement.object} is there and differs: {'; '.join(differences[:10])}",
            )
        return "was there"

    def _is_there(self, statement: DdlStatement) -> bool:
        """Whether an index, check or foreign key is there already."""
        owner = self._owners.get(statement.object)
        found = self._found(owner) if owner is not None else None
        return found is not None and _has_part(found, statement, self._owners)

    def _after_refusal(self, statement: DdlStatement, error: FerrymanError) -> str:
        """Try the statement's second form, if it has one; what the engine did not take is a loss to report."""
        if not statement.fallback or error.code != "target.ddl_failed":
            raise error
        self._target.run_ddl(statement.fallback)
        message = f"made without its partitions, which the engine refused: {error.message}"
        self._report.add_conversion(Conversion(path=statement.object, message=message, lossy=True))
        return message

    def _retry_views(self) -> None:
        """Try failed views again as long as one more succeeds: they may need each other in ways no text shows."""
        while True:
            failed = [n for n, each in enumerate(self._report.states) if _is_failed_view(each.statement, each.state)]
            self._run_each(failed)
            left = [n for n in failed if self._report.states[n].state == FAILED]
            if not left or len(left) == len(failed):
                return


def _has_part(found: Table, statement: DdlStatement, owners: Mapping[str, str]) -> bool:
    """Whether a table of the target has the index, check or foreign key that a statement makes."""
    part = statement.object[len(owners.get(statement.object, "")) + 1 :].casefold()
    parts: Mapping[str, Sequence[Index | Check | ForeignKey]] = {
        "index": found.indexes,
        "check": found.checks,
        "foreign_key": found.foreign_keys,
    }
    return part in {each.name.casefold() for each in parts.get(statement.kind, ())}


def _parts_of(table: Table) -> tuple[Index | Check | ForeignKey, ...]:
    return (*table.indexes, *table.checks, *table.foreign_keys)


def _phase(statement: DdlStatement) -> str:
    return "parts" if statement.kind in {"table", "index", "check"} else statement.kind


def _has(table: Table, index: str) -> bool:
    return any(each.name.casefold() == index.casefold() for each in table.indexes)


def _is_failed_view(statement: DdlStatement, state: str) -> bool:
    return statement.kind == "view" and state == FAILED
