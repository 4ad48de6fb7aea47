"""Constants that mean another moment in each time zone, written as a session in UTC would write them.

``TIMESTAMP DEFAULT '2020-01-01 12:00:00'`` and ``VALUES LESS THAN (UNIX_TIMESTAMP('2020-01-01'))`` are read in the session's
zone. The log names that zone wherever a statement used it; sessions at the target are in UTC (I5).

Offsets are arithmetic. What a name means (``SYSTEM`` first of all) only the source knows, so it is asked; the target needs no
tables of zones. A constant that neither can tell is marked with a word that no grammar has: whoever reads the statement
refuses it, and shows why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman.connectors.mysql_family.catalog.defaults import canonical_literal
from ferryman.connectors.mysql_family.ddl.nodes import (
    AddColumn,
    AlterTable,
    ChangeColumn,
    ColumnNode,
    CreateTable,
    DefaultNode,
    SetDefault,
    Statement,
)
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.ddl.tokens import Reader, Token, TokenKind, tokenize
from ferryman.foundation.errors import FerrymanError
from ferryman.model.types import ColumnType, Kind

Ask = Callable[[str, Sequence[str]], Sequence[str | None]]
"""Asks the source: moments of a zone (its name, the constants) → the same in UTC, `None` where it cannot say."""
IsTimestamp = Callable[[Statement, str], bool]
"""Whether a column of the table that a statement changes is a TIMESTAMP now."""

_ZERO = "0-:/. T"
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")
_OWN_OFFSET = re.compile(r":\d+(?:\.\d*)?[+-]\d\d:\d\d$")
_UTC = frozenset({"", "UTC", "+00:00", "-00:00"})
_EXACT = ColumnType(kind=Kind.TIMESTAMP, native="timestamp(6)", fraction=6)
_CONSTANTS = (TokenKind.STRING, TokenKind.NUMBER)


@dataclass(frozen=True, slots=True)
class _Place:
    """A constant ``[start, end)`` of the statement; `text` is its value, `None` for what is no constant."""

    start: int
    end: int
    text: str | None


class _Everything(Reader):
    """Reads all versioned comments: a constant that no server reads may be written anew as well."""

    def executes(self, mark: str) -> bool:
        return True


def in_utc(sql: str, zone: str, is_timestamp: IsTimestamp, ask: Ask) -> str:
    """Return a schema statement as a session in UTC would write it; `zone` is the one its event names."""
    if zone.upper() in _UTC:
        return sql
    try:
        places = _places(sql, is_timestamp)
    except (FerrymanError, ValueError):
        return sql  # not read here, so nobody else reads it
    for place, moment in reversed(list(zip(places, _moments(places, zone, ask), strict=True))):
        told = f"'{moment}'" if moment else f"IN_TIME_ZONE '{zone}' {sql[place.start : place.end]}"
        sql = sql[: place.start] + told + sql[place.end :]
    return sql


def _places(sql: str, is_timestamp: IsTimestamp) -> list[_Place]:
    statement = parse(sql, _Everything())
    found = [
        _Place(*node.span, node.literal)
        for node in _defaults(statement, is_timestamp)
        if node.literal is not None and node.literal.strip(_ZERO)
    ]
    return sorted([*found, *_bounds(tokenize(sql, _Everything()))], key=lambda place: place.start)


def _defaults(statement: Statement, is_timestamp: IsTimestamp) -> Iterator[DefaultNode]:
    """Yield the defaults of columns that are TIMESTAMP."""
    declared = _declared(statement)
    for column in declared:
        if column.default is not None and _is_timestamp(column):
            yield column.default
    for action in statement.actions if isinstance(statement, AlterTable) else ():
        if isinstance(action, SetDefault) and action.default is not None:
            new = [column for column in declared if column.name.casefold() == action.column.casefold()]
            if _is_timestamp(new[-1]) if new else is_timestamp(statement, action.column):
                yield action.default


def _declared(statement: Statement) -> list[ColumnNode]:
    if isinstance(statement, CreateTable):
        return list(statement.columns)
    actions = statement.actions if isinstance(statement, AlterTable) else ()
    return [action.column for action in actions if isinstance(action, AddColumn | ChangeColumn)]


def _is_timestamp(column: ColumnNode) -> bool:
    return column.type.name.casefold() == "timestamp"


def _bounds(tokens: list[Token]) -> Iterator[_Place]:
    """Yield what ``UNIX_TIMESTAMP(…)`` is given within ``VALUES LESS THAN`` and ``VALUES IN``."""
    inside = False
    for at, token in enumerate(tokens):
        inside = token.word == "VALUES" or (inside and token.word not in {"PARTITION", "SUBPARTITION"})
        if inside and token.word == "UNIX_TIMESTAMP" and tokens[at + 1].text == "(":
            first = at + 3 if tokens[at + 2].word in {"DATE", "TIMESTAMP"} else at + 2
            constant = first < len(tokens) - 1 and tokens[first].kind in _CONSTANTS and tokens[first + 1].text == ")"
            yield _Place(tokens[at + 2].start, tokens[first].end, tokens[first].text if constant else None)


def _moments(places: Sequence[_Place], zone: str, ask: Ask) -> Sequence[str | None]:
    texts = ["" if _is_doubtful(place.text) else canonical_literal(_EXACT, place.text or "") for place in places]
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return ask(zone, texts) if texts else ()
    minutes = (int(offset[2]) * 60 + int(offset[3])) * (-1 if offset[1] == "-" else 1)
    return [_shifted(text, minutes) for text in texts]


def _is_doubtful(text: str | None) -> bool:
    """Whether this is no constant, or one that names an offset of its own (MySQL 8.0.19)."""
    return text is None or _OWN_OFFSET.search(text) is not None


def _shifted(text: str, minutes: int) -> str | None:
    try:
        moment = datetime.fromisoformat(text) - timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(" ")


def no_answer(zone: str, texts: Sequence[str]) -> Sequence[None]:
    """Ask nobody: where there is no source, a name is not known."""
    return [None] * len(texts)
