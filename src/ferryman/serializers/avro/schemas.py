"""Avro schemas of a table: its key, its rows, and the envelope around them.

Every column but those of the key may be null and is null by default, whether the table allows it or not. So a column that
comes or goes leaves old and new readers able to read all messages, under any rule of compatibility a registry may have;
only a type that changes may be refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ferryman.model.names import TableName
from ferryman.model.schema import Column
from ferryman.serializers.avro.values import avro_of

_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")
_OPTIONAL_TEXT = {"type": ["null", "string"], "default": None}
_SOURCE = {
    "type": "record",
    "name": "Source",
    "namespace": "ferryman",
    "fields": [
        {"name": "version", "type": "string"},
        {"name": "connector", "type": "string"},
        {"name": "name", "type": "string"},
        {"name": "ts_ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "db", "type": "string"},
        {"name": "table", "type": "string"},
        {"name": "pos", **_OPTIONAL_TEXT},
        {"name": "id", **_OPTIONAL_TEXT},
    ],
}


def space_of(name: TableName) -> str:
    """Return the namespace of a table's records."""
    return f"ferryman.{legal(name.database)}.{legal(name.table)}"


def legal(name: str) -> str:
    """Return a name as Avro allows it: other signs become ``_``, and none begins with a digit."""
    found = _ILLEGAL.sub("_", name)
    return f"_{found}" if not found or found[0].isdigit() else found


def record(space: str, name: str, columns: Sequence[Column], required: set[str], *, as_text: bool) -> dict[str, Any]:
    """Return a record of columns; one whose name had to be changed keeps its own as the property ``column``."""
    fields: list[dict[str, Any]] = []
    for column, known in zip(columns, _distinct(columns), strict=True):
        kind, _ = avro_of(column.type, as_text=as_text)
        field: dict[str, Any] = {"name": known}
        field |= {"type": kind} if column.name in required else {"type": ["null", kind], "default": None}
        fields.append(field if known == column.name else {**field, "column": column.name})
    return {"type": "record", "name": name, "namespace": space, "fields": fields}


def _distinct(columns: Sequence[Column]) -> list[str]:
    """Return legal names, a number behind one that another column has already."""
    found: list[str] = []
    for column in columns:
        name, number = legal(column.name), 2
        while name in found:
            name, number = f"{legal(column.name)}_{number}", number + 1
        found.append(name)
    return found


def envelope(space: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the envelope around a row's images."""
    full = f"{space}.Value"
    return {
        "type": "record",
        "name": "Envelope",
        "namespace": space,
        "fields": [
            {"name": "before", "type": ["null", value], "default": None},
            {"name": "after", "type": ["null", full], "default": None},
            {"name": "source", "type": _SOURCE},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"], "default": None},
        ],
    }
