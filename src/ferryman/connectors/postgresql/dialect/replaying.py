"""Replays the source's DDL: the schema after it, and the target's statements written from the model.

All statements of one source statement are one text, which PostgreSQL runs as one transaction: a crash leaves all of it
behind, or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.connectors.mysql_family.ddl import replay as played
from ferryman.connectors.mysql_family.ddl.nodes import PartitionChange
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.ddl.values import unlogged_values
from ferryman.connectors.mysql_family.ddl.writer_exchange import table_moves, unmoved
from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.mysql_family.dialect.replaying import concerns, is_exchange, reader_of, steps_of
from ferryman.connectors.postgresql.dialect import statements
from ferryman.connectors.postgresql.dialect.altering import alter_table, exchange, implicit_value
from ferryman.connectors.postgresql.dialect.tables import (
    convert_table,
    refuse_unsupported,
    schema_sql,
    table_statements,
)
from ferryman.connectors.postgresql.dialect.widening import unlike_values
from ferryman.connectors.postgresql.quoting import quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, DdlStep

_ROWS_GO = frozenset({"DROP", "TRUNCATE"})


def replay(schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
    """Say what a statement of the source's log does to the schema and to the target; never raises for its text."""
    try:
        statement = parse(sql, reader_of(schema))
        if not concerns(statement, schema, selection, database):
            return DdlEffect(schema=schema)
        after, effects = played.play(schema, statement, database)
        return _Writer(schema, after, selection).write(effects)
    except (played.NotKnownError, FerrymanError) as error:
        reason = error.message if isinstance(error, FerrymanError) else str(error)
        return DdlEffect(
            schema=schema, known=False, conversions=(Conversion(path=database, message=reason, lossy=True),)
        )


class _Writer:
    def __init__(self, before: Schema, after: Schema, selection: Selection) -> None:
        self.before = before
        self.after = after
        self.selection = selection
        self.statements: list[str] = []
        self.touched: list[TableName] = []
        self.conversions: list[Conversion] = []
        self.known = True
        self.renamed: list[tuple[TableName, TableName]] = []
        self.unlogged: list[TableName] = []
        self.steps: list[DdlStep] = []
        self.reused: dict[TableName, frozenset[str]] = {}

    def write(self, effects: list[played.Effect]) -> DdlEffect:
        for effect in effects:
            self._write(effect)
        return DdlEffect(
            schema=self.after,
            statements=(statements.joined(self.statements),) if self.statements else (),
            touched=tuple(dict.fromkeys(self.touched)),
            conversions=tuple(self.conversions),
            known=self.known,
            renamed=tuple(self.renamed),
            unlogged=tuple(dict.fromkeys(self.unlogged)),
            steps=tuple(self.steps),
            reused=self.reused,
        )

    def _write(self, effect: played.Effect) -> None:
        match effect:
            case played.Created():
                self._created(effect.table)
            case played.Dropped():
                self._dropped(effect.name)
            case played.Truncated():
                self._truncated(effect.name)
            case played.Altered():
                self._altered(effect)
            case played.Renamed():
                self._renamed(effect)
            case played.DatabaseSet():
                self._database(effect)
            case played.ViewSet():
                self._view(effect.view.name)
            case played.ViewDropped():
                pass  # no view was made

    def _name(self, name: TableName) -> str:
        return quote_table(self.selection.target_name(name))

    def _dropped(self, name: TableName) -> None:
        if self.selection.includes(name):
            self.touched.append(name)
            self.statements.append(f"DROP TABLE IF EXISTS {self._name(name)}")

    def _truncated(self, name: TableName) -> None:
        """TRUNCATE refuses a table that foreign keys refer to, whoever asks."""
        if not self.selection.includes(name):
            return
        self.touched.append(name)
        referred = any(key.parent == name for table in self.before.tables for key in table.foreign_keys)
        self.statements.append(
            f"DELETE FROM {self._name(name)}" if referred else f"TRUNCATE TABLE {self._name(name)} RESTART IDENTITY"
        )

    def _converted(self, table: Table, schema: Schema) -> tuple[Table, Notes]:
        notes = Notes(str(table.name))
        known = {each.name: each for each in schema.tables}
        converted = convert_table(table, self.selection, known, notes)
        refuse_unsupported([notes])
        return converted, notes

    def _created(self, table: Table) -> None:
        made, notes = self._converted(table, self.after)
        self.touched.append(table.name)
        self.conversions += notes.conversions
        self.statements.append(schema_sql(made.name.database))
        self.statements += [statement.sql for statement in table_statements(made)]

    def _altered(self, effect: played.Altered) -> None:
        before, old_notes = self._converted(effect.before, self.before)
        after, notes = self._converted(effect.after, self.after)
        for change in effect.partitions:
            _refuse_partition(change)
        self.touched.append(effect.before.name)
        self.conversions += [note for note in notes.conversions if note not in old_notes.conversions]
        first_values = self._first_values(effect, after)
        left = effect.renamed
        if effect.renamed:
            self.reused[effect.before.name] = effect.reused
        if effect.reused:
            steps, before = exchange(before, after, effect.renamed)
            self.steps += steps
            left = unmoved(effect.renamed)
        self.statements += alter_table(before, after, left, first_values)
        path = str(effect.after.name)
        for reason in unlogged_values(effect.before, effect.after, effect.renamed):
            self.unlogged.append(effect.before.name)
            self.conversions.append(Conversion(path=path, message=f"{reason}: they are read again"))
        for reason in unlike_values(effect.before, effect.after, effect.renamed):
            self.known = False
            self.conversions.append(Conversion(path=path, message=f"{reason}: load the table again", lossy=True))

    def _first_values(self, effect: played.Altered, after: Table) -> dict[str, str]:
        """Return the values of added columns in existing rows, where no default of the target says them."""
        there = {column.name.casefold() for column in effect.before.columns}
        origins = [(effect.renamed.get(column.name, column.name), column) for column in effect.after.columns]
        added = [column for old, column in origins if old.casefold() not in there and column.generated is None]
        values: dict[str, str] = {}
        for column in added:
            if after.column(column.name).default is not None or (column.nullable and column.default is None):
                continue
            value = implicit_value(column) if column.default is None else None
            if value is None and not column.auto_increment:
                raise played.NotKnownError(f"column {column.name}: existing rows take a value PostgreSQL cannot hold")
            if value is not None and not column.auto_increment:
                values[column.name] = value
        return values

    def _renamed(self, effect: played.Renamed) -> None:
        views = {view.name for view in self.before.views}
        for old, new in effect.moves:
            inside = self.selection.includes(old), self.selection.includes(new)
            if old in views or (self.before.table(old) is None and not inside[1]):
                continue
            if inside != (True, True) or self.before.table(old) is None:
                border = "leaves" if inside[0] and not inside[1] else "enters"
                raise played.NotKnownError(f"{old} becomes {new}: it {border} what this project moves")
        moved = {old for old, _ in effect.moves if self.before.table(old) is not None}
        bearing = {old: self._converted(table, self.before)[0] for old in moved if (table := self.before.table(old))}
        exchanged = is_exchange(effect.moves, moved)
        if exchanged:
            pairs = [(bearing[old], self.selection.target_name(new)) for old, new in effect.moves]
            self.steps += [_rename_step(before, after) for before, after in table_moves(pairs)]
            self.reused |= dict.fromkeys(moved, frozenset())
        for old, new in [] if exchanged else steps_of(effect.steps, moved):
            table = bearing[new] = bearing.pop(old)
            names = self.selection.target_name(old), self.selection.target_name(new)
            self.statements += statements.rename_table(table, *names)
        self.touched += [name for move in effect.moves for name in move if move[0] in moved]
        self.renamed += [move for move in effect.moves if move[0] in moved]

    def _database(self, effect: played.DatabaseSet) -> None:
        if effect.new and self.selection.includes_database(effect.database.name):
            name = self.selection.target_name(TableName(effect.database.name, "")).database
            self.statements.append(schema_sql(name))

    def _view(self, name: TableName) -> None:
        if self.selection.includes(name):
            message = "the view is left out: write it anew in PostgreSQL's words"
            self.conversions.append(Conversion(path=str(name), message=message, lossy=True))


def _refuse_partition(change: PartitionChange) -> None:
    """The target's table has no partitions: what only sorts rows anew changes nothing, what removes rows cannot be said."""
    if change.verb in _ROWS_GO:
        raise played.NotKnownError(
            f"{change.verb} PARTITION: the target has no partitions, so that its rows would stay"
        )


def _rename_step(before: Sequence[Table], after: Sequence[Table]) -> DdlStep:
    """Write a step in which all these tables get other names."""
    sql = [each for a, b in zip(before, after, strict=True) for each in statements.rename_table(a, a.name, b.name)]
    return DdlStep(sql=statements.joined(sql), tables=tuple(after))
