"""Value policies as functions: what becomes of each misfit, and that fitting values stay the very same."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from ferryman.api.native.creation import policies_of
from ferryman.foundation.errors import UsageError
from ferryman.model.misfits import Misfit
from ferryman.model.names import TableName
from ferryman.model.policies import ValuePolicy
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.conversion import conversions
from ferryman.pipeline.precheck.questions import as_read, misfits_of
from ferryman.pipeline.rules.tables import RuledTable, TableRule

SOURCE = TableName("shop", "t")
DATE, CLOCK = ColumnType(kind=Kind.DATE), ColumnType(kind=Kind.DATETIME, fraction=2)
NUMBER = ColumnType(kind=Kind.DECIMAL, precision=5, scale=2)
BYTE = ColumnType(kind=Kind.INTEGER, bits=8, unsigned=True)
SHORT = ColumnType(kind=Kind.VARCHAR, length=3)


def converted(type_: ColumnType, wish: str, value: bytes) -> bytes | None:
    table = Table(name=TableName("new", "t"), columns=(Column(name="C", type=type_),))
    found = conversions(policies_of([f"shop.t.c:{wish}"]), SOURCE, table)
    return found["c"](value)


@pytest.mark.parametrize(
    ("type_", "misfit", "value", "nearest"),
    [
        (DATE, "zero-date", b"0000-00-00", b"0001-01-01"),
        (DATE, "zero-date", b"2023-02-30", b"2023-02-28"),
        (CLOCK, "zero-date", b"2024-00-10 01:02:03.45", b"2024-01-10 01:02:03.45"),
        (DATE, "date-range", b"0044-03-15 BC", b"0001-01-01"),
        (DATE, "date-range", b"12024-01-01", b"9999-12-31"),
        (CLOCK, "date-range", b"infinity", b"9999-12-31 23:59:59.99"),
        (CLOCK, "date-range", b"-infinity", b"0001-01-01 00:00:00.00"),
        (NUMBER, "number-range", b"-1000", b"-999.99"),
        (NUMBER, "digits", b"1.239", b"1.23"),
        (BYTE, "number-range", b"-1", b"0"),
        (BYTE, "number-range", b"256", b"255"),
        (SHORT, "too-long", "éüöa".encode(), "éüö".encode()),
        (SHORT, "nul-character", b"a\0b", b"ab"),
        (ColumnType(kind=Kind.JSON), "nul-character", b'"\\u0000\\\\u0000"', b'"\\\\u0000"'),
    ],
)
def test_a_misfit_becomes_null_or_the_nearest_value(
    type_: ColumnType, misfit: str, value: bytes, nearest: bytes
) -> None:
    assert converted(type_, f"{misfit}=clamp", value) == nearest
    assert converted(type_, f"{misfit}=null", value) is None
    assert converted(type_, f"{misfit}=null", nearest) is nearest
    assert converted(type_, f"{misfit}=clamp", nearest) is nearest


def test_columns_of_keys_and_columns_without_null_are_never_touched() -> None:
    columns = (Column(name="k", type=DATE), Column(name="n", type=DATE, nullable=False), Column(name="d", type=DATE))
    key = Index(name="u", parts=(KeyPart(column="K"),), unique=True)
    table = Table(name=SOURCE, columns=columns, indexes=(key,))
    assert conversions(policies_of(["*.*.*:zero-date=null"]), SOURCE, table).keys() == {"d"}
    assert conversions(policies_of(["*.*.*:zero-date=clamp"]), SOURCE, table).keys() == {"n", "d"}


def test_the_last_policy_counts_and_fail_takes_one_away() -> None:
    table = Table(name=SOURCE, columns=(Column(name="d", type=DATE), Column(name="e", type=DATE)))
    wishes = ["shop.*.*:zero-date=null", "shop.t.`d`:zero-date=fail"]
    assert conversions(policies_of(wishes), SOURCE, table).keys() == {"e"}


@pytest.mark.parametrize(
    "wish", ["t.c:zero-date=null", "a.b.c:zero=null", "a.b.c:not-a-number=clamp", "a.b.c:charset=null"]
)
def test_a_wish_that_cannot_be_is_refused(wish: str) -> None:
    with pytest.raises(UsageError) as refused:
        policies_of([wish])
    assert refused.value.code == "usage.wrong_option"


def test_nothing_is_asked_where_types_make_it_impossible() -> None:
    same = [
        (ColumnType(kind=Kind.INTEGER, bits=32), ColumnType(kind=Kind.INTEGER, bits=64)),
        (ColumnType(kind=Kind.VARCHAR, length=20, charset="utf8mb4"),) * 2,
        (ColumnType(kind=Kind.BLOB, length=255), ColumnType(kind=Kind.BLOB, length=65_535)),
        (NUMBER, NUMBER),
        (CLOCK, CLOCK),
    ]
    for source, target in same:
        one, two = Column(name="c", type=source), Column(name="c", type=target)
        assert misfits_of(one, two, ("mariadb", "oceanbase")) == []
    small = Column(name="c", type=ColumnType(kind=Kind.INTEGER, bits=64)), Column(name="c", type=BYTE)
    assert misfits_of(*small, ("mysql", "mysql")) == [Misfit.NUMBER_RANGE]


def test_columns_that_rules_leave_out_or_change_are_not_asked_about() -> None:
    table = Table(name=SOURCE, columns=tuple(Column(name=name, type=DATE) for name in ("A", "B", "C")))
    rule = TableRule(real=table, left_out=frozenset({"a"}), transforms={"b": Mock()})
    ruled = RuledTable(name=SOURCE, columns=table.columns[1:], rule=rule)
    assert [column.name for column in as_read(table, ruled).columns] == ["C"]
    assert as_read(table, table) is table


def test_a_policy_is_written_as_it_is_read() -> None:
    policy = policies_of(["a.`b.c`.*:too-long=clamp"])[0]
    assert str(policy) == "a.`b.c`.*:too-long=clamp"
    assert policy.names(TableName("a", "b.c"), "x")
    assert isinstance(policy, ValuePolicy)
