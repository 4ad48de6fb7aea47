"""Converts indexes, checks, foreign keys and partitions to what the target takes, and says what is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.collations import charset_of
from ferryman.connectors.mysql_family.dialect.columns import Notes, index_bytes, target_collation
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, ForeignKey, Index, IndexKind, ReferenceAction, Table
from ferryman.model.selection import Selection

NAME_LENGTH = 64


def convert_indexes(table: Table, columns: tuple[Column, ...], rules: Rules, notes: Notes) -> tuple[Index, ...]:
    """Convert all indexes of a table; `columns` are the target's."""
    by_name = {column.name.casefold(): column for column in columns}
    source = {column.name.casefold(): column for column in table.columns}
    converted = (_convert_index(index, by_name, source, rules, notes) for index in table.indexes)
    return tuple(index for index in converted if index is not None)


def _convert_index(
    index: Index, columns: dict[str, Column], source: dict[str, Column], rules: Rules, notes: Notes
) -> Index | None:
    if index.kind is IndexKind.BTREE and _bytes_of(index, columns) > rules.index_bytes:
        notes.add(
            index.name, f"the index is left out: longer than the {rules.index_bytes} bytes of {rules.name}", lossy=True
        )
        return None
    if index.unique or index.primary:
        _note_folding(index, source, rules, notes)
    if index.primary and not index.is_plain and not rules.prefix_primary:
        notes.add(index.name, "the primary key on part of a column becomes a unique key")
        index = replace(index, name="uk_primary", primary=False, unique=True)
    if not rules.descending and any(part.descending for part in index.parts):
        notes.add(index.name, f"DESC is left out: {rules.name} reads indexes both ways")
        index = replace(index, parts=tuple(replace(part, descending=False) for part in index.parts))
    return index


def _bytes_of(index: Index, columns: dict[str, Column]) -> int:
    return sum(index_bytes(columns[part.column.casefold()], part.prefix) for part in index.parts if part.column)


def _note_folding(index: Index, source: dict[str, Column], rules: Rules, notes: Notes) -> None:
    for name in index.columns:
        type_ = source[name.casefold()].type
        _charset, collation, folds = target_collation(rules, type_.charset, type_.collation)
        if type_.collation and folds:
            message = f"unique under {type_.collation} at the source, under {collation} at the target: "
            notes.add(index.name, message + f"values of {name} may differ there and be equal here", lossy=True)


def convert_checks(table: Table, target: TableName, rules: Rules, notes: Notes) -> tuple[Check, ...]:
    """Convert the checks; names that the source has once a table are made to be once a database."""
    kept = []
    for check in table.checks:
        if not check.enforced:
            notes.add(check.name, "a CHECK that is not enforced is left out", lossy=True)
            continue
        name = short_name(f"{target.table}_{check.name}") if rules.unique_check_names else check.name
        kept.append(replace(check, name=name))
    return tuple(kept)


def convert_foreign_keys(
    table: Table, selection: Selection, known: Container[TableName] | None, rules: Rules, notes: Notes
) -> tuple[ForeignKey, ...]:
    """Convert the foreign keys; `known` are the source tables that move (`None`: whatever the selection says)."""
    kept = []
    for key in table.foreign_keys:
        moves = selection.includes(key.parent) and (known is None or key.parent in known)
        if not moves:
            notes.add(key.name, f"the foreign key is left out: its parent {key.parent} does not move", lossy=True)
        elif ReferenceAction.SET_DEFAULT in {key.on_delete, key.on_update}:
            notes.add(key.name, f"the foreign key is left out: {rules.name} has no SET DEFAULT", lossy=True)
        else:
            kept.append(replace(key, parent=selection.target_name(key.parent)))
    return tuple(kept)


def convert_partitions(table: Table, rules: Rules, notes: Notes) -> str | None:
    """Convert the partition clause."""
    text = table.partitions
    if text is None or rules.linear_partitions or not text.upper().startswith("LINEAR "):
        return text
    notes.add("", f"LINEAR is left out of the partition clause: {rules.name} does not know it")
    return text[len("LINEAR ") :]


def table_collation(table: Table, rules: Rules, notes: Notes) -> tuple[str | None, str | None]:
    """Convert the table's own default; told only where it matters to columns added later."""
    charset, collation, folds = target_collation(rules, table.charset or charset_of(table.collation), table.collation)
    if collation != table.collation:
        notes.add("", f"the table's collation {table.collation} becomes {collation}", lossy=folds)
    return charset, collation


def short_name(name: str) -> str:
    """Cut a name to what servers take, with a digest of the whole so that it stays unique."""
    if len(name) <= NAME_LENGTH:
        return name
    return name[: NAME_LENGTH - 9] + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]


def unique_names(tables: Iterable[Table], notes: dict[TableName, Notes]) -> list[Table]:
    """Give foreign keys of one target database names of their own: two source databases may come together there."""
    taken: set[tuple[str, str]] = set()
    out = []
    for table in tables:
        keys = []
        for key in table.foreign_keys:
            name = key.name
            if (table.name.database.casefold(), name.casefold()) in taken:
                name = short_name(f"{table.name.table}_{name}")
                notes[table.name].add(key.name, f"the foreign key is called {name}: its name is taken there")
            taken.add((table.name.database.casefold(), name.casefold()))
            keys.append(replace(key, name=name))
        out.append(replace(table, foreign_keys=tuple(keys)))
    return out
