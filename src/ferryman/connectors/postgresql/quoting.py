"""How PostgreSQL writes names and constants."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.model.names import TableName

NAME_BYTES = 63
"""A longer name is cut by the server with no more than a notice."""


def quote(identifier: str) -> str:
    """Quote one identifier: any character but NUL may stand in it, a double quote is doubled."""
    return '"' + identifier.replace('"', '""') + '"'


def quote_table(name: TableName) -> str:
    """Quote a table's full name."""
    return f"{quote(name.database)}.{quote(name.table)}"


def quote_list(identifiers: Iterable[str]) -> str:
    """Quote identifiers, joined by commas."""
    return ",".join(map(quote, identifiers))


def quote_text(text: str) -> str:
    """Return a string literal, for sessions with standard_conforming_strings (all of ours)."""
    return "'" + text.replace("'", "''") + "'"
