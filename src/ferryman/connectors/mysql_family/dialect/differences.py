"""Compares a table with the one wanted, by what matters to rows: not by spelling."""

from __future__ import annotations

from ferryman.connectors.mysql_family.ddl.tokens import TokenKind, tokenize
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Column, Default, ForeignKey, Index, ReferenceAction, Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind


def table_differences(wanted: Table, found: Table) -> list[str]:
    """Say how `found` differs from `wanted`; empty when rows and keys are the same.

    Left out of it: comments, the next AUTO_INCREMENT, partitions, names and spelling of checks, additional indexes
    that are not unique.
    """
    return [*_columns(wanted, found), *_indexes(wanted, found), *_foreign_keys(wanted, found)]


def _columns(wanted: Table, found: Table) -> list[str]:
    there = {column.name.casefold(): column for column in found.columns}
    asked = {column.name.casefold(): column for column in wanted.columns}
    out = [f"column {column.name} is missing" for name, column in asked.items() if name not in there]
    out += [f"column {column.name} is additional" for name, column in there.items() if name not in asked]
    for name, column in asked.items():
        if name in there:
            out += [f"column {column.name}: {what}" for what in column_differences(column, there[name])]
    if not out and list(asked) != list(there):
        out.append("the columns stand in another order")
    return out


def column_differences(wanted: Column, found: Column) -> list[str]:
    """Say how a column differs."""
    out = []
    if not same_type(wanted.type, found.type):
        out.append(f"{_shown(found.type)} instead of {_shown(wanted.type)}")
    if wanted.nullable != found.nullable:
        out.append("NULL is " + ("not allowed" if wanted.nullable else "allowed"))
    if not same_default(wanted.default, found.default):
        out.append("another default")
    if wanted.auto_increment != found.auto_increment:
        out.append("AUTO_INCREMENT " + ("is missing" if wanted.auto_increment else "is additional"))
    if wanted.on_update != found.on_update:
        out.append("another ON UPDATE")
    if _stored(wanted) != _stored(found):
        out.append("generated in another way")
    if wanted.invisible != found.invisible:
        out.append("visible in another way")
    return out


def _shown(type_: ColumnType) -> str:
    return type_.native + (f" {type_.collation}" if type_.kind in CHARACTER_KINDS else "")


def _stored(column: Column) -> bool | None:
    return column.generated.stored if column.generated is not None else None


def same_type(one: ColumnType, other: ColumnType) -> bool:
    """Whether two types hold the same values and compare them in the same way."""
    return _signature(one) == _signature(other)


def _signature(type_: ColumnType) -> tuple[object, ...]:
    labels = ",".join(f"'{value}'" for value in type_.values)
    collation = type_.collation if type_.kind in CHARACTER_KINDS else None
    rounded = type_.native if type_.kind in {Kind.FLOAT, Kind.DOUBLE} else ""
    return (
        type_.kind, type_.bits, type_.unsigned, type_.length, type_.precision, type_.scale, type_.fraction, labels,
        collation, type_.geometry, rounded,
    )  # fmt: skip


def same_default(one: Default | None, other: Default | None) -> bool:
    """Whether two defaults give the same value; servers do not all tell constants from SQL."""
    if one is None or other is None:
        return one is other
    return one.text == other.text or expression_key(one.text) == expression_key(other.text)


def expression_key(text: str) -> tuple[str, ...]:
    """Return an expression without what spelling adds: case, quotes of names, parentheses, introducers."""
    try:
        tokens = tokenize(text)
    except FerrymanError:
        return (text,)  # a constant such as it's, which is no SQL
    return tuple(
        token.text.casefold() if token.kind is not TokenKind.STRING else f"'{token.text}"
        for token in tokens
        if token.kind is not TokenKind.END and token.text not in {"(", ")"} and not token.text.startswith("_utf8")
    )


def index_key(index: Index) -> tuple[object, ...]:
    """Return what an index is made of, without name and comment."""
    parts = tuple(
        (
            part.column.casefold() if part.column else None,
            expression_key(part.expression) if part.expression else None,
            part.prefix,
        )
        for part in index.parts
    )
    return (parts, index.unique, index.primary, index.kind)


def _indexes(wanted: Table, found: Table) -> list[str]:
    there = {index.name.casefold(): index for index in found.indexes}
    asked = {index.name.casefold(): index for index in wanted.indexes}
    out = []
    for name, index in asked.items():
        if name not in there:
            out.append(f"index {index.name} is missing")
        elif index_key(index) != index_key(there[name]):
            out.append(f"index {index.name} is made of other parts")
    out += [
        f"unique index {index.name} is additional"
        for name, index in there.items()
        if name not in asked and (index.unique or index.primary)
    ]
    return out


def _foreign_keys(wanted: Table, found: Table) -> list[str]:
    there = {_foreign_key(key) for key in found.foreign_keys}
    asked = {_foreign_key(key): key for key in wanted.foreign_keys}
    out = [f"foreign key {key.name} is missing" for each, key in asked.items() if each not in there]
    return out + [
        f"foreign key {key.name} is additional" for key in found.foreign_keys if _foreign_key(key) not in asked
    ]


def _foreign_key(key: ForeignKey) -> tuple[object, ...]:
    return (
        tuple(name.casefold() for name in key.columns),
        key.parent.database.casefold(),
        key.parent.table.casefold(),
        tuple(name.casefold() for name in key.parent_columns),
        _plain(key.on_delete),
        _plain(key.on_update),
    )


def _plain(action: ReferenceAction) -> ReferenceAction:
    """NO ACTION is RESTRICT in this family."""
    return ReferenceAction.RESTRICT if action is ReferenceAction.NO_ACTION else action
