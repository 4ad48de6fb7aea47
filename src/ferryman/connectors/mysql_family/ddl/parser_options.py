"""Parses table options and partition clauses."""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.ddl.nodes import OptionsNode
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind

_SKIPPED = frozenset(
    {
        "AUTOEXTEND_SIZE", "AVG_ROW_LENGTH", "BLOCK_SIZE", "CHECKSUM", "COMPRESSION", "CONNECTION", "DELAY_KEY_WRITE",
        "ENCRYPTED", "ENCRYPTION", "ENCRYPTION_KEY_ID", "ENGINE_ATTRIBUTE", "IETF_QUOTES", "INSERT_METHOD",
        "KEY_BLOCK_SIZE", "LOB_INROW_THRESHOLD", "MAX_ROWS", "MIN_ROWS", "PACK_KEYS", "PAGE_CHECKSUM",
        "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL", "PASSWORD", "PCTFREE", "REPLICA_NUM", "ROW_FORMAT",
        "SECONDARY_ENGINE", "SECONDARY_ENGINE_ATTRIBUTE", "SEQUENCE", "STATS_AUTO_RECALC", "STATS_PERSISTENT",
        "STATS_SAMPLE_PAGES", "STORAGE", "TABLESPACE", "TABLET_SIZE", "TABLE_CHECKSUM", "TRANSACTIONAL", "UNION",
        "USE_BLOOM_FILTER",
    }
)  # fmt: skip


def parse_options(cursor: Cursor) -> OptionsNode | None:
    """Parse table options, with or without commas between; `None` when none is ahead."""
    options, found = OptionsNode(), False
    while (following := _parse_option(cursor, options)) is not None:
        options, found = following, True
        if cursor.is_mark(",") and _is_option(cursor):
            cursor.take()
    return options if found else None


def _is_option(cursor: Cursor) -> bool:
    word = cursor.ahead(1).word
    known = {"COMMENT", "ENGINE", "TYPE", "AUTO_INCREMENT", "CHARSET", "COLLATE"}
    return word in _SKIPPED or word in known or (word in {"DEFAULT", "CHARACTER"})


def _parse_option(cursor: Cursor, options: OptionsNode) -> OptionsNode | None:
    if cursor.word == "DEFAULT" and cursor.ahead(1).word in {"CHARACTER", "CHARSET", "CHAR", "COLLATE"}:
        cursor.take()
    if cursor.words("CHARACTER", "SET") or cursor.words("CHARSET") or cursor.words("CHAR", "SET"):
        return replace(options, charset=_value(cursor))
    if cursor.words("COLLATE"):
        return replace(options, collation=_value(cursor))
    if cursor.words("COMMENT"):
        return replace(options, comment=_value(cursor))
    if cursor.words("ENGINE") or cursor.words("TYPE"):
        return replace(options, engine=_value(cursor))
    if cursor.words("AUTO_INCREMENT"):
        return replace(options, auto_increment=int(_value(cursor)))
    return _parse_other_option(cursor, options)


def _parse_other_option(cursor: Cursor, options: OptionsNode) -> OptionsNode | None:
    if cursor.words("WITH", "SYSTEM", "VERSIONING"):
        return replace(options, system_versioned=True)
    if cursor.words("ORGANIZATION"):
        cursor.take()
        return options
    if cursor.any_word("DATA", "INDEX"):
        cursor.expect_words("DIRECTORY")
        _value(cursor)
        return options
    if cursor.word in _SKIPPED or (cursor.is_identifier and cursor.ahead(1).text == "="):
        cursor.take()
        _value(cursor)
        return options
    return None


def _value(cursor: Cursor) -> str:
    cursor.mark("=")
    if cursor.is_mark("("):
        return cursor.parenthesised()
    return cursor.string() if cursor.token.kind is TokenKind.STRING else cursor.take().text


def parse_partitioning(cursor: Cursor) -> str:
    """Step over a partition clause (behind ``PARTITION BY``) and return it in one spelling."""
    start = end = cursor.token.start
    while not cursor.at_end and cursor.word not in {"AS", "SELECT", "IGNORE", "REPLACE"}:
        if cursor.is_mark("("):
            cursor.parenthesised()
            end = cursor.ahead(-1).end
        else:
            end = cursor.take().end
    return cursor.sql[start:end]
