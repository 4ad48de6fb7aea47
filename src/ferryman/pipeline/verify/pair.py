"""What is compared: a source table beside its target table, column by column, in one common form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ferryman.kernel import row_digests
from ferryman.model.batch import Batch, ColumnData, Row, Value
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind

ORDERED_KINDS = frozenset(
    {
        Kind.INTEGER,
        Kind.DECIMAL,
        Kind.DATE,
        Kind.TIME,
        Kind.DATETIME,
        Kind.TIMESTAMP,
        Kind.YEAR,
        Kind.BINARY,
        Kind.VARBINARY,
    }
)
"""Kinds that every server puts in the same order: only keys of these may bound a range read on both sides.

Characters are not among them: servers, and collations of one name in different servers, order and even equate them
differently. Nor are floats, labels and kinds that one of the sides may keep in another form.
"""

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_RAW = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.BLOB})
"""Kinds that may stand for each other in two servers without another order."""

Form = Callable[[bytes], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a pair.

    Attributes:
        table: The table as that side's catalog shows it, with the pair's key as its row key.
        columns: The compared columns in the common order, by this side's spelling.
        forms: What brings a canonical value of each column into the form both sides share; `None` where it is already.
    """

    table: Table
    columns: tuple[str, ...]
    forms: tuple[Form | None, ...]

    def common(self, batch: Batch) -> Batch:
        """Return a batch of `columns` in the common form."""
        if not any(self.forms):
            return batch
        columns = zip(batch.columns, self.forms, strict=True)
        return Batch(batch.row_count, tuple(_formed(column, form) for column, form in columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two tables that should hold the same rows.

    Attributes:
        kinds: Of the compared columns.
        key: Indexes of the row key's columns among the compared ones; empty for a table without a key.
        ordered: Whether a key range means the same rows on both sides.
    """

    source: Side
    target: Side
    kinds: tuple[Kind, ...]
    key: tuple[int, ...]
    ordered: bool

    @property
    def name(self) -> TableName:
        """The source's name."""
        return self.source.table.name

    def digests(self, batch: Batch) -> list[int]:
        """Return the rows' digests; `batch` is in the common form."""
        return row_digests(batch, self.kinds)

    def keys(self, batch: Batch) -> list[Row]:
        """Return the rows' keys in the common form."""
        return list(batch.project(self.key).rows())


def pair_of(
    source: Table, target: Table, conversions: Mapping[str, Form] = MappingProxyType({}), *, exact_json: bool = False
) -> Pair:
    """Pair the columns the sides share by name; what the target lacks is `missing_columns`.

    Args:
        source: The source's table.
        target: The target's.
        conversions: What the user's policies make of the source's values, by the case-folded name of the column.
        exact_json: Whether both servers keep JSON in one way, so that equal means the same text: elsewhere it means
            equal as JSON, numbers as the nearest double (ADR 0021).
    """
    names = [c.name for c in source.columns if _find(target, c.name) is not None]
    columns = [(source.column(name), target.column(name)) for name in names]
    forms = tuple(common_form(one.type, two.type) for one, two in columns)
    key = _shared_key(source, target)
    kinds = tuple(_kind(one.type, two.type, exact_json=exact_json) for one, two in columns)
    return Pair(
        source=Side(
            table=_keyed(source, key),
            columns=tuple(names),
            forms=tuple(
                _behind(conversions.get(two.name.casefold()), form)
                for (_, two), form in zip(columns, forms, strict=True)
            ),
        ),
        target=Side(table=_keyed(target, key), columns=tuple(two.name for _, two in columns), forms=forms),
        kinds=kinds,
        key=tuple(names.index(source.column(name).name) for name in key),
        ordered=_is_ordered(source, target, key),
    )


def _behind(conversion: Form | None, form: Form | None) -> Form | None:
    """Return a form that takes what a conversion makes."""
    if conversion is None or form is None:
        return conversion or form

    def both(value: bytes) -> Value:
        converted = conversion(value)
        return None if converted is None else form(converted)

    return both


def _shared_key(source: Table, target: Table) -> tuple[str, ...]:
    """Return the source's row key where it names rows on both sides and can be looked up there, else nothing."""
    columns = source.row_key.columns if source.row_key else ()
    if not _names_rows(target, columns):
        return ()
    for name in columns:
        other = _find(target, name)
        if other is None or common_form(source.column(name).type, other.type) is _without_padding:
            return ()
    return columns


def _names_rows(target: Table, columns: Sequence[str]) -> bool:
    """Whether these columns hold a value once at most, and no NULL: else a row may be there twice, or under no key."""
    found = [_find(target, name) for name in columns]
    if any(column is None or column.nullable for column in found):
        return False
    wanted = set(_folded(columns))
    return any(index.is_plain and set(_folded(index.columns)) <= wanted for index in target.unique_keys)


def missing_columns(source: Table, target: Table) -> list[str]:
    """Return the source's columns that the target lacks: one of another case there stands for one column at most."""
    taken = {column.name for column in source.columns}
    found = {column.name: _find(target, column.name) for column in source.columns}
    return [name for name, other in found.items() if other is None or (other.name != name and other.name in taken)]


def _find(table: Table, name: str) -> Column | None:
    try:
        return table.column(name)
    except KeyError:
        return None


def _kind(source: ColumnType, target: ColumnType, *, exact_json: bool) -> Kind:
    """The source's kind decides; but where either side keeps JSON, equal means equal as JSON (I5)."""
    if exact_json and source.kind is target.kind is Kind.JSON and source.native == target.native:
        return Kind.TEXT
    return Kind.JSON if Kind.JSON in {source.kind, target.kind} else source.kind


def _keyed(table: Table, key: Sequence[str]) -> Table:
    """Return the table with `key` as its row key: the target may have chosen another, or none."""
    own = table.row_key
    if not key or (own is not None and _folded(own.columns) == _folded(key)):
        return table
    parts = tuple(KeyPart(column=table.column(name).name) for name in key)
    index = Index(name="PRIMARY", parts=parts, unique=True, primary=True)
    return dataclasses.replace(table, indexes=(index,))


def _is_ordered(source: Table, target: Table, key: Sequence[str]) -> bool:
    own = target.row_key
    if not key or own is None or _folded(own.columns) != _folded(key):
        return False  # no index of the target serves the range
    kinds = [(source.column(name).type, target.column(name).type) for name in key]
    return all(_same_order(one, two) for one, two in kinds)


def _same_order(one: ColumnType, two: ColumnType) -> bool:
    if {one.kind, two.kind} <= _NUMBERS or {one.kind, two.kind} <= _RAW:
        return _same_width(one, two)
    return one.kind is two.kind and one.kind in ORDERED_KINDS


def _same_width(one: ColumnType, two: ColumnType) -> bool:
    return Kind.BINARY not in {one.kind, two.kind} or one.kind is not two.kind or one.length == two.length


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def common_form(source: ColumnType, target: ColumnType) -> Form | None:
    """Return what makes equal values equal bytes where the two types write them differently, else `None`."""
    kinds = {source.kind, target.kind}
    if Kind.DECIMAL in kinds and (source.scale or 0) != (target.scale or 0) and kinds <= {Kind.DECIMAL, Kind.INTEGER}:
        return _without_zeros
    if kinds <= {Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP} and source.fraction != target.fraction:
        return _without_zeros
    if kinds == {Kind.YEAR, Kind.INTEGER}:
        return _without_leading_zeros
    if kinds == {Kind.BINARY} and source.length != target.length:
        return _without_padding
    return None


def _without_zeros(value: bytes) -> bytes:
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def _without_leading_zeros(value: bytes) -> bytes:
    return value.lstrip(b"0") or b"0"


def _without_padding(value: bytes) -> bytes:
    return value.rstrip(b"\0")


def _formed(column: ColumnData, form: Form | None) -> ColumnData:
    if form is None:
        return column
    values: list[Value] = [None if value is None else form(value) for value in column.values()]
    return ColumnData.of(values)
