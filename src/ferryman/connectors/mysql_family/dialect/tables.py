"""Tables in the form of a target of the MySQL family, and the statements that make them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from ferryman.connectors.mysql_family.ddl.writer import add_sql, check_sql, create_table_sql, foreign_key_sql, index_sql
from ferryman.connectors.mysql_family.dialect import keys as dialect_keys
from ferryman.connectors.mysql_family.dialect.columns import Notes, convert_column, unchained
from ferryman.connectors.mysql_family.dialect.postgresql import adapted_table, is_postgresql
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.model.names import TableName
from ferryman.model.schema import Index, IndexKind, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import DdlStatement


def convert_table(
    rules: Rules, table: Table, selection: Selection, known: Container[TableName] | None, notes: Notes
) -> Table:
    """Convert one table; `known` are the source tables that move."""
    target = selection.target_name(table.name)
    if is_postgresql(table):
        table = adapted_table(table, rules, notes)
    columns = tuple(convert_column(column, rules, notes) for column in table.columns)
    columns = unchained(columns, rules, notes)
    charset, collation = dialect_keys.table_collation(table, rules, notes)
    return replace(
        table,
        name=target,
        columns=columns,
        indexes=dialect_keys.convert_indexes(table, columns, rules, notes),
        foreign_keys=dialect_keys.convert_foreign_keys(table, selection, known, rules, notes),
        checks=dialect_keys.convert_checks(table, target, rules, notes),
        charset=charset,
        collation=collation,
        engine=rules.engine or None,
        partitions=dialect_keys.convert_partitions(table, rules, notes),
    )


def table_statements(rules: Rules, table: Table, defer_indexes: bool = False) -> list[DdlStatement]:
    """Write the statements that make one (converted) table: itself, then what an engine may refuse."""
    inline = [index for index in table.indexes if is_inline(index, table, defer_indexes)]
    sql = create_table_sql(table, inline, engine=rules.engine)
    fallback = create_table_sql(table, inline, engine=rules.engine, partitioned=False) if table.partitions else ""
    found = [DdlStatement(kind="table", object=str(table.name), sql=sql, fallback=fallback)]
    apart = [index for index in table.indexes if index not in inline]
    found += [_index_statement(rules, table, index, defer_indexes) for index in apart]
    for check in table.checks:
        path = f"{table.name}.{check.name}"
        found.append(DdlStatement(kind="check", object=path, sql=add_sql(table.name, check_sql(check))))
    for key in table.foreign_keys:
        path, sql = f"{table.name}.{key.name}", add_sql(table.name, foreign_key_sql(key))
        found.append(DdlStatement(kind="foreign_key", object=path, sql=sql, after_load=True))
    return found


def _index_statement(rules: Rules, table: Table, index: Index, defer_indexes: bool) -> DdlStatement:
    plain = is_inline(index, table, defer_indexes=False)  # what an engine may refuse stands alone, and may be missing
    return DdlStatement(
        kind="index",
        object=f"{table.name}.{index.name}",
        sql=add_sql(table.name, index_sql(index)),
        after_load=defer_indexes and not index.unique,
        action=f"ADD {index_sql(index)}" if plain and rules.joins_indexes else "",
        beside=plain and not rules.joins_indexes,
        needed=plain,
    )


def is_inline(index: Index, table: Table, defer_indexes: bool) -> bool:
    """Whether an index is made together with its table.

    Kinds an engine may refuse are statements of their own, so that a refusal costs the index and not the table. Unique
    ones are there during the load: rows that stand in each other's way must be found then (algorithms.md §3).
    """
    if index.primary:
        return True
    if index.kind is not IndexKind.BTREE or any(part.column is None for part in index.parts):
        return False
    counts = any(column.auto_increment and column.name in index.columns[:1] for column in table.columns)
    return index.unique or counts or not defer_indexes
