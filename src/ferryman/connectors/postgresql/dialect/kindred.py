"""Tables of PostgreSQL for a PostgreSQL target: types, expressions and indexes stay as they are, under the target's names.

What only the source's own objects could give (functions of its users, sequences of no column) is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.catalog.typemap import CHARSET
from ferryman.connectors.postgresql.dialect import keys
from ferryman.connectors.postgresql.quoting import quote, quote_text
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, Default, DefaultKind, Index, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType
from ferryman.spi.dialect import DdlStatement

_PART = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_OWN_TYPE = re.compile(rf"({_PART})\.({_PART})(.*)", re.DOTALL)
"""With an empty search path the server writes a schema before every type but its own."""
_OWN_FUNCTION = re.compile(rf"{_PART}\.{_PART}\(|\bnextval\(")
_SYSTEM = frozenset({"pg_catalog", "information_schema"})
_EXCLUDES = "EXCLUDE "


def is_kindred(table: Table) -> bool:
    """Whether a source's table is one of PostgreSQL."""
    return table.charset == CHARSET


def kindred_table(table: Table, selection: Selection, known: Mapping[TableName, Table] | None, notes: Notes) -> Table:
    """Return a source's table in the target's names."""
    if table.partitions:
        notes.add("", f"partitions ({table.partitions}) are left out: all rows are in one table", lossy=True)
    return replace(
        table,
        name=selection.target_name(table.name),
        columns=tuple(_column(column, selection, notes) for column in table.columns),
        indexes=tuple(index for index in table.indexes if _is_kept(index, notes)),
        foreign_keys=keys.convert_foreign_keys(table, selection, known, notes),
        checks=tuple(check for check in table.checks if _is_enforced(check, notes)),
        partitions=None,
    )


def _column(column: Column, selection: Selection, notes: Notes) -> Column:
    type_ = target_type(column.type, selection)
    if type_.native != column.type.native:
        notes.add(column.name, f"{column.type.native} becomes {type_.native}")
    if must_be_there(type_):
        notes.add(column.name, f"the type {type_.native} must be at the target: it is not made")
    if column.generated is not None and not column.generated.stored:
        notes.add(column.name, "the generated column is stored: not every PostgreSQL has virtual ones")
        column = replace(column, generated=replace(column.generated, stored=True))
    return replace(column, type=type_, default=_default(column, notes))


def _default(column: Column, notes: Notes) -> Default | None:
    default = column.default
    if default is None or default.kind is DefaultKind.LITERAL or not _OWN_FUNCTION.search(default.text):
        return default
    notes.add(column.name, f"the default {default.text} is left out: what it calls does not move", lossy=True)
    return None


def _is_kept(index: Index, notes: Notes) -> bool:
    """Whether the target gets an index.

    A unique one over some rows, or over an expression, would refuse rows that change places with each other: whoever writes
    could not tell from a row which values it holds.
    """
    if index.definition.startswith(_EXCLUDES):
        notes.add(index.name, f"the exclusion constraint is left out: {index.definition}", lossy=True)
        return False
    opaque = not index.is_plain or " NULLS NOT DISTINCT" in index.definition
    if index.unique and not index.primary and opaque:
        message = f"the unique index is left out until the switch: make it behind it ({index.definition})"
        notes.add(index.name, message, lossy=True)
        return False
    return True


def _is_enforced(check: Check, notes: Notes) -> bool:
    if not check.enforced:
        notes.add(check.name, "the check is left out: it is not valid for every row of the source", lossy=True)
    return check.enforced


def target_type(type_: ColumnType, selection: Selection) -> ColumnType:
    """Return a type under the target's name: types of users live in schemas, which may be renamed; those of extensions stay."""
    found = _OWN_TYPE.fullmatch(type_.native)
    if found is None or type_.extension is not None or _bare(found[1]) in _SYSTEM:
        return type_
    home = selection.target_name(TableName(_bare(found[1]), "")).database
    if home == _bare(found[1]):
        return type_
    quoted = '"' + home.replace('"', '""') + '"' if not re.fullmatch(r"[a-z_][a-z0-9_]*", home) else home
    return replace(type_, native=f"{quoted}.{found[2]}{found[3]}")


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def type_name(type_: ColumnType) -> str | None:
    """Return the name, with its schema, of a type that is not the server's own: without length or ``[]``."""
    found = _OWN_TYPE.fullmatch(type_.native)
    return None if found is None or _bare(found[1]) in _SYSTEM else f"{found[1]}.{found[2]}"


def must_be_there(type_: ColumnType) -> bool:
    """Whether a type is neither the server's own nor one that `type_statements` make: a composite, a range, a base type."""
    return type_name(type_) is not None and not type_.values and type_.extension is None


def type_statements(tables: Iterable[Table]) -> list[DdlStatement]:
    """Return what makes the enumerations that (converted) tables use, and their types' extensions, where they are missing."""
    made: dict[str, DdlStatement] = {}
    for table in filter(is_kindred, tables):
        for type_ in (column.type for column in table.columns):
            if (name := type_name(type_)) is not None and not must_be_there(type_):
                kind = "type" if type_.extension is None else "extension"
                made[name] = DdlStatement(kind=kind, object=name, sql=_where_missing(name, _making(name, type_)))
    return list(made.values())


def type_schemas(tables: Iterable[Table]) -> list[str]:
    """Return the schemas in which `type_statements` make types."""
    found = (_OWN_TYPE.fullmatch(statement.object) for statement in type_statements(tables))
    return list(dict.fromkeys(_bare(match[1]) for match in found if match is not None))


def _making(name: str, type_: ColumnType) -> str:
    if type_.extension is not None:
        found = _OWN_TYPE.fullmatch(name)
        assert found is not None
        return f"CREATE EXTENSION IF NOT EXISTS {quote(type_.extension)} WITH SCHEMA {found[1]}"
    return f"CREATE TYPE {name} AS ENUM ({', '.join(quote_text(label) for label in type_.values)})"


def _where_missing(name: str, sql: str) -> str:
    made = quote_text(sql)
    return (
        f"DO $made$ BEGIN IF pg_catalog.to_regtype({quote_text(name)}) IS NULL THEN EXECUTE {made}; END IF; END $made$"
    )
