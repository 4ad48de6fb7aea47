"""Database objects at the switchover: numbers that the target gives by itself go on behind those of the source."""

from __future__ import annotations

from ferryman.model.schema import Table
from ferryman.model.serial import from_json
from ferryman.pipeline.switchover.ends import Ends
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import SchemaPlan


def settle_objects(ends: Ends) -> list[str]:
    """Do what can be done by itself, and return what the operator has to look at.

    Where rows are written with their numbers, both families move their counters behind them. What the source had
    counted further (its last rows were deleted) is no row: so the counter itself is carried over. Done again, it
    changes nothing.
    """
    for table in _counted(ends):
        _carry_counter(ends, table)
    return _left_out(ends)


def _counted(ends: Ends) -> list[Table]:
    if connector_for(ends.context.spec.target).holds_schemas:
        return []  # sequences of a target of this kind follow the rows
    schema = ends.source.read_schema(ends.selection)
    return [table for table in schema.tables if table.auto_increment is not None and table.name in ends.moved]


def _carry_counter(ends: Ends, table: Table) -> None:
    name = ends.moved[table.name]
    there = ends.there.table(name)
    dialect = connector_for(ends.context.spec.target).dialect
    if there is None or dialect is None or not any(column.auto_increment for column in there.columns):
        return
    wanted = table.auto_increment or 1
    if (there.auto_increment or 1) < wanted:
        quoted = f"{dialect.quote(name.database)}.{dialect.quote(name.table)}"
        ends.target.run_ddl(f"ALTER TABLE {quoted} AUTO_INCREMENT = {wanted}")
        ends.context.event("info", f"{name} goes on numbering at {wanted}")


def _left_out(ends: Ends) -> list[str]:
    """Return what the schema step has left out for good reasons of its own, which now count no more."""
    noted = ends.context.note("schema.plan")
    if noted is None:
        return []
    plan = from_json(SchemaPlan, noted)
    return [f"{each.path}: {each.message}" for each in plan.conversions if "left out" in each.message]
