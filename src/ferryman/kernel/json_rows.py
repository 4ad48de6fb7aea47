"""Reference: canonical values as JSON text, and a text for each row made of literal parts with values between them."""

from __future__ import annotations

import enum
import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence

from ferryman.model.batch import ColumnData


class JsonForm(enum.IntEnum):
    """How the values of a column are written; NULL is ``null`` in any form."""

    PLAIN = 0
    """As they stand: numbers, and text that is JSON already."""
    STRING = 1
    """A string: control characters, quotation marks and backslashes escaped, all else as it is."""
    BASE64 = 2
    """A string of Base64."""
    HEXADECIMAL = 3
    """A string of hexadecimal digits, in capitals."""


Texts = ColumnData | list[bytes]
"""Values of a column: canonical, or a text a row."""

_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')
_SHORT = {b'"': rb"\"", b"\\": rb"\\", b"\n": rb"\n", b"\r": rb"\r", b"\t": rb"\t", b"\f": rb"\f", b"\b": rb"\b"}


def fill_rows(parts: Sequence[bytes], columns: Sequence[Texts], forms: Sequence[JsonForm], rows: int) -> list[bytes]:
    """Return for each row the first part, the value of the first column, the second part, and so on.

    Args:
        parts: One more than columns.
        columns: Each of `rows` values.
        forms: How the values of each column are written.
        rows: How many texts are made.
    """
    if len(parts) != len(columns) + 1 or len(forms) != len(columns):
        raise ValueError("as many forms as columns, and one part more")
    if not columns:
        return [parts[0]] * rows
    texts = [_texts(column, form, rows) for column, form in zip(columns, forms, strict=True)]
    template = b"%b".join(part.replace(b"%", b"%%") for part in parts)
    return [template % row for row in zip(*texts, strict=True)]


def _texts(column: Texts, form: JsonForm, rows: int) -> list[bytes]:
    values = column.values() if isinstance(column, ColumnData) else column
    if len(values) != rows:
        raise ValueError("a column of another row count")
    if form is JsonForm.PLAIN:
        return [b"null" if value is None else value for value in values]
    if form is JsonForm.STRING and isinstance(column, ColumnData) and not _SPECIAL.search(column.data):
        return [b"null" if value is None else b'"%b"' % value for value in values]
    write = _WRITERS[form]
    return [b"null" if value is None else write(value) for value in values]


def _string(value: bytes) -> bytes:
    return b'"%b"' % _SPECIAL.sub(_escaped, value)


def _escaped(match: re.Match[bytes]) -> bytes:
    return _SHORT.get(match[0]) or b"\\u%04x" % match[0][0]


_WRITERS: dict[JsonForm, Callable[[bytes], bytes]] = {
    JsonForm.STRING: _string,
    JsonForm.BASE64: lambda value: b'"%b"' % b2a_base64(value, newline=False),
    JsonForm.HEXADECIMAL: lambda value: b'"%b"' % value.hex().upper().encode(),
}
