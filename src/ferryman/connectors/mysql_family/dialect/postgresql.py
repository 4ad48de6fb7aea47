"""Tables of PostgreSQL as the MySQL family has them: types by named conversions, keys that an index can hold.

What comes out is a table in the family's own words, which then goes the way of every other. A type is converted so that
each of its values arrives exactly, or is refused by the target when it comes; what is narrower there is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.collations import bytes_per_character
from ferryman.connectors.mysql_family.catalog.typemap import spelled
from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.mysql_family.dialect.postgresql_keys import adapted_indexes, key_room
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.model.schema import Column, Database, Default, DefaultKind, Schema, Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind

FLAVOUR = "postgresql"
_CHARSET = "UTF8"
"""PostgreSQL's own word for the character set of each of its tables; the family writes ``utf8mb4``."""
_EXACT_COLLATIONS = ("utf8mb4_0900_bin", "utf8mb4_nopad_bin", "utf8mb4_bin")
"""Collations that tell every two texts apart, as PostgreSQL does; the last one not blanks at the end."""
_LONG = 4_294_967_295
_LONGEST_VARCHAR = 4000
_ROW_BYTES = 60_000
"""Room for VARCHAR in a row; a server takes 65,535 bytes in all."""
_MOST_DIGITS = 65
_COMMENT = 1024
_SHORT_TEXTS: dict[str, int] = {
    "inet": 43, "cidr": 43, "macaddr": 17, "macaddr8": 23, "money": 40, "name": 64, "oid": 10, "pg_lsn": 17,
    '"char"': 4, "xid": 10, "time": 24, "interval": 64,
}  # fmt: skip
"""Types kept as their text that is never longer than so many characters."""


def is_postgresql(table: Table) -> bool:
    """Whether a table is one of PostgreSQL."""
    return table.charset == _CHARSET


def adapted_schema(schema: Schema, rules: Rules) -> Schema:
    """Return a schema of PostgreSQL with databases of the family in place of its own schemas."""
    collation = exact_collation(rules)
    databases = tuple(
        Database(name=database.name, charset="utf8mb4", collation=collation) for database in schema.databases
    )
    return replace(schema, databases=databases)


def exact_collation(rules: Rules) -> str:
    """Return the collation that tells most texts apart among those the server has."""
    return next((name for name in _EXACT_COLLATIONS if name in rules.collations), _EXACT_COLLATIONS[-1])


def adapted_table(table: Table, rules: Rules, notes: Notes) -> Table:
    """Return a table of PostgreSQL in the words of the family; what cannot be is among ``notes.unsupported``."""
    _refuse_twins(table, notes)
    room = key_room(table, rules)
    columns = [_column(column, room.get(column.name), rules, notes) for column in table.columns]
    columns = _fitted_row(columns, set(room), rules, notes)
    columns = _one_counter(columns, table, notes)
    for check in table.checks:
        notes.add(check.name, f"the check {check.expression} is left out: it is PostgreSQL's own SQL", lossy=True)
    if table.partitions:
        notes.add("", f"partitions ({table.partitions}) are left out: all rows are in one table", lossy=True)
    return replace(
        table,
        columns=tuple(columns),
        indexes=adapted_indexes(table, tuple(columns), rules, notes),
        checks=(),
        charset="utf8mb4",
        collation=exact_collation(rules),
        partitions=None,
        comment=table.comment[:_COMMENT],
    )


def _refuse_twins(table: Table, notes: Notes) -> None:
    """Names of columns that differ in case only are one for the family."""
    seen: set[str] = set()
    for column in table.columns:
        if column.name.casefold() in seen:
            notes.unsupported.append(f"{notes.path}.{column.name} (another column differs from it in case only)")
        seen.add(column.name.casefold())


def _column(column: Column, room: int | None, rules: Rules, notes: Notes) -> Column:
    type_ = _type(column, room, rules, notes)
    made = replace(column, type=type_, comment=column.comment[:_COMMENT])
    if column.generated is not None:
        return _generated(made, notes)
    return replace(made, default=_default(made, column.type, notes))


def _type(column: Column, room: int | None, rules: Rules, notes: Notes) -> ColumnType:
    type_, kind = column.type, column.type.kind
    if kind is Kind.INTEGER:
        return _boolean(column, notes) if type_.bits == 1 else _spelled(ColumnType(kind=kind, bits=type_.bits))
    if kind is Kind.DECIMAL:
        return _decimal(column, room, rules, notes)
    if kind in {Kind.DATETIME, Kind.TIMESTAMP, Kind.TIME}:
        return _clock(column, notes)
    if kind is Kind.BLOB:
        return _bytes(column, room, notes)
    if kind is Kind.JSON:
        return _json(column, rules, notes)
    if kind in CHARACTER_KINDS:
        return _characters(column, room, rules, notes)
    return _spelled(ColumnType(kind=kind, bits=type_.bits)) if kind is not Kind.UNKNOWN else type_


def _spelled(type_: ColumnType) -> ColumnType:
    return replace(type_, native=spelled(type_))


def _told(column: Column, type_: ColumnType, notes: Notes, why: str, *, lossy: bool = False) -> ColumnType:
    made = _spelled(type_)
    notes.add(column.name, f"{column.type.native} becomes {made.native}: {why}", lossy=lossy)
    return made


def _boolean(column: Column, notes: Notes) -> ColumnType:
    type_ = ColumnType(kind=Kind.INTEGER, bits=8, native="tinyint(1)")
    notes.add(column.name, "boolean becomes tinyint(1): true is 1, false is 0")
    return type_


def _decimal(column: Column, room: int | None, rules: Rules, notes: Notes) -> ColumnType:
    type_ = column.type
    if type_.precision is None:
        made = ColumnType(kind=Kind.DECIMAL, precision=_MOST_DIGITS, scale=30)
        return _told(column, made, notes, "values with more than 35 digits before the point, more than 30 behind it, and"
                     " NaN are refused; zeros at the end are not kept")  # fmt: skip
    scale = type_.scale or 0
    if type_.precision <= _MOST_DIGITS and scale <= rules.largest_scale:
        return _spelled(ColumnType(kind=Kind.DECIMAL, precision=type_.precision, scale=scale))
    made = _text_type(type_.precision + 3, rules)
    return _told(column, made, notes, f"{rules.name} has no number of so many digits; it is kept as its text")


def _clock(column: Column, notes: Notes) -> ColumnType:
    type_ = column.type
    if type_.kind is Kind.TIMESTAMP:
        made = ColumnType(kind=Kind.DATETIME, fraction=type_.fraction)
        return _told(column, made, notes, "the same moment in UTC, without its zone; infinity and years BC are refused")
    return _spelled(ColumnType(kind=type_.kind, fraction=type_.fraction))


def _bytes(column: Column, room: int | None, notes: Notes) -> ColumnType:
    if room is None:
        return _spelled(ColumnType(kind=Kind.BLOB, length=_LONG))
    made = ColumnType(kind=Kind.VARBINARY, length=4 * room)
    return _told(column, made, notes, "it is in a key; longer values are refused")


def _json(column: Column, rules: Rules, notes: Notes) -> ColumnType:
    """The family keeps JSON's numbers as doubles; as text it stays what it is."""
    return _told(column, _text_type(None, rules), notes, "it is kept as its text; JSON would round long numbers there")


def _characters(column: Column, room: int | None, rules: Rules, notes: Notes) -> ColumnType:
    type_ = column.type
    if type_.kind is Kind.ENUM:
        return _enumeration(column, rules, notes)
    length = type_.length if type_.kind in {Kind.CHAR, Kind.VARCHAR} else _text_length(type_.native)
    if room is not None and (length is None or length > room):
        made = replace(_text_type(None, rules), kind=Kind.VARCHAR, length=room)
        return _told(column, made, notes, "it is in a key; longer values are refused")
    if type_.kind is Kind.CHAR and length is not None and length <= 255:
        return _spelled(replace(_text_type(length, rules), kind=Kind.CHAR))
    made = _spelled(_text_type(length, rules))
    if type_.kind is Kind.TEXT and type_.native != "text":
        return _told(column, made, notes, "it is kept as its text")
    return made


def _text_length(native: str) -> int | None:
    """Return the most characters of a type kept as its text; `None` for no limit worth having."""
    if native.endswith("[]"):
        return None
    name = native.partition("(")[0].partition(" ")[0]
    if name == "bit" and (digits := "".join(filter(str.isdigit, native))):
        return int(digits)
    return _SHORT_TEXTS.get(name)


def _text_type(length: int | None, rules: Rules) -> ColumnType:
    """Return a type for text of so many characters."""
    collation = exact_collation(rules)
    if length is None or length > _LONGEST_VARCHAR:
        return ColumnType(kind=Kind.TEXT, length=_LONG, charset="utf8mb4", collation=collation)
    return ColumnType(kind=Kind.VARCHAR, length=max(1, length), charset="utf8mb4", collation=collation)


def _enumeration(column: Column, rules: Rules, notes: Notes) -> ColumnType:
    labels = column.type.values
    if any(label != label.rstrip(" ") or not label for label in labels):  # blanks at the end are cut from labels there
        made = _text_type(max(len(label) for label in labels), rules)
        return _told(column, made, notes, "its labels could not stay as they are")
    collation = exact_collation(rules)
    made = ColumnType(kind=Kind.ENUM, values=labels, charset="utf8mb4", collation=collation)
    return _told(column, made, notes, "the same labels in the same order")


def _fitted_row(columns: list[Column], keyed: set[str], rules: Rules, notes: Notes) -> list[Column]:
    """Turn the longest VARCHAR into TEXT until the row fits."""
    free = sorted((c for c in columns if c.type.kind is Kind.VARCHAR and c.name not in keyed), key=_width, reverse=True)
    total = sum(_width(column) for column in columns)
    long: dict[str, ColumnType] = {}
    for column in free:
        if total <= _ROW_BYTES:
            break
        total -= _width(column)
        long[column.name] = _told(column, _text_type(None, rules), notes, "the row would be too long")
    return [replace(c, type=long[c.name]) if c.name in long else c for c in columns]


def _width(column: Column) -> int:
    type_ = column.type
    if type_.kind in {Kind.CHAR, Kind.VARCHAR}:
        return (type_.length or 0) * bytes_per_character(type_.charset)
    return (type_.length or 0) if type_.kind is Kind.VARBINARY else 16


def _default(column: Column, source: ColumnType, notes: Notes) -> Default | None:
    default = column.default
    if default is None:
        return None
    if default.kind is DefaultKind.LITERAL and source.kind not in {Kind.BLOB, Kind.BIT}:
        zoned = source.kind is Kind.TIMESTAMP
        return replace(default, text=default.text.removesuffix("+00")) if zoned else default
    if default.text.startswith("current_timestamp") and column.type.kind is Kind.DATETIME:
        fraction = column.type.fraction
        return replace(default, text=f"current_timestamp({fraction})" if fraction else "current_timestamp")
    notes.add(column.name, f"the default {default.text} is left out: it is PostgreSQL's own SQL", lossy=True)
    return None


def _generated(column: Column, notes: Notes) -> Column:
    """Translate what a column computes; the verification compares what both sides have computed."""
    import sqlglot  # costs half a second, and most tables have no such column
    from sqlglot.errors import SqlglotError

    assert column.generated is not None
    expression = column.generated.expression
    try:
        text = sqlglot.transpile(expression, read="postgres", write="mysql", identify=True)[0]
    except SqlglotError:
        notes.unsupported.append(f"{notes.path}.{column.name} (generated as {expression})")
        return column
    notes.add(column.name, f"generated as {expression} becomes {text}: the verification compares its values")
    return replace(column, generated=replace(column.generated, expression=text), default=None)


def _one_counter(columns: Iterable[Column], table: Table, notes: Notes) -> list[Column]:
    """Keep AUTO_INCREMENT for the one column that may have it there: a whole number that begins a key."""
    first = {index.columns[0] for index in table.indexes if index.columns and index.is_plain}
    taken = False
    out = []
    for column in columns:
        if column.auto_increment and (taken or column.name not in first or column.type.kind is not Kind.INTEGER):
            notes.add(column.name, "it does not count by itself any more: only one column that begins a key may",
                      lossy=True)  # fmt: skip
            out.append(replace(column, auto_increment=False))
            continue
        taken = taken or column.auto_increment
        out.append(column)
    return out
