"""Defaults of binary columns, byte by byte: `information_schema` shows a question mark for what is no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.defaults import binary_default, hex_bytes
from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.ddl.nodes import CreateTable
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.connectors.mysql_family.rows.wire import read_all
from ferryman.foundation.errors import TABLE_CHANGED, FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Default
from ferryman.model.types import ColumnType, Kind

BINARY_KINDS = frozenset({Kind.BINARY, Kind.VARBINARY})
_TEXT = ColumnType(kind=Kind.BLOB, native="longblob")


def with_exact_defaults(
    connection: Connection, tables: Mapping[TableName, tuple[Column, ...]]
) -> dict[TableName, tuple[Column, ...]]:
    """Return the columns with their true defaults, asking SHOW CREATE TABLE where a question mark may stand for a byte."""
    return {
        name: _exact(connection, name, columns) if any(map(_is_doubtful, columns)) else columns
        for name, columns in tables.items()
    }


def _is_doubtful(column: Column) -> bool:
    return column.type.kind in BINARY_KINDS and column.default is not None and "?" in column.default.text


def _exact(connection: Connection, name: TableName, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    try:
        shown = read_all(connection, f"SHOW CREATE TABLE {quote_table(name)}", [_TEXT, _TEXT], table=str(name))
    except FerrymanError as error:
        if error.code in TABLE_CHANGED:
            return columns  # dropped between two of our queries
        raise
    sql = (next(shown.rows())[1] or b"").decode("utf-8", "surrogateescape")
    statement = parse(sql)
    if not isinstance(statement, CreateTable):
        return columns
    found = {node.name: node.default for node in statement.columns}
    return tuple(
        replace(column, default=_default(column, node.literal, node.expression))
        if _is_doubtful(column) and (node := found.get(column.name)) is not None
        else column
        for column in columns
    )


def _default(column: Column, literal: str | None, expression: str | None) -> Default | None:
    if literal is not None:
        return binary_default(column.type, literal.encode("utf-8", "surrogateescape"))
    raw = hex_bytes(expression or "")
    return binary_default(column.type, raw) if raw is not None else column.default
