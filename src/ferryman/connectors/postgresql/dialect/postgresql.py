"""The dialect of PostgreSQL as a target: plans a schema, converts tables, replays DDL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.dialect import statements
from ferryman.connectors.postgresql.dialect.described import effect_of
from ferryman.connectors.postgresql.dialect.differences import table_differences
from ferryman.connectors.postgresql.dialect.kindred import type_schemas, type_statements
from ferryman.connectors.postgresql.dialect.names import index_name
from ferryman.connectors.postgresql.dialect.replaying import replay
from ferryman.connectors.postgresql.dialect.tables import (
    convert_table,
    refuse_unsupported,
    schema_sql,
    table_statements,
)
from ferryman.connectors.postgresql.quoting import quote
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStatement, SchemaPlan, TableChange, waits_for_rows


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
        converted = convert_table(table, selection, None, notes)
        refuse_unsupported([notes])
        return converted

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool | None = False) -> SchemaPlan:
        """Convert a source schema.

        Raises:
            FerrymanError: ``schema.unsupported_type``, ``schema.name_collision``, ``schema.name_too_long``.
        """
        known = {table.name: table for table in schema.tables}
        notes = [Notes(str(table.name)) for table in schema.tables]
        tables = [
            convert_table(table, selection, known, note) for table, note in zip(schema.tables, notes, strict=True)
        ]
        refuse_unsupported(notes)
        _refuse_collisions(schema.tables, tables)
        deferred = [waits_for_rows(defer_indexes, table) for table in tables]
        made = [each for table, waits in zip(tables, deferred, strict=True) for each in table_statements(table, waits)]
        every = [*_schemas(schema, selection, tables), *type_statements(tables), *made]
        return SchemaPlan(
            tables={source.name: table for source, table in zip(schema.tables, tables, strict=True)},
            statements=tuple(sorted(every, key=lambda s: (s.after_load, s.kind == "foreign_key"))),
            conversions=(*(each for note in notes for each in note.conversions), *_not_moved(schema)),
        )

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        """Read one DDL statement of the source's log and say what it does to the schema and to the target."""
        if (change := TableChange.of_statement(sql)) is not None:
            return effect_of(schema, selection, change)
        return replay(schema, selection, sql, database)


def _schemas(schema: Schema, selection: Selection, tables: Sequence[Table]) -> list[DdlStatement]:
    names = [selection.target_name(TableName(database.name, "")).database for database in schema.databases]
    every = dict.fromkeys([*names, *(table.name.database for table in tables), *type_schemas(tables)])
    return [DdlStatement(kind="database", object=name, sql=schema_sql(name)) for name in every]


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
    gone = [
        Conversion(path=str(each.name), message=f"does not move: {each.reason}", lossy=True) for each in schema.left_out
    ]
    return views + gone + [Conversion(path=str(each.name), message=each.reason) for each in schema.unkept]
