"""Writes the statements that turn one table of the target into another, from the two models alone.

What the catalog cannot be asked about after a crash (names of indexes, checks, comments) is written so that it may run twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferryman.connectors.mysql_family.ddl.writer_exchange import column_moves
from ferryman.connectors.postgresql.dialect import statements
from ferryman.connectors.postgresql.quoting import quote, quote_table, quote_text
from ferryman.model.schema import Column, ForeignKey, Index, Table
from ferryman.model.types import Kind
from ferryman.spi.dialect import DdlStep

_ZERO = {Kind.BLOB: "\\x", Kind.VARCHAR: "", Kind.TEXT: "", Kind.TIME: "00:00:00"}


def alter_table(before: Table, after: Table, renamed: Mapping[str, str], first_values: Mapping[str, str]) -> list[str]:
    """Write the statements from `before` to `after`.

    Args:
        before: The target's table as it is.
        after: As it shall be; the name is not changed here.
        renamed: New column names → old ones, which no other column has or takes.
        first_values: Added columns → the value that existing rows take, where no default says it.
    """
    named = with_new_names(before, renamed)
    gone, made = _changed_indexes(named, after)
    return [
        *_dropped_constraints(before, named, after),
        *(statements.drop_index(before, index) for index in gone),
        *renames(before, [(old, new) for new, old in renamed.items() if old != new]),
        *_columns(named, after, first_values),
        *_added_constraints(named, after),
        *(_made_index(after, index) for index in made),
        *statements.comments(after, named),
    ]


def with_new_names(before: Table, renamed: Mapping[str, str]) -> Table:
    """Return the table as it is once its columns bear their new names."""
    new = {old.casefold(): name for name, old in renamed.items()}

    def name_of(column: str) -> str:
        return new.get(column.casefold(), column)

    indexes = tuple(
        replace(i, parts=tuple(replace(p, column=name_of(p.column)) if p.column else p for p in i.parts))
        for i in before.indexes
    )
    keys = tuple(replace(k, columns=tuple(map(name_of, k.columns))) for k in before.foreign_keys)
    columns = tuple(replace(c, name=name_of(c.name)) for c in before.columns)
    return replace(before, columns=columns, indexes=indexes, foreign_keys=keys)


def _changed_indexes(before: Table, after: Table) -> tuple[list[Index], list[Index]]:
    there = {index.name.casefold(): index for index in before.indexes}
    asked = {index.name.casefold(): index for index in after.indexes}
    kept = {name for name in there.keys() & asked.keys() if _shape(there[name]) == _shape(asked[name])}
    return (
        [index for name, index in there.items() if name not in kept],
        [index for name, index in asked.items() if name not in kept],
    )


def _shape(index: Index) -> tuple[object, ...]:
    parts = tuple((p.column.casefold() if p.column else p.expression, p.prefix, p.descending) for p in index.parts)
    return parts, index.unique, index.primary


def _made_index(table: Table, index: Index) -> str:
    if index.primary:
        return f"ALTER TABLE {quote_table(table.name)} ADD {statements.primary_key(table.name, index)}"
    return statements.create_index(table, index)


def _dropped_constraints(before: Table, named: Table, after: Table) -> list[str]:
    """Return what drops keys and checks that go; a check that may name a renamed or changed column is made anew."""
    wanted = {_key(key) for key in after.foreign_keys}
    out = [statements.drop_constraint(before.name, k.name) for k in named.foreign_keys if _key(k) not in wanted]
    kept = {(check.name, check.expression) for check in after.checks}
    return out + [
        statements.drop_constraint(before.name, c.name) for c in before.checks if (c.name, c.expression) not in kept
    ]


def _added_constraints(before: Table, after: Table) -> list[str]:
    kept = {(check.name, check.expression) for check in before.checks}
    out = [
        statement
        for check in after.checks
        if (check.name, check.expression) not in kept
        for statement in (statements.drop_constraint(after.name, check.name), statements.add_check(after.name, check))
    ]
    there = {_key(key) for key in before.foreign_keys}
    return out + [
        statement
        for key in after.foreign_keys
        if _key(key) not in there
        for statement in (statements.drop_constraint(after.name, key.name), statements.add_foreign_key(after.name, key))
    ]


def _key(key: ForeignKey) -> ForeignKey:
    return replace(key, columns=tuple(name.casefold() for name in key.columns))


def renames(before: Table, moves: Sequence[tuple[str, str]]) -> list[str]:
    """Rename columns, old to new, one after the other."""
    head = f"ALTER TABLE {quote_table(before.name)} RENAME COLUMN "
    return [f"{head}{quote(old)} TO {quote(new)}" for old, new in moves]


def exchange(before: Table, after: Table, renamed: Mapping[str, str]) -> tuple[list[DdlStep], Table]:
    """Write how columns take the names of one another: by way of names that nobody has; returns the table then."""
    steps, table = [], before
    for moves in column_moves(before, after, renamed):
        sql = statements.joined(renames(table, moves))
        table = with_new_names(table, {new: old for old, new in moves})
        steps.append(DdlStep(sql=sql, tables=(table,)))
    return steps, table


def _columns(before: Table, after: Table, first_values: Mapping[str, str]) -> list[str]:
    there = {column.name.casefold(): column for column in before.columns}
    asked = {column.name.casefold(): column for column in after.columns}
    again = {name for name in there.keys() & asked.keys() if there[name].generated != asked[name].generated}
    head = f"ALTER TABLE {quote_table(before.name)} "
    gone = [c for name, c in there.items() if name not in asked or name in again]
    out = [f"{head}DROP COLUMN {quote(column.name)}" for column in gone]
    for name, column in asked.items():
        if name not in there or name in again:
            out += _added(after, column, first_values.get(column.name))
        else:
            out += [head + action for action in _actions(there[name], column)]
            out += _numbering(after, there[name], column)
    return out


def _added(table: Table, column: Column, first_value: str | None) -> list[str]:
    head = f"ALTER TABLE {quote_table(table.name)} "
    if first_value is None:
        out = [f"{head}ADD COLUMN {statements.column_definition(column)}"]
    else:
        text = f"{statements.column_definition(column)} DEFAULT {quote_text(first_value)}"
        out = [f"{head}ADD COLUMN {text}", f"{head}ALTER COLUMN {quote(column.name)} DROP DEFAULT"]
    return out + (statements.number_by_sequence(table.name, column) if statements.counts_by_sequence(column) else [])


def _actions(old: Column, new: Column) -> list[str]:
    name = f"ALTER COLUMN {quote(new.name)} "
    retyped = (old.type.native, old.type.collation) != (new.type.native, new.type.collation)
    out = []
    if old.default is not None and (retyped or new.default is None):
        out.append(f"{name}DROP DEFAULT")
    if old.auto_increment and _numbered_anew(old, new):
        out.append(f"{name}DROP DEFAULT" if statements.counts_by_sequence(old) else f"{name}DROP IDENTITY IF EXISTS")
    if retyped:
        out.append(f"{name}TYPE {statements.written_type(new)}")
    if new.default is not None and (retyped or old.default != new.default):
        out.append(f"{name}SET DEFAULT {statements.default_text(new.default)}")
    if old.nullable != new.nullable:
        out.append(f"{name}{'DROP' if new.nullable else 'SET'} NOT NULL")
    return out


def _numbered_anew(old: Column, new: Column) -> bool:
    """Whether a column begins or ends to number itself, or does it in another way (a wider type takes no identity)."""
    one, other = (column.auto_increment and (column.type.kind is Kind.INTEGER,) for column in (old, new))
    return one != other


def _numbering(table: Table, old: Column, new: Column) -> list[str]:
    if not new.auto_increment or not _numbered_anew(old, new):
        return []
    if statements.counts_by_sequence(new):
        return statements.number_by_sequence(table.name, new)
    head = f"ALTER TABLE {quote_table(table.name)} ALTER COLUMN {quote(new.name)} "
    return [f"{head}ADD GENERATED BY DEFAULT AS IDENTITY"]


def implicit_value(column: Column) -> str | None:
    """Return what existing rows take for an added source column that is NOT NULL without a default (MySQL's rules).

    `None` where PostgreSQL has no such value (a zero date), or where the column needs none.
    """
    kind = column.type.kind
    if kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE, Kind.YEAR}:
        return "0"
    if kind is Kind.ENUM:
        return column.type.values[0] if column.type.values else None
    if kind is Kind.BIT:
        return "0" * column.type.bits
    if kind is Kind.BINARY:
        return "\\x" + "00" * (column.type.length or 0)
    if kind in {Kind.CHAR, Kind.SET, Kind.VARBINARY}:
        return ""
    return _ZERO.get(kind)
