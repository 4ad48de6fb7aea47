"""How the family writes names."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.model.names import TableName


def quote(identifier: str) -> str:
    """Quote one identifier: any character may stand in it, a backtick is doubled."""
    return "`" + identifier.replace("`", "``") + "`"


def quote_table(name: TableName) -> str:
    """Quote a table's full name."""
    return f"{quote(name.database)}.{quote(name.table)}"


def quote_list(identifiers: Iterable[str]) -> str:
    """Quote identifiers, joined by commas."""
    return ",".join(map(quote, identifiers))
