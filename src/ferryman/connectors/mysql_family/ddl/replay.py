"""Plays a DDL statement on the model of the source's schema, with the meaning the source gives it.

What it does is told as effects, by which a dialect writes the statements of its target. Statements whose effect the
schema already has (they ran between "position taken" and "catalog read", or before a crash) have no effects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.catalog.collations import full_collation
from ferryman.connectors.mysql_family.ddl.draft import Draft
from ferryman.connectors.mysql_family.ddl.nodes import (
    AlterTable,
    CreateDatabase,
    CreateTable,
    CreateView,
    DropDatabase,
    DropTables,
    DropViews,
    NameNode,
    NoEffect,
    PartitionChange,
    RenameTables,
    Statement,
    TruncateTable,
    Unsupported,
)
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.parser_partitions import parse_parts
from ferryman.connectors.mysql_family.ddl.replay_alter import altered
from ferryman.connectors.mysql_family.dialect.differences import table_differences
from ferryman.model.names import TableName
from ferryman.model.schema import Database, Schema, Table, View


class NotKnownError(Exception):
    """The statement's meaning for the schema cannot be told; the text says why."""


@dataclass(frozen=True, slots=True)
class Created:
    """A table was made."""

    table: Table


@dataclass(frozen=True, slots=True)
class Dropped:
    """A table went."""

    name: TableName


@dataclass(frozen=True, slots=True)
class Truncated:
    """A table was emptied."""

    name: TableName


@dataclass(frozen=True, slots=True)
class Altered:
    """A table changed; `renamed` is as in `replay_alter.Outcome`, `partitions` are changes of its partitions."""

    before: Table
    after: Table
    renamed: dict[str, str]
    partitions: tuple[PartitionChange, ...] = ()

    @property
    def reused(self) -> frozenset[str]:
        """The columns, by old and new names, of which some took the name of another one, or of one that went."""
        there = {column.name.casefold() for column in self.before.columns}
        moved = {new: old for new, old in self.renamed.items() if new.casefold() != old.casefold()}
        if not any(new.casefold() in there for new in moved):
            return frozenset()
        return frozenset(moved) | frozenset(old for old in moved.values() if old)


@dataclass(frozen=True, slots=True)
class Renamed:
    """Tables took other names: steps in order (with names in between), and what became of whom."""

    steps: tuple[tuple[TableName, TableName], ...]
    moves: tuple[tuple[TableName, TableName], ...]


@dataclass(frozen=True, slots=True)
class DatabaseSet:
    """A database was made or got another character set."""

    database: Database
    new: bool


@dataclass(frozen=True, slots=True)
class ViewSet:
    """A view was made or replaced; its definition may name tables without their database."""

    view: View
    database: str


@dataclass(frozen=True, slots=True)
class ViewDropped:
    """A view went."""

    name: TableName


Effect = Created | Dropped | Truncated | Altered | Renamed | DatabaseSet | ViewSet | ViewDropped


def play(schema: Schema, statement: Statement, database: str) -> tuple[Schema, list[Effect]]:
    """Play a statement on a schema.

    Raises:
        NotKnownError: What it does to the tables of the schema cannot be told.
        FerrymanError: ``ddl.syntax``, from expressions inside.
    """
    if isinstance(statement, NoEffect):
        return schema, []
    if isinstance(statement, Unsupported):
        raise NotKnownError(statement.reason)
    return _Player(schema, database).play(statement)


class _Player:
    def __init__(self, schema: Schema, database: str) -> None:
        self.schema = schema
        self.database = database
        self.effects: list[Effect] = []

    def play(self, statement: Statement) -> tuple[Schema, list[Effect]]:
        match statement:
            case CreateTable():
                self._create_table(statement)
            case AlterTable():
                self._alter_table(statement)
            case DropTables():
                self._drop_tables(statement)
            case RenameTables():
                self._rename_tables([(self.name(old), self.name(new)) for old, new in statement.pairs])
            case TruncateTable():
                self._truncate(self.name(statement.name))
            case _:
                self._play_other(statement)
        return self.schema, self.effects

    def _play_other(self, statement: Statement) -> None:
        match statement:
            case CreateDatabase():
                self._set_database(statement)
            case DropDatabase():
                self._drop_database(self._folded(statement.name))
            case CreateView():
                self._set_view(statement)
            case DropViews():
                for node in statement.names:
                    self._drop_view(self.name(node))

    def name(self, node: NameNode) -> TableName:
        """Return a table's name as the server keeps it."""
        name = TableName(self._folded(node.database or self.database), self._folded(node.table))
        if self.schema.traits.lower_case_names != 2:
            return name
        same = (t.name for t in self.schema.tables if str(t.name).casefold() == str(name).casefold())
        return next(same, name)

    def _folded(self, name: str) -> str:
        return name.lower() if self.schema.traits.lower_case_names == 1 else name

    def _create_table(self, node: CreateTable) -> None:
        if node.temporary or node.options.system_versioned:
            return
        name = self.name(node.name)
        table = self._made_like(name, node) if node.like else Draft.made(name, node, self.schema, self.database).table()
        there = self.schema.table(name)
        if there is not None and not node.or_replace:
            if node.if_not_exists or not table_differences(table, there):
                return
            raise NotKnownError(f"table {name} is there already and is another one")
        if node.select and not node.columns:
            raise NotKnownError(f"the columns of {name} come from a query")
        if there is not None:
            self.effects.append(Dropped(name))
        self.schema = self.schema.with_table(table)
        self.effects.append(Created(table))

    def _made_like(self, name: TableName, node: CreateTable) -> Table:
        like = self.name(node.like or node.name)
        model = self.schema.table(like)
        if model is None:
            raise NotKnownError(f"{name} is made like {like}, which does not move with this project")
        return replace(model, name=name, foreign_keys=(), auto_increment=None, row_estimate=0, byte_estimate=0)

    def _alter_table(self, node: AlterTable) -> None:
        name = self.name(node.name)
        before = self.schema.table(name)
        if before is None:
            self._alter_absent(node, name)
            return
        outcome = altered(before, node.actions, self.schema, self.database)
        if outcome.unsupported:
            raise NotKnownError(f"{name}: {outcome.unsupported}")
        self.schema = outcome.schema
        effect = Altered(before, outcome.table, outcome.renamed, outcome.partitions)
        if outcome.table != before or outcome.partitions or effect.reused:
            self.effects.append(effect)
        if outcome.rename_to is not None:
            self._rename_tables([(name, self.name(outcome.rename_to))])

    def _alter_absent(self, node: AlterTable, name: TableName) -> None:
        if node.if_exists or any(view.name == name for view in self.schema.views):
            return
        if any(each.name == name for each in self.schema.left_out):
            return
        raise NotKnownError(f"table {name} is not in the schema of the source")

    def _drop_tables(self, node: DropTables) -> None:
        for each in () if node.temporary else node.names:
            self._drop_table(self.name(each))

    def _drop_table(self, name: TableName) -> None:
        if self.schema.table(name) is not None:
            self.schema = self.schema.without_table(name)
            self.effects.append(Dropped(name))

    def _truncate(self, name: TableName) -> None:
        if self.schema.table(name) is not None:
            self.effects.append(Truncated(name))

    def _rename_tables(self, steps: list[tuple[TableName, TableName]]) -> None:
        now: dict[TableName, TableName] = {}
        for old, new in steps:
            origin = next((first for first, last in now.items() if last == old), old)
            now[origin] = new
        moves = tuple((old, new) for old, new in now.items() if old != new)
        if all(self.schema.table(old) is None for old, _ in moves):
            self._rename_absent(moves)
            if any(self.schema.table(new) is None for _, new in moves):
                self.effects.append(Renamed(tuple(steps), moves))  # a table may come in from outside
            return
        self._move(moves)
        self.effects.append(Renamed(tuple(steps), moves))

    def _rename_absent(self, moves: tuple[tuple[TableName, TableName], ...]) -> None:
        """Names that are gone: already renamed when the new ones are there; else views, or tables of no concern."""
        views = {view.name: view for view in self.schema.views}
        for old, new in moves:
            if old in views:
                renamed = replace(views[old], name=new)
                kept = tuple(view for view in self.schema.views if view.name != old)
                self.schema = replace(self.schema, views=(*kept, renamed))
                self.effects += [ViewDropped(old), ViewSet(renamed, old.database)]

    def _move(self, moves: tuple[tuple[TableName, TableName], ...]) -> None:
        names = dict(moves)
        tables = tuple(
            replace(
                table,
                name=names.get(table.name, table.name),
                foreign_keys=tuple(replace(k, parent=names.get(k.parent, k.parent)) for k in table.foreign_keys),
            )
            for table in self.schema.tables
        )
        self.schema = replace(self.schema, tables=tables)

    def _set_database(self, node: CreateDatabase) -> None:
        name = self._folded(node.name or self.database)
        there = next((each for each in self.schema.databases if each.name == name), None)
        if there is not None and not node.alter and not node.or_replace:
            return
        traits = self.schema.traits
        charset, collation = full_collation(node.charset, node.collation, traits)
        if charset is None:
            charset, collation = full_collation(None, there.collation if there else traits.collation, traits)
        database = Database(name=name, charset=charset, collation=collation)
        if database == there:
            return
        if node.or_replace:
            self._drop_database(name)
        kept = tuple(each for each in self.schema.databases if each.name != name)
        self.schema = replace(self.schema, databases=(*kept, database))
        self.effects.append(DatabaseSet(database, new=there is None))

    def _drop_database(self, name: str) -> None:
        for table in self.schema.tables:
            if table.name.database == name:
                self._drop_table(table.name)
        for view in self.schema.views:
            if view.name.database == name:
                self._drop_view(view.name)
        kept = tuple(each for each in self.schema.databases if each.name != name)
        self.schema = replace(self.schema, databases=kept)

    def _set_view(self, node: CreateView) -> None:
        view = View(name=self.name(node.name), definition=node.definition, columns=node.columns)
        there = next((each for each in self.schema.views if each.name == view.name), None)
        if there is not None and not node.or_replace:
            return
        kept = tuple(each for each in self.schema.views if each.name != view.name)
        self.schema = replace(self.schema, views=(*kept, view))
        self.effects.append(ViewSet(view, self.database))

    def _drop_view(self, name: TableName) -> None:
        if any(view.name == name for view in self.schema.views):
            kept = tuple(view for view in self.schema.views if view.name != name)
            self.schema = replace(self.schema, views=kept)
            self.effects.append(ViewDropped(name))


def added_parts(text: str) -> list[str]:
    """Return the partitions of ``(PARTITION …, …)``, each in one spelling."""
    return [each for _, each in parse_parts(Cursor(text))]
