"""Column types of the MySQL family: from the words of a declaration to `ColumnType` and back.

The catalog's ``COLUMN_TYPE`` and the DDL of a log go through the same functions, so that both give the same model.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.connectors.mysql_family.catalog.collations import bytes_per_character
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeWords:
    """A type as it was written.

    Attributes:
        name: Its words in lower case: ``int``, ``double precision``, ``national varchar``.
        args: Numbers in parentheses.
        values: Labels of ENUM and SET.
        charset: ``CHARACTER SET``, or what stands for it (``BYTE``, ``ASCII``, ``UNICODE``, ``NATIONAL``).
        binary: The attribute ``BINARY``: the set's ``_bin`` collation.
    """

    name: str
    args: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    unsigned: bool = False
    zerofill: bool = False
    charset: str | None = None
    collation: str | None = None
    binary: bool = False


INTEGER_BITS: dict[str, int] = {
    "tinyint": 8, "int1": 8, "bool": 8, "boolean": 8, "smallint": 16, "int2": 16, "mediumint": 24, "int3": 24,
    "middleint": 24, "int": 32, "integer": 32, "int4": 32, "bigint": 64, "int8": 64, "serial": 64,
}  # fmt: skip
INTEGER_NAMES = {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"}
_DISPLAY_WIDTHS = {8: (4, 3), 16: (6, 5), 24: (9, 8), 32: (11, 10), 64: (20, 20)}
"""Width by default, signed and unsigned (a column of that width is shown without it)."""
_DECIMALS = frozenset({"decimal", "dec", "numeric", "fixed", "number"})
_DOUBLES = frozenset({"double", "double precision", "float8", "real"})
_FLOATS = frozenset({"float", "float4"})
_CHARS = frozenset({"char", "character", "nchar", "national char", "national character"})
_VARCHARS = frozenset(
    {
        "varchar", "varchar2", "character varying", "char varying", "varcharacter", "nvarchar", "nvarchar2",
        "national varchar", "nchar varchar", "nchar varying", "national char varying", "national character varying",
        "national varcharacter", "nchar varcharacter",
    }
)  # fmt: skip
_TEXT_LENGTHS = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295}
_BLOB_LENGTHS = {"tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215, "longblob": 4_294_967_295}
_LONGS = {"long": "mediumtext", "long varchar": "mediumtext", "long char varying": "mediumtext", "clob": "longtext",
          "long varcharacter": "mediumtext", "long character varying": "mediumtext", "long varbinary": "mediumblob"}  # fmt: skip
_TEMPORAL = {"date": Kind.DATE, "time": Kind.TIME, "datetime": Kind.DATETIME, "timestamp": Kind.TIMESTAMP}
_PLAIN = {"year": Kind.YEAR, "json": Kind.JSON, "uuid": Kind.UUID, "inet4": Kind.INET4, "inet6": Kind.INET6}
GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
     "geometrycollection", "geomcollection"}
)  # fmt: skip


def column_type(words: TypeWords, charset: str | None = None, collation: str | None = None) -> ColumnType:
    """Build the type of a column.

    Args:
        words: The declaration.
        charset: The character set in force for it, complete (see `collations.full_collation`).
        collation: Likewise.
    """
    made = _numeric(words) or _textual(words, charset) or _other(words)
    if made is None:
        return ColumnType(kind=Kind.UNKNOWN, native=words.name)
    if made.kind in CHARACTER_KINDS:
        made = _with_charset(made, charset, collation)
    return _with_native(made, words)


def _numeric(words: TypeWords) -> ColumnType | None:
    name, args = words.name, words.args
    unsigned = words.unsigned or words.zerofill
    if (bits := INTEGER_BITS.get(name)) is not None:
        unsigned = unsigned or name == "serial"
        return ColumnType(kind=Kind.INTEGER, bits=bits, unsigned=unsigned, zerofill=words.zerofill)
    if name in _DECIMALS:
        precision, scale = (*args, 0)[:2] if args else (10, 0)
        return ColumnType(
            kind=Kind.DECIMAL, precision=precision or 10, scale=scale, unsigned=unsigned, zerofill=words.zerofill
        )
    if name in _DOUBLES or (name in _FLOATS and len(args) == 1 and args[0] > 24):
        return ColumnType(kind=Kind.DOUBLE, unsigned=unsigned, zerofill=words.zerofill)
    if name in _FLOATS:
        return ColumnType(kind=Kind.FLOAT, unsigned=unsigned, zerofill=words.zerofill)
    return ColumnType(kind=Kind.BIT, bits=(args or (1,))[0]) if name == "bit" else None


def _textual(words: TypeWords, charset: str | None) -> ColumnType | None:
    name, args = words.name, words.args
    if name in _CHARS:
        return ColumnType(kind=Kind.CHAR, length=(args or (1,))[0])
    if name in _VARCHARS:
        return ColumnType(kind=Kind.VARCHAR, length=(args or (1,))[0])
    if name in {"binary", "char byte"}:
        return ColumnType(kind=Kind.BINARY, length=(args or (1,))[0])
    if name in {"varbinary", "raw"}:
        return ColumnType(kind=Kind.VARBINARY, length=(args or (1,))[0])
    if name in {"enum", "set"}:
        return ColumnType(kind=Kind(name), values=tuple(value.rstrip(" ") for value in words.values))
    name = _LONGS.get(name, name)
    if name in _TEXT_LENGTHS:
        return ColumnType(kind=Kind.TEXT, length=_lob_length(_TEXT_LENGTHS, name, args, bytes_per_character(charset)))
    if name in _BLOB_LENGTHS:
        return ColumnType(kind=Kind.BLOB, length=_lob_length(_BLOB_LENGTHS, name, args, 1))
    return None


def _lob_length(lengths: dict[str, int], name: str, args: tuple[int, ...], width: int) -> int:
    """``TEXT(n)`` is the smallest text that holds n characters."""
    if not args or name not in {"text", "blob"}:
        return lengths[name]
    return next((length for length in lengths.values() if args[0] * width <= length), lengths[name])


def _other(words: TypeWords) -> ColumnType | None:
    if (temporal := _TEMPORAL.get(words.name)) is not None:
        fraction = words.args[0] if words.args and temporal is not Kind.DATE else 0
        return ColumnType(kind=temporal, fraction=fraction)
    if (plain := _PLAIN.get(words.name)) is not None:
        return ColumnType(kind=plain)
    if words.name in GEOMETRIES:
        name = "geometrycollection" if words.name == "geomcollection" else words.name
        return ColumnType(kind=Kind.GEOMETRY, geometry=name)
    return None


_AS_BYTES = {Kind.CHAR: Kind.BINARY, Kind.VARCHAR: Kind.VARBINARY, Kind.TEXT: Kind.BLOB}


def _with_charset(made: ColumnType, charset: str | None, collation: str | None) -> ColumnType:
    """Give a character type its set; in the set ``binary`` it becomes the bytes type."""
    if charset == "binary" and made.kind in _AS_BYTES:
        return ColumnType(kind=_AS_BYTES[made.kind], length=made.length)
    return ColumnType(kind=made.kind, length=made.length, values=made.values, charset=charset, collation=collation)


def _with_native(made: ColumnType, words: TypeWords) -> ColumnType:
    fields = {name: getattr(made, name) for name in ColumnType.__dataclass_fields__}
    return ColumnType(**{**fields, "native": spelled(made, _display(made, words))})


def _display(made: ColumnType, words: TypeWords) -> tuple[int, ...]:
    """Numbers in parentheses that are only for display, or round values: ``int(5)``, ``float(7,3)``."""
    if made.kind is Kind.INTEGER:
        return _width(made, words)
    return words.args if made.kind in {Kind.FLOAT, Kind.DOUBLE} and len(words.args) == 2 else ()


def _width(made: ColumnType, words: TypeWords) -> tuple[int, ...]:
    width = (1,) if words.name.startswith("bool") else words.args[:1]
    return () if width == (_DISPLAY_WIDTHS[made.bits][made.unsigned],) else width


def spelled(type_: ColumnType, display: tuple[int, ...] = ()) -> str:
    """Spell a type as MariaDB and OceanBase take it, without character set."""
    name = _base_name(type_)
    inner = _inner(type_) or ",".join(str(number) for number in display)
    text = f"{name}({inner})" if inner else name
    return text + (" unsigned" if type_.unsigned else "") + (" zerofill" if type_.zerofill else "")


def _base_name(type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER:
        return INTEGER_NAMES[type_.bits]
    if type_.kind in {Kind.TEXT, Kind.BLOB}:
        lengths = _TEXT_LENGTHS if type_.kind is Kind.TEXT else _BLOB_LENGTHS
        return next((name for name, length in lengths.items() if (type_.length or 0) <= length), type_.kind.value)
    if type_.kind is Kind.GEOMETRY:
        return type_.geometry or "geometry"
    return type_.native if type_.kind is Kind.UNKNOWN else type_.kind.value


def _inner(type_: ColumnType) -> str:
    if type_.kind is Kind.DECIMAL:
        return f"{type_.precision},{type_.scale or 0}"
    if type_.kind in {Kind.ENUM, Kind.SET}:
        return ",".join(quoted_text(value) for value in type_.values)
    if type_.kind is Kind.BIT:
        return str(type_.bits)
    if type_.kind in {Kind.CHAR, Kind.VARCHAR, Kind.BINARY, Kind.VARBINARY}:
        return str(type_.length)
    return str(type_.fraction) if type_.fraction else ""


_ESCAPED = {"\\": "\\\\", "'": "''", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"}


def quoted_text(text: str) -> str:
    """Return a string literal, for sessions in which the backslash escapes."""
    return "'" + "".join(_ESCAPED.get(char, char) for char in text) + "'"


def quoted_name(name: str) -> str:
    """Return an identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"
