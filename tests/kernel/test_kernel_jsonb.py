from __future__ import annotations

import json
import struct
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import Case, pack_decimal, rows_event_body, table_map_body

from ferryman.kernel.errors import KernelError
from ferryman.kernel.json_form import normal_json
from ferryman.kernel.jsonb import json_text
from ferryman.model.types import ColumnType, Kind

relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def size(length: int) -> bytes:
    out = b""
    while length > 127:
        out += bytes((length & 127 | 128,))
        length >>= 7
    return out + bytes((length,))


def number(value: int) -> tuple[int, bytes]:
    for kind, form, low, high in ((5, "<h", -(2**15), 2**15), (6, "<H", 0, 2**16), (7, "<i", -(2**31), 2**31),
                                  (8, "<I", 0, 2**32), (9, "<q", -(2**63), 2**63), (10, "<Q", 0, 2**64)):  # fmt: skip
        if low <= value < high:
            return kind, struct.pack(form, value)
    raise ValueError(value)


def encode(value: Any, large: bool) -> tuple[int, bytes]:
    """Return type byte and bytes of a value in MySQL's binary form, from the description in json_binary.h."""
    if value is None or isinstance(value, bool):
        return 4, bytes((0 if value is None else 1 if value else 2,))
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return 11, struct.pack("<d", value)
    if isinstance(value, str):
        return 12, size(len(value.encode())) + value.encode()
    return container(value, large)


def container(value: Any, large: bool) -> tuple[int, bytes]:
    width = 4 if large else 2
    is_object = isinstance(value, dict)
    keys = sorted(key.encode() for key in value) if is_object else []
    items = [value[key.decode()] for key in keys] if is_object else value
    head = 2 * width + len(keys) * (width + 2) + len(items) * (width + 1)
    key_entries = b"".join(
        (head + sum(map(len, keys[:place]))).to_bytes(width, "little") + struct.pack("<H", len(key))
        for place, key in enumerate(keys)
    )
    tail, entries = b"".join(keys), b""
    for item in items:
        kind, data = encode(item, large)
        if kind in (4, 5, 6) or (large and kind in (7, 8)):
            entries += bytes((kind,)) + data.ljust(width, b"\0")
        else:
            entries += bytes((kind,)) + (head + len(tail)).to_bytes(width, "little")
            tail += data
    total = head + len(tail)
    body = len(items).to_bytes(width, "little") + total.to_bytes(width, "little") + key_entries + entries + tail
    return (0 if is_object else 2) + large, body


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=200),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=10), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


def binary(value: Any, large: bool) -> bytes:
    kind, data = encode(value, large)
    return bytes((kind,)) + data


@given(documents, st.booleans())
@relaxed
def test_round_trip(value: Any, large: bool) -> None:
    text = json_text(binary(value, large))
    assert json.loads(text) == value
    assert normal_json(text) == normal_json(json.dumps(value).encode())


def opaque(kind: int, data: bytes) -> bytes:
    return bytes((15, kind)) + size(len(data)) + data


def packed_datetime(*fields: int) -> bytes:
    year, month, day, hour, minute, second, micros = fields
    clock = ((year * 13 + month) << 5 | day) << 17 | hour << 12 | minute << 6 | second
    return (clock << 24 | micros).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (opaque(246, b"\x05\x02" + pack_decimal(Decimal("-123.45"), 5, 2)), b"-123.45"),
        (opaque(12, packed_datetime(2020, 2, 29, 1, 2, 3, 45)), b'"2020-02-29 01:02:03.000045"'),
        (opaque(7, packed_datetime(2020, 2, 29, 1, 2, 3, 0)), b'"2020-02-29 01:02:03.000000"'),
        (opaque(10, packed_datetime(2020, 2, 29, 0, 0, 0, 0)), b'"2020-02-29"'),
        (opaque(11, (-((1 << 12 | 2 << 6 | 3) << 24 | 5)).to_bytes(8, "little", signed=True)), b'"-01:02:03.000005"'),
        (opaque(252, b"\0\xff"), b'"base64:type252:AP8="'),
        (b"", b"null"),
        (binary({"b": 1, "a": [1.5, "x\n"]}, False), b'{"a": [1.5, "x\\n"], "b": 1}'),
        (binary(100.0, False), b"100.0"),
    ],
)
def test_text(data: bytes, text: bytes) -> None:
    assert json_text(data) == text


def test_of_more_than_64_kb() -> None:
    value = {f"key {n}": ["x" * 100, n, n + 0.5] for n in range(2000)}
    assert json.loads(json_text(binary(value, True))) == value


@given(documents, st.booleans(), st.data())
@relaxed
def test_mutated_bytes_never_escape(kernel: SimpleNamespace, value: Any, large: bool, data: st.DataObject) -> None:
    document = bytearray(binary(value, large))
    for _ in range(data.draw(st.integers(1, 4))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    case = Case("json", ColumnType(kind=Kind.JSON), st.nothing(), bytes, 0, bytes, 245, b"\x04",
                lambda v: len(v).to_bytes(4, "little") + v)  # fmt: skip
    table_map = kernel.decode_table_map(table_map_body([case]))
    try:
        kernel.decode_rows(rows_event_body([case], 30, [(bytes(document),)]), 30, table_map, [case.type])
    except KernelError as error:
        assert error.code == "log.corrupt"  # noqa: PT017 (an error is allowed, not wanted)


def test_offsets_that_repeat_do_not_blow_up() -> None:
    # An array of 100 entries that all point at one array of 100 entries that … : 100**5 leaves in 2 kB.
    inner = binary([0] * 100, False)[1:]
    for _ in range(4):
        head = 4 + 100 * 3
        entry = b"\x02" + head.to_bytes(2, "little")
        inner = (100).to_bytes(2, "little") + (head + len(inner)).to_bytes(2, "little") + entry * 100 + inner
    with pytest.raises(ValueError, match="JSON"):
        json_text(b"\x02" + inner)
