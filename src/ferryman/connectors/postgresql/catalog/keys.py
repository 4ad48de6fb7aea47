"""Indexes, foreign keys and checks as `pg_index` and `pg_constraint` show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ferryman.connectors.postgresql.connection import Connection
from ferryman.model.names import TableName
from ferryman.model.schema import Check, ForeignKey, Index, IndexKind, KeyPart, ReferenceAction

_INDEXES = """
SELECT i.indrelid, c.relname, i.indisunique, i.indisprimary, m.amname, pg_get_expr(i.indpred, i.indrelid),
       coalesce(obj_description(i.indexrelid, 'pg_class'), ''), i.indisvalid,
       ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) AS k
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND a.attnum <> 0 ORDER BY k),
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k + 1, true) FROM generate_series(0, i.indnkeyatts - 1) AS k ORDER BY k),
       i.indoption::smallint[], pg_get_indexdef(i.indexrelid), i.indisexclusion
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY(%s::oid[]) ORDER BY i.indrelid, NOT i.indisprimary, c.relname
"""
_FOREIGN_KEYS = """
SELECT k.conrelid, k.conname, n.nspname, c.relname, k.confdeltype::text, k.confupdtype::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (num, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (num, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY(%s::oid[]) ORDER BY k.conrelid, k.conname
"""
_CHECKS = """
SELECT conrelid, conname, pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint
WHERE contype = 'c' AND conrelid = ANY(%s::oid[]) ORDER BY conrelid, conname
"""
_ACTIONS = {
    "a": ReferenceAction.NO_ACTION,
    "r": ReferenceAction.RESTRICT,
    "c": ReferenceAction.CASCADE,
    "n": ReferenceAction.SET_NULL,
    "d": ReferenceAction.SET_DEFAULT,
}
_USING = re.compile(r" USING [a-z_]+ \(")
_KINDS = {"gin": IndexKind.FULLTEXT, "gist": IndexKind.SPATIAL, "spgist": IndexKind.SPATIAL}


def read_indexes(connection: Connection, oids: Sequence[int]) -> dict[int, tuple[Index, ...]]:
    """Read the indexes of these tables, the primary key first."""
    found: dict[int, list[Index]] = {}
    for row in connection.query(_INDEXES, [list(oids)]):
        found.setdefault(row[0], []).append(_index(*row[1:]))
    return {oid: tuple(indexes) for oid, indexes in found.items()}


def _index(
    name: str, unique: bool, primary: bool, method: str, predicate: str | None, comment: str, valid: bool,
    columns: list[str | None], definitions: list[str], options: list[int], whole: str, excludes: bool,
) -> Index:  # fmt: skip
    parts = [
        _part(column, definition, bool(option & 1))
        for column, definition, option in zip(columns, definitions, options, strict=False)
    ]
    if predicate is not None:  # it rules over some rows only: no key of the table, and computed by the server alone
        parts = [KeyPart(column=None, expression=f"{text} WHERE {predicate}") for text in definitions]
    return Index(
        name="PRIMARY" if primary else name,
        parts=tuple(parts),
        unique=unique and valid,
        primary=primary,
        kind=_KINDS.get(method, IndexKind.BTREE),
        comment=comment,
        definition="" if primary else _definition(whole, excludes),
    )


def _definition(whole: str, excludes: bool) -> str:
    """Return an index's definition without its names: ``USING gin (tags) WHERE …``."""
    start = _USING.search(whole)
    text = whole[start.start() + 1 :] if start is not None else ""
    return f"EXCLUDE {text}" if excludes else text


def _part(column: str | None, definition: str, descending: bool) -> KeyPart:
    if column is not None:
        return KeyPart(column=column, descending=descending)
    return KeyPart(column=None, expression=definition, descending=descending)


def read_foreign_keys(connection: Connection, oids: Sequence[int]) -> dict[int, tuple[ForeignKey, ...]]:
    """Read the foreign keys of these tables."""
    found: dict[int, list[ForeignKey]] = {}
    for oid, name, schema, parent, on_delete, on_update, columns, theirs in connection.query(
        _FOREIGN_KEYS, [list(oids)]
    ):
        key = ForeignKey(
            name=name,
            columns=tuple(columns),
            parent=TableName(schema, parent),
            parent_columns=tuple(theirs),
            on_delete=_ACTIONS[on_delete],
            on_update=_ACTIONS[on_update],
        )
        found.setdefault(oid, []).append(key)
    return {oid: tuple(keys) for oid, keys in found.items()}


def read_checks(connection: Connection, oids: Sequence[int]) -> dict[int, tuple[Check, ...]]:
    """Read the checks of these tables."""
    found: dict[int, list[Check]] = {}
    rows: list[tuple[Any, ...]] = connection.query(_CHECKS, [list(oids)])
    for oid, name, expression, valid in rows:
        found.setdefault(oid, []).append(Check(name=name, expression=expression, enforced=valid))
    return {oid: tuple(checks) for oid, checks in found.items()}
