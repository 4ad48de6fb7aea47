"""Value policies at work: what becomes of values that do not fit, the same for load, log and verification (I5).

A policy converts by the target's column alone, so that it needs no row of the source to compare with. Columns of keys are
never converted: two rows could become one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from ferryman.model.batch import Value
from ferryman.model.limits import digits, number_bounds
from ferryman.model.misfits import Misfit
from ferryman.model.names import TableName
from ferryman.model.policies import CONVERTED, Action, ValuePolicy, actions_for
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.spi import dialect

Clamp = Callable[[bytes], bytes | None]
"""Returns the nearest value that fits, `None` for none, the very value where it fits already."""

_DAYS = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
_EXACT = frozenset({Kind.INTEGER, Kind.DECIMAL})
_TEXTS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT})
_BYTES = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB})
_NUMBERS = _EXACT | {Kind.FLOAT, Kind.DOUBLE}
_CLOCKS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_KINDS: dict[Misfit, frozenset[Kind]] = {
    Misfit.ZERO_DATE: _DAYS,
    Misfit.DATE_RANGE: _DAYS,
    Misfit.NOT_A_NUMBER: _NUMBERS,
    Misfit.NUMBER_RANGE: _EXACT,
    Misfit.DIGITS: _EXACT | _CLOCKS,
    Misfit.TOO_LONG: _TEXTS | _BYTES,
    Misfit.NUL: _TEXTS | {Kind.JSON},
    Misfit.ENUM_ERROR: frozenset({Kind.ENUM}),
}
"""Kinds of target columns that a misfit concerns."""


def bound_actions(
    policies: Sequence[ValuePolicy], source: TableName, target: Table, column: str
) -> dict[Misfit, Action]:
    """Return what is done with misfits of one column; `source` is the source's name of the table."""
    found = actions_for(policies, source, column)
    if not found or not _has(target, column):
        return {}
    there = target.column(column)
    return {misfit: action for misfit, action in found.items() if not refusal(target, there, misfit, action)}


def _has(target: Table, column: str) -> bool:
    return any(each.name.casefold() == column.casefold() for each in target.columns)


def refusal(target: Table, column: Column, misfit: Misfit, action: Action) -> str:
    """Return why a policy cannot be had for a column of the target; empty when it can."""
    if misfit not in CONVERTED[action]:
        return f"no {action.value} is known for {misfit.value}"
    if column.type.kind not in _KINDS[misfit]:
        return f"{misfit.value} does not concern {column.type.native or column.type.kind.value}"
    if any(column.name.casefold() in map(str.casefold, index.columns) for index in target.unique_keys):
        return "the column is part of a unique key"
    if action is Action.NULL and not column.nullable:
        return "the column takes no NULL"
    return ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is done with the values of one column, misfit by misfit."""

    steps: tuple[tuple[Misfit, Action, Clamp], ...]

    def __call__(self, value: bytes) -> Value:
        """Return the value that is written in place of one from the source; itself when it fits."""
        return self.told(value)[0]

    def told(self, value: bytes) -> tuple[Value, Misfit | None]:
        """Return the same, and the first misfit that was found."""
        first: Misfit | None = None
        now: bytes = value
        for misfit, action, clamp in self.steps:
            nearest = clamp(now)
            if nearest is now:
                continue
            first = first or misfit
            if action is Action.NULL or nearest is None:
                return None, first
            now = nearest
        return now, first


def conversions(policies: Sequence[ValuePolicy], source: TableName, target: Table) -> dict[str, Conversion]:
    """Return the conversions of a table's columns, by the target's names (case-folded); empty for most."""
    found: dict[str, Conversion] = {}
    for column in target.columns if policies else ():
        bound = bound_actions(policies, source, target, column.name)
        if bound:
            ordered = sorted(bound.items(), key=lambda pair: _ORDER.index(pair[0]))
            steps = tuple((misfit, action, _clamp(misfit, column.type)) for misfit, action in ordered)
            found[column.name.casefold()] = Conversion(steps)
    return found


def policy_conversions(policies: Sequence[ValuePolicy], targets: Mapping[TableName, Table]) -> list[dialect.Conversion]:
    """Name every policy that is in force, column by column, for the schema step's report; `targets` by source name."""
    return [
        dialect.Conversion(
            path=f"{name}.{column.name}",
            message=f"values that do not fit ({misfit.value}) become {_WORDS[action]}, by --on-value",
            lossy=True,
        )
        for name, table in (targets.items() if policies else ())
        for column in table.columns
        for misfit, action in bound_actions(policies, name, table, column.name).items()
    ]


_WORDS = {Action.NULL: "NULL", Action.CLAMP: "the nearest value that fits"}
_ORDER = [
    Misfit.ENUM_ERROR, Misfit.NOT_A_NUMBER, Misfit.NUL, Misfit.ZERO_DATE, Misfit.DATE_RANGE, Misfit.DIGITS,
    Misfit.NUMBER_RANGE, Misfit.TOO_LONG,
]  # fmt: skip
"""Digits before range: what is cut stays within."""


def _clamp(misfit: Misfit, type_: ColumnType) -> Clamp:
    return partial(_CLAMPS[misfit], type_)


def _label(type_: ColumnType, value: bytes) -> bytes | None:
    return value if value or "" in type_.values else None


def _number(type_: ColumnType, value: bytes) -> bytes | None:
    return None if value in {b"NaN", b"Infinity", b"-Infinity"} else value


_NUL_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def _without_nul(type_: ColumnType, value: bytes) -> bytes:
    if type_.kind is Kind.JSON:
        return _NUL_ESCAPE.sub(rb"\1", value) if b"\\u0000" in value else value
    return value.replace(b"\0", b"") if b"\0" in value else value


_DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)(.*)", re.DOTALL)


def _calendar(type_: ColumnType, value: bytes) -> bytes:
    """Each part of the date becomes at least 1, the day at most the month's last."""
    match = _DAY.fullmatch(value)
    if match is None:
        return value
    year, month, day = (int(part) for part in match.groups()[:3])
    good = max(year, 1), min(max(month, 1), 12)
    last = calendar.monthrange(*good)[1]
    if good == (year, month) and 1 <= day <= last:
        return value
    return b"%04d-%02d-%02d" % (*good, min(max(day, 1), last)) + match[4]


_FIRST, _LAST = b"0001-01-01", b"9999-12-31"


def _years(type_: ColumnType, value: bytes) -> bytes:
    """Infinity and other centuries become the first or last moment that every server knows."""
    late = value == b"infinity" or (value[:5].isdigit() and not value.endswith(b" BC"))
    if not late and value != b"-infinity" and not value.endswith(b" BC"):
        return value
    if type_.kind is Kind.DATE:
        return _LAST if late else _FIRST
    fraction = b"." + (b"9" if late else b"0") * type_.fraction if type_.fraction else b""
    return (_LAST + b" 23:59:59" if late else _FIRST + b" 00:00:00") + fraction


def _cut_digits(type_: ColumnType, value: bytes) -> bytes:
    head, point, tail = value.partition(b".")
    kept = digits(type_)
    if not point or kept is None or not tail[kept:].strip(b"0") or not tail.isdigit():
        return value
    return head + b"." + tail[:kept] if kept else head


def _within(type_: ColumnType, value: bytes) -> bytes:
    bounds = number_bounds(type_)
    if bounds is None:
        return value
    try:
        number = Decimal(value.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        return value
    if not number.is_finite() or bounds[0] - 1 < number < bounds[1] + 1:
        return value
    nines = b"." + b"9" * type_.scale if type_.kind is Kind.DECIMAL and type_.scale else b""
    if number >= bounds[1] + 1:
        return b"%d" % bounds[1] + nines
    return b"0" if not bounds[0] else b"%d" % bounds[0] + nines


def _cut(type_: ColumnType, value: bytes) -> bytes:
    most = type_.length
    if most is None or len(value) <= most:
        return value
    if type_.kind in {Kind.CHAR, Kind.VARCHAR}:
        text = value.decode("utf-8", "surrogateescape")
        return value if len(text) <= most else text[:most].encode("utf-8", "surrogateescape")
    if type_.kind is Kind.TEXT:
        return value[:most].decode("utf-8", "ignore").encode()
    return value[:most]


_CLAMPS: dict[Misfit, Callable[[ColumnType, bytes], bytes | None]] = {
    Misfit.ENUM_ERROR: _label,
    Misfit.NOT_A_NUMBER: _number,
    Misfit.NUL: _without_nul,
    Misfit.ZERO_DATE: _calendar,
    Misfit.DATE_RANGE: _years,
    Misfit.DIGITS: _cut_digits,
    Misfit.NUMBER_RANGE: _within,
    Misfit.TOO_LONG: _cut,
}
