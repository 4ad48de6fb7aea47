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
    schema = ends.source.read_schema(ends.selection)
    return [table for table in schema.tables if table.auto_increment is not None and table.name in ends.moved]


def _carry_counter(ends: Ends, table: Table) -> None:
    there = ends.there.table(ends.moved[table.name])
    dialect = connector_for(ends.context.spec.target).dialect
    if there is None or dialect is None or table.auto_increment is None:
        return
    for statement in dialect.numbers_from(there, table.auto_increment):
        ends.target.run_ddl(statement)
        ends.context.event("info", f"{there.name} goes on numbering at {table.auto_increment} or behind it")


def _left_out(ends: Ends) -> list[str]:
    """Return what the schema step has left out for good reasons of its own, which now count no more."""
    noted = ends.context.note("schema.plan")
    if noted is None:
        return []
    plan = from_json(SchemaPlan, noted)
    return [f"{each.path}: {each.message}" for each in plan.conversions if "left out" in each.message]
