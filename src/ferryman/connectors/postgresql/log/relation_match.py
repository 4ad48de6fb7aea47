"""Compares a table as the log describes it with the table as we know it: what was altered in between?

DDL is not in the log; it shows only here. What can be told for certain becomes a change of the table that targets follow;
whatever else is named, with its reason, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ferryman.connectors.postgresql.log.messages import Relation, RelationColumn
from ferryman.connectors.postgresql.log.numbers import NumberedColumn, numbers_at
from ferryman.connectors.postgresql.quoting import quote, quote_table
from ferryman.model.schema import Column, Index, Table
from ferryman.model.types import Kind
from ferryman.spi.dialect import TableChange


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedColumn:
    """A column as the catalog shows it now.

    Attributes:
        column: The column; its default is what the rows before it have, when that is known.
        reason: Why the values that existing rows have in it cannot be known; empty when they can.
    """

    column: Column
    reason: str = ""


class Catalog(Protocol):
    """What a decoder asks of the server itself."""

    def type_text(self, oid: int, modifier: int) -> str:
        """Return a type as `format_type` writes it."""
        ...

    def added_column(self, table: Table, name: str) -> AddedColumn | None:
        """Look at a column that we do not know; `None` when it is gone again."""
        ...

    def numbered(self, oid: int) -> Sequence[NumberedColumn]:
        """Return all columns a table has had, in order; none where that cannot be asked now."""
        ...


@dataclass(slots=True)
class _Match:
    columns: list[Column]
    actions: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)


def differs(relation: Relation, table: Table, catalog: Catalog) -> bool:
    """Whether the log's description has other columns than the table we know."""
    known = _logged(table)
    if [column.name for column in known] != [column.name for column in relation.columns]:
        return True
    if any(
        not _same_type(column, described, catalog) for column, described in zip(known, relation.columns, strict=True)
    ):
        return True
    numbers = numbers_at(relation, table, catalog.numbered(relation.oid))
    return numbers is not None and numbers != tuple(column.number for column in known)


def _logged(table: Table) -> list[Column]:
    return [column for column in table.columns if column.generated is None]


def _same_type(column: Column, described: RelationColumn, catalog: Catalog) -> bool:
    return column.type.native == catalog.type_text(described.type_oid, described.modifier)


def table_change(relation: Relation, table: Table, catalog: Catalog) -> TableChange:
    """Say what was done to a table whose description differs."""
    match = _Match(list(table.columns))
    described = {column.name: column for column in relation.columns}
    numbers = numbers_at(relation, table, catalog.numbered(relation.oid))
    fresh = _by_number(match, relation, table, numbers) if numbers is not None else _by_name(match, relation, table)
    for column in fresh:
        match.reasons += _twins(column, relation)
        _add(match, table, column, catalog)
    _retype(match, described, catalog)
    sql = f"ALTER TABLE {quote_table(table.name)} {', '.join(match.actions)}"
    return TableChange(
        sql=sql,
        name=table.name,
        after=_rebuilt(table, match),
        renamed=match.renamed,
        reasons=tuple(match.reasons),
    )


def _by_number(match: _Match, relation: Relation, table: Table, numbers: tuple[int, ...]) -> list[RelationColumn]:
    """Take columns for what they are by their numbers; returns the new ones.

    A name that another column had before is a matter for a person: no target exchanges them in one statement.
    """
    logged = {column.number: column for column in _logged(table)}
    described = dict(zip(numbers, relation.columns, strict=True))
    for number in [each for each in logged if each not in described]:
        _drop(match, table, logged[number].name)
    new_names = {n: each.name for n, each in described.items() if n in logged and each.name != logged[n].name}
    taken = {column.name for column in table.columns}
    for number, name in new_names.items():
        old = logged[number].name
        match.renamed[name] = old
        match.actions.append(f"RENAME COLUMN {quote(old)} TO {quote(name)}")
        if name in taken:
            match.reasons.append(f"{old} is called {name} now, as another column was before")
    match.columns = [replace(column, name=new_names.get(column.number, column.name)) for column in match.columns]
    fresh = [column for number, column in described.items() if number not in logged]
    match.reasons += [
        f"{column.name} is a new column, called as another one was before" for column in fresh if column.name in taken
    ]
    return fresh


def _by_name(match: _Match, relation: Relation, table: Table) -> list[RelationColumn]:
    """Take columns for what they are called, where numbers cannot be had; returns the new ones."""
    described = {column.name for column in relation.columns}
    gone = [column.name for column in _logged(table) if column.name not in described]
    fresh = [column for column in relation.columns if column.name not in {each.name for each in table.columns}]
    fresh = _rename(match, relation, table, gone, fresh)
    for name in gone:
        if name not in match.renamed.values():
            _drop(match, table, name)
    return fresh


def _twins(column: RelationColumn, relation: Relation) -> list[str]:
    """Say which columns a new one differs from in case alone: names are paired without case everywhere else."""
    folded = column.name.casefold()
    twins = [each.name for each in relation.columns if each.name != column.name and each.name.casefold() == folded]
    return [f"{column.name} differs from {', '.join(twins)} in case alone"] if twins else []


def _rename(
    match: _Match, relation: Relation, table: Table, gone: list[str], fresh: list[RelationColumn]
) -> list[RelationColumn]:
    """Find renamed columns: PostgreSQL adds at the end only, so a new name elsewhere is an old column's."""
    if not gone or not fresh:
        return fresh
    names = [column.name for column in relation.columns]
    old = [column.name for column in _logged(table)]
    kept = [name for name in names if name in old]
    last_old = max((names.index(name) for name in kept), default=-1)
    inside = [column for column in fresh if names.index(column.name) < last_old]
    for column in inside:
        _rename_one(match, column, _at_same_place(names, old, column.name, gone))
    rest = [column for column in fresh if column not in inside]
    lost = [name for name in gone if name not in match.renamed.values()]
    if rest and lost:
        match.reasons.append(
            f"{', '.join(lost)} may have been renamed to, or dropped beside, {', '.join(c.name for c in rest)}"
        )
    return rest


def _at_same_place(names: list[str], old: list[str], name: str, gone: list[str]) -> str | None:
    """Return the one lost column that stood between the same neighbours."""
    place = names.index(name)
    before = names[place - 1] if place else None
    start = old.index(before) + 1 if before in old else 0
    return old[start] if start < len(old) and old[start] in gone else None


def _rename_one(match: _Match, column: RelationColumn, old: str | None) -> None:
    if old is None:
        match.reasons.append(f"it cannot be told which column became {column.name}")
        return
    match.renamed[column.name] = old
    match.actions.append(f"RENAME COLUMN {quote(old)} TO {quote(column.name)}")
    match.columns = [replace(each, name=column.name) if each.name == old else each for each in match.columns]


def _drop(match: _Match, table: Table, name: str) -> None:
    match.actions.append(f"DROP COLUMN {quote(name)}")
    match.columns = [column for column in match.columns if column.name != name]
    if table.row_key is not None and name in table.row_key.columns:
        match.reasons.append(f"{name} was part of the key that names the rows")


def _add(match: _Match, table: Table, described: RelationColumn, catalog: Catalog) -> None:
    text = catalog.type_text(described.type_oid, described.modifier)
    match.actions.append(f"ADD COLUMN {quote(described.name)} {text}")
    found = catalog.added_column(table, described.name)
    if found is None:
        match.reasons.append(f"{described.name} was added and is gone again or renamed, so its type is not known")
        return
    if found.column.type.native != text:
        match.reasons.append(f"{described.name} was added as {text} and is {found.column.type.native} by now")
    if found.reason:
        match.reasons.append(f"the values of {described.name} in existing rows are not in the log: {found.reason}")
    match.columns.append(found.column)


def _retype(match: _Match, described: dict[str, RelationColumn], catalog: Catalog) -> None:
    for place, column in enumerate(match.columns):
        now = described.get(column.name)
        if now is None or column.generated is not None or _same_type(column, now, catalog):
            continue
        text = catalog.type_text(now.type_oid, now.modifier)
        match.actions.append(f"ALTER COLUMN {quote(column.name)} TYPE {text}")
        wider = _widened(column, text)
        if wider is None:
            match.reasons.append(f"existing values of {column.name} became {text} without a word in the log")
        else:
            match.columns[place] = wider


def _widened(column: Column, text: str) -> Column | None:
    """Return a longer varchar, in which all values stay as they are; `None` for anything else."""
    head, _, rest = text.partition("(")
    digits = rest.rstrip(")")
    length = column.type.length
    if column.type.kind is not Kind.VARCHAR or head != "character varying" or not digits.isdigit() or length is None:
        return None
    if int(digits) < length:
        return None
    return replace(column, type=replace(column.type, native=text, length=int(digits)))


def _rebuilt(table: Table, match: _Match) -> Table:
    """Return the table with its new columns; indexes, checks and references over lost columns go with them."""
    new = {old: name for name, old in match.renamed.items()}
    there = {column.name for column in match.columns}
    indexes = tuple(index for index in (_moved(index, new) for index in table.indexes) if set(index.columns) <= there)
    keys = tuple(
        replace(key, columns=tuple(new.get(name, name) for name in key.columns))
        for key in table.foreign_keys
        if {new.get(name, name) for name in key.columns} <= there
    )
    last = max(column.number for column in match.columns) if match.columns else 0
    origin = table.origin and (table.origin[0], max(table.origin[1], last))
    return replace(table, columns=tuple(match.columns), indexes=indexes, foreign_keys=keys, origin=origin)


def _moved(index: Index, new: dict[str, str]) -> Index:
    parts = tuple(
        replace(part, column=new.get(part.column, part.column)) if part.column is not None else part
        for part in index.parts
    )
    return replace(index, parts=parts)
