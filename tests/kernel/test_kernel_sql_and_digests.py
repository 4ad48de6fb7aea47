from __future__ import annotations

import json
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.kernel.json_form import normal_json
from ferryman.model.batch import Batch
from ferryman.model.types import BYTES_KINDS, NUMERIC_KINDS, Kind

relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
UNESCAPED = {"0": 0, "n": 10, "r": 13, "Z": 26, "'": 39, "\\": 92}


def read_back(text: bytes) -> list[list[bytes | None]]:
    """Read rows of literals as a MySQL parser would; fails on anything else."""
    place, rows = 0, []
    while place < len(text):
        assert text[place : place + 1] == b"("
        row, place = _read_row(text, place + 1)
        rows.append(row)
        assert text[place : place + 1] in (b",", b"")
        place += 1
    return rows


def _read_row(text: bytes, place: int) -> tuple[list[bytes | None], int]:
    row: list[bytes | None] = []
    while True:
        value, place = _read_literal(text, place)
        row.append(value)
        if text[place : place + 1] == b")":
            return row, place + 1
        assert text[place : place + 1] == b","
        place += 1


def _read_literal(text: bytes, place: int) -> tuple[bytes | None, int]:
    place += 7 if text[place : place + 8] == b"_binary'" else 0
    if text[place : place + 1] != b"'":
        end = min(end for end in (text.find(b",", place), text.find(b")", place)) if end >= 0)
        word = text[place:end]
        assert word == b"NULL" or word.strip(b"+-.0123456789e") == b""
        return None if word == b"NULL" else word, end
    out = bytearray()
    place += 1
    while text[place] != 39:
        if text[place] == 92:
            place += 1
            out.append(UNESCAPED[chr(text[place])])
        else:
            out.append(text[place])
        place += 1
    return bytes(out), place + 1


KINDS = [kind for kind in Kind if kind is not Kind.UNKNOWN]


def values(kind: Kind) -> st.SearchStrategy[bytes | None]:
    if kind is Kind.JSON:
        return st.none() | st.sampled_from([b"null", b'{"a":"\'\\\\"}', b"[1,2]"])
    if kind in NUMERIC_KINDS:
        return st.none() | st.sampled_from([b"0", b"-1", b"18446744073709551615", b"0.50", b"1e+16", b"-0", b"2.5e-07"])
    return st.none() | st.binary(max_size=30) | st.text(max_size=9).map(lambda t: t.encode("utf-8", "replace"))


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Kind], list[tuple[bytes | None, ...]]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    return kinds, draw(st.lists(st.tuples(*map(values, kinds)), max_size=12))


def expected(kind: Kind, value: bytes | None) -> bytes | None:
    if value is not None and kind in (Kind.FLOAT, Kind.DOUBLE) and b"e" not in value:
        return value + b"e0"
    return value


@given(batches())
@relaxed
def test_rows_read_back(kernel: SimpleNamespace, drawn) -> None:
    kinds, rows = drawn
    text, end = kernel.insert_values(Batch.of(rows, len(kinds)), kinds, 0, 1 << 30)
    assert end == len(rows)
    assert read_back(text) == [[expected(k, v) for k, v in zip(kinds, row, strict=True)] for row in rows]
    assert text == b",".join(
        b"(" + b",".join(kernel.literal(v, k) for k, v in zip(kinds, row, strict=True)) + b")" for row in rows
    )


@given(batches(), st.integers(0, 200))
@relaxed
def test_cut_to_size(kernel: SimpleNamespace, drawn, max_bytes: int) -> None:
    kinds, rows = drawn
    batch = Batch.of(rows, len(kinds))
    whole, _ = kernel.insert_values(batch, kinds, 0, 1 << 30)
    start, parts = 0, []
    while start < len(rows):
        text, end = kernel.insert_values(batch, kinds, start, max_bytes)
        assert end > start
        assert len(text) <= max_bytes or end == start + 1
        if end < len(rows):  # as many as fit
            longer, _ = kernel.insert_values(batch.project(range(len(kinds))), kinds, start, 1 << 30)
            following, _ = kernel.insert_values(batch, kinds, end, 0)
            assert longer.startswith(text)
            assert len(text) + 1 + len(following) > max_bytes
        parts.append(text)
        start = end
    assert b",".join(parts) == whole
    assert kernel.insert_values(batch, kinds, len(rows), max_bytes) == (b"", len(rows))


def test_many_rows_are_cut_where_they_must(kernel: SimpleNamespace) -> None:
    rows = [(b"%d" % n, b"x" * (n % 97)) for n in range(3000)]
    batch, kinds, limit = Batch.of(rows, 2), [Kind.INTEGER, Kind.TEXT], 70_000
    texts = [b"(%s,'%s')" % row for row in rows]
    start = 0
    while start < 3000:
        text, end = kernel.insert_values(batch, kinds, start, limit)
        assert text == b",".join(texts[start:end])
        assert len(text) <= limit
        assert end == 3000 or len(text) + 1 + len(texts[end]) > limit
        start = end


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.BLOB])
def test_every_byte(kernel: SimpleNamespace, kind: Kind) -> None:
    data = bytes(range(256)) * 2 + b"\\'" + "😀'".encode()
    assert read_back(b"(" + kernel.literal(data, kind) + b")") == [[data]]
    assert kernel.literal(data, kind).startswith(b"_binary'" if kind in BYTES_KINDS else b"'")


@pytest.mark.parametrize(
    ("document", "sql"),
    [
        (b'{"a": 1.10, "b": [1e5, 9007199254740992, -0.0]}', None),
        (b"[18446744073709551615, -9223372036854775808]", None),
        (b"[1e999]", None),
        (b'["12345678901234567890.5", "1e5"]', None),
        (b'["\\ud800", 0.9987226627904077]', None),
        (b"[0.9987226627904077", None),
        (b"0.9987226627904077", b"JSON_EXTRACT(JSON_ARRAY(0.9987226627904077e0),'$[0]')"),
        (b'{"it\'s": [1E-30, null, true, "x\\n"]}', b"JSON_OBJECT('it\\'s',JSON_ARRAY(1e-30,NULL,true,'x\\n'))"),
        (b"[18446744073709551616, {}]", b"JSON_ARRAY(18446744073709551616,JSON_OBJECT())"),
        (b'{"a":1e-30,"a":[]}', None),
    ],
)
def test_json_numbers_at_risk_are_built_by_sql(kernel: SimpleNamespace, document: bytes, sql: bytes | None) -> None:
    expected_sql = kernel.literal(document, Kind.TEXT) if sql is None else sql
    assert kernel.literal(document, Kind.JSON) == expected_sql
    assert kernel.insert_values(Batch.of([(document,)], 1), [Kind.JSON], 0, 10)[0] == b"(" + expected_sql + b")"


def reference_digest(row: tuple[bytes | None, ...], kinds: list[Kind]) -> int:
    framed = b""
    for value, kind in zip(row, kinds, strict=True):
        if value is None:
            framed += b"\xff\xff\xff\xff"
        else:
            value = normal_json(value) if kind is Kind.JSON else value
            framed += len(value).to_bytes(4, "little") + value
    return int.from_bytes(blake2b(framed, digest_size=16).digest(), "little")


@given(batches())
@relaxed
def test_digests(kernel: SimpleNamespace, drawn) -> None:
    kinds, rows = drawn
    digests = kernel.row_digests(Batch.of(rows, len(kinds)), kinds)
    assert digests == [reference_digest(row, kinds) for row in rows]


@pytest.mark.parametrize("size", [0, 1, 123, 124, 125, 127, 128, 129, 252, 256, 380, 384, 1000, 100_000])
def test_digests_of_block_sizes(kernel: SimpleNamespace, size: int) -> None:
    rows = [(b"x" * size,), (None,), (b"",)]
    assert kernel.row_digests(Batch.of(rows, 1), [Kind.TEXT]) == [reference_digest(row, [Kind.TEXT]) for row in rows]


def test_digest_of_no_columns(kernel: SimpleNamespace) -> None:
    assert kernel.row_digests(Batch(2, ()), []) == [reference_digest((), [])] * 2


EQUAL = [
    (b'{"b": 1, "a": 2}', b'{"a":2,"b":1}'),
    (b'{"a":1,"a":2}', b'{"a": 2}'),
    (b"1E5", b"100000.0"),
    (b"1E5", b"100000"),
    (b"[0.10]", b"[1e-1]"),
    (b"-0", b"0"),
    (b"-0.0", b"0"),
    (b'"\\u00e9\\/"', '"é/"'.encode()),
    (b'"\\ud83d\\ude00"', '"😀"'.encode()),
    (b" [ 1 , 2 ] ", b"[1,2]"),
    (b"12345678901234567890.5", b"1.2345678901234567e19"),
    (b"9007199254740993.0", b"9007199254740992.0"),
    (b"123456789012345678901234567890", b"1.2345678901234568e29"),
    (b"1e999", b"1E+999"),
]
DIFFERENT = [
    (b"9007199254740993", b"9007199254740992"),
    (b"18446744073709551615", b"18446744073709551614"),
    (b"[1,2]", b"[2,1]"),
    (b'"1"', b"1"),
    (b"null", b"false"),
    (b"0", b"false"),
    (b"{}", b"[]"),
    (b'{"a":1}', b'{"A":1}'),
    (b"0.1", b"0.10000000000000002"),
    (b"1e999", b"1e998"),
    (b'"a"', b'"a "'),
    (b"{", b"{ "),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_as_json(kernel: SimpleNamespace, left: bytes, right: bytes) -> None:
    digests = kernel.row_digests(Batch.of([(left,), (right,)], 1), [Kind.JSON])
    assert digests[0] == digests[1]
    assert normal_json(left) == normal_json(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_as_json(kernel: SimpleNamespace, left: bytes, right: bytes) -> None:
    digests = kernel.row_digests(Batch.of([(left,), (right,)], 1), [Kind.JSON])
    assert digests[0] != digests[1]


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(documents, st.booleans(), st.sampled_from([None, 1, "\t"]))
@relaxed
def test_spelling_does_not_count(document: Any, ascii_only: bool, indent: Any) -> None:
    one = json.dumps(document, ensure_ascii=True)
    two = json.dumps(document, ensure_ascii=ascii_only, indent=indent, sort_keys=True)
    assert normal_json(one.encode()) == normal_json(two.encode("utf-8", "surrogatepass"))
    assert normal_json(normal_json(one.encode())) == normal_json(one.encode())
