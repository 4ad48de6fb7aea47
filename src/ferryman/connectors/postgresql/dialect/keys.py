"""Indexes, foreign keys and checks of the MySQL family as PostgreSQL takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.dialect.expressions import Columns, translated
from ferryman.connectors.postgresql.dialect.names import bounded
from ferryman.connectors.postgresql.quoting import quote, quote_text
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, ForeignKey, Index, IndexKind, KeyPart, Table
from ferryman.model.selection import Selection
from ferryman.model.types import Kind

_WHOLE = frozenset({Kind.BLOB, Kind.TEXT, Kind.VARCHAR})


def convert_indexes(table: Table, columns: tuple[Column, ...], notes: Notes) -> tuple[Index, ...]:
    """Convert all indexes of a table; `columns` are the target's."""
    by_name = {column.name.casefold(): column for column in columns}
    converted = (_convert_index(index, by_name, notes) for index in table.indexes)
    return tuple(index for index in converted if index is not None)


def _convert_index(index: Index, columns: Columns, notes: Notes) -> Index | None:
    if index.kind is not IndexKind.BTREE:
        notes.add(index.name, f"the {index.kind.value} index is left out: make one of PostgreSQL's own", lossy=True)
        return None
    parts = [_part(part, columns) for part in index.parts]
    if None in parts:
        notes.add(index.name, "the index on an expression is left out: it cannot be translated", lossy=True)
        return None
    if index.invisible:
        notes.add(index.name, "the index becomes visible: PostgreSQL hides none")
    kept = tuple(part for part in parts if part is not None)
    primary = index.primary and all(part.prefix is None for part in kept)
    if index.primary and not primary:
        notes.add(index.name, "the primary key on part of a column becomes a unique index")
    return replace(index, parts=kept, primary=primary, unique=index.unique or index.primary, invisible=False)


def _part(part: KeyPart, columns: Columns) -> KeyPart | None:
    if part.column is None:
        expression = translated(part.expression or "", columns)
        return replace(part, expression=expression) if expression is not None else None
    column = columns.get(part.column.casefold())
    if part.prefix is not None and column is not None and column.type.kind not in _WHOLE:
        return replace(part, prefix=None)
    return part


def convert_checks(table: Table, columns: Columns, notes: Notes) -> tuple[Check, ...]:
    """Convert the checks, and make one for each ENUM and SET."""
    out = []
    for check in table.checks:
        expression = translated(check.expression, columns, condition=True)
        if expression is None or not check.enforced:
            why = "it cannot be said exactly in PostgreSQL" if check.enforced else "it is not enforced"
            notes.add(check.name, f"the check is left out: {why}", lossy=check.enforced)
        else:
            out.append(replace(check, name=bounded(check.name), expression=expression))
    labels = (_labels_check(column) for column in table.columns)
    return (*out, *(check for check in labels if check is not None))


def _labels_check(column: Column) -> Check | None:
    labels = ", ".join(quote_text(value) for value in column.type.values)
    name, shown = bounded(f"{column.name}_labels"), quote(column.name)
    if column.type.kind is Kind.ENUM:
        return Check(name=name, expression=f"{shown} IN ({labels})")
    if column.type.kind is Kind.SET:
        return Check(name=name, expression=f"string_to_array({shown}::text, ',') <@ ARRAY[{labels}]::text[]")
    return None


def convert_foreign_keys(
    table: Table, selection: Selection, known: Mapping[TableName, Table] | None, notes: Notes
) -> tuple[ForeignKey, ...]:
    """Convert the foreign keys; `known` are the source tables that move, `None` when that is not the question."""
    out = []
    for key in table.foreign_keys:
        reason = "" if known is None else _reason_against(key, known.get(key.parent))
        if reason:
            notes.add(key.name, f"the foreign key is left out: {reason}", lossy=True)
        else:
            out.append(replace(key, name=bounded(key.name), parent=selection.target_name(key.parent)))
    return tuple(out)


def _reason_against(key: ForeignKey, parent: Table | None) -> str:
    if parent is None:
        return f"{key.parent} does not move"
    wanted = {name.casefold() for name in key.parent_columns}
    uniques = [{name.casefold() for name in index.columns} for index in parent.unique_keys if index.is_plain]
    return "" if wanted in uniques else f"{key.parent} has no unique key of just these columns"
