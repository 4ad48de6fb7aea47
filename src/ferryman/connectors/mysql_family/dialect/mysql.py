"""The dialect of the MySQL family as a target: plans a schema, converts tables, replays DDL."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.catalog.collations import charset_of
from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.ddl.writer import (
    add_sql,
    check_sql,
    create_table_sql,
    database_sql,
    foreign_key_sql,
    index_sql,
)
from ferryman.connectors.mysql_family.dialect import keys as dialect_keys
from ferryman.connectors.mysql_family.dialect import views as dialect_views
from ferryman.connectors.mysql_family.dialect.columns import Notes, convert_column, target_collation, unchained
from ferryman.connectors.mysql_family.dialect.described import effect_of
from ferryman.connectors.mysql_family.dialect.differences import table_differences
from ferryman.connectors.mysql_family.dialect.postgresql import FLAVOUR, adapted_schema, adapted_table, is_postgresql
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Database, Index, IndexKind, Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStatement, SchemaPlan, TableChange

MYSQL = Rules(name="MySQL", engine="InnoDB")


@dataclass(frozen=True, slots=True)
class MySqlDialect:
    """MySQL and MariaDB as targets; OceanBase is the same with other rules."""

    rules: Rules = MYSQL

    def quote(self, identifier: str) -> str:
        """Quote one identifier."""
        return quoted_name(identifier)

    def numbers_from(self, table: Table, first: int) -> list[str]:
        """Return what lets a table give numbers from `first` on; its counter is not moved back."""
        counts = any(column.auto_increment for column in table.columns)
        if not counts or first <= (table.auto_increment or 1):
            return []
        return [f"ALTER TABLE {quote_table(table.name)} AUTO_INCREMENT = {first}"]

    def fitted(self, traits: ServerTraits) -> MySqlDialect:
        """Return this dialect knowing the very server."""
        return replace(self, rules=self.rules.fitted(traits))

    def differences(self, wanted: Table, found: Table) -> list[str]:
        """Say how a table of the target differs from the one wanted."""
        return table_differences(wanted, found)

    def target_table(self, table: Table, selection: Selection) -> Table:
        """Convert one source table to the target's form.

        Raises:
            FerrymanError: ``schema.unsupported_type``.
        """
        notes = Notes(str(table.name))
        converted = self.convert(table, selection, None, notes)
        _refuse([notes], self.rules)
        return converted

    def convert(self, table: Table, selection: Selection, known: Container[TableName] | None, notes: Notes) -> Table:
        """Convert one table; `known` are the source tables that move."""
        rules, target = self.rules, selection.target_name(table.name)
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

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool = False) -> SchemaPlan:
        """Convert a source schema.

        Raises:
            FerrymanError: ``schema.unsupported_type``, ``schema.name_collision``.
        """
        foreign = schema.traits.flavour == FLAVOUR
        schema = adapted_schema(schema, self.rules) if foreign else schema
        known = {table.name for table in schema.tables}
        notes = {selection.target_name(table.name): Notes(str(table.name)) for table in schema.tables}
        self._refuse_collisions(schema, selection)
        converted = [
            self.convert(table, selection, known, notes[selection.target_name(table.name)]) for table in schema.tables
        ]
        _refuse(notes.values(), self.rules)
        tables = dialect_keys.unique_names(converted, notes)
        databases, more = self._databases(schema, selection)
        conversions = [*more, *(note for each in notes.values() for note in each.conversions), *_left_out(schema)]
        statements = [
            *databases,
            *(statement for table in tables for statement in self.table_statements(table, defer_indexes)),
            *([] if foreign else self._views(schema, selection)),
        ]
        conversions += _views_left_out(schema) if foreign else []
        return SchemaPlan(
            tables={source.name: table for source, table in zip(schema.tables, tables, strict=True)},
            statements=tuple(sorted(statements, key=lambda s: (s.after_load, s.kind == "foreign_key"))),
            conversions=tuple(conversions),
        )

    def _refuse_collisions(self, schema: Schema, selection: Selection) -> None:
        seen: dict[tuple[str, str], TableName] = {}
        for name in [*(table.name for table in schema.tables), *(view.name for view in schema.views)]:
            target = selection.target_name(name)
            key = (target.database, target.table)
            key = (key[0].lower(), key[1].lower()) if self.rules.folds_names else key
            if key in seen:
                raise FerrymanError(
                    "schema.name_collision", f"{seen[key]} and {name} would both be {target} at the target"
                )
            seen[key] = name

    def _databases(self, schema: Schema, selection: Selection) -> tuple[list[DdlStatement], list[Conversion]]:
        wanted: dict[str, Database] = {}
        conversions = []
        for database in schema.databases:
            charset, collation, folds = target_collation(
                self.rules, database.charset or charset_of(database.collation), database.collation
            )
            if collation != database.collation:
                message = f"the database's collation {database.collation} becomes {collation}"
                conversions.append(Conversion(path=database.name, message=message, lossy=folds))
            name = selection.target_name(TableName(database.name, "")).database
            wanted.setdefault(name, Database(name=name, charset=charset, collation=collation))
        for table in schema.tables:
            name = selection.target_name(table.name).database
            wanted.setdefault(name, Database(name=name))
        return [
            DdlStatement(kind="database", object=name, sql=database_sql(database)) for name, database in wanted.items()
        ], conversions

    def table_statements(self, table: Table, defer_indexes: bool = False) -> list[DdlStatement]:
        """Write the statements that make one (converted) table: itself, then what an engine may refuse."""
        inline = [index for index in table.indexes if is_inline(index, table, defer_indexes)]
        sql = create_table_sql(table, inline, engine=self.rules.engine)
        fallback = (
            create_table_sql(table, inline, engine=self.rules.engine, partitioned=False) if table.partitions else ""
        )
        found = [DdlStatement(kind="table", object=str(table.name), sql=sql, fallback=fallback)]
        apart = [index for index in table.indexes if index not in inline]
        found += [self._index_statement(table, index, defer_indexes) for index in apart]
        for check in table.checks:
            path = f"{table.name}.{check.name}"
            found.append(DdlStatement(kind="check", object=path, sql=add_sql(table.name, check_sql(check))))
        for key in table.foreign_keys:
            path, sql = f"{table.name}.{key.name}", add_sql(table.name, foreign_key_sql(key))
            found.append(DdlStatement(kind="foreign_key", object=path, sql=sql, after_load=True))
        return found

    def _index_statement(self, table: Table, index: Index, defer_indexes: bool) -> DdlStatement:
        plain = is_inline(
            index, table, defer_indexes=False
        )  # what an engine may refuse stands alone, and may be missing
        return DdlStatement(
            kind="index",
            object=f"{table.name}.{index.name}",
            sql=add_sql(table.name, index_sql(index)),
            after_load=defer_indexes and not index.unique,
            action=f"ADD {index_sql(index)}" if plain and self.rules.joins_indexes else "",
            beside=plain and not self.rules.joins_indexes,
            needed=plain,
        )

    def _views(self, schema: Schema, selection: Selection) -> list[DdlStatement]:
        objects = {table.name for table in schema.tables} | {view.name for view in schema.views}

        def rename(name: TableName) -> TableName | None:
            return selection.target_name(name) if name in objects else None

        return [
            DdlStatement(
                kind="view",
                object=str(selection.target_name(view.name)),
                sql=dialect_views.view_sql(view, selection.target_name(view.name), rename),
            )
            for view in dialect_views.in_order(schema.views)
        ]

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        """Read one DDL statement of the source's log and say what it does to the schema and to the target."""
        if (change := TableChange.of_statement(sql)) is not None:
            return effect_of(self, schema, selection, change)
        from ferryman.connectors.mysql_family.dialect.replaying import replay

        return replay(self, schema, selection, sql, database)


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


def _refuse(notes: Iterable[Notes], rules: Rules) -> None:
    unsupported = [name for each in notes for name in each.unsupported]
    if unsupported:
        raise FerrymanError(
            "schema.unsupported_type",
            f"{rules.name} has no type for {len(unsupported)} column(s): {', '.join(unsupported)}",
        )


def _views_left_out(schema: Schema) -> list[Conversion]:
    message = "the view is left out: its SQL is PostgreSQL's own; make it by hand"
    return [Conversion(path=str(view.name), message=message, lossy=True) for view in schema.views]


def _left_out(schema: Schema) -> list[Conversion]:
    return [
        Conversion(path=str(each.name), message=f"does not move: {each.reason}", lossy=True) for each in schema.left_out
    ]
