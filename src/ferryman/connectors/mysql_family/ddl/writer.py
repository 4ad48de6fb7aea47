"""Writes DDL of the MySQL family from the model; nothing of the source's text is pasted but expressions."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.connectors.mysql_family.catalog.defaults import hex_bytes
from ferryman.connectors.mysql_family.catalog.typemap import quoted_name, quoted_text
from ferryman.model.names import TableName
from ferryman.model.schema import (
    Check,
    Column,
    Database,
    Default,
    DefaultKind,
    ForeignKey,
    Index,
    IndexKind,
    KeyPart,
    ReferenceAction,
    Table,
)
from ferryman.model.types import CHARACTER_KINDS, NUMERIC_KINDS, ColumnType, Kind


def full_name(name: TableName) -> str:
    """Return a table's name with its database, quoted."""
    return f"{quoted_name(name.database)}.{quoted_name(name.table)}"


def names_list(names: Iterable[str]) -> str:
    """Return names in parentheses."""
    return "(" + ", ".join(quoted_name(name) for name in names) + ")"


def database_sql(database: Database) -> str:
    """Make a database where it is missing."""
    text = f"CREATE DATABASE IF NOT EXISTS {quoted_name(database.name)}"
    return text + _charset(database.charset, database.collation)


def _charset(charset: str | None, collation: str | None) -> str:
    text = f" CHARACTER SET {charset}" if charset else ""
    return text + (f" COLLATE {collation}" if collation else "")


def type_sql(type_: ColumnType) -> str:
    """Write a type with its character set."""
    if type_.kind in CHARACTER_KINDS:
        return type_.native + _charset(type_.charset, type_.collation)
    return type_.native


def column_sql(column: Column) -> str:
    """Write a column's definition, every attribute said."""
    parts = [quoted_name(column.name), type_sql(column.type)]
    if column.generated is not None:
        kind = "STORED" if column.generated.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column.generated.expression}) {kind}")
        # NULL cannot be said of a generated column everywhere: it is so by default.
        parts += [] if column.nullable else ["NOT NULL"]
    else:
        parts.append("NULL" if column.nullable else "NOT NULL")
        parts += _value_parts(column)
    if column.invisible:
        parts.append("INVISIBLE")
    if column.comment:
        parts.append(f"COMMENT {quoted_text(column.comment)}")
    return " ".join(parts)


def _value_parts(column: Column) -> list[str]:
    parts = []
    if column.default is not None:
        parts.append("DEFAULT " + default_sql(column.default, column.type))
    elif column.nullable and column.type.kind is Kind.TIMESTAMP:
        parts.append("DEFAULT NULL")  # else old servers put the time there
    if column.on_update:
        parts.append("ON UPDATE " + column.on_update.upper())
    if column.auto_increment:
        parts.append("AUTO_INCREMENT")
    return parts


def default_sql(default: Default, type_: ColumnType) -> str:
    """Write what follows DEFAULT."""
    if hex_bytes(default.text) is not None and default.kind is DefaultKind.EXPRESSION:
        return default.text  # a constant, which old servers take without parentheses only
    if default.kind is DefaultKind.EXPRESSION:
        return default.text.upper() if default.text.startswith("current_timestamp") else f"({default.text})"
    if type_.kind is Kind.BIT:
        return f"b'{int(default.text):b}'"
    return default.text if type_.kind in NUMERIC_KINDS - {Kind.YEAR} else quoted_text(default.text)


def index_sql(index: Index) -> str:
    """Write an index as it stands in CREATE TABLE and behind ADD."""
    parts = "(" + ", ".join(_part_sql(part) for part in index.parts) + ")"
    if index.primary:
        return f"PRIMARY KEY {parts}"
    kind = {IndexKind.FULLTEXT: "FULLTEXT ", IndexKind.SPATIAL: "SPATIAL "}.get(index.kind, "")
    text = f"{'UNIQUE ' if index.unique else kind}KEY {quoted_name(index.name)} {parts}"
    if index.comment:
        text += f" COMMENT {quoted_text(index.comment)}"
    return text + (" INVISIBLE" if index.invisible else "")


def _part_sql(part: KeyPart) -> str:
    if part.column is None:
        text = f"({part.expression})"
    else:
        text = quoted_name(part.column) + (f"({part.prefix})" if part.prefix else "")
    return text + (" DESC" if part.descending else "")


def check_sql(check: Check) -> str:
    """Write a CHECK as it stands behind ADD."""
    return f"CONSTRAINT {quoted_name(check.name)} CHECK ({check.expression})"


def foreign_key_sql(key: ForeignKey) -> str:
    """Write a foreign key as it stands behind ADD; its parent is the target's name."""
    text = f"CONSTRAINT {quoted_name(key.name)} FOREIGN KEY {names_list(key.columns)} "
    text += f"REFERENCES {full_name(key.parent)} {names_list(key.parent_columns)}"
    for word, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
        if action not in {ReferenceAction.RESTRICT, ReferenceAction.NO_ACTION}:
            text += f" ON {word} {action.value}"
    return text


def create_table_sql(table: Table, indexes: Iterable[Index], *, engine: str = "", partitioned: bool = True) -> str:
    """Write CREATE TABLE with these of its indexes; checks and foreign keys are statements of their own."""
    lines = [column_sql(column) for column in table.columns] + [index_sql(index) for index in indexes]
    text = f"CREATE TABLE {full_name(table.name)} (\n  " + ",\n  ".join(lines) + "\n)"
    text += f" ENGINE={engine}" if engine else ""
    text += table_options_sql(table)
    if table.partitions and partitioned:
        text += f"\nPARTITION BY {table.partitions}"
    return text


def table_options_sql(table: Table) -> str:
    """Write the options of a table."""
    text = f" DEFAULT CHARACTER SET {table.charset}" if table.charset else ""
    text += f" COLLATE {table.collation}" if table.collation else ""
    text += f" AUTO_INCREMENT={table.auto_increment}" if table.auto_increment else ""
    return text + (f" COMMENT={quoted_text(table.comment)}" if table.comment else "")


def add_sql(table: TableName, what: str) -> str:
    """Write ALTER TABLE … ADD …."""
    return f"ALTER TABLE {full_name(table)} ADD {what}"
