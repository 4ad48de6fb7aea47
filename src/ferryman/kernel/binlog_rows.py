"""Reference: binlog table maps and row events to canonical batches.

Source: MySQL internals manual, "Rows_event", "Table_map_event" with optional metadata; MariaDB server sources
``sql/log_event.cc``, ``sql/rpl_utility.cc``.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from struct import error as StructError  # noqa: N812 (an exception class with a module's name)
from typing import NamedTuple

from ferryman.kernel.binlog_columns import LogColumn, Read, labels_agree, log_column
from ferryman.kernel.errors import KernelError
from ferryman.kernel.table_map import Reader, TableMap, decode_table_map
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.types import ColumnType, Kind

__all__ = ["TableMap", "decode_rows", "decode_table_map"]

_WRITE, _UPDATE, _DELETE = 0, 1, 2
_EVENTS = {
    first + action: (action, has_extra, compressed)
    for first, has_extra, compressed in ((23, False, False), (30, True, False), (166, False, True), (169, True, True))
    for action in (_WRITE, _UPDATE, _DELETE)
}
"""Event type → (what it does, whether extra data follows the flags (v2), whether its rows are compressed (MariaDB))."""
_PARTIAL_JSON = 39
_DECODE_ERRORS = (ValueError, LookupError, OverflowError, StructError, zlib.error)


class _Plan(NamedTuple):
    """The columns of a table map; keeps what its cache key was made of alive."""

    columns: tuple[LogColumn, ...]
    table_map: TableMap
    types: Sequence[ColumnType]


_plans: OrderedDict[tuple[int, int], _Plan] = OrderedDict()
_PLANS_KEPT = 512


def decode_rows(
    body: bytes, event_type: int, table_map: TableMap, types: Sequence[ColumnType]
) -> tuple[Batch | None, Batch | None]:
    """Decode the body of a WRITE/UPDATE/DELETE rows event, v1 or v2.

    Args:
        body: The event from its post-header on, without checksum.
        event_type: 23..25 (v1) or 30..32 (v2); MariaDB's compressed 166..168 (v1) or 169..171 (v2).
        table_map: The table map with the event's table id.
        types: Per column of the event, the type at this position; text in a charset other than UTF-8 is transcoded
            from ``type.charset``. Must not be changed after the call; passing the same object again is quickest.

    Returns:
        ``(before, after)``, one of them `None` for inserts and deletes.

    Raises:
        KernelError: Malformed bytes (``log.corrupt``), a partial row image (``log.partial_image``), a type that
            cannot be decoded (``log.unsupported_event``), or types that are not those the event was written with
            (``log.schema_mismatch``).
    """
    action, has_extra, compressed = _event(event_type, table_map)
    readers = [column.read for column in log_columns(table_map, types)]
    try:
        rows, place = _rows_of(bytes(body), action, has_extra, compressed, table_map)
        return _images(rows, place, action, readers)
    except _DECODE_ERRORS as error:
        raise KernelError("log.corrupt", f"a row event of {_name(table_map)} cannot be read: {error}") from error


def _event(event_type: int, table_map: TableMap) -> tuple[int, bool, bool]:
    if event_type in _EVENTS:
        return _EVENTS[event_type]
    if event_type == _PARTIAL_JSON:
        raise KernelError(
            "log.unsupported_event",
            f"a partial JSON update of {_name(table_map)}",
            hint="set binlog_row_value_options='' at the source, then load the table again",
        )
    raise KernelError("log.unsupported_event", f"event type {event_type} for {_name(table_map)} is no row event")


def _name(table_map: TableMap) -> str:
    return f"{table_map.database}.{table_map.table}"


def log_columns(table_map: TableMap, types: Sequence[ColumnType]) -> tuple[LogColumn, ...]:
    """Return how each column is read; made once for a table map and its types."""
    key = (id(table_map), id(types))
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _Plan(_make_columns(table_map, types), table_map, types)
        if len(_plans) > _PLANS_KEPT:
            _plans.popitem(last=False)
    return plan.columns


def _make_columns(table_map: TableMap, types: Sequence[ColumnType]) -> tuple[LogColumn, ...]:
    if len(types) != table_map.width:
        raise _mismatch(table_map, f"{table_map.width} columns in the log, {len(types)} in the schema")
    columns = []
    for index, type_ in enumerate(types):
        _check_column(table_map, index, type_)
        try:
            column = log_column(table_map.wire_types[index], table_map.metadata[index], type_)
        except ValueError as error:
            raise KernelError("log.corrupt", f"{_column(table_map, index)}: {error}") from error
        if column is None:
            raise _unreadable(table_map, index, type_)
        columns.append(column)
    return tuple(columns)


def _check_column(table_map: TableMap, index: int, type_: ColumnType) -> None:
    """Compare what the log says of a column with the schema: another sign or label would give another value (I9)."""
    if table_map.unsigned and type_.kind is Kind.INTEGER and table_map.unsigned[index] != type_.unsigned:
        raise _mismatch(table_map, f"{_column(table_map, index)} has another sign in the log than in the schema")
    labels = table_map.labels[index] if table_map.labels else ()
    if labels and type_.kind in (Kind.ENUM, Kind.SET) and not labels_agree(labels, type_):
        raise _mismatch(table_map, f"{_column(table_map, index)} has other labels in the log than in the schema")


def _column(table_map: TableMap, index: int) -> str:
    name = table_map.names[index] if table_map.names else str(index + 1)
    return f"column {name} of {_name(table_map)}"


def _mismatch(table_map: TableMap, what: str) -> KernelError:
    return KernelError("log.schema_mismatch", f"the log does not fit the schema of {_name(table_map)}: {what}")


def _unreadable(table_map: TableMap, index: int, type_: ColumnType) -> KernelError:
    wire_type, metadata = table_map.wire_types[index], table_map.metadata[index]
    return KernelError(
        "log.unsupported_event",
        f"{_column(table_map, index)} of kind {type_.kind.value} ({type_.native}) is logged as type {wire_type} "
        f"with metadata {metadata}, which is not known to hold it",
    )


def _rows_of(body: bytes, action: int, has_extra: bool, compressed: bool, table_map: TableMap) -> tuple[bytes, int]:
    """Return the bytes that hold the rows, and the place of the first."""
    reader = Reader(body)
    reader.number(8)
    if has_extra:
        reader.bytes(reader.number(2) - 2)
    width = reader.length()
    if width != table_map.width:
        raise _mismatch(table_map, f"{width} columns in the row event, {table_map.width} in the table map")
    for _ in range(2 if action == _UPDATE else 1):
        _check_present(reader.number((width + 7) // 8), table_map)
    if not width:
        raise ValueError("a table without columns")
    if compressed:
        return _decompressed(reader), 0
    return body, reader.place


def _check_present(present: int, table_map: TableMap) -> None:
    every = (1 << table_map.width) - 1
    if present & every != every:
        missing = table_map.width - (present & every).bit_count()
        raise KernelError(
            "log.partial_image", f"a row event of {_name(table_map)} lacks {missing} of {table_map.width} columns"
        )


def _decompressed(reader: Reader) -> bytes:
    """Undo MariaDB's ``log_bin_compress``: a byte 0x80 | size of the length, the length big-endian, a zlib stream."""
    header = reader.number(1)
    if header & 0xF8 != 0x80 or not 1 <= header & 7 <= 4:
        raise ValueError("unknown compression")
    size = int.from_bytes(reader.bytes(header & 7), "big")
    stream = zlib.decompressobj()
    rows = stream.decompress(reader.bytes(reader.left), size + 1)
    if len(rows) != size or not stream.eof:
        raise ValueError("compressed rows of another size")
    return rows


def _images(rows: bytes, place: int, action: int, readers: Sequence[Read]) -> tuple[Batch | None, Batch | None]:
    before: list[list[Value]] = [[] for _ in readers]
    after: list[list[Value]] = [[] for _ in readers]
    images = {_WRITE: [after], _UPDATE: [before, after], _DELETE: [before]}[action]
    sinks = [[(column.append, read) for column, read in zip(image, readers, strict=True)] for image in images]
    bitmap_bytes, count, size = (len(readers) + 7) // 8, 0, len(rows)
    while place < size:
        for image_sinks in sinks:
            place = _image(rows, place, bitmap_bytes, image_sinks)
            if place > size:
                raise ValueError("a row past the end")
        count += 1
    return (
        _batch(count, before) if action != _WRITE else None,
        _batch(count, after) if action != _DELETE else None,
    )


def _image(rows: bytes, place: int, bitmap_bytes: int, sinks: list[tuple[Callable[[Value], None], Read]]) -> int:
    nulls = int.from_bytes(rows[place : place + bitmap_bytes], "little")
    place += bitmap_bytes
    for append, read in sinks:
        if nulls & 1:
            append(None)
        else:
            value, place = read(rows, place)
            append(value)
        nulls >>= 1
    return place


def _batch(count: int, columns: list[list[Value]]) -> Batch:
    return Batch(count, tuple([ColumnData.of(values) for values in columns]))
