"""Statements of sessions with another SQL mode mean what they meant there."""

from __future__ import annotations

import struct

import pytest

from ferryman.connectors.mysql_family.log import events
from ferryman.connectors.mysql_family.log.modes import (
    ANSI_QUOTES,
    NO_BACKSLASH_ESCAPES,
    PIPES_AS_CONCAT,
    REAL_AS_FLOAT,
    in_default_mode,
)
from ferryman.connectors.mysql_family.log.queries import QueryReader
from ferryman.model.names import TableName
from ferryman.model.schema import Table


@pytest.mark.parametrize(
    ("mode", "sql", "default"),
    [
        (0, r"""SET a = "x" || 'b\'c'""", r"""SET a = "x" || 'b\'c'"""),
        (ANSI_QUOTES, 'ALTER TABLE "a`""b" ADD x TEXT', 'ALTER TABLE `a``"b` ADD x TEXT'),
        (ANSI_QUOTES, r"""ADD "n\" INT DEFAULT '"\'"'""", r"""ADD `n\` INT DEFAULT '"\'"'"""),
        (NO_BACKSLASH_ESCAPES, r"""ADD x TEXT DEFAULT 'a\nb''c\'""", r"""ADD x TEXT DEFAULT 'a\\nb''c\\'"""),
        (NO_BACKSLASH_ESCAPES, r"""COMMENT "it's \" """, r"""COMMENT "it's \\" """),
        (NO_BACKSLASH_ESCAPES | ANSI_QUOTES, r"""ADD "n\" INT DEFAULT '\'''""", r"""ADD `n\` INT DEFAULT '\\'''"""),
        (PIPES_AS_CONCAT, "AS (a||'||')", "AS (a PIPES_AS_CONCAT '||')"),
        (REAL_AS_FLOAT, "ADD a real, ADD `REAL` INT, ADD b REAL(5,2)", "ADD a FLOAT, ADD `REAL` INT, ADD b FLOAT(5,2)"),
        (ANSI_QUOTES, '/* " \' */ ADD -- it\'s\n `"` INT # "', '/* " \' */ ADD -- it\'s\n `"` INT # "'),
        (ANSI_QUOTES, '/*!40101 ADD "x" INT */', "/*!40101 ADD `x` INT */"),
    ],
)
def test_in_the_words_of_the_default_mode(mode: int, sql: str, default: str) -> None:
    assert in_default_mode(sql, mode) == default


def query_body(sql: str, mode: int) -> bytes:
    variables = struct.pack("<BIBQ", 0, 0, 1, mode) + struct.pack("<BHHH", 4, 45, 45, 45)
    return struct.pack("<IIBHH", 7, 0, 1, 0, len(variables)) + variables + b"d\0" + sql.encode()


def test_the_event_names_the_mode() -> None:
    query = events.parse_query(query_body("x", ANSI_QUOTES))
    assert (query.sql_mode, query.client_collation) == (ANSI_QUOTES, 45)


def test_a_name_in_double_quotes_is_a_table_that_a_statement_changes() -> None:
    """I2: in silence passed over, a statement logged as text would be lost."""
    reader = QueryReader(lambda name: Table(name=name, columns=()), lambda name: name == TableName("d", "t"))
    named, text = (reader.read(events.QUERY, query_body('UPDATE "t" SET a = 1', mode)) for mode in (ANSI_QUOTES, 0))
    assert (reader.table_changed(named), reader.table_changed(text)) == ("d.t", None)
