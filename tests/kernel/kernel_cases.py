"""A small, independent encoder of what servers send: the binary protocol and the binlog, for random values of all kinds.

Each `Case` says how one column is declared, how a random value is drawn, what its canonical bytes are (computed with
`decimal`, `datetime` and `repr`, not with the kernel), and how a server would send it by either way.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ferryman.kernel import WireColumn
from ferryman.model.types import ColumnType, Kind


@dataclass(frozen=True)
class Case:
    name: str
    type: ColumnType
    values: st.SearchStrategy[Any]
    canonical: Callable[[Any], bytes]
    wire_type: int
    to_wire: Callable[[Any], bytes]
    log_type: int
    log_meta: bytes
    to_log: Callable[[Any], bytes]
    unsigned: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def wire_column(self) -> WireColumn:
        return WireColumn(self.wire_type, self.unsigned, self.type)


def lenenc(data: bytes) -> bytes:
    size = len(data)
    if size < 251:
        return bytes((size,)) + data
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + data
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3] + data
    return b"\xfe" + struct.pack("<Q", size) + data


def _ends(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high, min(max(0, low), high)]) | st.integers(low, high)


def integer_case(bits: int, unsigned: bool) -> Case:
    size, (wire_type, log_size) = bits // 8, {8: (1, 1), 16: (2, 2), 24: (9, 3), 32: (3, 4), 64: (8, 8)}[bits]
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    wire_size = 4 if size == 3 else size
    return Case(
        f"int{bits}{'u' if unsigned else ''}",
        ColumnType(kind=Kind.INTEGER, bits=bits, unsigned=unsigned),
        _ends(low, high),
        lambda v: str(v).encode(),
        wire_type,
        lambda v: v.to_bytes(wire_size, "little", signed=not unsigned),
        wire_type,
        b"",
        lambda v: v.to_bytes(log_size, "little", signed=not unsigned),
        unsigned,
    )


_GROUP = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def pack_decimal(value: Decimal, precision: int, scale: int) -> bytes:
    """decimal2bin, written from its description."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).rjust(scale + 1, "0")
    assert exponent == -scale
    whole, part = (text[:-scale], text[-scale:]) if scale else (text, "")
    whole = whole.lstrip("0").rjust(precision - scale, "0") if precision > scale else ""
    head = len(whole) % 9
    groups = [whole[:head]] * bool(head) + [whole[i : i + 9] for i in range(head, len(whole), 9)]
    groups += [part[i : i + 9] for i in range(0, len(part), 9)]
    packed = bytearray(b"".join(int(group).to_bytes(_GROUP[len(group)], "big") for group in groups))
    packed[0] ^= 0x80
    return bytes(byte ^ 0xFF for byte in packed) if sign else bytes(packed)


def decimal_case(precision: int, scale: int) -> Case:
    def draw(unscaled: int) -> Decimal:
        return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))

    def canonical(value: Decimal) -> bytes:
        sign, digits, _ = value.as_tuple()
        text = "".join(map(str, digits)).rjust(scale + 1, "0")
        text = f"{text[:-scale]}.{text[-scale:]}" if scale else text
        return ("-" * sign + text).encode()

    limit = 10**precision - 1
    return Case(
        f"decimal{precision}_{scale}",
        ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale),
        (st.sampled_from([0, 1, -1, limit, -limit]) | st.integers(-limit, limit)).map(draw),
        canonical,
        246,
        lambda v: lenenc(canonical(v)),
        246,
        bytes((precision, scale)),
        lambda v: pack_decimal(v, precision, scale),
    )


def double_text(value: float) -> bytes:
    return repr(value).removesuffix(".0").encode()


def shortest_single(value: float) -> bytes:
    candidates = (float(f"{value:.{digits}e}") for digits in range(9))
    return next(
        double_text(c) for c in candidates if abs(c) < 3.4028236e38 and struct.pack("<f", c) == struct.pack("<f", value)
    )


SINGLE = Case(
    "float",
    ColumnType(kind=Kind.FLOAT),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    shortest_single,
    4,
    lambda v: struct.pack("<f", v),
    4,
    b"\x04",
    lambda v: struct.pack("<f", v),
)
DOUBLE = Case(
    "double",
    ColumnType(kind=Kind.DOUBLE),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60).map(float),
    double_text,
    5,
    lambda v: struct.pack("<d", v),
    5,
    b"\x08",
    lambda v: struct.pack("<d", v),
)


def bit_case(bits: int) -> Case:
    size = (bits + 7) // 8
    return Case(
        f"bit{bits}",
        ColumnType(kind=Kind.BIT, bits=bits),
        _ends(0, 2**bits - 1),
        lambda v: str(v).encode(),
        16,
        lambda v: lenenc(v.to_bytes(size, "big")),
        16,
        bytes((bits % 8, bits // 8)),
        lambda v: v.to_bytes(size, "big"),
        True,
    )


YEAR = Case(
    "year",
    ColumnType(kind=Kind.YEAR),
    st.just(0) | _ends(1901, 2155),
    lambda v: b"%04d" % v,
    13,
    lambda v: struct.pack("<H", v),
    13,
    b"",
    lambda v: bytes((v - 1900 if v else 0,)),
    True,
)

_dates = st.just((0, 0, 0)) | st.tuples(_ends(0, 9999), st.integers(0, 12), st.integers(0, 31))
DATE = Case(
    "date",
    ColumnType(kind=Kind.DATE),
    _dates,
    lambda v: b"%04d-%02d-%02d" % v,
    10,
    lambda v: b"\x04" + struct.pack("<HBB", *v) if any(v) else b"\0",
    10,
    b"",
    lambda v: (v[0] << 9 | v[1] << 5 | v[2]).to_bytes(3, "little"),
)


def _micros(fraction: int) -> st.SearchStrategy[int]:
    return _ends(0, 10**fraction - 1).map(lambda n: n * 10 ** (6 - fraction))


def _pack_fraction(micros: int, fraction: int) -> bytes:
    size = (fraction + 1) // 2
    return (micros // 10 ** (6 - 2 * size)).to_bytes(size, "big")


def _tail(micros: int, fraction: int) -> bytes:
    return b".%0*d" % (fraction, micros // 10 ** (6 - fraction)) if fraction else b""


def datetime_case(fraction: int) -> Case:
    def to_wire(value: Any) -> bytes:
        date, clock, micros = value
        if micros:
            return b"\x0b" + struct.pack("<HBBBBBI", *date, *clock, micros)
        if any(clock):
            return b"\x07" + struct.pack("<HBBBBB", *date, *clock)
        return b"\x04" + struct.pack("<HBB", *date) if any(date) else b"\0"

    def to_log(value: Any) -> bytes:
        (year, month, day), (hour, minute, second), micros = value
        packed = ((year * 13 + month) << 5 | day) << 17 | hour << 12 | minute << 6 | second
        return (packed + (1 << 39)).to_bytes(5, "big") + _pack_fraction(micros, fraction)

    return Case(
        f"datetime{fraction}",
        ColumnType(kind=Kind.DATETIME, fraction=fraction),
        st.tuples(_dates, st.tuples(_ends(0, 23), _ends(0, 59), _ends(0, 59)), _micros(fraction)),
        lambda v: b"%04d-%02d-%02d" % v[0] + b" %02d:%02d:%02d" % v[1] + _tail(v[2], fraction),
        12,
        to_wire,
        18,
        bytes((fraction,)),
        to_log,
    )


def timestamp_case(fraction: int) -> Case:
    def parts(value: Any) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value[0])

    def canonical(value: Any) -> bytes:
        text = parts(value).strftime("%Y-%m-%d %H:%M:%S") if any(value) else "0000-00-00 00:00:00"
        return text.encode() + _tail(value[1], fraction)

    def to_wire(value: Any) -> bytes:
        if not any(value):
            return b"\0"
        when = parts(value)
        fields = (when.year, when.month, when.day, when.hour, when.minute, when.second)
        if value[1]:
            return b"\x0b" + struct.pack("<HBBBBBI", *fields, value[1])
        return b"\x07" + struct.pack("<HBBBBB", *fields)

    return Case(
        f"timestamp{fraction}",
        ColumnType(kind=Kind.TIMESTAMP, fraction=fraction),
        st.just((0, 0)) | st.tuples(_ends(1, 2**32 - 1), _micros(fraction)),
        canonical,
        7,
        to_wire,
        17,
        bytes((fraction,)),
        lambda v: v[0].to_bytes(4, "big") + _pack_fraction(v[1], fraction),
    )


def time_case(fraction: int) -> Case:
    limit = (838 * 3600 + 59 * 60 + 59) * 1_000_000
    step = 10 ** (6 - fraction)

    def fields(value: int) -> tuple[int, int, int, int, int]:
        seconds, micros = divmod(abs(value), 1_000_000)
        return int(value < 0), seconds // 3600, seconds // 60 % 60, seconds % 60, micros

    def canonical(value: int) -> bytes:
        sign, hour, minute, second, micros = fields(value)
        return b"-" * sign + b"%02d:%02d:%02d" % (hour, minute, second) + _tail(micros, fraction)

    def to_wire(value: int) -> bytes:
        sign, hour, minute, second, micros = fields(value)
        head = struct.pack("<BIBBB", sign, hour // 24, hour % 24, minute, second)
        if micros:
            return b"\x0c" + head + struct.pack("<I", micros)
        return b"\x08" + head if value else b"\0"

    def to_log(value: int) -> bytes:
        size = (fraction + 1) // 2
        _, hour, minute, second, micros = fields(value)
        packed = (hour << 12 | minute << 6 | second) << 8 * size | (micros // 10 ** (6 - 2 * size) if size else 0)
        return ((packed if value >= 0 else -packed) + (0x800000 << 8 * size)).to_bytes(3 + size, "big")

    return Case(
        f"time{fraction}",
        ColumnType(kind=Kind.TIME, fraction=fraction),
        (st.sampled_from([-1, 0, 1, -limit // step, limit // step]) | st.integers(-limit // step, limit // step)).map(
            lambda n: n * step
        ),
        canonical,
        11,
        to_wire,
        19,
        bytes((fraction,)),
        to_log,
    )


_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def varchar_case(charset: str, codec: str, length: int, alphabet: str | None = None) -> Case:
    def to_log(value: str) -> bytes:
        data = value.encode(codec)
        return len(data).to_bytes(1 if length < 256 else 2, "little") + data

    return Case(
        f"varchar{length}_{charset}",
        ColumnType(kind=Kind.VARCHAR, length=length, charset=charset),
        st.text(alphabet, max_size=30) if alphabet else _text,
        str.encode,
        253,
        lambda v: lenenc(v.encode()),
        15,
        struct.pack("<H", length),
        to_log,
    )


CHAR = Case(
    "char",
    ColumnType(kind=Kind.CHAR, length=40, charset="utf8mb4"),
    _text.map(lambda text: text.rstrip(" ")),
    str.encode,
    254,
    lambda v: lenenc(v.encode()),
    254,
    bytes((254, 160)),
    lambda v: lenenc(v.encode()),
)
BINARY = Case(
    "binary",
    ColumnType(kind=Kind.BINARY, length=16),
    st.binary(max_size=16),
    lambda v: v.ljust(16, b"\0"),
    254,
    lambda v: lenenc(v.ljust(16, b"\0")),
    254,
    bytes((254, 16)),
    lambda v: lenenc(v.rstrip(b"\0")),
)


def blob_case(kind: Kind, size_bytes: int, values: st.SearchStrategy[bytes] | None = None) -> Case:
    return Case(
        f"{kind.value}{size_bytes}",
        ColumnType(kind=kind, charset="utf8mb4" if kind in (Kind.TEXT, Kind.JSON) else None),
        st.binary(max_size=300 if size_bytes > 1 else 255) if values is None else values,
        bytes,
        252,
        lenenc,
        255 if kind is Kind.GEOMETRY else 252,
        bytes((size_bytes,)),
        lambda v: len(v).to_bytes(size_bytes, "little") + v,
    )


_LABELS = ("a", "b,c", "é", "")
ENUM = Case(
    "enum",
    ColumnType(kind=Kind.ENUM, values=_LABELS[:3], charset="utf8mb4"),
    st.integers(0, 3),
    lambda v: ("", *_LABELS[:3])[v].encode(),
    254,
    lambda v: lenenc(("", *_LABELS[:3])[v].encode()),
    254,
    bytes((247, 1)),
    lambda v: bytes((v,)),
)
_SET_LABELS = tuple(f"m{n}" for n in range(64))


def _set_text(bits: int) -> bytes:
    return ",".join(label for place, label in enumerate(_SET_LABELS) if bits >> place & 1).encode()


SET = Case(
    "set",
    ColumnType(kind=Kind.SET, values=_SET_LABELS, charset="utf8mb4"),
    _ends(0, 2**64 - 1),
    _set_text,
    254,
    lambda v: lenenc(_set_text(v)),
    254,
    bytes((248, 8)),
    lambda v: v.to_bytes(8, "little"),
)
UUID = Case(
    "uuid",
    ColumnType(kind=Kind.UUID),
    # Stored in time order for versions 1..5 of the RFC variant, as it is otherwise.
    st.uuids(version=4) | st.uuids(version=1) | st.just(uuid.UUID(int=0)),
    lambda v: str(v).encode(),
    254,
    lambda v: lenenc(str(v).encode()),
    254,
    bytes((254, 16)),
    lambda v: lenenc(
        (v.bytes[10:] + v.bytes[8:10] + v.bytes[6:8] + v.bytes[4:6] + v.bytes[:4] if v.int else v.bytes).rstrip(b"\0")
    ),
)
INET4 = Case(
    "inet4",
    ColumnType(kind=Kind.INET4),
    st.ip_addresses(v=4),
    lambda v: str(v).encode(),
    254,
    lambda v: lenenc(str(v).encode()),
    254,
    bytes((254, 4)),
    lambda v: lenenc(v.packed.rstrip(b"\0")),
)

CASES: tuple[Case, ...] = (
    *(integer_case(bits, unsigned) for bits in (8, 16, 24, 32, 64) for unsigned in (False, True)),
    *(decimal_case(*shape) for shape in ((1, 0), (10, 2), (9, 9), (18, 9), (20, 0), (38, 7), (65, 30), (65, 0))),
    SINGLE, DOUBLE, YEAR, DATE, CHAR, BINARY, ENUM, SET, UUID, INET4,
    *(bit_case(bits) for bits in (1, 5, 8, 9, 64)),
    *(make(fraction) for make in (datetime_case, timestamp_case, time_case) for fraction in range(7)),
    varchar_case("utf8mb4", "utf-8", 200), varchar_case("utf8mb3", "utf-8", 300),
    varchar_case("latin1", "cp1252", 200, "aé€ÿ'\\\n"), varchar_case("ucs2", "utf-16-be", 400, "aé€漢"),
    varchar_case("utf16le", "utf-16-le", 400), varchar_case("gbk", "gbk", 400, "a漢字'"),
    blob_case(Kind.BLOB, 1), blob_case(Kind.BLOB, 2), blob_case(Kind.BLOB, 4), blob_case(Kind.VARBINARY, 3),
    blob_case(Kind.GEOMETRY, 4), blob_case(Kind.TEXT, 3, _text.map(str.encode)),
    blob_case(Kind.JSON, 4, st.just(b'{"a":[1,2.50,"\xc3\xa9"]}')),
)  # fmt: skip


def packet(payload: bytes, sequence: int = 0) -> bytes:
    """Frame a payload, in parts of 16 MB - 1 where it is that large."""
    out = []
    while True:
        part, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
        out.append(struct.pack("<I", len(part))[:3] + bytes((sequence & 255,)) + part)
        sequence += 1
        if len(part) < 0xFFFFFF:
            return b"".join(out)


def wire_row(cases: Sequence[Case], row: Sequence[Any]) -> bytes:
    """Encode the payload of one row packet."""
    nulls = bytearray((len(cases) + 9) // 8)
    for index, value in enumerate(row):
        if value is None:
            nulls[(index + 2) >> 3] |= 1 << ((index + 2) & 7)
    body = b"".join(case.to_wire(value) for case, value in zip(cases, row, strict=True) if value is not None)
    return b"\0" + bytes(nulls) + body


EOF_PACKET = packet(b"\xfe\x00\x00\x02\x00")
OK_END = packet(b"\xfe\x00\x00\x02\x00\x00\x00")


def table_map_body(cases: Sequence[Case], optional: bytes = b"", table_id: int = 7) -> bytes:
    """Encode the body of a TABLE_MAP event."""
    metadata = b"".join(case.log_meta for case in cases)
    return (
        table_id.to_bytes(6, "little")
        + b"\x01\x00"
        + b"\x02db\x00"
        + b"\x05table\x00"
        + lenenc(b"\0" * len(cases))[: -len(cases)]
        + bytes(case.log_type for case in cases)
        + lenenc(metadata)
        + b"\xff" * ((len(cases) + 7) // 8)
        + optional
    )


def log_image(cases: Sequence[Case], row: Sequence[Any]) -> bytes:
    """Encode one row image: bitmap of NULLs (spare bits set, as servers do), then the values."""
    nulls = -1 << len(cases)
    for index, value in enumerate(row):
        if value is None:
            nulls |= 1 << index
    size = (len(cases) + 7) // 8
    bitmap = (nulls & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return bitmap + b"".join(case.to_log(v) for case, v in zip(cases, row, strict=True) if v is not None)


def rows_event_body(
    cases: Sequence[Case], event_type: int, rows: Sequence[Sequence[Any]], present: bytes = b""
) -> bytes:
    """Encode a rows event; for updates `rows` alternates before and after images."""
    size = (len(cases) + 7) // 8
    extra = b"\x02\x00" if event_type >= 30 else b""
    width = lenenc(b"\0" * len(cases))[: -len(cases)]
    bitmaps = (present or b"\xff" * size) * (2 if event_type in (24, 31) else 1)
    images = b"".join(log_image(cases, row) for row in rows)
    return (7).to_bytes(6, "little") + b"\x01\x00" + extra + width + bitmaps + images


def canonical_row(cases: Sequence[Case], row: Sequence[Any]) -> tuple[bytes | None, ...]:
    return tuple(None if value is None else case.canonical(value) for case, value in zip(cases, row, strict=True))


@st.composite
def tables(draw: st.DrawFn, min_rows: int = 0, max_rows: int = 6) -> tuple[list[Case], list[tuple[Any, ...]]]:
    """Draw a table of 1..20 columns and rows for it, with NULLs."""
    cases = draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=20))
    row = st.tuples(*(st.none() | case.values for case in cases))
    return cases, draw(st.lists(row, min_size=min_rows, max_size=max_rows))
