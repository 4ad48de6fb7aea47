"""Values in conditions: literals that compare as the column itself compares, and the conditions made of them.

A condition must select what the *server* takes for equal or greater, under the column's own collation, and the index
must stay usable. So each kind is written in the form in which the column is compared without a conversion of the column:
ENUM and SET by number (they sort by it, and OceanBase refuses some comparisons with their labels), FLOAT as the exact
double behind it, temporal values and text as strings, bytes in hexadecimal.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ferryman.connectors.mysql_family.quoting import quote
from ferryman.kernel import literal, literal_writer
from ferryman.model.batch import Row, Value
from ferryman.model.schema import Column, Table
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind

_NUMBERED_KINDS = frozenset({Kind.ENUM, Kind.SET})
_TEXT_KINDS = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.TEXT})


def comparable(value: bytes, kind: ColumnType) -> bytes:
    """Return a literal that compares with a column of that type as the value itself does."""
    return comparator(kind)(value)


def comparator(kind: ColumnType) -> Callable[[bytes], bytes]:
    """Return what makes such literals of the values of one column."""
    if kind.kind is Kind.FLOAT:
        return exact_float
    if kind.kind is Kind.ENUM:
        return partial(enum_number, kind=kind)
    if kind.kind is Kind.SET:
        return partial(set_number, kind=kind)
    if kind.kind in BYTES_KINDS:
        return bytes_literal
    return literal_writer(kind.kind)


def bytes_literal(value: bytes) -> bytes:
    """Return bytes in hexadecimal; none at all as ``_binary''``: seekdb 1.4 reads ``(x''`` as the three characters."""
    return b"x'%s'" % value.hex().encode() if value else b"_binary''"


def exact_float(value: bytes) -> bytes:
    """Return the double that a single-precision number is: ``0.1`` is ``0.10000000149011612`` in a FLOAT column."""
    return repr(struct.unpack("<f", struct.pack("<f", float(value)))[0]).encode()


def enum_number(label: bytes, kind: ColumnType) -> bytes:
    """Return the 1-based place of a label; 0 is the error value, whose label is empty."""
    text = label.decode()
    return b"%d" % (kind.values.index(text) + 1 if text in kind.values else 0)


def set_number(labels: bytes, kind: ColumnType) -> bytes:
    """Return the bits of the chosen labels."""
    chosen = labels.decode().split(",") if labels else []
    return b"%d" % sum(1 << kind.values.index(label) for label in chosen)


def columns_of(table: Table, names: Sequence[str]) -> list[Column]:
    """Return the table's columns of these names."""
    return [table.column(name) for name in names]


def name_of(column: Column) -> bytes:
    """Return the quoted name as SQL bytes."""
    return quote(column.name).encode()


def after(key: Sequence[Column], bound: Row) -> bytes:
    """Return the condition ``key > bound``, in a form in which every engine of the family finds the range of the index.

    ``(a>=1 AND (a>1 OR (a=1 AND b>2)))``: MariaDB and MySQL make no range of a row comparison, and OceanBase splits a
    bare OR-chain into several scans and sorts their union.
    """
    return _beyond(key, bound, b">", b">")


def up_to(key: Sequence[Column], bound: Row) -> bytes:
    """Return the condition ``key <= bound``, in the same form."""
    return _beyond(key, bound, b"<", b"<=")


def _beyond(key: Sequence[Column], bound: Row, strict: bytes, last: bytes) -> bytes:
    name, text = name_of(key[0]), _bound(key[0], bound[0])
    if len(key) == 1:
        return name + last + text
    inner = _beyond(key[1:], bound[1:], strict, last)
    return b"(%s%s=%s AND (%s%s%s OR (%s=%s AND %s)))" % (name, strict, text, name, strict, text, name, text, inner)


def _bound(column: Column, value: Value) -> bytes:
    if value is None:
        raise ValueError(f"a key bound of {column.name} cannot be NULL")
    return comparable(value, column.type)


def key_conditions(key: Sequence[Column], keys: Sequence[Row], *, rows: int, max_bytes: int) -> Iterator[bytes]:
    """Yield conditions that together select the rows with these keys, each of at most so many keys and bytes.

    A key with a NULL in it equals nothing, as in a unique index, and is left out.
    """
    one, joined = _key_forms(key)
    parts: list[bytes] = []
    size = 0
    for values in keys:
        if None in values:
            continue
        part = one(values)
        if parts and (len(parts) >= rows or size + len(part) > max_bytes):
            yield joined(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield joined(parts)


def _key_forms(key: Sequence[Column]) -> tuple[Callable[[Row], bytes], Callable[[Sequence[bytes]], bytes]]:
    """Return how one key is written, and how many are: ``k IN (1,2)``, ``(a,b) IN ((1,2),(3,4))``.

    MySQL (5.6 tried) compares ENUM and SET within a row as text, and finds nothing by their numbers: there it is
    ``((a=1 AND b=2) OR (a=3 AND b=4))``.
    """
    names = [name_of(column) for column in key]
    writers = [comparator(column.type) for column in key]

    def texts(values: Row) -> list[bytes]:
        return [write(value) for write, value in zip(writers, values, strict=True) if value is not None]

    if len(key) == 1:
        return lambda values: writers[0](values[0] or b""), lambda parts: b"%s IN (%s)" % (names[0], b",".join(parts))
    if any(column.type.kind in _NUMBERED_KINDS for column in key):
        return (
            lambda values: b"(%s)" % b" AND ".join(map(b"%s=%s".__mod__, zip(names, texts(values), strict=True))),
            lambda parts: b"(%s)" % b" OR ".join(parts),
        )
    listed = b",".join(names)
    return lambda values: b"(%s)" % b",".join(texts(values)), lambda parts: b"(%s) IN (%s)" % (listed, b",".join(parts))


def same_row(columns: Sequence[Column], row: Row, *, native_json: bool) -> bytes:
    """Return the condition that a row equals `row` in all these columns, NULL for NULL and byte for byte.

    Args:
        columns: The table's columns.
        row: Their values.
        native_json: JSON is a type of its own here (compared as JSON), not text (compared as bytes).
    """
    return b" AND ".join(
        same_value(column, value, native_json=native_json) for column, value in zip(columns, row, strict=True)
    )


def same_value(column: Column, value: Value, *, native_json: bool) -> bytes:
    """Return the condition that a column holds exactly this value."""
    name, kind = name_of(column), column.type.kind
    if value is None:
        return name + b" IS NULL"
    if kind in (Kind.FLOAT, Kind.DOUBLE):
        return _same_float(name, value, column.type)
    if kind is Kind.JSON and native_json:
        return b"%s=CAST(%s AS JSON)" % (name, literal(value, Kind.JSON))
    if kind is Kind.JSON:
        # A document with numbers at risk is written as an expression: the text it makes is what stands in the column.
        return b"CAST(CONVERT(%s USING utf8mb4) AS BINARY)=CAST(%s AS BINARY)" % (name, literal(value, Kind.JSON))
    if kind in _TEXT_KINDS:
        # A collation takes other bytes for equal: letters of another case, trailing blanks.
        return b"CAST(CONVERT(%s USING utf8mb4) AS BINARY)=%s" % (name, bytes_literal(value))
    if kind is Kind.GEOMETRY:
        return b"CAST(%s AS BINARY)=%s" % (name, bytes_literal(value))
    return name + b"=" + comparable(value, column.type)


def _same_float(name: bytes, value: bytes, kind: ColumnType) -> bytes:
    if float(value) != 0:
        return name + b"=" + comparable(value, kind)
    # 0 = -0, but they are two values. ABS: from a plain ``x=0`` OceanBase concludes that x is 0 and loses the sign.
    sign = b"=" if value.startswith(b"-") else b"<>"
    return b"(ABS(%s)=0 AND LEFT(CONCAT(%s),1)%s'-')" % (name, name, sign)
