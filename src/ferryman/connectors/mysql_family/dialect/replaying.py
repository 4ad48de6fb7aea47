"""Replays the source's DDL for a target: the schema after it, and the target's statements written from the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.ddl import replay as played
from ferryman.connectors.mysql_family.ddl.nodes import CreateTable, NameNode, PartitionChange, RenameTables, Statement
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.ddl.tokens import Reader
from ferryman.connectors.mysql_family.ddl.values import rewritten_documents, unlogged_values
from ferryman.connectors.mysql_family.ddl.writer import database_sql, full_name
from ferryman.connectors.mysql_family.ddl.writer_alter import alter_sql
from ferryman.connectors.mysql_family.ddl.writer_exchange import exchange_sql, table_steps
from ferryman.connectors.mysql_family.dialect.columns import Notes, target_collation
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.connectors.mysql_family.dialect.tables import convert_table, table_statements
from ferryman.connectors.mysql_family.dialect.views import view_sql
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Schema, Table, View
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStep

_WORD = re.compile(r"^\s*PARTITION\b", re.IGNORECASE)


def replay(rules: Rules, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
    """Say what a statement of the source's log does to the schema and to the target; never raises for its text."""
    try:
        statement = parse(sql, reader_of(schema))
        if not concerns(statement, schema, selection, database):
            return DdlEffect(schema=schema)
        after, effects = played.play(schema, statement, database)
        return _Writer(rules, schema, after, selection).write(effects)
    except (played.NotKnownError, FerrymanError) as error:
        reason = error.message if isinstance(error, FerrymanError) else str(error)
        return DdlEffect(
            schema=schema, known=False, conversions=(Conversion(path=database, message=reason, lossy=True),)
        )


def reader_of(schema: Schema) -> Reader:
    """Return how the source reads versioned comments."""
    traits = schema.traits
    major, minor, patch = (*traits.version, 0, 0, 0)[:3]
    version = major * 10_000 + minor * 100 + patch if traits.version else 999_999
    return Reader(mariadb=traits.flavour == "mariadb", version=version)


def concerns(statement: Statement, schema: Schema, selection: Selection, database: str) -> bool:
    """Whether a statement touches anything the project moves; borders of the selection are for the rename itself."""
    names = _names_of(statement)
    if not names:
        return True
    fold = schema.traits.lower_case_names == 1
    for node in names:
        name = TableName(node.database or database, node.table)
        name = TableName(name.database.lower(), name.table.lower()) if fold else name
        if selection.includes(name):
            return True
        if selection.follows(name) and (schema.table(name) is not None or isinstance(statement, CreateTable)):
            return True  # an online schema change's; one that began before us is found out when the names change hands
    return False


def _names_of(statement: Statement) -> list[NameNode]:
    if isinstance(statement, RenameTables):
        return [node for pair in statement.pairs for node in pair]
    name = getattr(statement, "name", None)
    if isinstance(name, NameNode):
        return [name]
    return list(getattr(statement, "names", ()))


class _Writer:
    def __init__(self, rules: Rules, before: Schema, after: Schema, selection: Selection) -> None:
        self.rules = rules
        self.before = before
        self.after = after
        self.selection = selection
        self.statements: list[str] = []
        self.touched: list[TableName] = []
        self.conversions: list[Conversion] = []
        self.schema = after
        self.known = True
        self.unlogged: list[TableName] = []
        self.renamed: list[tuple[TableName, TableName]] = []
        self.steps: list[DdlStep] = []
        self.reused: dict[TableName, frozenset[str]] = {}

    def write(self, effects: list[played.Effect]) -> DdlEffect:
        for effect in effects:
            self._write(effect)
        return DdlEffect(
            schema=self.schema,
            statements=tuple(self.statements),
            touched=tuple(dict.fromkeys(self.touched)),
            conversions=tuple(self.conversions),
            known=self.known,
            unlogged=tuple(self.unlogged),
            renamed=tuple(self.renamed),
            steps=tuple(self.steps),
            reused=self.reused,
        )

    def _write(self, effect: played.Effect) -> None:
        match effect:
            case played.Created():
                self._created(effect)
            case played.Dropped():
                self._drop(effect.name)
            case played.Truncated():
                self._on_table(effect.name, "TRUNCATE TABLE {}")
            case played.Altered():
                self._altered(effect)
            case played.Renamed():
                self._renamed(effect)
            case _:
                self._write_other(effect)

    def _write_other(self, effect: played.Effect) -> None:
        match effect:
            case played.DatabaseSet():
                self._database(effect)
            case played.ViewSet():
                self._view(effect)
            case played.ViewDropped():
                if self.selection.includes(effect.name):
                    self.statements.append(f"DROP VIEW IF EXISTS {self._target(effect.name)}")

    def _target(self, name: TableName) -> str:
        return full_name(self.selection.target_name(name))

    def _on_table(self, name: TableName, text: str) -> None:
        if self.selection.follows(name):
            self.touched.append(name)
            self.statements.append(text.format(self._target(name)))

    def _drop(self, name: TableName) -> None:
        self._on_table(name, "DROP TABLE IF EXISTS {}")

    def _created(self, effect: played.Created) -> None:
        notes = Notes(str(effect.table.name))
        known = {table.name for table in self.after.tables}
        table = convert_table(self.rules, effect.table, self.selection, known, notes)
        self._refuse(notes)
        self.touched.append(effect.table.name)
        self.conversions += notes.conversions
        self.statements += [statement.sql for statement in table_statements(self.rules, table)]

    def _refuse(self, notes: Notes) -> None:
        if notes.unsupported:
            raise played.NotKnownError(f"{self.rules.name} has no type for {', '.join(notes.unsupported)}")

    def _altered(self, effect: played.Altered) -> None:
        notes, old_notes = Notes(str(effect.after.name)), Notes(str(effect.before.name))
        before = convert_table(
            self.rules, effect.before, self.selection, {table.name for table in self.before.tables}, old_notes
        )
        after = convert_table(
            self.rules, effect.after, self.selection, {table.name for table in self.after.tables}, notes
        )
        self._refuse(notes)
        self.touched.append(effect.before.name)
        self.conversions += [note for note in notes.conversions if note not in old_notes.conversions]
        self._alter(effect, before, after)
        for change in effect.partitions:
            self._partition(effect, change, before, after)
        self._note_values(effect)

    def _alter(self, effect: played.Altered, before: Table, after: Table) -> None:
        one_action = self.rules.one_action
        if effect.renamed:
            self.reused[effect.before.name] = effect.reused
        if not effect.reused:
            self.statements += alter_sql(before, after, effect.renamed, one_action=one_action)
            return
        steps, statements = exchange_sql(before, after, effect.renamed, one_action=one_action)
        self.steps += steps
        self.statements += statements

    def _note_values(self, effect: played.Altered) -> None:
        path = str(effect.after.name)
        for reason in unlogged_values(effect.before, effect.after, effect.renamed):
            self._read_again(effect.before.name, reason)
        for name in rewritten_documents(effect.before, effect.after, effect.renamed):
            self.known = False
            message = f"column {name}: the text of JSON documents is kept by some servers and written anew by others"
            self.conversions.append(Conversion(path=path, message=f"{message}: load the table again", lossy=True))

    def _partition(self, effect: played.Altered, change: PartitionChange, before: Table, after: Table) -> None:
        name = effect.before.name
        if change.verb in {"DROP", "TRUNCATE"} and not _same_rows(effect.before, before):
            self._read_again(name, f"{change.verb} PARTITION: the target's partitions may hold other rows")
        if change.verb == "TRUNCATE" and not _by_value(before.partitions):
            return
        for clause in self._partition_clauses(name, change, before, after):
            self.statements.append(f"ALTER TABLE {self._target(name)} {clause}")

    def _read_again(self, name: TableName, reason: str) -> None:
        self.unlogged.append(name)
        self.conversions.append(Conversion(path=str(name), message=f"{reason}: they are read again"))

    def _partition_clauses(
        self, name: TableName, change: PartitionChange, before: Table, after: Table
    ) -> Iterator[str]:
        """Write a change of partitions; OceanBase lacks most of them and is given the whole clause instead.

        Its partitions must be the source's: a later DROP or TRUNCATE PARTITION names them, and takes their rows along.
        """
        text = after.partitions
        if change.verb in {"DROP", "TRUNCATE"}:
            yield f"{change.verb} PARTITION {', '.join(quoted_name(each) for each in change.names)}"
        elif change.verb == "ADD" and change.text.startswith("("):
            yield f"ADD PARTITION ({', '.join(played.added_parts(change.text))})"
        elif text and (change.verb == "BY" or self.rules.one_action):
            yield f"PARTITION BY {text}"
        elif not self.rules.one_action:
            yield _other_partition_work(change)
        else:
            message = f"{change.verb} PARTITION has no like at {self.rules.name}: one partition holds all rows"
            self.conversions.append(Conversion(path=str(name), message=message, lossy=True))
            names = ", ".join(quoted_name(column.name) for column in _parting(before)[:1])
            yield f"PARTITION BY KEY ({names}) PARTITIONS 1"

    def _renamed(self, effect: played.Renamed) -> None:
        views = {view.name for view in self.before.views}
        for old, new in effect.moves:
            inside = self.selection.follows(old), self.selection.follows(new)
            if old in views or (self.before.table(old) is None and not inside[1]):
                continue
            if inside != (True, True) or self.before.table(old) is None:
                border = "leaves" if inside[0] and not inside[1] else "enters"
                raise played.NotKnownError(f"{old} becomes {new}: it {border} what this project moves")
        moved = {old for old, _ in effect.moves if self.before.table(old) is not None}
        pairs = steps_of(effect.steps, moved)
        if not pairs:
            return
        if is_exchange(effect.moves, moved):
            self.steps += table_steps(
                [(self._converted(old), self.selection.target_name(new)) for old, new in effect.moves]
            )
            self.reused |= dict.fromkeys(moved, frozenset())
        else:
            renames = ", ".join(f"{self._target(old)} TO {self._target(new)}" for old, new in pairs)
            self.statements.append(f"RENAME TABLE {renames}")
        self.touched += [name for move in effect.moves for name in move]
        self.renamed += [move for move in effect.moves if move[0] in moved]

    def _converted(self, name: TableName) -> Table:
        table = self.before.table(name)
        assert table is not None
        known = {each.name for each in self.before.tables}
        return convert_table(self.rules, table, self.selection, known, Notes(str(name)))

    def _database(self, effect: played.DatabaseSet) -> None:
        database = effect.database
        if not self.selection.includes_database(database.name):
            return
        charset, collation, folds = target_collation(self.rules, database.charset, database.collation)
        name = self.selection.target_name(TableName(database.name, "")).database
        made = replace(database, name=name, charset=charset, collation=collation)
        sql = database_sql(made)
        if not effect.new:
            sql = sql.replace("CREATE DATABASE IF NOT EXISTS", "ALTER DATABASE", 1)
        self.statements.append(sql)
        if folds:
            message = f"the database's collation {database.collation} becomes {collation}"
            self.conversions.append(Conversion(path=database.name, message=message, lossy=True))

    def _view(self, effect: played.ViewSet) -> None:
        name = effect.view.name
        if not self.selection.includes(name):
            return
        definition = qualified(effect.view.definition, effect.database)
        if definition is None:
            message = "the view's definition could not be read; it is not made at the target"
            self.conversions.append(Conversion(path=str(name), message=message, lossy=True))
            return
        view = View(name=name, definition=definition, columns=effect.view.columns)
        objects = {table.name for table in self.after.tables} | {each.name for each in self.after.views}
        target = self.selection.target_name
        self.statements.append(view_sql(view, target(name), lambda each: target(each) if each in objects else None))
        kept = tuple(each for each in self.schema.views if each.name != name)
        self.schema = replace(self.schema, views=(*kept, view))


def steps_of(
    steps: tuple[tuple[TableName, TableName], ...], origins: set[TableName]
) -> list[tuple[TableName, TableName]]:
    """Return the steps that carry these tables, with the names they bear in between."""
    bearing, kept = set(origins), []
    for old, new in steps:
        if old in bearing:
            bearing = (bearing - {old}) | {new}
            kept.append((old, new))
    return kept


def is_exchange(moves: tuple[tuple[TableName, TableName], ...], moved: set[TableName]) -> bool:
    """Whether tables take the names of one another, all of them: nothing shows afterwards that they did."""
    return len(moves) > 1 and moved == {old for old, _ in moves} == {new for _, new in moves}


def _by_value(partitions: str | None) -> bool:
    """Whether the clause itself says which rows a partition holds; how HASH and KEY spread them is the server's."""
    return (partitions or "").upper().startswith(("RANGE", "LIST")) and "SUBPARTITION" not in (partitions or "").upper()


def _same_rows(source: Table, target: Table) -> bool:
    """Whether partitions of one name hold the same rows on both sides; letters are put in order by their collation."""
    if not _by_value(source.partitions):
        return False
    collations = [[column.type.collation for column in _parting(table)] for table in (source, target)]
    return collations[0] == collations[1]


def _parting(table: Table) -> list[Column]:
    """Return the columns that a table's partition clause names."""
    return [column for column in table.columns if quoted_name(column.name) in (table.partitions or "")]


def _other_partition_work(change: PartitionChange) -> str:
    if change.verb == "REMOVE":
        return "REMOVE PARTITIONING"
    return f"{change.verb} PARTITION {_WORD.sub('', change.text).strip()}"


def qualified(definition: str, database: str) -> str | None:
    """Return a SELECT in which every table has its database, or `None` when it cannot be read."""
    import sqlglot  # costs half a second, and most logs have no view
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(definition, read="mysql")
    except SqlglotError:
        return None
    if tree is None or isinstance(tree, exp.Command):
        return None
    common = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not table.db and table.name and table.name not in common:
            table.set("db", exp.to_identifier(database, quoted=True))
        table.this.set("quoted", True)
    return str(tree.sql(dialect="mysql", identify=True))
