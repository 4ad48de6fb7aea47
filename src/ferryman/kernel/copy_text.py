r"""Reference: values and rows in PostgreSQL's text form, to and from the canonical form.

The server's text is that of a session with ``DateStyle=ISO``, ``IntervalStyle=postgres``, ``TimeZone=UTC``,
``bytea_output=hex`` and ``extra_float_digits`` of 1 or more: what ``COPY`` and ``pgoutput`` send, and what ``COPY`` and
parameters take. In COPY's text format a row is its values joined by TAB and ended by a line feed; NULL is ``\N``;
backslash, TAB, line feed and carriage return in a value are escaped.
"""

from __future__ import annotations

import enum
import math
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from ferryman.kernel.errors import KernelError
from ferryman.kernel.values import double_text, single_text
from ferryman.model.batch import Batch, ColumnData, Row, Value
from ferryman.model.types import BYTES_KINDS, ColumnType, Kind


class Form(enum.IntEnum):
    """How the server writes the values of a column."""

    PLAIN = 0
    """As the canonical form does."""
    TEXT = 1
    """Likewise, but no more than `width` characters (0: any number)."""
    PADDED = 2
    """Characters padded with blanks to `width`."""
    BOOLEAN = 3
    """``t`` and ``f`` for ``1`` and ``0``."""
    DECIMAL = 4
    """A number with at most `width` digits after the point (-1: any number)."""
    SINGLE = 5
    """The shortest decimal that names a single, in a layout of its own."""
    DOUBLE = 6
    """The shortest decimal that names a double, in a layout of its own."""
    BYTES = 7
    r"""``\x`` and hexadecimal digits."""
    BITS = 8
    """`width` binary digits."""
    CLOCK = 9
    """A time whose fraction has at most `width` digits, trailing zeros left out; perhaps with ``+00`` behind it."""
    DATE = 10
    """A date without a time of day."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """The form of a column's values, with what limits them."""

    form: Form
    width: int = 0


class MisfitError(ValueError):
    """A value that the server would change in silence to make it fit (I5).

    Attributes:
        column: Index of its column.
        reason: What is too much, for ``column … cannot hold <reason>``.
    """

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


_CLOCK_KINDS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_BY_KIND = {Kind.FLOAT: Form.SINGLE, Kind.DOUBLE: Form.DOUBLE, Kind.DATE: Form.DATE}


def text_form(type_: ColumnType) -> TextForm:
    """Return the form of a column's values at the server; `type_` is the column's type there."""
    kind = type_.kind
    if kind is Kind.INTEGER and type_.bits == 1:
        return TextForm(Form.BOOLEAN)
    if kind is Kind.DECIMAL:
        return TextForm(Form.DECIMAL, -1 if type_.scale is None else type_.scale)
    if kind in _CLOCK_KINDS:
        return TextForm(Form.CLOCK, type_.fraction)
    if kind in BYTES_KINDS:
        return TextForm(Form.BYTES)
    if kind is Kind.BIT:
        return TextForm(Form.BITS, type_.bits)
    if kind in {Kind.CHAR, Kind.VARCHAR}:
        return TextForm(Form.PADDED if kind is Kind.CHAR else Form.TEXT, type_.length or 0)
    return TextForm(_BY_KIND.get(kind, Form.PLAIN))


# --- the server's text → canonical ------------------------------------------------------------------------------------

_SINGLE = struct.Struct("<f")
_BITS = struct.Struct("<I")
_CLOCK = re.compile(rb"([^.+]*\d)(?:\.(\d{1,6}))?(?:\+00)?")
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def canonical_value(text: bytes, form: TextForm) -> bytes:
    """Return the canonical form of one value.

    What no canonical form exists for (``NaN``, ``infinity``, years BC) stays as the server writes it.

    Raises:
        KernelError: ``wire.malformed`` for text that no server writes.
    """
    try:
        return _READERS.get(form.form, _plain)(text, form.width)
    except (ValueError, OverflowError):
        raise KernelError("wire.malformed", f"a value that is no {form.form.name}") from None


def _plain(text: bytes, width: int) -> bytes:
    return text


def _read_boolean(text: bytes, width: int) -> bytes:
    return {b"t": b"1", b"f": b"0"}.get(text) or _refuse()


def _refuse() -> bytes:
    raise ValueError


def _read_padded(text: bytes, width: int) -> bytes:
    return text.rstrip(b" ")


def _read_single(text: bytes, width: int) -> bytes:
    return single_text(nearest_single(text)) if text[-1:].isdigit() else text


def _read_double(text: bytes, width: int) -> bytes:
    return double_text(float(text)) if text[-1:].isdigit() else text


def _read_bytes(text: bytes, width: int) -> bytes:
    if text[:2] != b"\\x" or any(byte in b" \t\n\r\f\v" for byte in text):
        raise ValueError
    return bytes.fromhex(text[2:].decode("ascii"))


def _read_bits(text: bytes, width: int) -> bytes:
    if not text or text.strip(b"01"):
        raise ValueError
    return b"%d" % int(text, 2)


def _read_clock(text: bytes, width: int) -> bytes:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return text
    return match[1] + b"." + (match[2] or b"").ljust(width, b"0") if width else match[1]


_READERS: dict[Form, Callable[[bytes, int], bytes]] = {
    Form.PADDED: _read_padded,
    Form.BOOLEAN: _read_boolean,
    Form.SINGLE: _read_single,
    Form.DOUBLE: _read_double,
    Form.BYTES: _read_bytes,
    Form.BITS: _read_bits,
    Form.CLOCK: _read_clock,
}


def nearest_single(text: bytes) -> float:
    """Return the single nearest to a decimal, rounded once (`float` and then `struct` would round twice)."""
    value = float(text)
    single = _rounded(value)
    exact = Fraction(text.decode("ascii"))
    if single == value or exact == Fraction(value):
        return single
    # Only where the double lies in the middle of two singles has the first rounding decided the second.
    for step in (-1, 1):
        other = _neighbour(single, step)
        if math.isfinite(other) and abs(Fraction(other) - exact) < abs(Fraction(single) - exact):
            return other
    return single


_GREATEST = (2 - 2.0**-23) * 2.0**127


def _rounded(value: float) -> float:
    """Round a double to the nearest single; `struct` refuses what lies just beyond the greatest one."""
    if _GREATEST < abs(value) < _GREATEST + 2.0**103:
        return math.copysign(_GREATEST, value)
    single: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return single


def _neighbour(single: float, step: int) -> float:
    bits = _BITS.unpack(_SINGLE.pack(single))[0]
    other: float = _SINGLE.unpack(_BITS.pack(bits + step if bits & 0x7FFFFFFF else bits + 1))[0]
    return other


def decode_copy(data: bytes, forms: Sequence[TextForm]) -> Batch:
    """Return whole rows of COPY's text as a canonical batch.

    Raises:
        KernelError: ``wire.malformed``: a row of another width, an unfinished row, a value of another form.
    """
    rows = [_decoded(line, forms) for line in data.split(b"\n")[:-1]]
    if data and not data.endswith(b"\n"):
        raise KernelError("wire.malformed", "a row of a copy is cut off")
    return Batch.of(rows, len(forms))


def _decoded(line: bytes, forms: Sequence[TextForm]) -> Row:
    fields = line.split(b"\t")
    if len(fields) != len(forms):
        raise KernelError("wire.malformed", f"a row of {len(fields)} values where {len(forms)} were asked for")
    return tuple(
        None if field == b"\\N" else canonical_value(_unescaped(field), form)
        for field, form in zip(fields, forms, strict=True)
    )


def _unescaped(field: bytes) -> bytes:
    if b"\\" not in field:
        return field
    plain = _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), field)
    if len(field) - len(field.rstrip(b"\\")) & 1:
        raise KernelError("wire.malformed", "a value of a copy ends amid an escape")
    return plain


# --- canonical → the server's text ------------------------------------------------------------------------------------


def server_value(value: bytes, form: TextForm) -> bytes:
    """Return the text that the server reads back to the same value.

    Raises:
        MisfitError: The server would change the value in silence; `column` is 0.
    """
    write = _WRITERS.get(form.form)
    return value if write is None else write(value, form.width)


def _misfit(reason: str) -> MisfitError:
    return MisfitError(0, reason)


_NO_NUMBERS = frozenset({b"NaN", b"Infinity", b"-Infinity"})


def _write_text(value: bytes, width: int) -> bytes:
    if width and len(value) > width and len(value) - sum(0x80 <= byte < 0xC0 for byte in value) > width:
        raise _misfit(f"more than {width} characters")
    return value


def _write_decimal(value: bytes, width: int) -> bytes:
    if width >= 0 and value.partition(b".")[2][width:].strip(b"0"):
        raise _misfit(f"more than {width} digits after the point")
    return value


def _write_single(value: bytes, width: int) -> bytes:
    """Nine digits name a single whichever way they are rounded; what is no number has a name."""
    if value in _NO_NUMBERS:
        return value
    try:
        single = _rounded(float(value))
        text = single_text(single)
    except (ValueError, OverflowError):
        raise _misfit("a number beyond single precision") from None
    if text != value:
        raise _misfit("more digits than single precision has")
    return b"%.9g" % single


def _write_bytes(value: bytes, width: int) -> bytes:
    return b"\\x" + value.hex().encode()


def _write_bits(value: bytes, width: int) -> bytes:
    if not value.isdigit() or (number := int(value)) >> width:
        raise _misfit(f"more than {width} bits")
    return f"{number:0{width}b}".encode()


def _write_clock(value: bytes, width: int) -> bytes:
    if value.partition(b".")[2].removesuffix(b" BC")[width:].strip(b"0"):
        raise _misfit(f"more than {width} digits of fractional seconds")
    return value


def _write_date(value: bytes, width: int) -> bytes:
    if b":" in value:
        raise _misfit("a date with a time of day")
    return value


_WRITERS: dict[Form, Callable[[bytes, int], bytes]] = {
    Form.TEXT: _write_text,
    Form.PADDED: _write_text,
    Form.DECIMAL: _write_decimal,
    Form.SINGLE: _write_single,
    Form.BYTES: _write_bytes,
    Form.BITS: _write_bits,
    Form.CLOCK: _write_clock,
    Form.DATE: _write_date,
}
NUL = "the character NUL (U+0000)"
"""Why text with a NUL is refused: PostgreSQL's strings end there."""

_SPECIAL = re.compile(rb"[\\\t\n\r]")
_COPY_ESCAPES = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r"}


def encode_copy(batch: Batch, forms: Sequence[TextForm]) -> bytes:
    """Return the rows of a batch as COPY's text.

    Raises:
        MisfitError: The server would change a value in silence.
    """
    columns = [
        _encoded(column, form, place) for place, (column, form) in enumerate(zip(batch.columns, forms, strict=True))
    ]
    return b"".join([b"\t".join(row) + b"\n" for row in zip(*columns, strict=True)])


def _encoded(column: ColumnData, form: TextForm, place: int) -> list[bytes]:
    if b"\0" in column.data and form.form is not Form.BYTES:
        raise MisfitError(place, NUL)
    write: Callable[[Value], bytes] = partial(_field, form=form)
    try:
        return [write(value) for value in column.values()]
    except MisfitError as misfit:
        raise MisfitError(place, misfit.reason) from None


def _field(value: Value, form: TextForm) -> bytes:
    if value is None:
        return b"\\N"
    text = server_value(value, form)
    return _SPECIAL.sub(_escape, text) if _SPECIAL.search(text) else text


def _escape(match: re.Match[bytes]) -> bytes:
    return _COPY_ESCAPES[match.group()]
