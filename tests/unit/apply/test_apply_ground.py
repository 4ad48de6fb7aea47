"""What the target's columns have become: told where values would change in silence, and looked at only now and then."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply.ground import LOOK_SECONDS, Ground, loses

NAME = TableName("d", "t")
PLACE = Position(kind="mysql", order=(1, 1), token={})


def decimal(scale: int) -> ColumnType:
    return ColumnType(kind=Kind.DECIMAL, native=f"decimal(20,{scale})", scale=scale)


def of(kind: Kind, fraction: int = 0) -> ColumnType:
    return ColumnType(kind=kind, native=kind.value, fraction=fraction)


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (decimal(2), decimal(1), True), (decimal(2), of(Kind.INTEGER), True), (decimal(2), of(Kind.DOUBLE), True),
        (of(Kind.DOUBLE), of(Kind.FLOAT), True), (of(Kind.DOUBLE), decimal(9), True), (of(Kind.INTEGER), of(Kind.DOUBLE), True),
        (of(Kind.DATETIME, 6), of(Kind.DATETIME, 3), True), (of(Kind.TIMESTAMP, 6), of(Kind.DATETIME), True),
        (of(Kind.DATETIME), of(Kind.DATE), True), (of(Kind.VARCHAR), of(Kind.CHAR), True), (of(Kind.BLOB), of(Kind.BINARY), True),
        (decimal(2), of(Kind.DECIMAL), False), (of(Kind.DECIMAL), decimal(9), True),
        (decimal(2), decimal(3), False), (of(Kind.INTEGER), decimal(0), False), (of(Kind.FLOAT), of(Kind.DOUBLE), False),
        (of(Kind.DATETIME, 3), of(Kind.DATETIME, 6), False), (of(Kind.DATE), of(Kind.DATETIME), False),
        (of(Kind.VARCHAR), of(Kind.TEXT), False), (of(Kind.CHAR), of(Kind.VARCHAR), False), (of(Kind.ENUM), of(Kind.TEXT), False),
    ],
)  # fmt: skip
def test_what_loses_in_silence(was: ColumnType, now: ColumnType, expected: bool) -> None:
    assert loses(was, now) is expected


class Lab:
    """A target with one column, a clock, and the note."""

    def __init__(self) -> None:
        self.type, self.now, self.reads = decimal(2), 1000.0, 0
        self.note: list[Any] = []
        self.ground = self.anew()

    def anew(self) -> Ground:
        return Ground(self.read, self.note, lambda note: setattr(self, "note", note), lambda: self.now)

    def read(self, selection: Selection) -> Schema:
        self.reads += 1
        assert selection.includes(NAME)
        return Schema(tables=(Table(name=NAME, columns=(Column(name="c", type=self.type),)),))


def looked(lab: Lab, reads: int) -> None:
    """Look until so many readings have been judged: they are taken beside the writing."""
    while lab.reads < reads or lab.ground.is_looking:
        lab.ground.look([NAME], PLACE)
        time.sleep(0.001)


def test_looks_now_and_then() -> None:
    lab = Lab()
    looked(lab, 1)
    lab.ground.look([NAME], PLACE)
    assert (lab.reads, len(lab.note)) == (1, 1)
    lab.type = decimal(0)
    lab.now += LOOK_SECONDS
    with pytest.raises(FerrymanError) as caught:
        looked(lab, 2)
    assert (caught.value.code, caught.value.context["column"]) == ("apply.target_changed", "c")


def test_remembers_over_a_restart_and_looks_first() -> None:
    lab = Lab()
    looked(lab, 1)
    lab.type = decimal(0)
    with pytest.raises(FerrymanError, match="decimal"):
        lab.anew().look([NAME], PLACE)


def test_a_statement_of_the_source_makes_new_ground() -> None:
    lab = Lab()
    looked(lab, 1)
    lab.ground.forget([NAME])
    assert lab.note == []
    lab.type = decimal(0)
    looked(lab, 2)
    assert "decimal(20,0)" in str(lab.note)


def broken(code: str) -> Ground:
    def read(selection: Selection) -> Schema:
        raise FerrymanError(code, "what was asked for could not be read")

    return Ground(read, None, lambda note: None)


@pytest.mark.parametrize("code", ["target.table_changed", "source.table_changed"])
def test_a_table_that_goes_while_it_is_looked_at_is_told_by_whoever_writes_there(code: str) -> None:
    broken(code).look([NAME], PLACE)


def test_a_target_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(FerrymanError):
        broken("endpoint.connection_lost").look([NAME], PLACE)
