"""Keys and indexes of PostgreSQL's tables as the MySQL family has them: no longer than an index holds."""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.dialect.columns import Notes, index_bytes
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.model.schema import Column, Index, IndexKind, KeyPart, Table
from ferryman.model.types import CHARACTER_KINDS, Kind

_LONGEST = 1024
"""Characters of a text in a key, where the index has room for more."""
_FIXED_BYTES = 32
_PREFIX = 190
_LONG_KINDS = (CHARACTER_KINDS - {Kind.ENUM}) | {Kind.BLOB}


def key_room(table: Table, rules: Rules) -> dict[str, int]:
    """Return how many characters a text of unknown length may have, for each that is in a key or a reference.

    An index of the target takes `Rules.index_bytes`, a character up to four of them.
    """
    keys = [index.columns for index in table.unique_keys if index.is_plain]
    keys += [key.columns for key in table.foreign_keys]
    room: dict[str, int] = {}
    for columns in keys:
        long = [name for name in columns if table.column(name).type.kind in _LONG_KINDS]
        if long:
            share = (rules.index_bytes - _FIXED_BYTES * (len(columns) - len(long))) // (4 * len(long))
            for name in long:
                room[name] = min(room.get(name, _LONGEST), share, _LONGEST)
    return room


def adapted_indexes(table: Table, columns: tuple[Column, ...], rules: Rules, notes: Notes) -> tuple[Index, ...]:
    """Return the indexes that the family can have too; `columns` are the target's."""
    by_name = {column.name: column for column in columns}
    out = []
    for index in table.indexes:
        reason = _left_out(index)
        if reason:
            notes.add(index.name, f"the index is left out: {reason}", lossy=index.unique)
        elif index.unique or index.primary:
            out.append(index)
        else:
            out.append(_shortened(index, by_name, rules, notes))
    return tuple(out)


def _left_out(index: Index) -> str:
    if index.kind is not IndexKind.BTREE:
        return "it is of a kind the target does not have"
    if any(part.column is None for part in index.parts):
        return "it is over an expression, or over a part of the rows only"
    return ""


def _shortened(index: Index, columns: dict[str, Column], rules: Rules, notes: Notes) -> Index:
    """Index long texts by their beginning."""
    share = rules.index_bytes // len(index.parts)
    parts = tuple(_short_part(part, columns, share) for part in index.parts)
    if parts == index.parts:
        return index
    notes.add(index.name, "long texts are indexed by their first characters")
    return replace(index, parts=parts)


def _short_part(part: KeyPart, columns: dict[str, Column], share: int) -> KeyPart:
    column = columns[part.column or ""]
    long = column.type.kind in {Kind.TEXT, Kind.BLOB, Kind.JSON} or index_bytes(column, None) > share
    if not long or column.type.kind not in _LONG_KINDS | {Kind.VARBINARY, Kind.JSON}:
        return part
    return replace(part, prefix=min(_PREFIX, share // 4))
