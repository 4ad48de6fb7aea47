"""Reference: the TABLE_MAP event, with its optional metadata.

Source: MySQL internals manual, "Table_map_event"; MySQL WL#4618 (optional metadata); MariaDB ``sql/log_event_server.cc``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ferryman.kernel.errors import KernelError

_YEAR, _ENUM, _SET, _STRING, _GEOMETRY = 13, 247, 248, 254, 255
_NUMERIC = frozenset({1, 2, 3, 4, 5, 8, 9, 246})
_CHARACTER = frozenset({15, 140, 141, 249, 250, 251, 252, 253, 254})
_METADATA_BYTES = {
    **dict.fromkeys((1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14), 0),
    **dict.fromkeys((4, 5, 17, 18, 19, 140, 242, 245, 249, 250, 251, 252, 255), 1),
    **dict.fromkeys((0, 15, 16, 141, 246, 247, 248, 253, 254), 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMap:
    """A table map event.

    Attributes:
        wire_types: One type byte a column (real types of ENUM and SET resolved from their metadata).
        metadata: Per column the type's metadata as an integer (little-endian as in the event); 0 behind a type this
            kernel does not know, whose rows it refuses.
        names: Column names, from FULL metadata; empty when the server does not send them.
        unsigned: Per column, from metadata; empty when not sent, or when servers differ in how it is to be read.
        labels: Per column the ENUM or SET labels as raw bytes in the column's charset, from FULL metadata; empty when not sent.
        charsets: Per column the collation id, 0 where the column has none; empty when not sent, and for tables with a
            GEOMETRY, which MariaDB counts among the columns with one and MySQL does not.
        primary_key: Indexes of the primary key's columns; empty when not sent.
    """

    table_id: int
    database: str
    table: str
    wire_types: bytes
    metadata: tuple[int, ...]
    nullable: bytes
    names: tuple[str, ...] = ()
    unsigned: tuple[bool, ...] = ()
    labels: tuple[tuple[bytes, ...], ...] = ()
    charsets: tuple[int, ...] = ()
    primary_key: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.wire_types)


class Reader:
    """Reads the fields of an event in order; `ValueError` past its end."""

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self.data = data
        self.place = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.place

    def bytes(self, size: int) -> bytes:
        """Read `size` bytes."""
        if not 0 <= size <= self.left:
            raise ValueError("past the end")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, size: int) -> int:
        """Read a little-endian unsigned number."""
        return int.from_bytes(self.bytes(size), "little")

    def length(self) -> int:
        """Read a length-encoded number."""
        first = self.number(1)
        if first < 251:
            return first
        sizes = {252: 2, 253: 3, 254: 8}
        if first not in sizes:
            raise ValueError("not a length")
        return self.number(sizes[first])


@dataclass(slots=True)
class _Optional:
    """The optional metadata as the event lists it, before it is laid over the columns."""

    names: tuple[str, ...] = ()
    signs: bytes | None = None
    characters: Callable[[int], tuple[int, ...]] | None = None
    choices: Callable[[int], tuple[int, ...]] | None = None
    sets: tuple[tuple[bytes, ...], ...] | None = None
    enums: tuple[tuple[bytes, ...], ...] | None = None
    key: tuple[int, ...] = ()


def decode_table_map(body: bytes, *, table_id_bytes: int = 6) -> TableMap:
    """Decode the body (post-header on, without checksum) of a TABLE_MAP event.

    Equal bodies give the same object, so that what is prepared for a table map lives as long as the table stays as it is.

    Raises:
        KernelError: Malformed bytes (``log.corrupt``).
    """
    return _decode(bytes(body), table_id_bytes)


@lru_cache(maxsize=1024)
def _decode(body: bytes, table_id_bytes: int) -> TableMap:
    try:
        return _table_map(Reader(body), table_id_bytes)
    except (ValueError, LookupError) as error:
        raise KernelError("log.corrupt", f"a table map of {len(body)} bytes cannot be read: {error}") from error


def _table_map(reader: Reader, table_id_bytes: int) -> TableMap:
    table_id = reader.number(table_id_bytes)
    reader.number(2)
    database, table = _name(reader), _name(reader)
    width = reader.length()
    event_types = reader.bytes(width)
    wire_types, metadata = _metadata(event_types, Reader(reader.bytes(reader.length())))
    nullable = reader.bytes((width + 7) // 8)
    optional = _optional(reader)
    if optional.names and len(optional.names) != width:
        raise ValueError("as many names as columns")
    return TableMap(
        table_id=table_id,
        database=database,
        table=table,
        wire_types=wire_types,
        metadata=metadata,
        nullable=nullable,
        names=optional.names,
        unsigned=_unsigned(wire_types, optional),
        labels=_labels(wire_types, optional),
        charsets=_charsets(wire_types, optional),
        primary_key=optional.key,
    )


def _name(reader: Reader) -> str:
    name = reader.bytes(reader.number(1)).decode()
    reader.number(1)
    return name


def _metadata(event_types: bytes, reader: Reader) -> tuple[bytes, tuple[int, ...]]:
    wire_types, metadata = bytearray(event_types), [0] * len(event_types)
    for index, event_type in enumerate(event_types):
        size = _METADATA_BYTES.get(event_type)
        if size is None:
            break
        metadata[index] = reader.number(size)
        if event_type == _STRING and metadata[index] & 0xFF in (_ENUM, _SET):
            wire_types[index] = metadata[index] & 0xFF
    return bytes(wire_types), tuple(metadata)


def _optional(reader: Reader) -> _Optional:
    found = _Optional()
    while reader.left:
        kind = reader.number(1)
        _take_field(found, kind, reader.bytes(reader.length()))
    return found


def _take_field(found: _Optional, kind: int, data: bytes) -> None:
    if kind == 1:
        found.signs = data
    elif kind in (2, 3):
        found.characters = _collations(kind == 2, data)
    elif kind == 4:
        found.names = tuple(name.decode() for name in _strings(Reader(data)))
    elif kind == 5:
        found.sets = _label_lists(data)
    elif kind == 6:
        found.enums = _label_lists(data)
    elif kind in (8, 9):
        found.key = tuple(_lengths(data))[:: kind - 7]
    elif kind in (10, 11):
        found.choices = _collations(kind == 10, data)


def _lengths(data: bytes) -> Iterator[int]:
    reader = Reader(data)
    while reader.left:
        yield reader.length()


def _strings(reader: Reader) -> Iterator[bytes]:
    while reader.left:
        yield reader.bytes(reader.length())


def _label_lists(data: bytes) -> tuple[tuple[bytes, ...], ...]:
    reader = Reader(data)
    lists = []
    while reader.left:
        lists.append(tuple([reader.bytes(reader.length()) for _ in range(reader.length())]))
    return tuple(lists)


def _collations(with_default: bool, data: bytes) -> Callable[[int], tuple[int, ...]]:
    """Return the collations of the first `n` columns concerned: listed one by one, or a default and its exceptions."""
    listed = list(_lengths(data))
    if not with_default:
        return lambda count: tuple(listed[:count])
    exceptions = dict(zip(listed[1::2], listed[2::2], strict=True))
    return lambda count: tuple([exceptions.get(index, listed[0]) for index in range(count)])


def _unsigned(wire_types: bytes, optional: _Optional) -> tuple[bool, ...]:
    """Lay the sign bits, most significant first and only of numeric columns, over all columns.

    MariaDB counts YEAR among the numeric columns, MySQL's own reader does not, and the event does not say who wrote it.
    Where the two readings differ nothing is said: a wrong sign would change values in silence (I9).
    """
    if optional.signs is None:
        return ()
    readings = {_signs(wire_types, optional.signs, counted) for counted in (_NUMERIC, _NUMERIC | {_YEAR})}
    return next(iter(readings - {()})) if len(readings - {()}) == 1 else ()


def _signs(wire_types: bytes, signs: bytes, counted: frozenset[int]) -> tuple[bool, ...]:
    columns = [index for index, wire_type in enumerate(wire_types) if wire_type in counted]
    if len(signs) != (len(columns) + 7) // 8:
        return ()
    bits = int.from_bytes(signs, "big")
    unsigned = {column for place, column in enumerate(columns) if bits >> (8 * len(signs) - 1 - place) & 1}
    return tuple(index in unsigned and wire_type != _YEAR for index, wire_type in enumerate(wire_types))


def _labels(wire_types: bytes, optional: _Optional) -> tuple[tuple[bytes, ...], ...]:
    if optional.sets is None and optional.enums is None:
        return ()
    sets, enums = iter(optional.sets or ()), iter(optional.enums or ())
    return tuple(next(sets, ()) if t == _SET else next(enums, ()) if t == _ENUM else () for t in wire_types)


def _charsets(wire_types: bytes, optional: _Optional) -> tuple[int, ...]:
    if (optional.characters is None and optional.choices is None) or _GEOMETRY in wire_types:
        return ()
    characters = iter(_counted(optional.characters, sum(t in _CHARACTER for t in wire_types)))
    choices = iter(_counted(optional.choices, sum(t in (_ENUM, _SET) for t in wire_types)))
    return tuple(
        next(characters, 0) if t in _CHARACTER else next(choices, 0) if t in (_ENUM, _SET) else 0 for t in wire_types
    )


def _counted(collations: Callable[[int], tuple[int, ...]] | None, count: int) -> tuple[int, ...]:
    return collations(count) if collations is not None else ()
