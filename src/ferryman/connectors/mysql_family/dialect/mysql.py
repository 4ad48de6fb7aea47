"""The dialect of the MySQL family as a target: plans a schema, converts tables, replays DDL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.catalog.collations import charset_of
from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.ddl.writer import (
    database_sql,
)
from ferryman.connectors.mysql_family.dialect import keys as dialect_keys
from ferryman.connectors.mysql_family.dialect import views as dialect_views
from ferryman.connectors.mysql_family.dialect.columns import Notes, target_collation
from ferryman.connectors.mysql_family.dialect.described import effect_of
from ferryman.connectors.mysql_family.dialect.differences import table_differences
from ferryman.connectors.mysql_family.dialect.postgresql import FLAVOUR, adapted_schema
from ferryman.connectors.mysql_family.dialect.replaying import replay
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.connectors.mysql_family.dialect.tables import convert_table, table_statements
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Database, Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStatement, SchemaPlan, TableChange, waits_for_rows

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
        converted = convert_table(self.rules, table, selection, None, notes)
        _refuse([notes], self.rules)
        return converted

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool | None = False) -> SchemaPlan:
        """Convert a source schema.

        Raises:
            FerrymanError: ``schema.unsupported_type``, ``schema.name_collision``.
        """
        defer = defer_indexes if self.rules.defers_indexes else bool(defer_indexes)
        foreign = schema.traits.flavour == FLAVOUR
        schema = adapted_schema(schema, self.rules) if foreign else schema
        known = {table.name for table in schema.tables}
        notes = {selection.target_name(table.name): Notes(str(table.name)) for table in schema.tables}
        self._refuse_collisions(schema, selection)
        converted = [
            convert_table(self.rules, table, selection, known, notes[selection.target_name(table.name)])
            for table in schema.tables
        ]
        _refuse(notes.values(), self.rules)
        tables = dialect_keys.unique_names(converted, notes)
        databases, more = self._databases(schema, selection)
        conversions = [*more, *(note for each in notes.values() for note in each.conversions), *_left_out(schema)]
        statements = [
            *databases,
            *(
                statement
                for table in tables
                for statement in table_statements(self.rules, table, waits_for_rows(defer, table))
            ),
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
            return effect_of(self.rules, schema, selection, change)
        return replay(self.rules, schema, selection, sql, database)


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
    gone = [
        Conversion(path=str(each.name), message=f"does not move: {each.reason}", lossy=True) for each in schema.left_out
    ]
    return gone + [Conversion(path=str(each.name), message=each.reason) for each in schema.unkept]
