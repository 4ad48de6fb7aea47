"""Which objects a project moves, under which names, with which rows."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ferryman.model.names import TableName
from ferryman.model.rules import ColumnRules

SYSTEM_DATABASES = frozenset(
    {"mysql", "information_schema", "performance_schema", "sys", "oceanbase", "ocs", "sys_external_tbs", "_ferryman"}
    | {"pg_catalog", "pg_toast"}
)
"""Databases of the MySQL family, and schemas of PostgreSQL, that no project moves."""
_SHADOW = re.compile(r"(_+)(.+?)(?:_\d{14})?_(?:gho|del|new|old)", re.DOTALL)
"""Tables of online schema changes: gh-ost's ``_t_gho`` and ``_t_del``, pt-online-schema-change's ``_t_new`` and ``_t_old``."""


class PatternSet:
    """Patterns made ready to be asked: those that name a single object are looked up, however many there are."""

    def __init__(self, patterns: Iterable[str]) -> None:
        parts = [split_name(pattern) for pattern in patterns]
        self._names = {(unquoted(d), unquoted(t)) for d, t in parts if t and _is_exact(d) and _is_exact(t)}
        self._open = [(d, t or "*") for d, t in parts if not (t and _is_exact(d) and _is_exact(t))]
        self._databases = {unquoted(d) for d, _ in parts if _is_exact(d)}
        self._open_databases = {d for d, _ in parts if not _is_exact(d)}

    def name(self, name: TableName) -> bool:
        """Whether any of them names this object."""
        if (name.database, name.table) in self._names:
            return True
        return any(_part_matches(d, name.database) and _part_matches(t, name.table) for d, t in self._open)

    def name_any_in(self, database: str) -> bool:
        """Whether any of them may name an object of this database."""
        return database in self._databases or any(_part_matches(d, database) for d in self._open_databases)

    def name_all_in(self, database: str) -> bool:
        """Whether one of them names the whole database."""
        return any(t == "*" and _part_matches(d, database) for d, t in self._open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Objects by pattern, names by map.

    A pattern is ``database.table`` with ``*`` and ``?`` on either side of the *first* dot outside backticks; backticks
    take a part as it is (`` `odd.name`.`ta*ble` ``); a pattern without a dot means ``pattern.*``.

    Attributes:
        objects: Patterns of what moves; empty means every database that is not the server's own.
        exclude: Patterns of what stays, stronger than `objects`.
        rename: ``database`` → ``database`` and ``database.table`` → ``database.table``, the longer one first.
        where: Row filters, source table → SQL condition.
        columns: Rules for columns, by source table.
    """

    objects: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    columns: dict[str, ColumnRules] = field(default_factory=dict)
    _chosen: PatternSet = field(init=False, repr=False, compare=False)
    _excluded: PatternSet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_chosen", PatternSet(self.objects))
        object.__setattr__(self, "_excluded", PatternSet(self.exclude))

    def includes(self, name: TableName) -> bool:
        """Whether the project moves this table or view."""
        if name.database.casefold() in SYSTEM_DATABASES:
            return False
        return (not self.objects or self._chosen.name(name)) and not self._excluded.name(name)

    def shadowed(self, name: TableName) -> TableName | None:
        """Return the table of which an online schema change may have made this one, if that moves and this one does not."""
        if self.includes(name) or self._excluded.name(name):
            return None
        return next((base for base in shadow_bases(name) if self.includes(base)), None)

    def follows(self, name: TableName) -> bool:
        """Whether the log's changes of a table concern the project: it moves, or may become one that does."""
        return self.includes(name) or self.shadowed(name) is not None

    def includes_database(self, database: str) -> bool:
        """Whether any table of this database may be moved."""
        if database.casefold() in SYSTEM_DATABASES:
            return False
        chosen = not self.objects or self._chosen.name_any_in(database)
        return chosen and not self._excluded.name_all_in(database)

    def target_name(self, name: TableName) -> TableName:
        """Return the target's name of a source table."""
        for key in (f"{name.database}.{name.table}", exact_pattern(name)):
            if (whole := self.rename.get(key)) is not None:
                database, table = split_name(whole)
                return TableName(unquoted(database), unquoted(table) or name.table)
        base = self.shadowed(name)
        home = self.target_name(base).database if base else unquoted(self.rename.get(name.database, name.database))
        return TableName(home, name.table)


def shadow_bases(name: TableName) -> tuple[TableName, ...]:
    """Return the tables of which an online schema change may have made one of this name; usually none."""
    found = _SHADOW.fullmatch(name.table)
    if found is None:
        return ()
    return tuple(TableName(name.database, "_" * count + found[2]) for count in range(len(found[1])))


def exact_pattern(name: TableName) -> str:
    """Return the pattern that names this table and no other."""
    return f"{exact_part(name.database)}.{exact_part(name.table)}"


def exact_part(name: str) -> str:
    """Return one part of a pattern, which names this database, table or column and no other."""
    return "`" + name.replace("`", "``") + "`"


def matches(pattern: str, name: TableName) -> bool:
    """Whether a pattern names this table."""
    database, table = split_name(pattern)
    return _part_matches(database, name.database) and _part_matches(table or "*", name.table)


def split_name(text: str) -> tuple[str, str]:
    """Split ``database.table`` at the first dot outside backticks; the second part is empty when there is none."""
    inside = False
    for place, char in enumerate(text):
        if char == "`":
            inside = not inside
        elif char == "." and not inside:
            return text[:place], text[place + 1 :]
    return text, ""


def _quoted(part: str) -> bool:
    return len(part) > 1 and part[0] == part[-1] == "`"


def _is_exact(part: str) -> bool:
    return _quoted(part) or not set("*?") & set(part)


def unquoted(part: str) -> str:
    """Return the name that a part of a pattern stands for: without its backticks, a doubled one inside being one."""
    return part[1:-1].replace("``", "`") if _quoted(part) else part


def _part_matches(pattern: str, text: str) -> bool:
    if _quoted(pattern):
        return unquoted(pattern) == text
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
