"""A target that takes a project's rows under its value policies: one place for the load, the log and what is read again.

Whatever a step writes goes through its session; so the policies lie there, and a project without any has none of this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ferryman.model.batch import Batch, ColumnData, Row, Value
from ferryman.model.misfits import Misfit
from ferryman.model.names import TableName
from ferryman.model.policies import ValuePolicy
from ferryman.model.schema import Schema, Table
from ferryman.model.serial import from_json
from ferryman.pipeline.conversion import Conversion, conversions
from ferryman.spi.target import Target, TargetSession
from ferryman.spi.task import TaskContext

Counted = dict[tuple[str, str, str], int]
"""Table and column of the target, misfit → values converted."""


class ConvertingTarget:
    """A target whose sessions convert; everything else is the target's own."""

    def __init__(
        self, target: Target, policies: Sequence[ValuePolicy], source_name: Callable[[TableName], TableName]
    ) -> None:
        """Wrap a target; `source_name` tells which source table a target's table stands for."""
        self._target = target
        self._policies = policies
        self._source_name = source_name
        self._lock = threading.Lock()
        self._counted: Counted = {}
        self._kept: Counted = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def session(self) -> TargetSession:
        """Open a session for writing."""
        return ConvertingSession(self._target.session(), self)

    def conversions(self, table: Table) -> dict[str, Conversion]:
        """Return the conversions of a target's table, by case-folded column."""
        return conversions(self._policies, self._source_name(table.name), table)

    def add(self, counted: Counted) -> None:
        """Add what one committed transaction has converted."""
        with self._lock:
            for at, values in counted.items():
                self._counted[at] = self._counted.get(at, 0) + values

    def told(self, context: TaskContext) -> list[dict[str, Any]]:
        """Return what this step has converted in all its runs, and keep it for the next one.

        What was converted between the last call and a kill is not in it.
        """
        note = f"values.converted/{context.step.value}"
        with self._lock:
            if not self._kept:
                self._kept = {tuple(at): values for *at, values in context.note(note) or []}
            if self._counted:
                for at, values in self._counted.items():
                    self._kept[at] = self._kept.get(at, 0) + values
                self._counted = {}
                context.set_note(note, [[*at, values] for at, values in sorted(self._kept.items())])
            return [
                {"table": table, "column": column, "misfit": misfit, "values": values}
                for (table, column, misfit), values in sorted(self._kept.items())
            ]


def converting(context: TaskContext, target: Target) -> Target:
    """Return the target that a step writes to: the target itself where the project has no policies."""
    policies = context.spec.value_policies
    if not policies:
        return target
    return ConvertingTarget(target, policies, SourceNames(context))


def converted_info(context: TaskContext, target: object) -> dict[str, Any]:
    """Return what a step's progress says of values converted; nothing without policies."""
    return {"converted": target.told(context)} if isinstance(target, ConvertingTarget) else {}


class SourceNames:
    """Finds the source's name of a target's table: of those known from the catalog, else by the databases' new names."""

    def __init__(self, context: TaskContext) -> None:
        """Begin; the catalog is read when first asked."""
        self._context = context
        self._names: dict[tuple[str, str], TableName] | None = None

    def __call__(self, name: TableName) -> TableName:
        """Return the source's name."""
        selection = self._context.spec.selection
        if self._names is None:
            schema = from_json(Schema, self._context.note("schema.source") or {})
            self._names = {_folded(selection.target_name(table.name)): table.name for table in schema.tables}
        if (known := self._names.get(_folded(name))) is not None:
            return known
        old = next((old for old, new in selection.rename.items() if new == name.database), name.database)
        return TableName(old, name.table)


def _folded(name: TableName) -> tuple[str, str]:
    return name.database.casefold(), name.table.casefold()


class ConvertingSession:
    """A session that converts rows on their way in; one thread."""

    def __init__(self, session: TargetSession, owner: ConvertingTarget) -> None:
        """Wrap a session."""
        self._session = session
        self._owner = owner
        self._known: dict[TableName, tuple[Table, dict[str, Conversion]]] = {}
        self._counted: Counted = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def commit(self) -> None:
        """Commit; what was converted counts from now on."""
        self._session.commit()
        self._owner.add(self._counted)
        self._counted = {}

    def rollback(self) -> None:
        """Roll back; never raises."""
        self._counted = {}
        self._session.rollback()

    def insert(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Insert rows; a batch refused for a taken key does not count."""
        converted, counted = self._converted(table, columns, batch)
        self._session.insert(table, columns, converted)
        self._add(counted)

    def replace(self, table: Table, columns: Sequence[str], batch: Batch) -> None:
        """Write rows, whatever holds their unique values."""
        converted, counted = self._converted(table, columns, batch)
        self._session.replace(table, columns, converted)
        self._add(counted)

    def delete_row(self, table: Table, columns: Sequence[str], row: Row) -> int:
        """Delete one row, as it was written."""
        return self._session.delete_row(table, columns, self._row(table, columns, row)[0])

    def update_row(self, table: Table, columns: Sequence[str], before: Row, after: Row) -> int:
        """Rewrite one row, as it was written."""
        old, _ = self._row(table, columns, before)
        new, counted = self._row(table, columns, after)
        changed = self._session.update_row(table, columns, old, new)
        self._add(counted)
        return changed

    def _row(self, table: Table, columns: Sequence[str], row: Row) -> tuple[Row, Counted]:
        converted, counted = self._converted(table, columns, Batch.of([row], len(columns)))
        return next(iter(converted.rows())), counted

    def _converted(self, table: Table, columns: Sequence[str], batch: Batch) -> tuple[Batch, Counted]:
        known = self._known.get(table.name)
        if known is None or known[0] is not table:
            known = self._known[table.name] = (table, self._owner.conversions(table))
        found = known[1]
        counted: Counted = {}
        if not found:
            return batch, counted
        made = []
        for name, data in zip(columns, batch.columns, strict=True):
            conversion = found.get(name.casefold())
            made.append(data if conversion is None else _column(data, conversion, (str(table.name), name), counted))
        return Batch(batch.row_count, tuple(made)), counted

    def _add(self, counted: Counted) -> None:
        for at, values in counted.items():
            self._counted[at] = self._counted.get(at, 0) + values


def _column(data: ColumnData, conversion: Conversion, at: tuple[str, str], counted: Counted) -> ColumnData:
    values: list[Value] = []
    found: dict[Misfit, int] = {}
    for value in data.values():
        new, misfit = (None, None) if value is None else conversion.told(value)
        values.append(new)
        if misfit is not None:
            found[misfit] = found.get(misfit, 0) + 1
    counted.update({(*at, misfit.value): number for misfit, number in found.items()})
    return ColumnData.of(values) if found else data
