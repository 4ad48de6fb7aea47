"""Parses what follows ``ALTER TABLE name``."""

from __future__ import annotations

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
    PartitionChange,
    Place,
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
from ferryman.connectors.mysql_family.ddl.parser_columns import (
    Definitions,
    parse_column,
    parse_column_body,
    parse_constraint,
    parse_default,
    starts_constraint,
)
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.parser_options import parse_options, parse_partitioning
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind


def parse_actions(cursor: Cursor) -> tuple[Action, ...]:
    """Parse every action up to the end of the statement."""
    actions: list[Action] = []
    while not cursor.at_end:
        if not cursor.mark(","):
            actions.extend(_parse_action(cursor))
    return tuple(actions)


def _parse_action(cursor: Cursor) -> list[Action]:
    for word, parse in _PARSERS.items():
        if cursor.words(word):
            return parse(cursor)
    if cursor.words("PARTITION", "BY"):
        return [PartitionChange(verb="BY", text=parse_partitioning(cursor))]
    if cursor.words("REMOVE", "PARTITIONING"):
        return [PartitionChange(verb="REMOVE")]
    if word := cursor.any_word(*_IGNORED):
        return _ignored(cursor, word)
    if cursor.word in _PARTITION_WORK:
        return _parse_partition_work(cursor)
    options = parse_options(cursor)
    if options is None:
        raise cursor.error("an action of ALTER TABLE")
    return [SetOptions(options)]


_IGNORED = ("ALGORITHM", "LOCK", "FORCE", "WAIT", "NOWAIT", "ENABLE", "DISABLE", "WITH", "WITHOUT", "ORDER")


def _ignored(cursor: Cursor, word: str) -> list[Action]:
    if word in {"ALGORITHM", "LOCK"}:
        cursor.mark("=")
        cursor.take()
    elif word in {"ENABLE", "DISABLE"}:
        cursor.expect_words("KEYS")
    elif word == "WAIT":
        cursor.take()
    elif word in {"WITH", "WITHOUT"} and not cursor.words("SYSTEM", "VERSIONING"):
        cursor.expect_words("VALIDATION")
    elif word == "ORDER":
        cursor.rest()
    elif word == "WITH":
        return [Unsupported("system versioning is added")]
    return []


_PARTITION_WORK = frozenset(
    {"COALESCE", "REORGANIZE", "EXCHANGE", "ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR", "DISCARD", "IMPORT"}
)
_WITHOUT_ROWS = frozenset({"ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR"})


def _parse_partition_work(cursor: Cursor) -> list[Action]:
    word = cursor.take().word
    text = cursor.rest()
    if word in _WITHOUT_ROWS:
        return []
    if word in {"COALESCE", "REORGANIZE"}:
        return [PartitionChange(verb=word, text=text)]
    return [Unsupported(f"{word} {'TABLESPACE' if 'TABLESPACE' in text.upper() else 'PARTITION'}")]


def _parse_add(cursor: Cursor) -> list[Action]:
    if cursor.words("PARTITION"):
        missing_only = cursor.words("IF", "NOT", "EXISTS")
        return [PartitionChange(verb="ADD", names=("if",) if missing_only else (), text=cursor.rest())]
    if cursor.words("SYSTEM", "VERSIONING") or cursor.sees("PERIOD", "FOR"):
        cursor.skip_until_comma()
        return [Unsupported("system versioning is added")]
    if starts_constraint(cursor):
        return _parse_add_constraint(cursor)
    cursor.words("COLUMN")
    missing_only = cursor.words("IF", "NOT", "EXISTS")
    if cursor.is_mark("("):
        return _parse_added_list(cursor, missing_only)
    column = parse_column(cursor)
    return [AddColumn(column=column, place=_parse_place(cursor), if_not_exists=missing_only)]


def _parse_added_list(cursor: Cursor, missing_only: bool) -> list[Action]:
    actions: list[Action] = []
    cursor.expect_mark("(")
    while True:
        if starts_constraint(cursor):
            actions.extend(_parse_add_constraint(cursor))
        else:
            actions.append(AddColumn(column=parse_column(cursor), if_not_exists=missing_only))
        if not cursor.mark(","):
            cursor.expect_mark(")")
            return actions


def _parse_add_constraint(cursor: Cursor) -> list[Action]:
    missing_only = any(
        cursor.ahead(place).word == "IF" and cursor.ahead(place + 1).word == "NOT" for place in range(1, 5)
    )
    found = Definitions()
    parse_constraint(cursor, found)
    actions: list[Action] = [AddIndex(index=index, if_not_exists=missing_only) for index in found.indexes]
    actions += [AddForeignKey(key=key, if_not_exists=missing_only) for key in found.foreign_keys]
    actions += [AddCheck(check=check, if_not_exists=missing_only) for check in found.checks]
    return actions


def _parse_place(cursor: Cursor) -> Place | None:
    if cursor.words("FIRST"):
        return Place(None)
    return Place(cursor.column_name()) if cursor.words("AFTER") else None


def _parse_drop(cursor: Cursor) -> list[Action]:
    if cursor.words("PARTITION"):
        cursor.words("IF", "EXISTS")
        return [PartitionChange(verb="DROP", names=cursor.listed(cursor.identifier))]
    if cursor.words("PRIMARY", "KEY"):
        return [DropIndex(name="PRIMARY")]
    if cursor.any_word("INDEX", "KEY"):
        exists = cursor.words("IF", "EXISTS")
        return [DropIndex(name=cursor.identifier(), if_exists=exists)]
    for words, what in ((("FOREIGN", "KEY"), "foreign key"), (("CHECK",), "check"), (("CONSTRAINT",), "any")):
        if cursor.words(*words):
            exists = cursor.words("IF", "EXISTS")
            return [DropConstraint(name=cursor.identifier(), what=what, if_exists=exists)]
    if cursor.words("SYSTEM", "VERSIONING") or cursor.words("PERIOD", "FOR", "SYSTEM_TIME"):
        return [Unsupported("system versioning is dropped")]
    return [_parse_drop_column(cursor)]


def _parse_drop_column(cursor: Cursor) -> Action:
    cursor.words("COLUMN")
    exists = cursor.words("IF", "EXISTS")
    name = cursor.column_name()
    cursor.any_word("RESTRICT", "CASCADE")
    return DropColumn(name=name, if_exists=exists)


def _parse_change(cursor: Cursor) -> list[Action]:
    cursor.words("COLUMN")
    exists = cursor.words("IF", "EXISTS")
    old = cursor.column_name()
    column = parse_column(cursor)
    return [ChangeColumn(old=old, column=column, place=_parse_place(cursor), if_exists=exists)]


def _parse_modify(cursor: Cursor) -> list[Action]:
    cursor.words("COLUMN")
    exists = cursor.words("IF", "EXISTS")
    name = cursor.column_name()
    column = parse_column_body(cursor, name)
    return [ChangeColumn(old=name, column=column, place=_parse_place(cursor), if_exists=exists)]


def _parse_rename(cursor: Cursor) -> list[Action]:
    if cursor.words("COLUMN"):
        cursor.words("IF", "EXISTS")
        old = cursor.column_name()
        cursor.expect_words("TO")
        return [RenameColumn(old=old, new=cursor.column_name())]
    if cursor.any_word("INDEX", "KEY"):
        cursor.words("IF", "EXISTS")
        old = cursor.identifier()
        cursor.expect_words("TO")
        return [RenameIndex(old=old, new=cursor.identifier())]
    cursor.any_word("TO", "AS")
    cursor.mark("=")
    return [RenameTo(cursor.table_name())]


def _parse_alter(cursor: Cursor) -> list[Action]:
    if cursor.any_word("INDEX", "KEY"):
        cursor.words("IF", "EXISTS")
        name = cursor.identifier()
        return [SetIndexVisible(name=name, visible=_parse_visible(cursor))]
    if cursor.any_word("CHECK", "CONSTRAINT"):
        name = cursor.identifier()
        denied = cursor.words("NOT")
        cursor.expect_words("ENFORCED")
        return [SetEnforced(name=name, enforced=not denied)]
    cursor.words("COLUMN")
    cursor.words("IF", "EXISTS")
    name = cursor.column_name()
    if cursor.words("DROP", "DEFAULT"):
        return [SetDefault(column=name, default=None)]
    cursor.expect_words("SET")
    if cursor.words("DEFAULT"):
        return [SetDefault(column=name, default=parse_default(cursor))]
    return [SetColumnVisible(column=name, visible=_parse_visible(cursor))]


def _parse_visible(cursor: Cursor) -> bool:
    if cursor.words("NOT", "IGNORED") or cursor.words("VISIBLE"):
        return True
    if cursor.any_word("INVISIBLE", "IGNORED"):
        return False
    raise cursor.error("VISIBLE or INVISIBLE")


def _parse_convert(cursor: Cursor) -> list[Action]:
    if cursor.words("PARTITION") or cursor.words("TABLE"):
        cursor.rest()
        return [Unsupported("CONVERT PARTITION")]
    cursor.expect_words("TO")
    if not cursor.words("CHARSET"):
        cursor.any_word("CHARACTER", "CHAR")
        cursor.expect_words("SET")
    cursor.mark("=")
    charset = _parse_charset(cursor)
    collation = None
    if cursor.words("COLLATE"):
        cursor.mark("=")
        collation = _parse_charset(cursor)
    return [ConvertCharset(charset=charset, collation=collation)]


def _parse_charset(cursor: Cursor) -> str | None:
    if cursor.words("DEFAULT"):
        return None
    return cursor.string() if cursor.token.kind is TokenKind.STRING else cursor.identifier()


def _parse_truncate(cursor: Cursor) -> list[Action]:
    cursor.expect_words("PARTITION")
    return [PartitionChange(verb="TRUNCATE", names=cursor.listed(cursor.identifier))]


_PARSERS = {
    "ADD": _parse_add,
    "DROP": _parse_drop,
    "CHANGE": _parse_change,
    "MODIFY": _parse_modify,
    "RENAME": _parse_rename,
    "ALTER": _parse_alter,
    "CONVERT": _parse_convert,
    "TRUNCATE": _parse_truncate,
}
