"""Values in conditions: constants that compare as the column itself compares, and arrays of keys as parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ferryman.connectors.postgresql.quoting import quote, quote_list, quote_text
from ferryman.kernel import Form, server_value, text_form
from ferryman.model.batch import Row, Value
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType

_MODIFIER = re.compile(r"\(-?\d+(?:,-?\d+)?\)")
_BARE_NAMES = {"character": "pg_catalog.bpchar", "bit": 'pg_catalog."bit"'}
"""Without a length these words mean a length of 1."""
_CONVERTED = frozenset({Form.BYTES, Form.BITS})


def columns_of(table: Table, names: Sequence[str]) -> list[Column]:
    """Return the table's columns of these names."""
    return [table.column(name) for name in names]


def condition_text(value: bytes, type_: ColumnType) -> bytes:
    """Return the server's text of a canonical value to compare a column with, whether or not it would fit there."""
    form = text_form(type_)
    return server_value(value, form) if form.form in _CONVERTED else value


def literal(value: Value, type_: ColumnType) -> str:
    """Return a constant without a type of its own: it takes that of what it is compared with or written to."""
    if value is None:
        return "NULL"
    return quote_text(condition_text(value, type_).decode("utf-8", "surrogateescape"))


def bare_type(type_: ColumnType) -> str:
    """Return the type's name without length or digits: a cast to it changes no value."""
    name = _MODIFIER.sub("", type_.native)
    if name.startswith("interval"):
        return "interval"
    return _BARE_NAMES.get(name, name)


def after(key: Sequence[Column], bound: Row) -> str:
    """Return the condition ``key > bound``."""
    return f"{_row(key)} > {_bound(key, bound)}"


def up_to(key: Sequence[Column], bound: Row) -> str:
    """Return the condition ``key <= bound``."""
    return f"{_row(key)} <= {_bound(key, bound)}"


def _row(key: Sequence[Column]) -> str:
    names = quote_list(column.name for column in key)
    return names if len(key) == 1 else f"({names})"


def _bound(key: Sequence[Column], bound: Row) -> str:
    texts = [literal(value, column.type) for value, column in zip(bound, key, strict=True)]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def array_text(values: Sequence[Value], type_: ColumnType) -> bytes:
    """Return values as the text of an array parameter."""
    return b"{" + b",".join([_element(value, type_) for value in values]) + b"}"


def _element(value: Value, type_: ColumnType) -> bytes:
    if value is None:
        return b"NULL"
    text = condition_text(value, type_)
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def key_condition(key: Sequence[Column], alias: str = "") -> str:
    """Return the condition that a row's key is among those given as array parameters ``$1`` …, one a key column."""
    prefix = f"{alias}." if alias else ""
    if len(key) == 1:
        return f"{prefix}{quote(key[0].name)} = ANY($1::{bare_type(key[0].type)}[])"
    arrays = ", ".join(f"${place}::{bare_type(column.type)}[]" for place, column in enumerate(key, 1))
    names = ", ".join(f"{prefix}{quote(column.name)}" for column in key)
    return f"({names}) IN (SELECT * FROM unnest({arrays}))"


def key_arrays(key: Sequence[Column], keys: Sequence[Row], at_once: int) -> Iterator[list[bytes]]:
    """Yield the parameters for `key_condition`, at most so many keys at once, each key once.

    A key with a NULL in it equals nothing, as in a unique index, and is left out.
    """
    wanted = [row for row in dict.fromkeys(keys) if None not in row]
    for start in range(0, len(wanted), at_once):
        columns = zip(*wanted[start : start + at_once], strict=True)
        yield [array_text(values, column.type) for values, column in zip(columns, key, strict=True)]
