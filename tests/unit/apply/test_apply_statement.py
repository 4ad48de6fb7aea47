"""Schema statements: what is asked of the operator, and how far an interrupted one got."""

from dataclasses import replace

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply.statement import Decision, Outcome, State, Statements
from ferryman.spi.dialect import DdlEffect

INT = ColumnType(kind=Kind.INTEGER)
ONE = Table(name=TableName("d", "t"), columns=(Column(name="a", type=INT),))
TWO = replace(ONE, columns=(*ONE.columns, Column(name="b", type=INT)))


def place(number):
    return Position(kind="test", token={"file": "log.1", "offset": str(number)}, order=(1, number))


def statement(sql, number=7):
    return SchemaStatement(sql=sql, database="d", position=place(number))


class Dialect:
    def replay(self, schema, selection, sql, database):
        if sql == "add b":
            return DdlEffect(schema=schema.with_table(TWO), statements=("ALTER …",), touched=(TWO.name,))
        if sql == "analyze":
            return DdlEffect(schema=schema)
        return DdlEffect(schema=schema, known=False)

    def target_table(self, table, selection):
        return table

    def differences(self, wanted, found):
        return [] if wanted.columns == found.columns else ["columns"]


class Target:
    def __init__(self, *tables):
        self.tables = tables

    def read_schema(self, selection):
        return Schema(tables=tuple(table for table in self.tables if selection.includes(table.name)))


def statements(*, known=None, note=None):
    return Statements(Dialect(), Selection(), known, lambda: Decision.of(note))


def found_state(target, before, after):
    found = statements()
    return found.state(target, *found.sides(before, Outcome(schema=after)))


BEFORE, AFTER = Schema(tables=(ONE,)), Schema(tables=(TWO,))


def test_a_known_statement_is_applied():
    outcome = statements().outcome(BEFORE, statement("add b"))
    assert (outcome.schema, outcome.statements, outcome.by_hand) == (AFTER, ("ALTER …",), False)


def test_only_statements_with_an_effect_concern_us():
    found = statements()
    assert found.concerns(BEFORE, statement("add b"))
    assert found.concerns(BEFORE, statement("partition by moonlight"))
    assert not found.concerns(BEFORE, statement("analyze"))


def test_an_unknown_statement_stops_with_its_text_and_place():
    with pytest.raises(FerrymanError) as caught:
        statements().outcome(BEFORE, statement("partition by moonlight"))
    assert caught.value.code == "apply.ddl_unknown"
    assert "partition by moonlight" in caught.value.message
    assert caught.value.context["position"] == "log.1/7"
    assert caught.value.context["choices"] == ["skip", "apply", "done"]


def test_an_unknown_statement_that_the_first_catalog_showed_already_is_passed():
    assert statements(known=place(7)).outcome(BEFORE, statement("partition by moonlight")).statements == ()


@pytest.mark.parametrize("position", ["log.1/7", to_json(place(7))])
@pytest.mark.parametrize(
    ("choice", "sql", "schema", "run"),
    [
        ("skip", "", BEFORE, ()),
        ("done", "", BEFORE, ()),
        ("done", "add b", AFTER, ()),
        ("apply", "add b", AFTER, ("add b",)),
        ("apply", "", BEFORE, ("partition by moonlight",)),
    ],
)
def test_the_operator_chooses(position, choice, sql, schema, run):
    note = {"position": position, "choice": choice, "sql": sql}
    outcome = statements(note=note).outcome(BEFORE, statement("partition by moonlight"))
    assert (outcome.schema, outcome.statements, outcome.by_hand) == (schema, run, True)


def test_a_choice_is_for_its_own_statement_only():
    note = {"position": "log.1/6", "choice": "skip"}
    assert statements(note=note).outcome(BEFORE, statement("add b")).statements == ("ALTER …",)


@pytest.mark.parametrize(
    ("there", "state"),
    [((ONE,), State.BEFORE), ((TWO,), State.AFTER), ((), State.TORN), ((replace(ONE, columns=()),), State.TORN)],
)
def test_the_catalog_tells_how_far_an_interrupted_statement_got(there, state):
    assert found_state(Target(*there), BEFORE, AFTER) is state


def test_a_dropped_table_and_a_made_one_are_told_by_being_there():
    none = Schema()
    assert found_state(Target(ONE), BEFORE, none) is State.BEFORE
    assert found_state(Target(), BEFORE, none) is State.AFTER
    assert found_state(Target(), none, BEFORE) is State.BEFORE
    assert found_state(Target(ONE), none, BEFORE) is State.AFTER


def test_a_statement_without_a_trace_runs_again():
    assert found_state(Target(ONE), BEFORE, BEFORE) is State.BEFORE


def test_tables_of_a_statement_nobody_understands_are_taken_from_the_catalog():
    other = replace(ONE, name=TableName("d", "other"))
    note = {"position": "log.1/7", "choice": "done"}
    found = Statements(
        Dialect(),
        Selection(),
        None,
        lambda: Decision.of(note),
        lambda: Schema(tables=(TWO, replace(TWO, name=other.name))),
    )
    outcome = found.outcome(Schema(tables=(ONE, other)), statement("partition T by moonlight"))
    assert outcome.schema.table(ONE.name) == TWO
    assert outcome.schema.table(other.name) == other
    assert outcome.touched == (ONE.name,)


def test_the_sources_own_statement_tells_its_schema_whatever_runs_at_the_target():
    note = {"position": "log.1/7", "choice": "apply", "sql": "something else"}
    outcome = statements(note=note).outcome(BEFORE, statement("add b"))
    assert (outcome.schema, outcome.statements) == (AFTER, ("something else",))


@pytest.mark.parametrize(
    ("names", "state"), [("p0 p1", State.BEFORE), ("p1", State.AFTER), ("p0", State.BEFORE), ("", State.BEFORE)]
)
def test_partitions_tell_how_far_their_statement_got(names, state):
    """I8: a partition dropped before the crash is refused when it is dropped again."""

    def parted(names):
        return replace(ONE, partitions=f"RANGE (`a`) ({', '.join(f'PARTITION `{name}` …' for name in names.split())})")

    before, after = Schema(tables=(parted("p0 p1"),)), Schema(tables=(parted("p1"),))
    assert found_state(Target(parted(names)), before, after) is state
