"""The dialect of PostgreSQL as a target: plans a schema, converts tables, replays DDL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.dialect import keys, statements
from ferryman.connectors.postgresql.dialect.columns import convert_column
from ferryman.connectors.postgresql.dialect.differences import table_differences
from ferryman.connectors.postgresql.dialect.kindred import is_kindred, kindred_table, type_schemas, type_statements
from ferryman.connectors.postgresql.dialect.names import index_name, refuse_long_names
from ferryman.connectors.postgresql.quoting import quote
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStatement, SchemaPlan, TableChange


@dataclass(frozen=True, slots=True)
class PostgreSqlDialect:
    """PostgreSQL as a target; a database of the source becomes a schema of the database in the URL."""

    def quote(self, identifier: str) -> str:
        """Quote one identifier."""
        return quote(identifier)

    def numbers_from(self, table: Table, first: int) -> list[str]:
        """Return what lets each sequence of a table give numbers from `first` on; none is moved back."""
        return statements.numbers_from(table, first)

    def fitted(self, traits: ServerTraits) -> PostgreSqlDialect:
        """Return this dialect: it asks nothing of the very server."""
        return self

    def differences(self, wanted: Table, found: Table) -> list[str]:
        """Say how a table of the target differs from the one wanted."""
        return table_differences(wanted, found)

    def target_table(self, table: Table, selection: Selection) -> Table:
        """Convert one source table to the target's form.

        Raises:
            FerrymanError: ``schema.unsupported_type``, ``schema.name_too_long``.
        """
        notes = Notes(str(table.name))
        converted = self.convert(table, selection, None, notes)
        refuse_unsupported([notes])
        return converted

    def convert(
        self, table: Table, selection: Selection, known: Mapping[TableName, Table] | None, notes: Notes
    ) -> Table:
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

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool = False) -> SchemaPlan:
        """Convert a source schema.

        Raises:
            FerrymanError: ``schema.unsupported_type``, ``schema.name_collision``, ``schema.name_too_long``.
        """
        known = {table.name: table for table in schema.tables}
        notes = [Notes(str(table.name)) for table in schema.tables]
        tables = [self.convert(table, selection, known, note) for table, note in zip(schema.tables, notes, strict=True)]
        refuse_unsupported(notes)
        _refuse_collisions(schema.tables, tables)
        made = [statement for table in tables for statement in table_statements(table, defer_indexes)]
        every = [*_schemas(schema, selection, tables), *type_statements(tables), *made]
        return SchemaPlan(
            tables={source.name: table for source, table in zip(schema.tables, tables, strict=True)},
            statements=tuple(sorted(every, key=lambda s: (s.after_load, s.kind == "foreign_key"))),
            conversions=(*(each for note in notes for each in note.conversions), *_not_moved(schema)),
        )

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        """Read one DDL statement of the source's log and say what it does to the schema and to the target."""
        from ferryman.connectors.postgresql.dialect.described import effect_of
        from ferryman.connectors.postgresql.dialect.replaying import replay

        if (change := TableChange.of_statement(sql)) is not None:
            return effect_of(self, schema, selection, change)
        return replay(self, schema, selection, sql, database)


def table_statements(table: Table, defer_indexes: bool = False) -> list[DdlStatement]:
    """Write the statements that make one (converted) table.

    Unique indexes are there during the load: rows that stand in each other's way must be found then (algorithms.md §3).
    """
    path = str(table.name)
    found = [DdlStatement(kind="table", object=path, sql=statements.joined(statements.create_table(table)))]
    for index in table.indexes:
        if not index.primary:
            sql = statements.create_index(table, index)
            deferred = defer_indexes and not index.unique
            name = f"{path}.{index.name}"
            found.append(
                DdlStatement(kind="index", object=name, sql=sql, after_load=deferred, beside=deferred, needed=deferred)
            )
    for check in table.checks:
        sql = statements.add_check(table.name, check)
        found.append(DdlStatement(kind="check", object=f"{path}.{check.name}", sql=sql))
    for key in table.foreign_keys:
        sql = statements.add_foreign_key(table.name, key)
        found.append(DdlStatement(kind="foreign_key", object=f"{path}.{key.name}", sql=sql, after_load=True))
    return found


def schema_sql(name: str) -> str:
    """Return the statement that makes a schema where it is missing."""
    return f"CREATE SCHEMA IF NOT EXISTS {quote(name)}"


def _schemas(schema: Schema, selection: Selection, tables: Sequence[Table]) -> list[DdlStatement]:
    names = [selection.target_name(TableName(database.name, "")).database for database in schema.databases]
    every = dict.fromkeys([*names, *(table.name.database for table in tables), *type_schemas(tables)])
    return [DdlStatement(kind="database", object=name, sql=schema_sql(name)) for name in every]


def refuse_unsupported(notes: Iterable[Notes]) -> None:
    """Raise ``schema.unsupported_type`` for columns that cannot be converted."""
    unsupported = [name for each in notes for name in each.unsupported]
    if unsupported:
        raise FerrymanError(
            "schema.unsupported_type",
            f"PostgreSQL has no type for {len(unsupported)} column(s): {', '.join(unsupported)}",
        )


def _refuse_collisions(sources: Sequence[Table], tables: Sequence[Table]) -> None:
    """Tables and indexes of one schema share their names."""
    seen: dict[TableName, str] = {}
    for source, table in zip(sources, tables, strict=True):
        own = {table.name: str(source.name)}
        for index in table.indexes:
            name = TableName(table.name.database, index_name(table.name.table, index))
            own[name] = f"index {index.name} of {source.name}"
        for name, what in own.items():
            if name in seen:
                raise FerrymanError(
                    "schema.name_collision", f"{seen[name]} and {what} would both be {name} at the target"
                )
            seen[name] = what


def _not_moved(schema: Schema) -> list[Conversion]:
    views = [
        Conversion(path=str(view.name), message="the view is left out: write it anew in PostgreSQL's words", lossy=True)
        for view in schema.views
    ]
    return views + [
        Conversion(path=str(each.name), message=f"does not move: {each.reason}", lossy=True) for each in schema.left_out
    ]
