"""Columns as `pg_attribute` shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ferryman.connectors.postgresql.catalog.typemap import BOOLEAN_BITS, column_type
from ferryman.connectors.postgresql.connection import Connection
from ferryman.model.schema import Column, Default, DefaultKind, Generated
from ferryman.model.types import ColumnType, Kind

_COLUMNS = """
SELECT a.attrelid, a.attname,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END,
       NOT (a.attnotnull OR t.typnotnull), pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
       CASE WHEN a.attcollation <> 0 THEN cn.nspname || '.' || co.collname END,
       coalesce(col_description(a.attrelid, a.attnum), ''),
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
        WHERE e.enumtypid IN (CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, t.typelem)),
       (SELECT x.extname FROM pg_depend p JOIN pg_extension x ON x.oid = p.refobjid
        WHERE p.classid = 'pg_type'::regclass AND p.deptype = 'e' AND p.objid = (
          SELECT CASE WHEN b.typcategory = 'A' THEN b.typelem ELSE b.oid END FROM pg_type b
          WHERE b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END)),
       EXISTS (SELECT 1 FROM pg_depend s JOIN pg_class q ON q.oid = s.objid AND q.relkind = 'S'
               WHERE s.classid = 'pg_class'::regclass AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum), a.attnum
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
_QUOTED = re.compile(r"E?'((?:[^']|'')*)'(?:::[\w .,\"()\[\]]+)?", re.DOTALL)
_NUMBER = re.compile(r"\(?(-?\d+(?:\.\d+)?)\)?(?:::[\w .,\"()]+)?")
_NULL = re.compile(r"NULL(?:::.*)?", re.DOTALL)
_NOW = re.compile(
    r"(?:now\(\)|current_timestamp|(?:local|clock_|transaction_)timestamp(?:\(\))?)(?:\((\d)\))?", re.IGNORECASE
)


def read_columns(connection: Connection, oids: Sequence[int]) -> dict[int, tuple[Column, ...]]:
    """Read the columns of these tables, in table order."""
    found: dict[int, list[Column]] = {}
    for row in connection.query(_COLUMNS, [list(oids)]):
        found.setdefault(row[0], []).append(_column(*row[1:]))
    return {oid: tuple(columns) for oid, columns in found.items()}


def _column(
    name: str, native: str, nullable: bool, expression: str | None, identity: str, generated: str,
    collation: str | None, comment: str, labels: list[str] | None, extension: str | None, has_sequence: bool,
    number: int,
) -> Column:  # fmt: skip
    type_ = replace(column_type(native, labels=tuple(labels or ()), collation=collation), extension=extension)
    counts = bool(identity) or (has_sequence and (expression or "").startswith("nextval("))
    if generated:
        made = Generated(expression=expression or "", stored=generated == "s")
        return Column(name=name, type=type_, nullable=nullable, generated=made, comment=comment, number=number)
    default = None if counts or expression is None else default_of(expression, type_)
    return Column(
        name=name,
        type=type_,
        nullable=nullable,
        default=default,
        auto_increment=counts,
        comment=comment,
        number=number,
    )


def default_of(expression: str, type_: ColumnType) -> Default | None:
    """Tell a constant from an expression: ``'x'::character varying`` is the constant ``x``."""
    if _NULL.fullmatch(expression):
        return None
    if type_.kind is Kind.INTEGER and type_.bits == BOOLEAN_BITS and expression in {"true", "false"}:
        return Default(kind=DefaultKind.LITERAL, text="1" if expression == "true" else "0")
    if (now := _NOW.fullmatch(expression)) is not None:
        text = f"current_timestamp({now[1]})" if now[1] else "current_timestamp"
        return Default(kind=DefaultKind.EXPRESSION, text=text)
    literal: Any = _QUOTED.fullmatch(expression) or _NUMBER.fullmatch(expression)
    if literal is None:
        return Default(kind=DefaultKind.EXPRESSION, text=expression)
    text = literal[1].replace("''", "'")
    return Default(kind=DefaultKind.LITERAL, text=text.replace("\\\\", "\\") if expression.startswith("E'") else text)
