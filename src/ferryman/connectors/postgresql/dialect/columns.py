"""Columns of the MySQL family as PostgreSQL takes them, each conversion named."""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.collations import is_case_sensitive
from ferryman.connectors.mysql_family.catalog.defaults import hex_bytes
from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.catalog.typemap import CLOCK_SPAN, column_type
from ferryman.connectors.postgresql.dialect.expressions import Columns, now_default, translated
from ferryman.model.schema import Column, Default, DefaultKind
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind

DEFAULT_COLLATION = "pg_catalog.default"
BYTE_COLLATION = "pg_catalog.C"
_INTEGERS = {
    (8, False): "smallint", (8, True): "smallint", (16, False): "smallint", (16, True): "integer",
    (24, False): "integer", (24, True): "integer", (32, False): "integer", (32, True): "bigint",
    (64, False): "bigint", (64, True): "numeric(20,0)",
}  # fmt: skip
_PLAIN = {
    Kind.FLOAT: "real", Kind.DOUBLE: "double precision", Kind.DATE: "date", Kind.YEAR: "smallint", Kind.JSON: "jsonb",
    Kind.BINARY: "bytea", Kind.VARBINARY: "bytea", Kind.BLOB: "bytea", Kind.GEOMETRY: "bytea", Kind.TEXT: "text",
    Kind.UUID: "uuid", Kind.INET4: "character varying(15)", Kind.INET6: "character varying(45)",
}  # fmt: skip
_WHY = {
    Kind.TIME: "a TIME may be negative or beyond 24 hours",
    Kind.GEOMETRY: "the bytes are kept as they are: SRID, then WKB",
    Kind.BINARY: "its length is not checked any more",
    Kind.VARBINARY: "its length is not checked any more",
    Kind.CHAR: "PostgreSQL would pad char with blanks",
    Kind.ENUM: "a check holds it to the labels; it sorts by letters",
    Kind.SET: "a check holds it to the labels, joined by commas; it sorts by letters",
    Kind.YEAR: "the year 0000 is 0",
}
_BYTES = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB, Kind.GEOMETRY})
_DATES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})


def native_type(type_: ColumnType) -> str | None:
    """Return PostgreSQL's name of the type that holds all values of a source type; `None` when there is none."""
    kind = type_.kind
    if kind is Kind.INTEGER:
        return _INTEGERS.get((type_.bits, type_.unsigned), "bigint")
    if kind is Kind.DECIMAL:
        return f"numeric({type_.precision},{type_.scale or 0})"
    if kind is Kind.BIT:
        return f"bit({type_.bits})"
    if kind is Kind.TIME:
        return f"{CLOCK_SPAN}({type_.fraction})"
    if kind in {Kind.DATETIME, Kind.TIMESTAMP}:
        zone = "with" if kind is Kind.TIMESTAMP else "without"
        return f"timestamp({type_.fraction}) {zone} time zone"
    if kind in {Kind.CHAR, Kind.VARCHAR, Kind.ENUM, Kind.SET}:
        return f"character varying({max(1, _characters(type_))})"
    return _PLAIN.get(kind)


def _characters(type_: ColumnType) -> int:
    if type_.kind is Kind.ENUM:
        return max(map(len, type_.values), default=1)
    if type_.kind is Kind.SET:
        return sum(len(value) + 1 for value in type_.values)
    return type_.length or 0


def convert_column(column: Column, columns: Columns, notes: Notes) -> Column:
    """Convert one column; `columns` are the table's own, for expressions."""
    native = native_type(column.type)
    if native is None:
        notes.unsupported.append(f"{notes.path}.{column.name} ({column.type.native or 'unknown'})")
        return column
    type_ = column_type(native, collation=_collation(column, notes))
    _note_type(column, type_, notes)
    if column.on_update:
        notes.add(column.name, f"ON UPDATE {column.on_update} is left out: nothing does it in PostgreSQL", lossy=True)
    if column.invisible:
        notes.add(column.name, "the column becomes visible: PostgreSQL hides none")
    made = replace(column, type=type_, on_update=None, invisible=False, comment=column.comment)
    if column.generated is not None:
        return _generated(made, column, columns, notes)
    return replace(made, default=_default(column, columns, notes))


def _collation(column: Column, notes: Notes) -> str | None:
    """Binary collations compare as "C" does; all others become the database's own, which tells all letters apart."""
    type_ = column.type
    if type_.kind not in CHARACTER_KINDS:
        return DEFAULT_COLLATION if type_.kind in {Kind.INET4, Kind.INET6} else None
    name = (type_.collation or "").casefold()
    if name == "binary" or name.endswith("_bin"):
        return BYTE_COLLATION
    folds = not is_case_sensitive(name)
    why = ": letters of another case or accent no longer count as equal" if folds else ""
    notes.add(column.name, f"collation {type_.collation} becomes that of the database{why}", lossy=folds)
    return DEFAULT_COLLATION


def _note_type(column: Column, made: ColumnType, notes: Notes) -> None:
    type_ = column.type
    plain = made.native.removesuffix(" without time zone")
    if type_.native.lower() in {made.native, plain, plain.replace("character varying", "varchar")}:
        return
    why = f": {_WHY[type_.kind]}" if type_.kind in _WHY else ""
    if type_.charset and not type_.charset.startswith("utf8") and type_.kind in CHARACTER_KINDS:
        why += f"; its characters move from {type_.charset} to UTF-8"
    if type_.kind in _DATES:
        why = "; zero dates are refused"
    if type_.unsigned and type_.kind is not Kind.INTEGER:
        why += "; negative numbers are not refused any more"
    notes.add(column.name, f"{type_.native} becomes {made.native}{why}")


def _generated(made: Column, column: Column, columns: Columns, notes: Notes) -> Column:
    assert column.generated is not None
    expression = translated(column.generated.expression, columns)
    if expression is None:
        notes.unsupported.append(f"{notes.path}.{column.name} (generated as {column.generated.expression})")
        return made
    if not column.generated.stored:
        notes.add(column.name, "the generated column is stored: not every PostgreSQL has virtual ones")
    return replace(made, default=None, generated=replace(column.generated, expression=expression, stored=True))


def _default(column: Column, columns: Columns, notes: Notes) -> Default | None:
    default = column.default
    if default is None:
        return None
    if (raw := hex_bytes(default.text)) is not None and default.kind is DefaultKind.EXPRESSION:
        return Default(kind=DefaultKind.LITERAL, text=_bytes(column.type, raw))
    text = _literal(column, default.text) if default.kind is DefaultKind.LITERAL else _computed(default.text, columns)
    if text is None:
        notes.add(column.name, f"the default {default.text} is left out: PostgreSQL has no like of it", lossy=True)
        return None
    return replace(default, text=text)


def _literal(column: Column, text: str) -> str | None:
    type_ = column.type
    if type_.kind in _BYTES:
        return _bytes(type_, text.encode("utf-8"))
    if type_.kind is Kind.BIT:
        return f"{int(text):0{type_.bits}b}" if text.isdigit() else _bits(text, type_.bits)
    if type_.kind in _DATES and (text.startswith("0000") or "-00" in text[:10]):
        return None
    return text


def _bytes(type_: ColumnType, raw: bytes) -> str:
    return "\\x" + (raw.ljust(type_.length or 0, b"\0") if type_.kind is Kind.BINARY else raw).hex()


def _bits(text: str, width: int) -> str | None:
    """Read ``b'101'``, or what a catalog shows of it."""
    digits = text.removeprefix("b").strip("'")
    return digits.rjust(width, "0") if digits and not digits.strip("01") else None


def _computed(text: str, columns: Columns) -> str | None:
    return now_default(text) or translated(text, columns)
