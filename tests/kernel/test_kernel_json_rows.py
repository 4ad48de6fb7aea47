"""JSON texts of rows: both implementations against Python's own `json`, and against each other."""

from __future__ import annotations

import json
from array import array
from base64 import b64encode
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.kernel import JsonForm, json_rows
from ferryman.model.batch import ColumnData

relaxed = settings(deadline=None, max_examples=200)
values = st.none() | st.text().map(str.encode) | st.text("\"\\\n\t\x00\x1f\x7f'é😀 ", max_size=40).map(str.encode)


def native() -> ModuleType:
    return pytest.importorskip("ferryman.kernel._json_rows", reason="the native kernel is not built")


@pytest.fixture(params=["python", "native"])
def fill(request: pytest.FixtureRequest) -> Callable[..., list[bytes]]:
    return (json_rows if request.param == "python" else native()).fill_rows


@given(st.lists(st.tuples(values, values), max_size=20), st.sampled_from(JsonForm), st.binary(max_size=6))
@relaxed
def test_both_write_the_same(rows: list[tuple[bytes | None, bytes | None]], form: JsonForm, part: bytes) -> None:
    columns = [ColumnData.of([row[place] for row in rows]) for place in (0, 1)]
    texts = [b"%d" % place for place in range(len(rows))]
    arguments = ([b"", part, b"%b", b"%"], [*columns, texts], [form, JsonForm.STRING, JsonForm.PLAIN], len(rows))
    assert native().fill_rows(*arguments) == json_rows.fill_rows(*arguments)


@given(st.lists(st.none() | st.text(), min_size=1))
@relaxed
def test_strings_are_what_json_writes(texts: list[str | None]) -> None:
    column = ColumnData.of([None if text is None else text.encode("utf-8", "replace") for text in texts])
    wanted = [json.dumps(None if v is None else v.decode(), ensure_ascii=False).encode() for v in column.values()]
    for module in (json_rows, native()):
        assert module.fill_rows([b"", b""], [column], [JsonForm.STRING], len(texts)) == wanted


@pytest.mark.parametrize("size", [*range(8), 1000])
def test_bytes(fill: Callable[..., list[bytes]], size: int) -> None:
    value = bytes(range(256)) * 4
    column = ColumnData.of([value[:size], None, value[size : 2 * size]])
    wanted = [b64encode(value[:size]), b64encode(value[size : 2 * size])]
    made = fill([b"<", b">"], [column], [JsonForm.BASE64], 3)
    assert made == [b'<"%b">' % wanted[0], b"<null>", b'<"%b">' % wanted[1]]
    made = fill([b"", b""], [column], [JsonForm.HEXADECIMAL], 3)
    assert made[0] == b'"%b"' % value[:size].hex().upper().encode()


def test_rows_without_columns(fill: Callable[..., list[bytes]]) -> None:
    assert fill([b"{}"], [], [], 3) == [b"{}"] * 3
    assert fill([b"a", b"b"], [ColumnData.of([])], [JsonForm.PLAIN], 0) == []


def test_columns_that_do_not_fit_are_refused(fill: Callable[..., list[bytes]]) -> None:
    column = ColumnData.of([b"1", b"2"])
    for columns, rows in (([column], 3), ([[b"1"]], 2)):
        with pytest.raises(ValueError, match="row count"):
            fill([b"", b""], columns, [JsonForm.PLAIN], rows)
    with pytest.raises(ValueError, match="one part more"):
        fill([b""], [column], [JsonForm.PLAIN], 2)


def test_native_never_reads_beyond_its_data() -> None:
    for offsets in ([0, 9, 2], [0, 2, 1], [3, 3, 3]):
        broken = ColumnData(array("Q", offsets), b"12", b"\0")
        with pytest.raises(ValueError, match="out of order"):
            native().fill_rows([b"", b""], [broken], [JsonForm.PLAIN], 2)
