"""Tables in PostgreSQL's form, and the statements that make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.dialect import keys, statements
from ferryman.connectors.postgresql.dialect.columns import convert_column
from ferryman.connectors.postgresql.dialect.kindred import is_kindred, kindred_table
from ferryman.connectors.postgresql.dialect.names import refuse_long_names
from ferryman.connectors.postgresql.quoting import quote
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Index, IndexKind, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import DdlStatement


def convert_table(table: Table, selection: Selection, known: Mapping[TableName, Table] | None, notes: Notes) -> Table:
    """Convert one table; `known` are the source tables that move."""
    if is_kindred(table):
        kindred = kindred_table(table, selection, known, notes)
        refuse_long_names([kindred])
        return kindred
    by_name = {column.name.casefold(): column for column in table.columns}
    columns = tuple(convert_column(column, by_name, notes) for column in table.columns)
    if table.partitions:
        notes.add("", "the partitions are left out: PostgreSQL holds it as one table", lossy=True)
    made = replace(
        table,
        name=selection.target_name(table.name),
        columns=columns,
        indexes=keys.convert_indexes(table, columns, notes),
        foreign_keys=keys.convert_foreign_keys(table, selection, known, notes),
        checks=keys.convert_checks(table, by_name, notes),
        charset="UTF8",
        collation=None,
        engine=None,
        partitions=None,
    )
    refuse_long_names([made])
    return made


def table_statements(table: Table, defer_indexes: bool = False) -> list[DdlStatement]:
    """Write the statements that make one (converted) table.

    Those that forbid something are there during the load: rows in each other's way must be found then (algorithms.md §3).
    """
    path = str(table.name)
    found = [DdlStatement(kind="table", object=path, sql=statements.joined(statements.create_table(table)))]
    for index in table.indexes:
        if not index.primary:
            sql = statements.create_index(table, index)
            waits = defer_indexes and not (index.unique or index.definition.startswith("EXCLUDE"))
            needed, name = waits and _is_plain(index), f"{path}.{index.name}"
            found.append(
                DdlStatement(kind="index", object=name, sql=sql, after_load=waits, beside=waits, needed=needed)
            )
    for check in table.checks:
        sql = statements.add_check(table.name, check)
        found.append(DdlStatement(kind="check", object=f"{path}.{check.name}", sql=sql))
    for key in table.foreign_keys:
        sql = statements.add_foreign_key(table.name, key)
        found.append(DdlStatement(kind="foreign_key", object=f"{path}.{key.name}", sql=sql, after_load=True))
    return found


def _is_plain(index: Index) -> bool:
    """Whether any server of this kind can make it: a B-tree of columns."""
    tree = index.kind is IndexKind.BTREE and (not index.definition or index.definition.startswith("USING btree"))
    return tree and all(part.column is not None for part in index.parts)


def schema_sql(name: str) -> str:
    """Return the statement that makes a schema where it is missing."""
    return f"CREATE SCHEMA IF NOT EXISTS {quote(name)}"


def refuse_unsupported(notes: Iterable[Notes]) -> None:
    """Raise ``schema.unsupported_type`` for columns that cannot be converted."""
    unsupported = [name for each in notes for name in each.unsupported]
    if unsupported:
        raise FerrymanError(
            "schema.unsupported_type",
            f"PostgreSQL has no type for {len(unsupported)} column(s): {', '.join(unsupported)}",
        )
