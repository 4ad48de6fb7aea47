"""Which values may not fit: told by the two catalogs alone, so that nothing is read without need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ferryman.model.limits import digits, most_bytes, most_characters, number_bounds
from ferryman.model.misfits import Misfit, Question
from ferryman.model.schema import Column, Index, Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind
from ferryman.pipeline.rules.tables import RuledTable

POSTGRESQL = "postgresql"
_DAYS = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
_CLOCKS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_EXACT = frozenset({Kind.INTEGER, Kind.DECIMAL})
_NUMBERS = _EXACT | {Kind.FLOAT, Kind.DOUBLE}
_TEXTS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT})
_BYTES = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB})
_EVERY_CHARACTER = ("utf8mb4", "utf16", "utf32", "gb18030", "UTF8")


def questions_of(source: Table, target: Table, flavours: tuple[str, str]) -> list[Question]:
    """Return what to ask of a table's values; `flavours` are the source's and the target's."""
    there = {column.name.casefold(): column for column in target.written_columns}
    pairs = [(one, there[one.name.casefold()]) for one in source.columns if one.name.casefold() in there]
    asked = [
        Question(misfit=misfit, columns=(one.name,), targets=(two.type,))
        for one, two in pairs
        for misfit in misfits_of(one, two, flavours)
    ]
    names = {one.name.casefold(): (one, two) for one, two in pairs}
    keys = (_collision(index, names, flavours) for index in target.unique_keys)
    return asked + [question for question in keys if question is not None]


def as_read(table: Table, ruled: Table) -> Table:
    """Return a source's table with the columns whose values arrive as they are: not those that rules leave out or change."""
    if not isinstance(ruled, RuledTable):
        return table
    changed = ruled.rule.left_out | ruled.rule.transforms.keys()
    return replace(table, columns=tuple(column for column in table.columns if column.name.casefold() not in changed))


def misfits_of(source: Column, target: Column, flavours: tuple[str, str]) -> list[Misfit]:
    """Return in which ways values of a source's column may not fit the target's."""
    one, two = source.type, target.type
    found = [*_of_servers(one, two, flavours), *_of_sizes(one, two)]
    if one.kind in _TEXTS and _lacks_characters(one, two):
        found.append(Misfit.CHARSET)
    return found


def _of_servers(one: ColumnType, two: ColumnType, flavours: tuple[str, str]) -> Iterator[Misfit]:
    """What one product has and the other does not."""
    from_postgresql, to_postgresql = (flavour == POSTGRESQL for flavour in flavours)
    if one.kind is Kind.ENUM and not from_postgresql and "" not in one.values and not _takes_index(two, flavours[1]):
        yield Misfit.ENUM_ERROR
    if to_postgresql and not from_postgresql:
        if one.kind in _DAYS and two.kind in _DAYS:
            yield Misfit.ZERO_DATE
        if one.kind in _TEXTS | {Kind.JSON}:
            yield Misfit.NUL
    if from_postgresql and not to_postgresql:
        if one.kind in _DAYS and two.kind in _DAYS:
            yield Misfit.DATE_RANGE
        if one.kind in _NUMBERS - {Kind.INTEGER} and two.kind in _NUMBERS:
            yield Misfit.NOT_A_NUMBER


def _takes_index(type_: ColumnType, flavour: str) -> bool:
    """Whether a target's column holds the error value of an ENUM, too; but for MariaDB, only where no label is ``0``."""
    indexed = type_.kind is Kind.ENUM and "" not in type_.values
    return indexed and (flavour == "mariadb" or (flavour in ("mysql", "oceanbase") and "0" not in type_.values))


def _of_sizes(one: ColumnType, two: ColumnType) -> Iterator[Misfit]:
    if one.kind in _EXACT and two.kind in _EXACT:
        if not _holds_range(one, two):
            yield Misfit.NUMBER_RANGE
        if _is_finer(one, two):
            yield Misfit.DIGITS
    if one.kind in _CLOCKS and two.kind in _CLOCKS and _is_finer(one, two):
        yield Misfit.DIGITS
    if _is_longer(one, two):
        yield Misfit.TOO_LONG


def _holds_range(one: ColumnType, two: ColumnType) -> bool:
    needed, there = number_bounds(one), number_bounds(two)
    return there is None or (needed is not None and there[0] <= needed[0] and needed[1] <= there[1])


def _is_finer(one: ColumnType, two: ColumnType) -> bool:
    needed, there = digits(one), digits(two)
    return there is not None and (needed is None or needed > there)


def _is_longer(one: ColumnType, two: ColumnType) -> bool:
    if one.kind in _TEXTS and two.kind in {Kind.CHAR, Kind.VARCHAR}:
        needed, there = most_characters(one), most_characters(two)
    elif (one.kind in _TEXTS and two.kind is Kind.TEXT) or (one.kind in _BYTES and two.kind in _BYTES):
        needed, there = most_bytes(one), most_bytes(two)
        if one.kind is two.kind and one.length == two.length:
            return False
    else:
        return False
    return there is not None and (needed is None or needed > there)


def _lacks_characters(one: ColumnType, two: ColumnType) -> bool:
    """Whether a character set of the target may lack characters of the source's."""
    if two.kind not in _TEXTS or not two.charset or two.charset.startswith(_EVERY_CHARACTER):
        return False
    return one.charset not in {two.charset, "ascii"}


def _collision(index: Index, names: dict[str, tuple[Column, Column]], flavours: tuple[str, str]) -> Question | None:
    """Ask for keys that are two at the source and one at the target, where collations make that possible."""
    if not index.is_plain or any(name.casefold() not in names for name in index.columns):
        return None
    pairs = [names[name.casefold()] for name in index.columns]
    if flavours[1] == POSTGRESQL or not any(_folds_more(one.type, two.type) for one, two in pairs):
        return None
    columns, targets = tuple(one.name for one, _ in pairs), tuple(two.type for _, two in pairs)
    return Question(misfit=Misfit.KEY_COLLISION, columns=columns, targets=targets)


def _folds_more(one: ColumnType, two: ColumnType) -> bool:
    """Whether the target's collation may take for one what the source's tells apart."""
    if one.kind not in CHARACTER_KINDS - {Kind.ENUM, Kind.SET} or not two.collation or one.collation == two.collation:
        return False
    if not two.collation.endswith("_bin"):
        return True
    pads = "nopad" not in two.collation and "0900" not in two.collation
    padded_before = (one.collation or "").endswith(("_bin", "_ci", "_cs")) and "nopad" not in (one.collation or "")
    return pads and not padded_before
