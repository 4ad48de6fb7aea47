"""Writes statements that exchange names, in steps that a catalog can tell apart: by way of names that nobody has (ADR 0114)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.ddl.draft import Draft
from ferryman.connectors.mysql_family.ddl.free_names import free_names
from ferryman.connectors.mysql_family.ddl.writer import column_sql, full_name
from ferryman.connectors.mysql_family.ddl.writer_alter import alter_sql
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.spi.dialect import DdlStep

Moves = Sequence[tuple[str, str]]


def exchange_sql(
    before: Table, after: Table, renamed: Mapping[str, str], *, one_action: bool
) -> tuple[list[DdlStep], list[str]]:
    """Write steps and statements; arguments as of `alter_sql`. The columns get their names first, then all the rest."""
    steps: list[DdlStep] = []
    table = before
    for moves in column_moves(before, after, renamed):
        for some in [[move] for move in moves] if one_action or not moves else [moves]:
            actions = ", ".join(_change(table, old, new) for old, new in some)
            table = with_column_names(table, some)
            steps.append(DdlStep(sql=f"ALTER TABLE {full_name(before.name)} {actions}", tables=(table,)))
    return steps, alter_sql(table, after, unmoved(renamed), one_action=one_action)


def unmoved(renamed: Mapping[str, str]) -> dict[str, str]:
    """Return what `column_moves` leaves: columns whose names are spelled otherwise."""
    return {new: old for new, old in renamed.items() if new.casefold() == old.casefold()}


def column_moves(before: Table, after: Table, renamed: Mapping[str, str]) -> tuple[Moves, Moves]:
    """Return how columns get to their new names: first to free ones, then on from there.

    A column that goes, and whose name another one takes, keeps its free name.
    """
    moved = {old.casefold(): new for new, old in renamed.items() if old and new.casefold() != old.casefold()}
    taken = {new.casefold() for new, old in renamed.items() if new.casefold() != old.casefold()}
    olds = [column.name for column in before.columns if column.name.casefold() in moved.keys() | taken]
    free = free_names((column.name for column in (*before.columns, *after.columns)), len(olds))
    away = list(zip(olds, free, strict=True))
    return away, [(name, moved[old.casefold()]) for old, name in away if old.casefold() in moved]


def with_column_names(table: Table, moves: Moves) -> Table:
    """Return the table with other names of columns, in everything that names them."""
    draft = Draft(table, Schema(), table.name.database)
    for old, new in moves:
        draft.rename_column(old, new)
    names = {old.casefold(): new for old, new in moves}
    draft.foreign_keys = [
        replace(key, parent_columns=tuple(names.get(name.casefold(), name) for name in key.parent_columns))
        if key.parent == table.name
        else key
        for key in draft.foreign_keys
    ]
    return draft.table()


def _change(table: Table, old: str, new: str) -> str:
    return f"CHANGE COLUMN {quoted_name(old)} {column_sql(replace(table.column(old), name=new))}"


def table_moves(pairs: Sequence[tuple[Table, TableName]]) -> list[tuple[list[Table], list[Table]]]:
    """Return how tables of the target get to their new names, before and after: first to free ones, then from there."""
    free = free_names((each.name.table for each, _ in pairs), len(pairs))
    away = [
        replace(each, name=TableName(each.name.database, name)) for (each, _), name in zip(pairs, free, strict=True)
    ]
    there = [replace(each, name=new) for each, new in pairs]
    return [([each for each, _ in pairs], away), (away, there)]


def table_steps(pairs: Sequence[tuple[Table, TableName]]) -> list[DdlStep]:
    """Write the steps by which tables of the target, each with its new name, take the names of one another."""
    return [_renaming(before, after) for before, after in table_moves(pairs)]


def _renaming(before: Sequence[Table], after: Sequence[Table]) -> DdlStep:
    renames = (f"{full_name(a.name)} TO {full_name(b.name)}" for a, b in zip(before, after, strict=True))
    return DdlStep(sql=f"RENAME TABLE {', '.join(renames)}", tables=tuple(after))
