"""Plays the actions of one ALTER TABLE on a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ferryman.connectors.mysql_family.catalog.collations import bytes_per_character, full_collation
from ferryman.connectors.mysql_family.catalog.typemap import spelled
from ferryman.connectors.mysql_family.ddl.draft import Draft
from ferryman.connectors.mysql_family.ddl.free_names import with_free_names
from ferryman.connectors.mysql_family.ddl.nodes import (
    Action,
    AddCheck,
    AddColumn,
    AddForeignKey,
    AddIndex,
    ChangeColumn,
    ConvertCharset,
    DropColumn,
    DropConstraint,
    DropIndex,
    NameNode,
    PartitionChange,
    RenameColumn,
    RenameIndex,
    RenameTo,
    SetColumnVisible,
    SetDefault,
    SetEnforced,
    SetIndexVisible,
    SetOptions,
    Unsupported,
)
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.parser_partitions import (
    canonical_partitions,
    parse_partitions,
    parse_parts,
)
from ferryman.connectors.mysql_family.ddl.replay_columns import column_of, default_of
from ferryman.connectors.mysql_family.dialect.differences import column_differences
from ferryman.model.schema import Check, Column, Schema, Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind


@dataclass(slots=True)
class Outcome:
    """What an ALTER TABLE made: the schema with the new table (under its old name), and the rest of its meaning.

    `renamed` maps new column names to old ones; to nothing where a new column has the name of one that went.
    """

    schema: Schema
    table: Table
    renamed: dict[str, str] = field(default_factory=dict)
    partitions: tuple[PartitionChange, ...] = ()
    rename_to: NameNode | None = None
    unsupported: str = ""


def altered(before: Table, actions: tuple[Action, ...], schema: Schema, database: str) -> Outcome:
    """Play actions in the server's order; the new options of the table hold for its columns, as the server does it."""
    player = _Player(before, schema, database)
    player.outcome.renamed, played = with_free_names(player.draft, actions)
    for action in sorted(played, key=_rank):
        player.play(action)
    player.outcome.table = table = _with_itself_renamed(player.draft.table(), before, player.outcome.renamed)
    player.outcome.schema = _with_parents_renamed(schema, before, player.outcome.renamed).with_table(table)
    return player.outcome


def _with_itself_renamed(table: Table, before: Table, renamed: dict[str, str]) -> Table:
    """Follow new column names in the foreign keys that point at the table itself; a new one was told by new names."""
    there = {key.name for key in before.foreign_keys}
    names = {old.casefold(): new for new, old in renamed.items()}
    keys = tuple(
        replace(key, parent_columns=tuple(names.get(name.casefold(), name) for name in key.parent_columns))
        if key.parent == table.name and key.name in there
        else key
        for key in table.foreign_keys
    )
    return replace(table, foreign_keys=keys)


def _rank(action: Action) -> int:
    """The order in which a server carries out the actions of one statement: a place is told by names as they are then."""
    match action:
        case SetOptions() | ConvertCharset():
            return 0
        case DropColumn() | DropIndex() | DropConstraint():
            return 1
        case ChangeColumn(place=None) | RenameColumn() | RenameIndex():
            return 2
        case AddColumn() | ChangeColumn() | SetDefault() | SetColumnVisible():
            return 3
    return 4


def _with_parents_renamed(schema: Schema, table: Table, renamed: dict[str, str]) -> Schema:
    """Follow new column names in the foreign keys that point at the table."""
    names = {old.casefold(): new for new, old in renamed.items() if old}
    if not names:
        return schema
    tables = []
    for each in schema.tables:
        keys = tuple(
            replace(key, parent_columns=tuple(names.get(c.casefold(), c) for c in key.parent_columns))
            if key.parent == table.name
            else key
            for key in each.foreign_keys
        )
        tables.append(replace(each, foreign_keys=keys))
    return replace(schema, tables=tuple(tables))


class _Player:
    def __init__(self, before: Table, schema: Schema, database: str) -> None:
        self.draft = Draft(before, schema, database)
        self.outcome = Outcome(schema, before)

    def play(self, action: Action) -> None:
        match action:
            case AddColumn():
                self._add_column(action)
            case ChangeColumn():
                self._change_column(action)
            case DropColumn():
                self.draft.drop_column(action.name)
            case RenameColumn():
                self._rename_column(action)
            case SetDefault() | SetColumnVisible():
                self._set_column(action)
            case RenameTo():
                self.outcome.rename_to = action.name
            case Unsupported():
                self.outcome.unsupported = action.reason
            case _:
                self._play_table(action)

    def _play_table(self, action: Action) -> None:
        match action:
            case SetOptions():
                self.draft.set_options(action.options)
            case ConvertCharset():
                self._convert(action)
            case PartitionChange():
                self._partition(action)
            case _:
                self._play_key(action)

    def _play_key(self, action: Action) -> None:
        draft = self.draft
        match action:
            case AddIndex():
                draft.add_index(action.index, missing_only=action.if_not_exists)
            case AddForeignKey():
                draft.add_foreign_key(action.key, missing_only=action.if_not_exists)
            case AddCheck():
                draft.add_check(action.check, missing_only=action.if_not_exists)
            case DropIndex():
                draft.drop_index(action.name)
            case DropConstraint():
                self._drop_constraint(action)
            case RenameIndex():
                draft.rename_index(action.old, action.new)
            case SetIndexVisible():
                draft.indexes = [
                    replace(i, invisible=not action.visible) if _is(i.name, action.name) else i for i in draft.indexes
                ]
            case SetEnforced():
                draft.checks = [
                    replace(c, enforced=action.enforced) if _is(c.name, action.name) else c for c in draft.checks
                ]

    def _add_column(self, action: AddColumn) -> None:
        at = self.draft.place_of(action.column.name)
        if at is None:
            self.draft.add_column(action.column, action.place)
            if any(_is(column.name, action.column.name) for column in self.draft.before.columns):
                self.outcome.renamed[action.column.name] = ""
        elif not action.if_not_exists:
            there = self.draft.columns[at]
            wanted = column_of(action.column, self.draft.surroundings())
            if action.column.keys:
                wanted = replace(wanted, nullable=there.nullable)
            if differ := column_differences(wanted, there):
                self.outcome.unsupported = f"column {there.name} is there already: {', '.join(differ)}"

    def _change_column(self, action: ChangeColumn) -> None:
        old, new = action.old, action.column.name
        if self.draft.place_of(old) is None:
            if self.draft.place_of(new) is None:
                if not action.if_exists:
                    self.outcome.unsupported = f"column {old} is not there"
                return
            old = new  # it has its new name already
        at, taken = self.draft.place_of(old), self.draft.place_of(new)
        if taken not in {None, at}:
            self.outcome.unsupported = f"column {new} is there already, beside {old}"
            return
        kept = self.draft.columns[at].name if at is not None else old
        self.draft.change_column(old, action.column, action.place)
        self._note_rename(kept, new)

    def _rename_column(self, action: RenameColumn) -> None:
        at, taken = self.draft.place_of(action.old), self.draft.place_of(action.new)
        if at is not None and taken not in {None, at}:
            self.outcome.unsupported = f"column {action.new} is there already, beside {action.old}"
        elif at is not None:
            kept = self.draft.columns[at].name
            self.draft.rename_column(action.old, action.new)
            self._note_rename(kept, action.new)

    def _note_rename(self, old: str, new: str) -> None:
        if old == new:
            return
        first = self.outcome.renamed.pop(old, old)
        self.outcome.renamed[new] = first

    def _set_column(self, action: SetDefault | SetColumnVisible) -> None:
        at = self.draft.place_of(action.column)
        if at is None:
            self.outcome.unsupported = f"column {action.column} is not there"
            return
        column = self.draft.columns[at]
        if isinstance(action, SetDefault):
            self.draft.columns[at] = replace(column, default=default_of(action.default, column.type))
        else:
            self.draft.columns[at] = replace(column, invisible=not action.visible)

    def _drop_constraint(self, action: DropConstraint) -> None:
        draft, name = self.draft, action.name
        if action.what in {"check", "any"}:
            draft.checks = [check for check in draft.checks if not _is(check.name, name)]
        if action.what in {"foreign key", "any"}:
            draft.foreign_keys = [key for key in draft.foreign_keys if not _is(key.name, name)]
        if action.what == "any":
            draft.indexes = [i for i in draft.indexes if not (_is(i.name, name) and (i.unique or i.primary))]

    def _convert(self, action: ConvertCharset) -> None:
        draft = self.draft
        charset, collation = full_collation(action.charset, action.collation, draft.traits)
        if charset is None:
            home = next((d for d in draft.schema.databases if d.name == draft.before.name.database), None)
            charset, collation = (home.charset, home.collation) if home else (draft.charset, draft.collation)
        draft.charset, draft.collation = charset, collation
        for place, column in enumerate(draft.columns):
            if column.type.kind is Kind.JSON and draft.traits.flavour == "mariadb" and charset != "utf8mb4":
                text = ColumnType(kind=Kind.TEXT, length=4_294_967_295, charset="utf8mb4", native="longtext")
                draft.checks.append(Check(name=column.name, expression=f"json_valid(`{column.name}`)"))
                column = replace(column, type=text)  # noqa: PLW2901
            if column.type.kind in CHARACTER_KINDS:
                draft.columns[place] = _converted(column, charset, collation)

    def _partition(self, action: PartitionChange) -> None:
        draft = self.draft
        before = draft.partitions
        if action.verb == "BY":
            draft.partitions = canonical_partitions(action.text)
        elif action.verb == "REMOVE":
            draft.partitions = None
        elif before is not None and action.verb != "TRUNCATE":
            draft.partitions = changed_partitions(before, action)
        if draft.partitions != before or action.verb == "TRUNCATE":
            self.outcome.partitions = (*self.outcome.partitions, action)


def _is(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


_TEXT_LENGTHS = (255, 65_535, 16_777_215, 4_294_967_295)


def _converted(column: Column, charset: str | None, collation: str | None) -> Column:
    """Give a column another set; TEXT grows so that it holds as many characters as before."""
    type_ = replace(column.type, charset=charset, collation=collation)
    before, after = bytes_per_character(column.type.charset), bytes_per_character(charset)
    if type_.kind is Kind.TEXT and after > before and type_.length:
        needed = type_.length // before * after
        type_ = replace(type_, length=next((n for n in _TEXT_LENGTHS if n >= needed), _TEXT_LENGTHS[-1]))
        type_ = replace(type_, native=spelled(type_))
    return replace(column, type=type_)


def changed_partitions(text: str, action: PartitionChange) -> str:
    """Return a partition clause after ADD, DROP, REORGANIZE or COALESCE PARTITION."""
    clause = parse_partitions(text)
    names = {name.casefold() for name in action.names}
    cursor = Cursor(action.text)
    if action.verb == "DROP":
        return str(replace(clause, parts=tuple(p for p in clause.parts if p[0].casefold() not in names)))
    if action.verb == "ADD" and cursor.is_mark("("):
        known = {name.casefold() for name, _ in clause.parts}
        added = tuple(part for part in parse_parts(cursor) if part[0].casefold() not in known)
        return str(replace(clause, parts=(*clause.parts, *added)))
    if action.verb == "REORGANIZE":
        return _reorganized(text, cursor)
    cursor.words("PARTITIONS")
    cursor.words("PARTITION")
    number = cursor.number() if not cursor.at_end else 0
    return _with_number(text, number if action.verb == "ADD" else -number)


def _reorganized(text: str, cursor: Cursor) -> str:
    clause = parse_partitions(text)
    cursor.expect_words("PARTITION")
    if cursor.at_end or cursor.sees("INTO"):
        return text
    gone = [name.casefold() for name in cursor.listed(cursor.identifier)]
    cursor.expect_words("INTO")
    made = parse_parts(cursor)
    parts: list[tuple[str, str]] = []
    for part in clause.parts:
        if part[0].casefold() not in gone:
            parts.append(part)
        elif part[0].casefold() == gone[0]:
            parts.extend(made)
    return str(replace(clause, parts=tuple(parts)))


def _with_number(text: str, change: int) -> str:
    head, word, number = text.rpartition("PARTITIONS ")
    count = int(number) if word and number.strip().isdigit() else 1
    return f"{head.rstrip() or text} PARTITIONS {max(count + change, 1)}"
