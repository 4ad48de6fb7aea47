"""Which columns a description stands for, told by numbers: never other ones than those it was written for (ADR 0140)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_postgres_log_records import HEAD, PLAIN, begin, commit, framed, image

from ferryman.connectors.postgresql.log import messages
from ferryman.connectors.postgresql.log.messages import Relation, RelationColumn
from ferryman.connectors.postgresql.log.numbers import NumberedColumn, numbers_at
from ferryman.connectors.postgresql.log.records import messages_of
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind

INTEGER = ColumnType(native="integer", kind=Kind.INTEGER)


@dataclass(frozen=True)
class Model:
    """A table as the server keeps it: number → name, `None` when dropped; and which have been renamed."""

    names: dict[int, str | None]
    renamed: frozenset[int] = frozenset()

    def there(self) -> list[int]:
        return [number for number, name in self.names.items() if name is not None]

    def add(self, name: str) -> Model:
        return replace(self, names=self.names | {max(self.names) + 1: name})

    def drop(self, number: int) -> Model:
        return replace(self, names=self.names | {number: None})

    def rename(self, renames: dict[int, str]) -> Model:
        return Model(self.names | renames, self.renamed | frozenset(renames))

    def table(self) -> Table:
        columns = (Column(name=str(self.names[n]), type=INTEGER, number=n) for n in self.there())
        return Table(name=TableName("s", "t"), columns=tuple(columns), origin=(1, max(self.names)))

    def described(self) -> Relation:
        columns = (RelationColumn(str(self.names[n]), False, 23, -1) for n in self.there())
        return Relation(1, "s", "t", "f", tuple(columns))

    def catalog(self) -> list[NumberedColumn]:
        return [
            NumberedColumn(n, name or f"........pg.dropped.{n}........", name is None) for n, name in self.names.items()
        ]


def told(known: Model, then: Model, now: Model) -> tuple[int, ...] | str | None:
    try:
        return numbers_at(then.described(), known.table(), now.catalog())
    except FerrymanError as error:
        return error.code


KNOWN = 3
"""Columns that a random history begins with."""
AB = Model({1: "a", 2: "b"})


def test_an_exchange_is_told_whenever_the_catalog_is_asked():
    exchanged = AB.rename({1: "b", 2: "a"})
    for now in (exchanged, exchanged.add("c"), exchanged.rename({1: "a", 2: "b"})):
        assert told(AB, exchanged, now) == (1, 2)


def test_a_name_taken_from_a_dropped_column():
    then = AB.drop(1).rename({2: "a"})
    assert told(AB, then, then) == (2,)


def test_a_column_dropped_and_another_added_under_its_name_cannot_be_told_from_nothing_done():
    then = AB.drop(2).add("b")
    assert told(AB, then, then) == "log.schema_mismatch"
    assert told(AB, AB, then) == "log.schema_mismatch", "the log may be before it, too"


def test_a_drop_and_a_new_column_are_told_where_a_change_lies_between():
    now = AB.drop(2).add("c")
    assert [told(AB, each, now) for each in (AB, AB.drop(2))] == [(1, 2), (1,)]
    assert told(AB, now, now) == "log.schema_mismatch", "b may have been renamed to c, and dropped since"


def test_columns_dropped_before_the_table_was_read_do_not_count():
    known = Model({1: "a", 2: "b", 3: None, 4: None})
    assert told(known, known.add("c"), known.add("c")) == (1, 2, 5)


def test_without_numbers_names_must_do():
    table = replace(AB.table(), origin=None)
    assert numbers_at(AB.described(), table, AB.catalog()) is None
    assert numbers_at(AB.described(), AB.table(), []) is None


def next_state(last: Model, draw: st.DrawFn) -> Model:
    """Add, drop, rename or exchange; no column takes a name twice, be it by adding or by renaming (ADR 0140, Limits)."""
    free = [name for name in "abcdef" if name not in last.names.values()]
    plain = [number for number in last.there() if number not in last.renamed and number <= KNOWN]
    ways = ["add"] * bool(free) + ["drop"] * bool(last.there()) + ["rename"] * bool(free and plain)
    way = draw(st.sampled_from([*ways, *["exchange"] * (len(plain) > 1)]))
    if way == "add":
        return last.add(draw(st.sampled_from(free)))
    if way == "drop":
        return last.drop(draw(st.sampled_from(last.there())))
    one = draw(st.sampled_from(plain))
    if way == "rename":
        return last.rename({one: draw(st.sampled_from(free))})
    two = draw(st.sampled_from([number for number in plain if number != one]))
    return last.rename({one: str(last.names[two]), two: str(last.names[one])})


@st.composite
def histories(draw: st.DrawFn) -> list[Model]:
    """States of a table; names come again, exchanged or from what was dropped."""
    states = [Model({1: "a", 2: "b", 3: "c"})]
    for _ in range(draw(st.integers(0, 6))):
        states.append(next_state(states[-1], draw))
    return states


@settings(max_examples=600, deadline=None)
@given(histories(), st.data())
def test_what_is_told_is_true_of_all_that_is_there_now(states: list[Model], data: st.DataObject):
    """Whenever it was written, and whenever the catalog is asked after that; what has been dropped by now goes anyway."""
    then = data.draw(st.integers(0, len(states) - 1))
    now = data.draw(st.integers(then, len(states) - 1))
    found = told(states[0], states[then], states[now])
    event("told" if isinstance(found, tuple) else str(found))
    if isinstance(found, tuple):
        here = set(states[now].there())
        wanted = [number if number in here else None for number in states[then].there()]
        assert [number if number in here else None for number in found] == wanted


def test_a_table_described_anew_stands_twice_in_the_next_frame():
    insert = b"I" + HEAD + b"N" + image(b"1", None, b"x")
    again = bytes(bytearray(PLAIN))
    records = framed(
        begin(100), PLAIN, insert, commit(100), begin(108), insert, commit(108), begin(116), again, insert, commit(116)
    )
    counts = [[each[0] for each in messages_of(record.payload)].count(messages.RELATION) for record in records]
    assert counts == [2, 1, 2]


@pytest.mark.parametrize("oid", [1, 2])
def test_another_table_of_the_name_is_refused(oid: int):
    from test_postgres_log_records import TABLE, decoder

    (record,) = framed(begin(100), PLAIN, b"I" + HEAD + b"N" + image(b"1", None, b"x"), commit(100))
    by = decoder(known=replace(TABLE, origin=(oid, 3)))
    if oid == 1:
        assert by.decode(record)
        return
    with pytest.raises(FerrymanError, match="exchanged their names") as caught:
        by.decode(record)
    assert caught.value.code == "log.schema_mismatch"
