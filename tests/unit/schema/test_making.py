"""How the schema and index steps make objects: joined, side by side, resumed, left out; and what showing them costs."""

from dataclasses import replace

import pytest

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.connectors.postgresql.dialect import tables as postgres_tables
from ferryman.connectors.postgresql.dialect.postgresql import PostgreSqlDialect
from ferryman.foundation.errors import AlreadySoError, FerrymanError
from ferryman.model import selection as selection_module
from ferryman.model.names import TableName
from ferryman.model.project import Endpoint, LoadOptions, ProjectSpec
from ferryman.model.schema import Column, Database, Index, KeyPart, Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.schema import step
from ferryman.pipeline.schema.making import Maker
from ferryman.pipeline.schema.report import FAILED, SHOW_SECONDS, SKIPPED, Report
from ferryman.spi.dialect import DEFERRED_ROWS, DdlStatement


class Context:
    """Surroundings in memory, which count what they are told."""

    def __init__(self, streams=0):
        self.spec = ProjectSpec(
            name="x",
            source=Endpoint(scheme="mysql"),
            target=Endpoint(scheme="mysql"),
            load=LoadOptions(streams=streams, defer_index_creation=True),
        )
        self.notes, self.lines, self.events, self.told = {}, {}, [], 0

    def report(self, progress, tables=()):
        self.progress = progress
        self.told += len(tables)
        self.lines |= {each.table: each for each in tables}

    def note(self, name):
        return self.notes.get(name)

    def event(self, level, message, **fields):
        self.events.append(message)

    def stop_requested(self):
        return False


class Target:
    """Keeps the statements; refuses those that hold one of the words."""

    def __init__(self, refuses=(), there=()):
        self.ran, self.refuses, self.there = [], refuses, there

    def run_ddl(self, sql):
        self.ran.append(sql)
        for word in self.refuses:
            if word in sql:
                raise FerrymanError("target.ddl_failed", f"{word} is refused")
        for word in self.there:
            if word in sql:
                raise AlreadySoError("target.ddl_failed", f"{word} is there")

    def read_schema(self, selection):
        return Schema(tables=(table("t", [name.strip("`") for name in self.there]),))


def table(name, indexes):
    columns = tuple(
        Column(name=c, type=ColumnType(kind=Kind.INTEGER, native="int", bits=32)) for c in ("id", "a", "b", "c")
    )
    keys = [Index(name="PRIMARY", parts=(KeyPart(column="id"),), primary=True, unique=True)]
    keys += [Index(name=each, parts=(KeyPart(column=each[-1]),)) for each in indexes]
    return Table(name=TableName("d", name), columns=columns, indexes=tuple(keys))


def made(target, context=None, dialect=None, there=None):
    """Plan a table of three indexes, put off, and make what waits for the rows."""
    context, dialect = context or Context(), dialect or MySqlDialect()
    whole = Schema(databases=(Database(name="d"),), tables=(table("t", ["k_a", "k_b", "k_c"]),))
    plan = dialect.plan(whole, Selection(), defer_indexes=True)
    report = Report(context, [each for each in plan.statements if each.after_load])
    Maker(context, target, dialect, plan, there or Schema(tables=(table("t", []),)), report).run()
    return context, report


def states(context):
    return {label.rpartition(".")[2]: each.state for label, each in context.lines.items()}


def test_indexes_of_one_table_are_made_in_one_pass():
    target = Target()
    context, _ = made(target)
    assert len(target.ran) == 1
    assert target.ran[0].count("ADD KEY") == 3
    assert states(context) == {"k_a": "done", "k_b": "done", "k_c": "done"}


def test_an_engine_that_joins_nothing_gets_one_statement_each():
    dialect = MySqlDialect()
    target = Target()
    made(target, dialect=replace(dialect, rules=replace(dialect.rules, joins_indexes=False)))
    assert [sql.count("ADD KEY") for sql in target.ran] == [1, 1, 1]


def test_a_server_that_makes_indexes_beside_each_other_is_let_to():
    plan = PostgreSqlDialect().plan(Schema(tables=(table("t", ["k_a", "k_b"]),)), Selection(), defer_indexes=True)
    assert [each.beside for each in plan.statements if each.after_load] == [True, True]


def test_the_one_that_is_refused_is_told_apart_and_the_others_are_made():
    target = Target(refuses=["`k_b`"])
    context, report = made(target)
    assert states(context) == {"k_a": "done", "k_b": "failed", "k_c": "done"}
    with pytest.raises(FerrymanError) as caught:
        step._settle(context, report)
    assert caught.value.code == "schema.index_failed"
    assert "d.t.k_b" in caught.value.message
    assert "k_a" not in caught.value.message


def test_what_an_earlier_run_has_made_is_not_made_again():
    target = Target()
    context, _ = made(target, there=Schema(tables=(table("t", ["k_a"]),)))
    assert [sql.count("ADD KEY") for sql in target.ran] == [2]
    assert context.lines["index d.t.k_a"].message == "was there"


def test_what_the_server_went_on_with_after_a_kill_counts_as_made():
    context, report = made(Target(there=["`k_a`", "`k_b`", "`k_c`"]))
    assert set(states(context).values()) == {"done"}
    assert not report.of(FAILED)


def test_an_index_that_was_left_out_is_not_tried():
    context = Context()
    context.notes["schema.objects"] = {"index d.t.k_b": ""}
    target = Target()
    _, report = made(target, context)
    assert [each.statement.object for each in report.of(SKIPPED)] == ["d.t.k_b"]
    assert "k_b" not in "".join(target.ran)


def test_the_streams_that_were_chosen_bound_the_connections():
    assert Context(streams=2).spec.load.side_by_side == 2


def test_showing_costs_what_has_happened(monkeypatch):
    """A listing told as a whole at each look made the steps of 10,000 tables quadratic."""
    monkeypatch.setattr("ferryman.pipeline.schema.report.SHOW_SECONDS", 0.0)
    context, count = Context(), 500
    report = Report(context, [DdlStatement(kind="table", object=f"d.t{n}", sql="x") for n in range(count)])
    report.show()
    for place in range(count):
        report.settle(place, "done")
    report.show()
    assert SHOW_SECONDS > 0
    assert context.told <= 2 * count
    assert (context.progress.percent, context.progress.message) == (100, f"{count} of {count} objects")


def test_thousands_of_names_cost_no_more_than_one(monkeypatch):
    """The index step asks the catalog for each table by its name: each was held against each."""
    asked = []
    matches = selection_module._part_matches
    monkeypatch.setattr(
        selection_module, "_part_matches", lambda *names: asked.append(names) is None and matches(*names)
    )
    names = [TableName("d.x", f"t{n}") for n in range(1000)]
    chosen = Selection(objects=(*(exact_pattern(name) for name in names), "other.?"))
    assert all(chosen.includes(name) for name in names)
    assert not chosen.includes(TableName("d.x", "t1000"))
    assert chosen.includes_database("d.x")
    assert not chosen.includes_database("d")
    assert len(asked) <= 4


@pytest.mark.parametrize("dialect", [MySqlDialect(), PostgreSqlDialect()])
@pytest.mark.parametrize(
    ("wish", "rows", "waits"), [(None, DEFERRED_ROWS, True), (None, 5, False), (True, 5, True), (False, 10**9, False)]
)
def test_indexes_of_great_tables_wait_unless_the_user_says_otherwise(dialect, wish, rows, waits):
    great = replace(table("t", ["k_a"]), row_estimate=rows)
    plan = dialect.plan(Schema(tables=(great,)), Selection(), defer_indexes=wish)
    assert any(each.kind == "index" and each.after_load for each in plan.statements) == waits


def test_an_engine_for_which_it_has_not_been_measured_waits_only_when_told():
    great = Schema(tables=(replace(table("t", ["k_a"]), row_estimate=10**9),))
    plans = {wish: OceanBaseDialect().plan(great, Selection(), defer_indexes=wish) for wish in (None, True)}
    assert {wish: any(each.after_load for each in plan.statements) for wish, plan in plans.items()} == {
        None: False,
        True: True,
    }


def test_what_forbids_something_never_waits():
    exclusion = Index(name="x", parts=(KeyPart(column="a"),), definition="EXCLUDE USING gist (a WITH =)")
    unique = Index(name="u", parts=(KeyPart(column="b"),), unique=True)
    keys = replace(table("t", []), indexes=(*table("t", []).indexes, exclusion, unique))
    assert [each.after_load for each in postgres_tables.table_statements(keys, True) if each.kind == "index"] == [
        False
    ] * 2
