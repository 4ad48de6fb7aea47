"""The schema at a position against a table map of the log: the types that decode its rows (I9)."""

from __future__ import annotations

from dataclasses import replace

from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import TableMap
from ferryman.kernel.charsets import to_utf8
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind

_INTEGERS = {8: 1, 16: 2, 24: 9, 32: 3, 64: 8}
_BLOBS = frozenset({140, 249, 250, 251, 252})
_VARCHARS = frozenset({15, 141, 253})
_WIRE_TYPES: dict[Kind, frozenset[int]] = {
    Kind.DECIMAL: frozenset({246}),
    Kind.FLOAT: frozenset({4}),
    Kind.DOUBLE: frozenset({5}),
    Kind.BIT: frozenset({16}),
    Kind.DATE: frozenset({10, 14}),
    Kind.TIME: frozenset({11, 19}),
    Kind.DATETIME: frozenset({12, 18}),
    Kind.TIMESTAMP: frozenset({7, 17}),
    Kind.YEAR: frozenset({13}),
    Kind.CHAR: frozenset({254}),
    Kind.VARCHAR: _VARCHARS,
    Kind.TEXT: _BLOBS,
    Kind.ENUM: frozenset({247}),
    Kind.SET: frozenset({248}),
    Kind.BINARY: frozenset({254}),
    Kind.VARBINARY: _VARCHARS,
    Kind.BLOB: _BLOBS,
    Kind.JSON: _BLOBS | {245},
    Kind.GEOMETRY: frozenset({255}),
    Kind.UUID: frozenset({254}),
    Kind.INET4: frozenset({254}),
    Kind.INET6: frozenset({254}),
}
_LABEL_HINT = "set binlog_row_metadata=FULL at the source, then load the table again"
"""The servers' catalogs show characters outside the BMP as ``?``, so only the log can tell such labels."""
_WITH_FRACTION = frozenset({17, 18, 19})
_HASH = ColumnType(kind=Kind.INTEGER, native="bigint unsigned", bits=64, unsigned=True)
_SEQUENCE = bytes((8, 8, 8, 8, 8, 8, 1, 8))
"""Columns of a MariaDB sequence, which is logged as a table of one row."""


def is_sequence(table_map: TableMap) -> bool:
    """Whether a table map may be that of a MariaDB sequence."""
    return table_map.wire_types == _SEQUENCE and table_map.names[:1] in ((), ("next_not_cached_value",))


def matched_columns(table: Table, table_map: TableMap) -> tuple[tuple[str, ...], tuple[ColumnType, ...]]:
    """Return the names of the columns that concern us, and the types of all columns of the log.

    What the log itself says (sign, labels) is stronger than the schema; what cannot be reconciled is refused. Types
    without a name behind the others are of columns that MariaDB keeps for itself: hashes of unique keys too long for
    an index.

    Raises:
        FerrymanError: ``log.schema_mismatch``, naming the table, the column and what differs.
    """
    hidden = _hidden_columns(table, table_map)
    columns = _logged(table, table_map.width - hidden)
    if len(columns) + hidden != table_map.width:
        raise _mismatch(table, f"the log has {table_map.width} columns, the schema {len(columns)}")
    for index, name in enumerate(table_map.names[: len(columns)]):
        if name.casefold() != columns[index].name.casefold():
            raise _mismatch(table, f"column {index + 1} is {name!r} in the log, {columns[index].name!r} in the schema")
    types = tuple(_matched_type(table, column, table_map, index) for index, column in enumerate(columns))
    return tuple(column.name for column in columns), (*types, *(_HASH,) * hidden)


def _hidden_columns(table: Table, table_map: TableMap) -> int:
    """Count the hash columns at the log's end, one for each unique key that no index can hold."""
    extra = table_map.width - len(table.columns)
    if table_map.names:
        return sum(name.startswith("DB_ROW_HASH_") for name in table_map.names[len(table.columns) :])
    hashes = 0 < extra <= len(table.unique_keys) and table_map.wire_types[-extra:] == b"\x08" * extra
    return extra if hashes else 0


def _logged(table: Table, width: int) -> tuple[Column, ...]:
    """The columns that are logged: a server may leave out those it computes when they are read."""
    stored = tuple(column for column in table.columns if column.generated is None or column.generated.stored)
    if len(table.columns) != width and len(stored) == width:
        return stored
    return table.columns


def _matched_type(table: Table, column: Column, table_map: TableMap, index: int) -> ColumnType:
    type_ = _told_by_log(column.type, table_map, index)
    if type_.kind in (Kind.ENUM, Kind.SET) and not table_map.labels and any("?" in label for label in type_.values):
        raise _mismatch(
            table, f"a label of column {column.name!r} may be one that the catalog cannot show", hint=_LABEL_HINT
        )
    wire_type, metadata = table_map.wire_types[index], table_map.metadata[index]
    expected = _INTEGERS.get(type_.bits) if type_.kind is Kind.INTEGER else None
    fits = wire_type == expected if expected else wire_type in _WIRE_TYPES.get(type_.kind, frozenset())
    if not fits or not _metadata_fits(type_, wire_type, metadata):
        raise _mismatch(
            table,
            f"column {column.name!r} is {type_.native or type_.kind.value} in the schema, but type {wire_type} with"
            f" metadata {metadata:#x} in the log",
        )
    return type_


def _told_by_log(type_: ColumnType, table_map: TableMap, index: int) -> ColumnType:
    if type_.kind is Kind.INTEGER and table_map.unsigned:
        return replace(type_, unsigned=table_map.unsigned[index]) if _sign_differs(type_, table_map, index) else type_
    if type_.kind in (Kind.ENUM, Kind.SET) and table_map.labels and table_map.labels[index]:
        labels = _labels(type_, table_map.labels[index])
        return type_ if labels == type_.values else replace(type_, values=labels)
    return type_


def _sign_differs(type_: ColumnType, table_map: TableMap, index: int) -> bool:
    return table_map.unsigned[index] != type_.unsigned


def _labels(type_: ColumnType, logged: tuple[bytes, ...]) -> tuple[str, ...]:
    convert = to_utf8(type_.charset or "utf8mb4")
    return tuple((convert(label) if convert else label).decode("utf-8", "replace") for label in logged)


def _metadata_fits(type_: ColumnType, wire_type: int, metadata: int) -> bool:
    """Whether what the log says of precision, scale, bits and fraction is what the schema says."""
    if type_.kind is Kind.DECIMAL:
        return (metadata & 0xFF, metadata >> 8) == (type_.precision, type_.scale)
    if type_.kind is Kind.BIT:
        return (metadata >> 8) * 8 + (metadata & 0xFF) == type_.bits
    if wire_type in _WITH_FRACTION:
        return metadata == type_.fraction
    return True


def _mismatch(table: Table, what: str, *, hint: str = "") -> FerrymanError:
    return FerrymanError("log.schema_mismatch", f"the log does not fit the schema of {table.name}: {what}", hint=hint)
