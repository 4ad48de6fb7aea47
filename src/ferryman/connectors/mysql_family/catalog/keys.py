"""Indexes, foreign keys and checks as `information_schema` shows them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ferryman.connectors.mysql_family.catalog.defaults import stripped
from ferryman.connectors.mysql_family.catalog.rows import Catalog, Row
from ferryman.connectors.mysql_family.ddl.parser_columns import parse_index
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.tokens import Reader
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, ForeignKey, Index, IndexKind, KeyPart, ReferenceAction

_STATISTICS = (
    "INDEX_NAME", "NON_UNIQUE", "SEQ_IN_INDEX", "COLUMN_NAME", "COLLATION", "SUB_PART", "INDEX_TYPE", "INDEX_COMMENT",
    "IGNORED", "IS_VISIBLE", "EXPRESSION",
)  # fmt: skip
_SHOWN_INDEX = re.compile(r"^\s+((?:UNIQUE |FULLTEXT |SPATIAL )?KEY .*?),?$", re.MULTILINE)


def read_indexes(catalog: Catalog, tables: Mapping[TableName, Sequence[Column]]) -> dict[TableName, tuple[Index, ...]]:
    """Read the indexes of these tables; the primary key first, then as the server lists them."""
    rows: dict[TableName, dict[str, list[Row]]] = {}
    for row in catalog.read("STATISTICS", _STATISTICS):
        if row.table in tables:
            rows.setdefault(row.table, {}).setdefault(row.text("INDEX_NAME") or "", []).append(row)
    return {
        name: tuple(sorted((_index(each, found) for each, found in by_name.items()), key=lambda i: not i.primary))
        for name, by_name in rows.items()
    }


def _index(name: str, rows: list[Row]) -> Index:
    first = rows[0]
    primary = name == "PRIMARY"
    kind = {"FULLTEXT": IndexKind.FULLTEXT, "SPATIAL": IndexKind.SPATIAL}.get(
        first.text("INDEX_TYPE") or "", IndexKind.BTREE
    )
    ordered = sorted(rows, key=lambda row: row.number("SEQ_IN_INDEX"))
    return Index(
        name=name,
        parts=tuple(_part(row, kind) for row in ordered),
        unique=not primary and first.number("NON_UNIQUE") == 0,
        primary=primary,
        kind=kind,
        invisible=first.text("IGNORED") == "YES" or first.text("IS_VISIBLE") == "NO",
        comment="" if primary else first.text("INDEX_COMMENT") or "",
    )


def _part(row: Row, kind: IndexKind) -> KeyPart:
    expression = row.text("EXPRESSION")
    prefix = row.number("SUB_PART") if kind is IndexKind.BTREE else 0
    return KeyPart(
        column=None if expression else row.text("COLUMN_NAME"),
        expression=stripped(expression) if expression else None,
        prefix=prefix or None,
        descending=row.text("COLLATION") == "D",
    )


def shown_indexes(text: str, known: Sequence[Index]) -> tuple[Index, ...]:
    """Read secondary indexes from OceanBase's ``SHOW CREATE TABLE``: its catalog shows hidden columns for some."""
    primary = tuple(index for index in known if index.primary)
    lines = [match[1] for match in _SHOWN_INDEX.finditer(text)]
    return primary + tuple(_from_line(line) for line in lines)


def _from_line(line: str) -> Index:
    node = parse_index(Cursor(line, Reader(mariadb=False)))
    return Index(
        name=node.name or "",
        parts=node.parts,
        unique=node.unique,
        kind=node.kind,
        invisible=node.invisible,
        comment=node.comment,
    )


def read_foreign_keys(catalog: Catalog, names: Collection[TableName]) -> dict[TableName, tuple[ForeignKey, ...]]:
    """Read the foreign keys of these tables, by name."""
    rules = _read_rules(catalog)
    wanted = frozenset(names)
    rows: dict[TableName, dict[str, list[Row]]] = {}
    for row in catalog.read("KEY_COLUMN_USAGE", _USAGE):
        if row.table in wanted and row["REFERENCED_TABLE_NAME"] is not None:
            rows.setdefault(row.table, {}).setdefault(row.text("CONSTRAINT_NAME") or "", []).append(row)
    return {
        name: tuple(_foreign_key(name, each, found, rules) for each, found in sorted(by_name.items()))
        for name, by_name in rows.items()
    }


_USAGE = (
    "CONSTRAINT_NAME", "ORDINAL_POSITION", "COLUMN_NAME", "REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME",
    "REFERENCED_COLUMN_NAME",
)  # fmt: skip
_Rules = dict[tuple[TableName, str], tuple[ReferenceAction, ReferenceAction]]


def _read_rules(catalog: Catalog) -> _Rules:
    return {
        (row.table, row.text("CONSTRAINT_NAME") or ""): (
            ReferenceAction(row.text("DELETE_RULE")),
            ReferenceAction(row.text("UPDATE_RULE")),
        )
        for row in catalog.read("REFERENTIAL_CONSTRAINTS", ("CONSTRAINT_NAME", "DELETE_RULE", "UPDATE_RULE"))
    }


def _foreign_key(table: TableName, name: str, rows: list[Row], rules: _Rules) -> ForeignKey:
    ordered = sorted(rows, key=lambda row: row.number("ORDINAL_POSITION"))
    on_delete, on_update = rules.get((table, name), (ReferenceAction.RESTRICT, ReferenceAction.RESTRICT))
    return ForeignKey(
        name=name,
        columns=tuple(row.text("COLUMN_NAME") or "" for row in ordered),
        parent=TableName(
            ordered[0].text("REFERENCED_TABLE_SCHEMA") or "", ordered[0].text("REFERENCED_TABLE_NAME") or ""
        ),
        parent_columns=tuple(row.text("REFERENCED_COLUMN_NAME") or "" for row in ordered),
        on_delete=on_delete,
        on_update=on_update,
    )


def read_checks(catalog: Catalog, names: Collection[TableName]) -> dict[TableName, tuple[Check, ...]]:
    """Read the CHECK constraints of these tables; empty for servers that have none."""
    if not catalog.has("CHECK_CONSTRAINTS"):
        return {}
    owners = {} if catalog.has("CHECK_CONSTRAINTS", "TABLE_NAME") else _read_owners(catalog)
    wanted = frozenset(names)
    found: dict[TableName, list[Check]] = {}
    for row in catalog.read("CHECK_CONSTRAINTS", ("CONSTRAINT_NAME", "CHECK_CLAUSE")):
        name = row.text("CONSTRAINT_NAME") or ""
        table, enforced = owners.get((row.table.database, name), (row.table, True))
        if table in wanted:
            check = Check(name=name, expression=stripped(row.text("CHECK_CLAUSE") or ""), enforced=enforced)
            found.setdefault(table, []).append(check)
    return {name: tuple(sorted(checks, key=lambda check: check.name)) for name, checks in found.items()}


def _read_owners(catalog: Catalog) -> dict[tuple[str, str], tuple[TableName, bool]]:
    """Where a check's name is unique in the database, its table stands in TABLE_CONSTRAINTS."""
    return {
        (row.table.database, row.text("CONSTRAINT_NAME") or ""): (row.table, row.text("ENFORCED") != "NO")
        for row in catalog.read("TABLE_CONSTRAINTS", ("CONSTRAINT_NAME", "CONSTRAINT_TYPE", "ENFORCED"))
        if row["CONSTRAINT_TYPE"] == "CHECK"
    }
