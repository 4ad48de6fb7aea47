"""Text in a buffer that is used again: the same bytes as made anew; lines for LOAD DATA, read back as the server does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.model.batch import Batch
from ferryman.model.types import NUMERIC_KINDS, Kind

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
KINDS = [kind for kind in Kind if kind is not Kind.UNKNOWN]
UNESCAPED = {b"0": b"\0", b"t": b"\t", b"n": b"\n", b"\\": b"\\"}


def values(kind: Kind) -> st.SearchStrategy[bytes | None]:
    if kind in NUMERIC_KINDS:
        return st.none() | st.sampled_from([b"0", b"-1", b"18446744073709551615", b"0.50", b"1e+16", b"-0"])
    hostile = st.lists(
        st.sampled_from([b"\0", b"\t", b"\n", b"\r", b"\\", b"N", b"'", b"\x1a", b"a", b"\xe4", b"\xff"])
    )
    return st.none() | st.binary(max_size=40) | hostile.map(b"".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Kind], list[tuple[bytes | None, ...]]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    return kinds, draw(st.lists(st.tuples(*map(values, kinds)), max_size=12))


def read_back(text: bytes) -> list[tuple[bytes | None, ...]]:
    """Read lines as LOAD DATA does: cut at unescaped tabs and line feeds, then undo the escapes."""
    rows: list[tuple[bytes | None, ...]] = []
    row: list[bytes | None] = []
    field, place, null = bytearray(), 0, False
    while place < len(text):
        byte = text[place : place + 1]
        place += 1
        if byte == b"\\":
            letter, place = text[place : place + 1], place + 1
            null = letter == b"N" and not field
            field += b"" if null else UNESCAPED[letter]
        elif byte in b"\t\n":
            row.append(None if null else bytes(field))
            field, null = bytearray(), False
            if byte == b"\n":
                rows.append(tuple(row))
                row = []
        else:
            assert not null
            field += byte
    assert not field
    assert not row
    return rows


@given(tables())
@relaxed
def test_lines_read_back(kernel: SimpleNamespace, table) -> None:
    kinds, rows = table
    text, end = kernel.load_lines(Batch.of(rows, len(kinds)), kinds, 0, 1 << 30)
    assert end == len(rows)
    assert read_back(text) == rows


@given(tables(), st.integers(0, 120))
@relaxed
def test_lines_are_cut_to_size(kernel: SimpleNamespace, table, max_bytes: int) -> None:
    kinds, rows = table
    batch = Batch.of(rows, len(kinds))
    start, parts = 0, []
    while start < len(rows):
        text, end = kernel.load_lines(batch, kinds, start, max_bytes)
        assert end > start
        assert len(text) <= max_bytes or end == start + 1
        if end < len(rows):  # as many as fit
            following, _ = kernel.load_lines(batch, kinds, end, 0)
            assert len(text) + len(following) > max_bytes
        parts.append(text)
        start = end
    assert b"".join(parts) == kernel.load_lines(batch, kinds, 0, 1 << 30)[0]


@given(tables(), st.booleans(), st.integers(0, 200))
@relaxed
def test_a_buffer_used_again_holds_the_same(kernel: SimpleNamespace, table, lines: bool, max_bytes: int) -> None:
    kinds, rows = table
    batch = Batch.of(rows, len(kinds))
    text = kernel.RowText()
    for prefix in (b"", b"head "):
        start = 0
        while start < len(rows):
            make = kernel.load_lines if lines else kernel.insert_values
            expected, end = make(batch, kinds, start, max_bytes)
            text.begin(prefix)
            start = (text.load_lines if lines else text.insert_values)(batch, kinds, start, max_bytes)
            text.add(b" tail")
            assert start == end
            assert bytes(text) == prefix + expected + b" tail"
            assert len(text) == len(prefix) + len(expected) + 5


def test_the_greatest_float_is_written_so_that_it_fits(kernel: SimpleNamespace) -> None:
    text, _ = kernel.load_lines(Batch.of([(b"3.4028235e+38", b"1")], 2), [Kind.FLOAT, Kind.INTEGER], 0, 100)
    assert text == b"3.4028234663852886e+38\t1\n"


def test_a_view_keeps_the_text_as_it_is(kernel: SimpleNamespace) -> None:
    batch = Batch.of([(b"1",)], 1)
    text = kernel.RowText()
    text.begin(b"12345")
    with memoryview(text) as view:
        view[0:2] = b"ab"
        for change in (
            lambda: text.begin(b"x"),
            lambda: text.add(b"x"),
            lambda: text.insert_values(batch, [Kind.INTEGER], 0, 9),
        ):
            with pytest.raises(BufferError):
                change()
    assert bytes(text) == b"ab345"
    text.begin(b"")
    assert bytes(text) == b""


def test_a_giant_row_leaves_no_giant_behind(kernel: SimpleNamespace) -> None:
    giant = Batch.of([(b"'" * (20 << 20),)], 1)
    text = kernel.RowText()
    text.begin(b"")
    assert text.insert_values(giant, [Kind.BLOB], 0, 1000) == 1
    assert len(text) == (40 << 20) + 11
    text.begin(b"small")
    assert bytes(text) == b"small"
