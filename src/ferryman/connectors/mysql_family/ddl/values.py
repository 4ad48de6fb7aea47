"""Which changes of a table give its rows values that stand in no log, and that a target would not compute alike.

Tried on MariaDB 10.11 and seekdb 1.4.0 with rows of every type: conversions of one type into another give the same values
on both, but for those named here.
"""

from __future__ import annotations

import re

from ferryman.model.schema import Column, DefaultKind, Table
from ferryman.model.types import Kind

_CHANGING = re.compile(
    r"current_timestamp|current_date|current_time|localtime|now\s*\(|sysdate|curdate|curtime|utc_|unix_timestamp\s*\(\s*\)"
    r"|uuid|rand\s*\(|user\s*\(|connection_id|nextval|next value|last_insert_id|@@",
    re.IGNORECASE,
)
_CLOCKS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_ZONED = "the time zone of a session the log does not name"


def unlogged_values(before: Table, after: Table, renamed: dict[str, str]) -> list[str]:
    """Say which columns take values in existing rows that the target cannot know; empty when there are none."""
    there = {column.name.casefold(): column for column in before.columns}
    out = []
    for column in after.columns:
        old = there.get(renamed.get(column.name, column.name).casefold())
        reason = _new_values(column) if old is None else _other_values(old, column)
        out += [f"column {column.name}: {reason}"] if reason else []
    return out


def rewritten_documents(before: Table, after: Table, renamed: dict[str, str]) -> list[str]:
    """Name the columns that become JSON, or text of what was JSON: not every target can do that in place."""
    there = {column.name.casefold(): column for column in before.columns}
    pairs = [(there.get(renamed.get(each.name, each.name).casefold()), each) for each in after.columns]
    return [
        new.name
        for old, new in pairs
        if old is not None and old.type.kind is not new.type.kind and Kind.JSON in {old.type.kind, new.type.kind}
    ]


def _new_values(column: Column) -> str:
    if column.auto_increment:
        return "existing rows are numbered, and the log does not say how"
    default = column.default
    if default is not None and default.kind is DefaultKind.EXPRESSION and _CHANGING.search(default.text):
        return f"existing rows take {default.text}, and the log does not say which value"
    if column.type.kind is Kind.TIMESTAMP and default is not None and not default.text.startswith("0000"):
        return f"existing rows take {default.text} in {_ZONED}"
    if column.type.kind is Kind.JSON and not column.nullable and default is None:
        return "existing rows take a value that is no JSON"
    return ""


def _other_values(old: Column, new: Column) -> str:
    one, other = old.type, new.type
    if (one.kind is Kind.TIMESTAMP) != (other.kind is Kind.TIMESTAMP):
        return f"values are converted in {_ZONED}"
    if one.kind in _CLOCKS and other.kind in _CLOCKS and other.fraction < one.fraction:
        return "fractions of seconds are cut by some servers and rounded by others"
    if new.auto_increment and not old.auto_increment and old.nullable:
        return "rows with NULL are numbered, and the log does not say how"
    return ""
