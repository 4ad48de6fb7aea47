"""Compaction: whatever images rows come in, the rows that are left are the same, and so is what keys and unique values were."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.kernel import gather as chosen
from ferryman.kernel import picked_rows as twin
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import ChangeBatch, Operation
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply import compaction
from ferryman.pipeline.apply.shapes import shape_of

COLUMNS = ("id", "u", "text")
TABLE = Table(
    name=TableName("d", "t"),
    columns=tuple(
        Column(name=name, type=ColumnType(kind=Kind.BINARY, native="varbinary(9)"), nullable=name != "id")
        for name in COLUMNS
    ),
    indexes=(
        Index(name="PRIMARY", parts=(KeyPart(column="id"),), unique=True, primary=True),
        Index(name="u", parts=(KeyPart(column="u"),), unique=True),
    ),
)
SHAPE = shape_of(TABLE, TABLE, COLUMNS)
Change = tuple[Row | None, Row | None]


def history(dice: random.Random, count: int) -> list[Change]:
    """Return changes of single rows, each possible after the one before: key changes and rows that come again, too."""
    rows: dict[bytes, Row] = {}
    for number in range(dice.randrange(4)):
        rows[b"%d" % number] = (b"%d" % number, b"u%d" % number, b"old")
    found: list[Change] = []
    for number in range(count):
        key = b"%d" % dice.randrange(6)
        before, after = rows.pop(key, None), None
        if before is None or dice.random() < 0.7:
            new = b"%d" % dice.randrange(6) if dice.random() < 0.3 else key
            new = key if new in rows else new
            after = rows[new] = (new, None if dice.random() < 0.2 else b"u%d" % dice.randrange(9), b"%d" % number)
        found.append((before, after))
    return found


def in_batches(changes: list[Change], dice: random.Random, most: int) -> list[ChangeBatch]:
    """Return the changes with as many neighbours of one kind together as the dice say."""
    batches: list[list[Change]] = []
    for change in changes:
        last = batches[-1] if batches else []
        alike = bool(last) and [image is None for image in last[0]] == [image is None for image in change]
        if alike and len(last) < dice.randint(1, most):
            last.append(change)
        else:
            batches.append([change])
    return [_batch(rows) for rows in batches]


def _batch(rows: list[Change]) -> ChangeBatch:
    before, after = ([row for row in images if row is not None] for images in zip(*rows, strict=True))
    operation = Operation.INSERT if not before else Operation.DELETE if not after else Operation.UPDATE
    return ChangeBatch(
        table=TABLE.name,
        operation=operation,
        columns=COLUMNS,
        before=Batch.of(before, 3) if before else None,
        after=Batch.of(after, 3) if after else None,
    )


@pytest.mark.parametrize("gather", [twin.gather, chosen], ids=["python", "chosen"])
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), most=st.sampled_from([1, 3, 30]))
@settings(deadline=None)
def test_what_is_left_is_the_net_effect_row_by_row(gather, seed: int, count: int, most: int):
    dice = random.Random(seed)
    changes = history(dice, count)
    net = compaction.TableChanges(SHAPE)
    for batch in in_batches(changes, dice, most):
        net.add(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "gather", gather)
        net.settle()
        before, after = _expected(changes)
        assert net.before == before
        assert {key: pick is not None for key, pick in net.after.items()} == {
            k: r is not None for k, r in after.items()
        }
        left = [key for key, row in after.items() if row is not None]
        dice.shuffle(left)
        assert list(net.batch(left).rows()) == [after[key] for key in left]
        assert [net.unique_after[key] for key in left] == [(after[key][1],) for key in left]
    assert net.change_count == count


def _expected(changes: list[Change]) -> tuple[dict[Row, Row | None], dict[Row, Row | None]]:
    """Return, by row key, the unique values before the run, and the row after it."""
    before: dict[Row, Row | None] = {}
    after: dict[Row, Row | None] = {}
    for old, new in changes:
        if old is not None:
            before.setdefault(old[:1], old[1:2])
            after[old[:1]] = None
        if new is not None:
            before.setdefault(new[:1], None)
            after[new[:1]] = new
    return before, after


def test_many_small_images_become_one_and_older_states_go():
    net = compaction.TableChanges(SHAPE)
    rows = [(b"1", b"u", b"%d" % number) for number in range(50)]
    for old, new in itertools.pairwise(rows):
        net.add(_batch([(old, new)]))
    net.settle()
    assert [image.row_count for image in net._images] == [1]
    assert list(net.batch([(b"1",)]).rows()) == [rows[-1]]
