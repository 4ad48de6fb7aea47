"""Parses the DDL of the MySQL family, one statement at a time.

Sources: MySQL 8.0 reference manual §13.1, MariaDB KB "Data Definition", OceanBase 4.3 MySQL mode SQL reference.
"""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.ddl.nodes import (
    AddIndex,
    AlterTable,
    CreateDatabase,
    CreateTable,
    CreateView,
    DropDatabase,
    DropIndex,
    DropTables,
    DropViews,
    IndexNode,
    NameNode,
    NoEffect,
    OptionsNode,
    RenameTables,
    Statement,
    TruncateTable,
    Unsupported,
)
from ferryman.connectors.mysql_family.ddl.parser_alter import parse_actions
from ferryman.connectors.mysql_family.ddl.parser_columns import Definitions, finish_index, parse_definition
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.parser_options import parse_options, parse_partitioning
from ferryman.connectors.mysql_family.ddl.tokens import Reader
from ferryman.model.schema import IndexKind

_HARMLESS = frozenset(
    {
        "SET", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "FLUSH", "RESET", "PURGE", "USE",
        "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA", "INSTALL", "UNINSTALL", "KILL", "DO",
        "CACHE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "LOCK", "UNLOCK", "BINLOG", "CHANGE", "STOP", "HANDLER", "HELP",
        "SIGNAL", "PREPARE", "EXECUTE", "DEALLOCATE", "BACKUP", "SHUTDOWN", "SELECT",
    }
)  # fmt: skip
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH"})
_OTHER_OBJECTS = frozenset(
    {
        "USER", "ROLE", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SERVER", "SEQUENCE", "PACKAGE", "TABLESPACE",
        "LOGFILE", "UNDO", "AGGREGATE", "RESOURCE", "INSTANCE", "PREPARE", "OUTLINE", "SYNONYM", "LIBRARY",
    }
)  # fmt: skip


def parse(sql: str, reader: Reader | None = None) -> Statement:
    """Parse a statement.

    Raises:
        FerrymanError: ``ddl.syntax``: something stands where it is not known to stand.
    """
    cursor = Cursor(sql, reader)
    try:
        return _parse(cursor)
    except ValueError:  # a word where a number should stand
        raise cursor.error("a number, before") from None


def _parse(cursor: Cursor) -> Statement:
    if cursor.words("SET", "STATEMENT"):
        _skip_to(cursor, "FOR")
    word = cursor.any_word(*_PARSERS)
    if word:
        return _PARSERS[word](cursor)
    if cursor.at_end or cursor.word in _HARMLESS:
        return NoEffect(cursor.word or "an empty statement")
    if cursor.word in _WRITES or cursor.is_mark("("):
        return Unsupported(f"rows are changed by a statement ({cursor.word or 'query'}), not logged as rows")
    return Unsupported(f"a statement of unknown kind: {cursor.word[:30] or 'not a word'}")


def _skip_to(cursor: Cursor, word: str) -> None:
    while not cursor.at_end and not cursor.words(word):
        cursor.take()


def _parse_create(cursor: Cursor) -> Statement:
    replacing = cursor.words("OR", "REPLACE")
    temporary = cursor.words("TEMPORARY")
    if cursor.words("TABLE"):
        return _parse_create_table(cursor, replacing, temporary)
    if cursor.any_word("DATABASE", "SCHEMA"):
        return replace(_parse_create_database(cursor), or_replace=replacing)
    if cursor.word in {"UNIQUE", "FULLTEXT", "SPATIAL", "INDEX", "ONLINE", "OFFLINE"} and not cursor.sees(
        "SPATIAL", "REFERENCE"
    ):
        return _parse_create_index(cursor)
    if _skip_view_words(cursor):
        return _parse_create_view(cursor, replacing)
    return _other_object(cursor, "CREATE")


def _other_object(cursor: Cursor, verb: str) -> Statement:
    """Recognise triggers, users and their like; they may stand behind DEFINER and other words."""
    for place in range(40):
        word = cursor.ahead(place).word
        if word in _OTHER_OBJECTS or (word == "SPATIAL" and place == 0):
            return NoEffect(f"{verb} {word}")
    return Unsupported(f"{verb} {cursor.word[:30]}")


def _parse_create_table(cursor: Cursor, replacing: bool, temporary: bool) -> CreateTable:
    missing_only = cursor.words("IF", "NOT", "EXISTS")
    node = CreateTable(name=cursor.table_name(), if_not_exists=missing_only, or_replace=replacing, temporary=temporary)
    if cursor.words("LIKE"):
        return replace(node, like=cursor.table_name())
    if cursor.is_mark("(") and cursor.ahead(1).word == "LIKE":
        cursor.take()
        cursor.take()
        return replace(node, like=cursor.table_name())
    if cursor.is_mark("(") and cursor.ahead(1).word != "SELECT":
        node = _with_definitions(cursor, node)
    options = parse_options(cursor) or OptionsNode()
    node = replace(
        node, options=replace(options, system_versioned=options.system_versioned or node.select), select=False
    )
    if cursor.words("PARTITION", "BY"):
        node = replace(node, partitions=parse_partitioning(cursor))
    if cursor.words("WITH", "SYSTEM", "VERSIONING"):
        node = replace(node, options=replace(node.options, system_versioned=True))
    return replace(node, select=not cursor.at_end)


def _with_definitions(cursor: Cursor, node: CreateTable) -> CreateTable:
    """Read the definitions; a PERIOD makes the table system-versioned (held in `select` for a moment)."""
    found = Definitions()
    cursor.in_parentheses(lambda: parse_definition(cursor, found))
    return replace(
        node,
        columns=tuple(found.columns),
        indexes=tuple(found.indexes),
        foreign_keys=tuple(found.foreign_keys),
        checks=tuple(found.checks),
        select=found.period,
    )


def _parse_create_database(cursor: Cursor) -> CreateDatabase:
    missing_only = cursor.words("IF", "NOT", "EXISTS")
    node = CreateDatabase(name=cursor.identifier(), if_not_exists=missing_only)
    return _with_database_options(cursor, node)


def _with_database_options(cursor: Cursor, node: CreateDatabase) -> CreateDatabase:
    options = parse_options(cursor) or OptionsNode()
    cursor.rest()
    return replace(node, charset=options.charset, collation=options.collation)


def _parse_create_index(cursor: Cursor) -> AlterTable:
    cursor.any_word("ONLINE", "OFFLINE")
    unique = cursor.words("UNIQUE")
    kind = {"FULLTEXT": IndexKind.FULLTEXT, "SPATIAL": IndexKind.SPATIAL}.get(cursor.word, IndexKind.BTREE)
    cursor.any_word("FULLTEXT", "SPATIAL")
    cursor.expect_words("INDEX")
    missing_only = cursor.words("IF", "NOT", "EXISTS")
    node = IndexNode(name=cursor.identifier(), parts=(), unique=unique, kind=kind)
    if cursor.any_word("USING", "TYPE"):
        cursor.identifier()
    cursor.expect_words("ON")
    table = cursor.table_name()
    action = AddIndex(index=finish_index(cursor, node), if_not_exists=missing_only)
    return AlterTable(name=table, actions=(action, *parse_actions(cursor)))


def _skip_view_words(cursor: Cursor) -> bool:
    """Step over ALGORITHM, DEFINER, SQL SECURITY and VIEW; False (and no step) when it is no view."""
    place = 0
    while cursor.ahead(place).word not in {"VIEW", *_OTHER_OBJECTS} and place < 30:
        place += 1
    if cursor.ahead(place).word != "VIEW":
        return False
    for _ in range(place + 1):
        cursor.take()
    return True


def _parse_create_view(cursor: Cursor, replacing: bool) -> CreateView:
    missing_only = cursor.words("IF", "NOT", "EXISTS")
    name = cursor.table_name()
    columns = cursor.in_parentheses(cursor.identifier) if cursor.is_mark("(") else ()
    cursor.expect_words("AS")
    return CreateView(
        name=name, definition=cursor.rest(), columns=columns, or_replace=replacing, if_not_exists=missing_only
    )


def _parse_alter(cursor: Cursor) -> Statement:
    while cursor.any_word("ONLINE", "OFFLINE", "IGNORE"):
        pass
    if cursor.words("TABLE"):
        exists = cursor.words("IF", "EXISTS")
        name = cursor.table_name()
        return AlterTable(name=name, actions=parse_actions(cursor), if_exists=exists)
    if cursor.any_word("DATABASE", "SCHEMA"):
        return _parse_alter_database(cursor)
    if _skip_view_words(cursor):
        return _parse_create_view(cursor, replacing=True)
    return _other_object(cursor, "ALTER")


def _parse_alter_database(cursor: Cursor) -> CreateDatabase:
    starts_options = cursor.word in {"DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "COMMENT"}
    node = CreateDatabase(name=None if starts_options else cursor.identifier(), alter=True)
    return _with_database_options(cursor, node)


def _parse_drop(cursor: Cursor) -> Statement:
    temporary = cursor.words("TEMPORARY")
    if cursor.any_word("TABLE", "TABLES"):
        exists = cursor.words("IF", "EXISTS")
        return DropTables(names=cursor.listed(cursor.table_name), temporary=temporary, if_exists=exists)
    if cursor.any_word("DATABASE", "SCHEMA"):
        exists = cursor.words("IF", "EXISTS")
        return DropDatabase(name=cursor.identifier(), if_exists=exists)
    cursor.any_word("ONLINE", "OFFLINE")
    if cursor.words("INDEX"):
        exists = cursor.words("IF", "EXISTS")
        index = cursor.identifier()
        cursor.expect_words("ON")
        table = cursor.table_name()
        return AlterTable(name=table, actions=(DropIndex(name=index, if_exists=exists), *parse_actions(cursor)))
    if cursor.any_word("VIEW", "VIEWS"):
        cursor.words("IF", "EXISTS")
        return DropViews(cursor.listed(cursor.table_name))
    return _other_object(cursor, "DROP")


def _parse_rename(cursor: Cursor) -> Statement:
    if not cursor.any_word("TABLE", "TABLES"):
        return _other_object(cursor, "RENAME")
    cursor.words("IF", "EXISTS")
    return RenameTables(cursor.listed(lambda: _parse_pair(cursor)))


def _parse_pair(cursor: Cursor) -> tuple[NameNode, NameNode]:
    old = cursor.table_name()
    if cursor.words("WAIT"):
        cursor.take()
    cursor.words("NOWAIT")
    cursor.expect_words("TO")
    return old, cursor.table_name()


def _parse_truncate(cursor: Cursor) -> TruncateTable:
    cursor.words("TABLE")
    return TruncateTable(cursor.table_name())


_PARSERS = {
    "CREATE": _parse_create,
    "ALTER": _parse_alter,
    "DROP": _parse_drop,
    "RENAME": _parse_rename,
    "TRUNCATE": _parse_truncate,
}
