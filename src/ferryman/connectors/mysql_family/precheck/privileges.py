"""What the current user may do, from ``SHOW GRANTS``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import Connection

_GRANT = re.compile(
    r"GRANT\s+(?P<what>.+?)\s+ON\s+(?:TABLE\s+)?(?P<database>\*|`(?:[^`]|``)*`|[^\s.`]+)"
    r"\.(?P<table>\*|`(?:[^`]|``)*`|\S+)\s+TO\s",
    re.IGNORECASE | re.DOTALL,
)
_EVERYTHING = frozenset({"ALL PRIVILEGES", "ALL"})


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges on a pattern of databases and one table or all."""

    privileges: frozenset[str]
    database: str
    table: str


def read_grants(connection: Connection) -> list[Grant]:
    """Read the grants of the current user; those of roles in force are shown by the server among them."""
    lines = [str(row[0]) for row in connection.query("SHOW GRANTS")]
    return [_grant(match) for line in lines if (match := _GRANT.match(line))]


def _grant(match: re.Match[str]) -> Grant:
    words = re.sub(r"\([^)]*\)", "", match["what"])
    privileges = frozenset(word.strip().upper() for word in words.split(","))
    return Grant(privileges, _name(match["database"]), _name(match["table"]))


def _name(text: str) -> str:
    return text[1:-1].replace("``", "`") if text.startswith("`") else text.strip("'\"")


def missing(grants: Iterable[Grant], wanted: Iterable[str], database: str = "*", table: str = "*") -> list[str]:
    """Return the privileges that are not held there; an alternative is written ``A|B``."""
    held: set[str] = set()
    for grant in grants:
        if _covers(grant, database, table):
            held |= grant.privileges
    if held & _EVERYTHING:
        return []
    return [each for each in wanted if not held & set(each.split("|"))]


def _covers(grant: Grant, database: str, table: str) -> bool:
    if grant.table not in {"*", table}:
        return False
    return grant.database == "*" or _like(grant.database, database)


def _like(pattern: str, text: str) -> bool:
    """Database names in grants are LIKE patterns, with a backslash before what is meant as it is."""
    glob = re.sub(r"\\(.)|([%_*?\[])", _as_glob, pattern)
    return fnmatch.fnmatchcase(text.casefold(), glob.casefold())


def _as_glob(match: re.Match[str]) -> str:
    if match[1] is not None:
        return f"[{match[1]}]" if match[1] in "*?[" else match[1]
    return {"%": "*", "_": "?"}.get(match[2], f"[{match[2]}]")
