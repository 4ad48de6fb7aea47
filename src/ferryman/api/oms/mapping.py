"""From ``transferMapping`` to a `Selection`: which objects move, under which names, with which rows.

SPECIFIC names databases, tables and views one by one; a database that names neither moves whole. WILDCARD has patterns
in ``tableAndViewWhiteList`` and ``tableAndViewBlackList`` (``database.pattern``, or ``a.b=c.d`` to rename), exact lists
in ``databases[].tables`` / ``databasesBlack[].tables``, and renames and row filters in ``specificTables``/``specificViews``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman.api.oms.requests import DatabaseItem, TableItem, TransferMapping
from ferryman.foundation.errors import UsageError
from ferryman.model.rules import ColumnRules
from ferryman.model.selection import SYSTEM_DATABASES, Selection, split_name


@dataclass(slots=True)
class _Draft:
    objects: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    rename: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    columns: dict[str, ColumnRules] = field(default_factory=dict)


def selection_of(mapping: TransferMapping) -> Selection:
    """Read a mapping.

    Raises:
        UsageError: ``project.invalid`` when it names nothing (an empty selection would mean everything), or a system
            database; ``api.not_supported`` for what we do not do: renaming columns, character classes in patterns.
    """
    draft = _Draft()
    wildcard = mapping.mode == "WILDCARD"
    for database in mapping.databases or ():
        _take_database(draft, database, whole_by_default=not (wildcard and mapping.table_and_view_white_list))
    if wildcard:
        _take_lists(draft, mapping)
    if not draft.objects:
        raise UsageError("project.invalid", "transferMapping names no database, table or view to move")
    return Selection(
        objects=tuple(dict.fromkeys(draft.objects)),
        exclude=tuple(dict.fromkeys(draft.exclude)),
        rename=draft.rename,
        where=draft.where,
        columns=draft.columns,
    )


def _take_database(draft: _Draft, database: DatabaseItem, *, whole_by_default: bool) -> None:
    name = _database_name(database)
    if database.mapped_name and database.mapped_name != name:
        draft.rename[name] = database.mapped_name
    listed = [*(database.tables or ()), *(database.views or ())]
    specific = [*(database.specific_tables or ()), *(database.specific_views or ())]
    draft.objects += [f"{_exact(name)}.{_exact(_table_name(table, name))}" for table in listed]
    if not listed and whole_by_default:
        draft.objects.append(f"{_exact(name)}.*")
    for table in (*listed, *specific):
        _take_table(draft, database, table)


def _take_table(draft: _Draft, database: DatabaseItem, table: TableItem) -> None:
    _refuse_column_names(table)
    source = f"{database.name}.{_table_name(table, str(database.name))}"
    if table.mapped_name and table.mapped_name != table.name:
        draft.rename[source] = f"{database.mapped_name or database.name}.{table.mapped_name}"
    if table.where_clause and table.where_clause.strip():
        draft.where[source] = table.where_clause.strip()
    if table.filter_columns:
        draft.columns[source] = ColumnRules(keep=tuple(table.filter_columns))


def _take_lists(draft: _Draft, mapping: TransferMapping) -> None:
    for rule in mapping.table_and_view_white_list or ():
        pattern, _, new_name = (part.strip() for part in rule.partition("="))
        draft.objects.append(_pattern(pattern))
        if new_name:
            _take_renaming_rule(draft, pattern, new_name)
    draft.exclude += [_pattern(rule) for rule in mapping.table_and_view_black_list or ()]
    for database in mapping.databases_black or ():
        name = _database_name(database)
        listed = [*(database.tables or ()), *(database.views or ())]
        draft.exclude += [f"{_exact(name)}.{_exact(_table_name(table, name))}" for table in listed]
        if not listed:
            draft.exclude.append(f"{_exact(name)}.*")


def _take_renaming_rule(draft: _Draft, pattern: str, new_name: str) -> None:
    """Read ``a.b=c.d``: exact names, or ``a.*=c.*`` for a whole database."""
    (database, table), (new_database, new_table) = split_name(pattern), split_name(new_name)
    if table in {"", "*"} and new_table in {"", "*"}:
        draft.rename[_plain(database)] = _plain(new_database)
    elif set("*?") & set(table + new_table):
        message = f"the rule {pattern}={new_name} sends many tables into one or renames by pattern"
        raise UsageError("api.not_supported", message, hint="rename such tables one by one in specificTables")
    else:
        draft.rename[f"{_plain(database)}.{_plain(table)}"] = f"{_plain(new_database)}.{_plain(new_table)}"


def _pattern(rule: str) -> str:
    if "[" in rule:
        message = f"the pattern {rule} has a character class"
        raise UsageError("api.not_supported", message, hint="use * and ?, or several patterns")
    _refuse_system_database(_plain(split_name(rule)[0]))
    return rule


def _database_name(database: DatabaseItem) -> str:
    if not database.name:
        raise UsageError("project.invalid", "an entry of transferMapping.databases has no name")
    _refuse_system_database(database.name)
    return database.name


def _table_name(table: TableItem, database: str) -> str:
    if not table.name:
        raise UsageError("project.invalid", f"a table or view of the database {database} has no name")
    return table.name


def _refuse_system_database(name: str) -> None:
    if name.casefold() in SYSTEM_DATABASES:
        context = {"oms_code": "GHANA-PCHKNP001010"}
        raise UsageError("project.invalid", f"{name} is a system database and cannot be moved", context=context)


def _refuse_column_names(table: TableItem) -> None:
    if any(column.mapped_name not in {None, "", column.column_name} for column in table.columns or ()):
        message = f"the table {table.name} asks for other names of its columns"
        raise UsageError("api.not_supported", message, hint="leave the columns' mappedName empty")


def _exact(name: str) -> str:
    """Quote a name so that a pattern takes it as it is."""
    return "`" + name.replace("`", "``") + "`"


def _plain(part: str) -> str:
    """Take the backticks off a name."""
    quoted = len(part) > 1 and part[0] == part[-1] == "`"
    return part[1:-1].replace("``", "`") if quoted else part
