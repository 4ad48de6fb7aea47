"""Compares a table with the one wanted, by what matters to rows: not by spelling."""

from __future__ import annotations

from ferryman.connectors.postgresql.dialect.names import index_name
from ferryman.model.schema import Column, ForeignKey, Index, ReferenceAction, Table

_NO_ACTIONS = frozenset({ReferenceAction.RESTRICT, ReferenceAction.NO_ACTION})


def table_differences(wanted: Table, found: Table) -> list[str]:
    """Say how `found` differs from `wanted`; empty when rows and keys are the same.

    Left out of it: the order of columns, defaults, comments, checks, names of indexes, additional indexes that are not
    unique.
    """
    return [*_columns(wanted, found), *_indexes(wanted, found), *_foreign_keys(wanted, found)]


def _columns(wanted: Table, found: Table) -> list[str]:
    there = {column.name: column for column in found.columns}
    asked = {column.name: column for column in wanted.columns}
    out = [f"column {name} is missing" for name in asked if name not in there]
    out += [f"column {name} is additional" for name in there if name not in asked]
    return out + [f"column {n}: {what}" for n in asked if n in there for what in _column(asked[n], there[n])]


def _column(wanted: Column, found: Column) -> list[str]:
    out = []
    if wanted.type.native != found.type.native:
        out.append(f"{found.type.native} instead of {wanted.type.native}")
    if wanted.nullable != found.nullable:
        out.append("NULL is " + ("not allowed" if wanted.nullable else "allowed"))
    if wanted.auto_increment != found.auto_increment:
        out.append("it " + ("does not number itself" if wanted.auto_increment else "numbers itself"))
    if (wanted.generated is None) != (found.generated is None):
        out.append("generated in another way")
    return out


def _indexes(wanted: Table, found: Table) -> list[str]:
    there = {_shape(index) for index in found.indexes if index.is_plain}
    asked = {_shape(index) for index in wanted.indexes if index.is_plain}
    names = {index.name for index in found.indexes}
    out = [f"index {i.name} is missing" for i in wanted.indexes if i.is_plain and _shape(i) not in there]
    others = [index for index in wanted.indexes if not index.is_plain]
    out += [f"index {i.name} is missing" for i in others if index_name(wanted.name.table, i) not in names]
    additional = (i for i in found.indexes if i.is_plain and (i.unique or i.primary) and _shape(i) not in asked)
    return out + [f"unique index {index.name} is additional" for index in additional]


def _shape(index: Index) -> tuple[object, ...]:
    return tuple((part.column, part.descending) for part in index.parts), index.unique or index.primary, index.primary


def _foreign_keys(wanted: Table, found: Table) -> list[str]:
    there = {_reference(key) for key in found.foreign_keys}
    asked = {_reference(key): key for key in wanted.foreign_keys}
    out = [f"foreign key {key.name} is missing" for each, key in asked.items() if each not in there]
    return out + [f"foreign key {key.name} is additional" for key in found.foreign_keys if _reference(key) not in asked]


def _reference(key: ForeignKey) -> tuple[object, ...]:
    actions = tuple(ReferenceAction.RESTRICT if a in _NO_ACTIONS else a for a in (key.on_delete, key.on_update))
    return key.columns, key.parent, key.parent_columns, actions
