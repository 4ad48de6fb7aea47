"""Columns as `information_schema.COLUMNS` shows them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

from ferryman.connectors.mysql_family.catalog.collations import charset_name, collation_name
from ferryman.connectors.mysql_family.catalog.defaults import (
    binary_default,
    expression_default,
    literal_default,
    now_text,
    stripped,
)
from ferryman.connectors.mysql_family.catalog.exact_defaults import BINARY_KINDS, with_exact_defaults
from ferryman.connectors.mysql_family.catalog.rows import Catalog, Row
from ferryman.connectors.mysql_family.catalog.typemap import TypeWords, column_type
from ferryman.connectors.mysql_family.ddl.parser_columns import parse_default, parse_type
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, Default, DefaultKind, Generated, ServerTraits
from ferryman.model.types import ColumnType, Kind

_COLUMNS = (
    "COLUMN_NAME", "ORDINAL_POSITION", "COLUMN_DEFAULT", "IS_NULLABLE", "COLUMN_TYPE", "CHARACTER_SET_NAME",
    "COLLATION_NAME", "EXTRA", "COLUMN_COMMENT", "GENERATION_EXPRESSION",
)  # fmt: skip
_ON_UPDATE = re.compile(r"on update (\S+)", re.IGNORECASE)
_LABELS = re.compile(r"(enum|set)\('(.*)'\)", re.IGNORECASE | re.DOTALL)
_CALL = re.compile(r"\w+\(.*\)|\(.*\)", re.DOTALL)


def read_columns(
    catalog: Catalog, names: Collection[TableName], traits: ServerTraits
) -> dict[TableName, tuple[Column, ...]]:
    """Read the columns of these tables, in table order."""
    wanted = frozenset(names)
    found: dict[TableName, list[tuple[int, Column]]] = {}
    for row in catalog.read("COLUMNS", _COLUMNS):
        if row.table in wanted:
            found.setdefault(row.table, []).append((row.number("ORDINAL_POSITION"), _column(row, traits)))
    ordered = {
        name: tuple(column for _, column in sorted(columns, key=lambda pair: pair[0]))
        for name, columns in found.items()
    }
    return ordered if traits.flavour == "oceanbase" else with_exact_defaults(catalog.connection, ordered)


def _column(row: Row, traits: ServerTraits) -> Column:
    extra = row.text("EXTRA") or ""
    type_ = _type(row, traits)
    generated = _generated(row, extra)
    on_update = _ON_UPDATE.search(extra)
    return Column(
        name=row.text("COLUMN_NAME") or "",
        type=type_,
        nullable=row.text("IS_NULLABLE") == "YES",
        default=None if generated else _default(row, type_, extra, traits.flavour),
        auto_increment="auto_increment" in extra.lower(),
        on_update=now_text(on_update[1]) if on_update else None,
        generated=generated,
        invisible="INVISIBLE" in extra.upper(),
        comment=row.text("COLUMN_COMMENT") or "",
    )


def _generated(row: Row, extra: str) -> Generated | None:
    kind = extra.upper()
    if "DEFAULT_GENERATED" in kind or not ("GENERATED" in kind or "PERSISTENT" in kind or kind.startswith("VIRTUAL")):
        return None
    text = row.text("GENERATION_EXPRESSION") or row.text("COLUMN_DEFAULT") or ""
    return Generated(expression=stripped(text), stored="STORED" in kind or "PERSISTENT" in kind)


def _type(row: Row, traits: ServerTraits) -> ColumnType:
    charset, collation = charset_name(row.text("CHARACTER_SET_NAME")), collation_name(row.text("COLLATION_NAME"))
    return _parsed_type(row.text("COLUMN_TYPE") or "", charset, collation, traits.flavour == "oceanbase")


@lru_cache(maxsize=4096)
def _parsed_type(text: str, charset: str | None, collation: str | None, bare_labels: bool) -> ColumnType:
    """Parse a ``COLUMN_TYPE``; remembered, since many columns share few types."""
    if bare_labels and (labels := _LABELS.fullmatch(text)):
        # OceanBase escapes nothing there: enum('it's','b\c').
        words = TypeWords(name=labels[1].lower(), values=tuple(labels[2].split("','")))
    else:
        words = parse_type(Cursor(text))
    return column_type(words, charset, collation)


def _default(row: Row, type_: ColumnType, extra: str, flavour: str) -> Default | None:
    text, raw = row.text("COLUMN_DEFAULT"), row.raw("COLUMN_DEFAULT")
    if text is None or raw is None:
        return None
    if flavour == "oceanbase" and type_.kind in BINARY_KINDS:
        return binary_default(type_, raw)
    if flavour == "mariadb":
        return _mariadb_default(text, type_)
    if type_.kind in {Kind.TIMESTAMP, Kind.DATETIME} and (now := now_text(text)) is not None:
        # OceanBase leaves the digits out here; they are always those of the column.
        plain = f"current_timestamp({type_.fraction})" if type_.fraction else "current_timestamp"
        return Default(kind=DefaultKind.EXPRESSION, text=plain if "(" not in now else now)
    if "DEFAULT_GENERATED" in extra.upper() or (flavour == "oceanbase" and _CALL.fullmatch(text)):
        return expression_default(text)
    if type_.kind is Kind.BIT:
        return literal_default(type_, parse_default(Cursor(text)).literal or text)
    return literal_default(type_, text)


@lru_cache(maxsize=4096)
def _mariadb_default(text: str, type_: ColumnType) -> Default | None:
    """MariaDB shows defaults as they stand in DDL: quoted, or SQL, or the word NULL."""
    cursor = Cursor(text)
    node = parse_default(cursor)
    if node.literal is not None and cursor.at_end:
        return literal_default(type_, node.literal)
    return None if text == "NULL" else expression_default(text)


def with_json(
    columns: tuple[Column, ...], checks: Sequence[Check], traits: ServerTraits
) -> tuple[tuple[Column, ...], tuple[Check, ...]]:
    """Turn MariaDB's way to say JSON (LONGTEXT in utf8mb4_bin with a check) into the type; the check goes."""
    if traits.flavour != "mariadb":
        return columns, tuple(checks)
    by_expression = {_json_check(column.name): column.name for column in columns if could_be_json(column)}
    found = {by_expression[c.expression.lower()] for c in checks if c.expression.lower() in by_expression}
    kept = tuple(check for check in checks if check.expression.lower() not in by_expression)
    return tuple(as_json(column) if column.name in found else column for column in columns), kept


def _json_check(name: str) -> str:
    return f"json_valid(`{name.replace('`', '``')}`)".lower()


def could_be_json(column: Column) -> bool:
    """Whether a column is what MariaDB makes of ``JSON``."""
    type_ = column.type
    return type_.kind is Kind.TEXT and type_.length == 4_294_967_295 and type_.charset == "utf8mb4"


def as_json(column: Column) -> Column:
    """Return the column with the type JSON."""
    return replace(column, type=ColumnType(kind=Kind.JSON, native="json"))
