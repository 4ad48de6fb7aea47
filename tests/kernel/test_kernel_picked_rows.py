"""Rows picked out of batches: both implementations, over random batches, picks and NULLs."""

from __future__ import annotations

import importlib
from array import array
from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.model.batch import Batch, ColumnData

IMPLEMENTATIONS = ("ferryman.kernel.picked_rows", "ferryman.kernel._picked_rows")


@pytest.fixture(params=IMPLEMENTATIONS, ids=["python", "native"], scope="module")
def module(request: pytest.FixtureRequest) -> ModuleType:
    if request.param.endswith("._picked_rows"):
        return pytest.importorskip(request.param, reason="the native kernel is not built")
    return importlib.import_module(request.param)


def rows(width: int) -> st.SearchStrategy[list[tuple[bytes | None, ...]]]:
    return st.lists(st.tuples(*[st.none() | st.binary(max_size=40)] * width), max_size=20)


@given(st.data())
@settings(deadline=None)
def test_picks_are_the_rows_in_their_order(module: ModuleType, data: st.DataObject) -> None:
    width = data.draw(st.integers(0, 4))
    batches = data.draw(st.lists(rows(width), max_size=4))
    there = [(number, place) for number, batch in enumerate(batches) for place in range(len(batch))]
    picked = data.draw(st.lists(st.sampled_from(there), max_size=30)) if there else []
    found = module.gather(
        [Batch.of(batch, width) for batch in batches], [number << 32 | place for number, place in picked]
    )
    expected = Batch.of([batches[number][place] for number, place in picked], width if batches else 0)
    assert found == replace(expected, row_count=len(picked))


@given(st.data())
@settings(deadline=None)
def test_tuples_are_the_values_row_by_row(module: ModuleType, data: st.DataObject) -> None:
    width = data.draw(st.integers(0, 4))
    table = data.draw(rows(width))
    places = data.draw(st.lists(st.integers(0, width - 1), max_size=5)) if width else []
    found = module.row_tuples(Batch.of(table, width) if width else Batch(len(table), ()), places)
    assert found == [tuple(row[place] for place in places) for row in table]


@pytest.mark.parametrize("pick", [1, 1 << 32, 5 << 32 | 7])
def test_a_pick_that_names_no_row_is_refused(module: ModuleType, pick: int) -> None:
    with pytest.raises(IndexError):
        module.gather([Batch.of([(b"a",)], 1)], [0, pick])
    with pytest.raises(IndexError):
        module.gather([], [pick])


def test_batches_of_unlike_widths_are_refused(module: ModuleType) -> None:
    with pytest.raises(ValueError, match="width"):
        module.gather([Batch.of([(b"a",)], 1), Batch.of([(b"a", b"b")], 2)], [0])


@pytest.mark.parametrize(
    "column",
    [
        ColumnData(array("Q", [0, 9]), b"a", b"\0"),
        ColumnData(array("Q", [1, 0]), b"ab", b"\0"),
        ColumnData(array("Q", [0]), b"a", b"\0"),
        ColumnData(array("Q", [0, 1]), b"a", b""),
    ],
)
def test_the_native_one_never_reads_beyond_a_column(column: ColumnData) -> None:
    native = pytest.importorskip("ferryman.kernel._picked_rows", reason="the native kernel is not built")
    with pytest.raises(ValueError, match="column"):
        native.gather([Batch(1, (column,))], [0])
    with pytest.raises(ValueError, match="column"):
        native.row_tuples(Batch(1, (column,)), [0])
