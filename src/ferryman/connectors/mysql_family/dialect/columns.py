"""Converts columns to what the target takes, and says what is lost."""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.collations import (
    UTF8_SETS,
    bytes_per_character,
    charset_of,
    is_case_sensitive,
)
from ferryman.connectors.mysql_family.catalog.typemap import spelled
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind, tokenize
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.model.schema import Column, Generated
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind
from ferryman.spi.dialect import Conversion

_ADDRESS_LENGTHS = {Kind.UUID: (Kind.CHAR, 36), Kind.INET4: (Kind.VARCHAR, 15), Kind.INET6: (Kind.VARCHAR, 39)}
_NO_DEFAULT = frozenset({Kind.TEXT, Kind.BLOB, Kind.JSON, Kind.GEOMETRY})
_LARGER = {255: 65_535, 65_535: 16_777_215, 16_777_215: 4_294_967_295}
_SAME_ORDER = frozenset({"utf8mb3_general_ci", "utf8mb3_bin", "ascii_bin", "latin1_bin", "ucs2_bin", "utf16_bin"})


class Notes:
    """Collects conversions of one object, and the types that cannot be."""

    def __init__(self, path: str) -> None:
        """Begin with nothing; `path` is the object's name."""
        self.path = path
        self.conversions: list[Conversion] = []
        self.unsupported: list[str] = []

    def add(self, name: str, message: str, *, lossy: bool = False) -> None:
        """Note a difference of a part (a column, an index) of the object; no name means the object itself."""
        path = f"{self.path}.{name}" if name else self.path
        self.conversions.append(Conversion(path=path, message=message, lossy=lossy))


def target_collation(rules: Rules, charset: str | None, collation: str | None) -> tuple[str | None, str | None, bool]:
    """Choose character set and collation at the target; the last value: whether equality may mean something else."""
    if collation is None and charset is None:
        return None, None, False
    if not rules.collations or (collation or "") in rules.collations:
        return charset, collation, False
    if charset == "binary" or collation == "binary":
        return "binary", "binary", False
    # A collation without counterpart; unknown ones are taken for insensitive, as most are.
    wanted = "utf8mb4_bin" if collation and is_case_sensitive(collation) else "utf8mb4_general_ci"
    return "utf8mb4", wanted, (collation or "") not in _SAME_ORDER and wanted != collation


def convert_column(column: Column, rules: Rules, notes: Notes) -> Column:
    """Convert one column."""
    type_ = column.type
    if type_.kind is Kind.UNKNOWN:
        notes.unsupported.append(f"{notes.path}.{column.name} ({type_.native or 'unknown'})")
        return column
    if type_.kind is Kind.DECIMAL and (type_.scale or 0) > rules.largest_scale:
        notes.unsupported.append(f"{notes.path}.{column.name} ({type_.native})")
        return column
    if type_.kind in _ADDRESS_LENGTHS and not rules.address_types:
        column = replace(column, type=_as_text(column, rules, notes))
    elif type_.kind in CHARACTER_KINDS:
        column = replace(column, type=_converted_text(column, rules, notes))
    return _with_default(column, rules, notes)


def _as_text(column: Column, rules: Rules, notes: Notes) -> ColumnType:
    kind, length = _ADDRESS_LENGTHS[column.type.kind]
    known = "utf8mb4_general_ci" in rules.collations or not rules.collations
    type_ = ColumnType(
        kind=kind, length=length, charset="utf8mb4", collation="utf8mb4_general_ci" if known else "utf8mb4_bin"
    )
    type_ = replace(type_, native=spelled(type_))
    notes.add(column.name, f"{column.type.native} becomes {type_.native}: {rules.name} does not know the type")
    return type_


def _converted_text(column: Column, rules: Rules, notes: Notes) -> ColumnType:
    type_ = column.type
    charset, collation, folds = target_collation(rules, type_.charset, type_.collation)
    if (charset, collation) == (type_.charset, type_.collation):
        return type_
    made = replace(type_, charset=charset, collation=collation)
    if type_.kind is Kind.TEXT and type_.charset not in UTF8_SETS and type_.length in _LARGER:
        made = replace(made, length=_LARGER[type_.length])
        made = replace(made, native=spelled(made))
        notes.add(column.name, f"{type_.native} becomes {made.native}: the same text takes more bytes in {charset}")
    change = f"collation {type_.collation} becomes {collation}"
    why = f": {rules.name} does not know it; other letters may count as equal" if folds else ""
    notes.add(column.name, change + why, lossy=folds)
    return made


def _with_default(column: Column, rules: Rules, notes: Notes) -> Column:
    if column.default is None or column.type.kind not in _NO_DEFAULT or rules.text_defaults:
        return column
    notes.add(column.name, f"the default is left out: {rules.name} takes none for {column.type.native}", lossy=True)
    return replace(column, default=None)


def unchained(columns: tuple[Column, ...], rules: Rules, notes: Notes) -> tuple[Column, ...]:
    """Write out generated columns that use other generated columns, where the target does not take that."""
    generated = {c.name.casefold(): c.generated for c in columns if c.generated is not None}
    if rules.chained_generated or not generated:
        return columns
    out = []
    for column in columns:
        if column.generated is not None:
            text = _written_out(column.generated.expression, generated, depth=len(generated))
            if text != column.generated.expression:
                notes.add(column.name, "the generated columns it uses are written out")
                column = replace(column, generated=replace(column.generated, expression=text))  # noqa: PLW2901
        out.append(column)
    return tuple(out)


def _written_out(expression: str, generated: dict[str, Generated], depth: int) -> str:
    out, end = [], 0
    for token in tokenize(expression):
        inner = generated.get(token.text.casefold()) if token.kind in {TokenKind.WORD, TokenKind.NAME} else None
        if inner is not None and depth:
            out.append(expression[end : token.start] + f"({_written_out(inner.expression, generated, depth - 1)})")
            end = token.end
    return "".join(out) + expression[end:]


def index_bytes(column: Column, prefix: int | None) -> int:
    """Return the most bytes a column takes in an index."""
    type_ = column.type
    if type_.kind in {Kind.CHAR, Kind.VARCHAR, Kind.TEXT}:
        length = prefix if prefix is not None else (type_.length or 0)
        return length * bytes_per_character(type_.charset or charset_of(type_.collation))
    if type_.kind in {Kind.BINARY, Kind.VARBINARY, Kind.BLOB}:
        return prefix if prefix is not None else (type_.length or 0)
    return 16
