"""Apply against a source and a target in memory: whatever happens, the target ends as the source (I2, I3, I4, I7)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import pytest
from apply_model import Model, run
from hypothesis import given, note, settings
from hypothesis import strategies as st
from memory_source import MemorySource, place
from memory_target import Crash

from ferryman.foundation.errors import AlreadySoError, FerrymanError, LeaseLostError
from ferryman.model.changes import SchemaStatement
from ferryman.spi.dialect import DdlEffect

RUNS = int(os.environ.get("FERRYMAN_RUNS", "200"))


@settings(max_examples=RUNS, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_target_equals_source_whatever_happens(seed: int):
    note(f"seed {seed}")
    run(seed)


@pytest.mark.parametrize("seed", range(60))
def test_known_seeds_end_equal(seed: int):
    run(seed)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_who_has_lost_its_lease_writes_nothing(seed: int):
    """A second holder begins at any instant; the first goes on until it notices (I7)."""
    note(f"seed {seed}")
    model = Model(seed, crashes=0)
    model.load()
    model.target.on_commit = model.check
    model.target.run_statement = lambda sql: model.dialect.run(model.target, sql)
    countdown = model.rng.randrange(1, 40)
    second = []

    def strike(call: str) -> None:
        nonlocal countdown
        if model.rng.random() < 0.1:
            model.transact()
        countdown -= 1
        # A new holder waits for the open transaction of the one before: it comes between two of them.
        if countdown <= 0 and call in ("begin", "committed") and not second:
            second.append(None)
            second[0] = model.begin(2)

    model.target.strike = strike
    first = model.begin(1)
    with contextlib.suppress(LeaseLostError):
        while model.step(*first):
            pass
    if second:
        while model.step(*second[0]):
            pass
    model.check_end()


def test_a_deadlock_in_a_lane_is_tried_again():
    """A lane's transaction may be taken by a deadlock; it is repeated over whatever is there."""
    for seed in range(40):
        model = Model(seed, crashes=0)
        model.small, model.lanes = 0, 3
        model.load()
        model.target.on_commit = model.check
        model.target.run_statement = lambda sql, model=model: model.dialect.run(model.target, sql)

        def strike(call: str, model: Model = model) -> None:
            if call in ("insert", "replace", "delete_keys") and model.lane_open() and model.rng.random() < 0.1:
                raise FerrymanError("target.deadlock", "by chance")

        applier, cutter, lookahead = model.begin(1)
        model.target.strike = strike
        while model.step(applier, cutter, lookahead):
            pass
        model.check_end()


@pytest.mark.parametrize("crashes", [True, False])
def test_a_statement_that_the_catalog_does_not_tell_of_is_repeated_only_after_a_crash(crashes: bool):
    """An index more fits both shapes: behind a crash the server's "it is there" means done (I8), otherwise it stops."""
    model = Model(3, crashes=0)
    model.load()
    table = model.schema.tables[0]
    indexed = DdlEffect(
        schema=model.schema.with_table(replace(table, comment="indexed")), statements=("index",), touched=(table.name,)
    )
    model.dialect.replay = lambda schema, selection, sql, database: indexed
    statement = SchemaStatement(sql="index", database="s", position=replace(place(9), order=(9, 1)))
    ran: list[str] = [] if crashes else ["by hand"]

    def index(sql: str) -> None:
        ran.append(sql)
        if len(ran) > 1:
            raise AlreadySoError("target.ddl_failed", "the index is there")

    def strike(call: str) -> None:
        if call == "ddl done":
            raise Crash

    model.target.run_statement = index
    model.target.strike = strike
    applier, *_ = model.begin(1)
    with pytest.raises(Crash if crashes else AlreadySoError):
        applier.run(statement)
    if crashes:
        model.target.strike = lambda call: None
        applier, *_ = model.begin(2)
        applier.run(statement)
        assert ran == ["index", "index"]
        assert (applier.checkpoint.position, applier.checkpoint.intent) == (statement.position, None)


def test_the_model_can_fail(monkeypatch: pytest.MonkeyPatch):
    """Were a snapshot's place taken too early, cascades between there and the snapshot would be carried out twice."""
    plain = MemorySource.consistent_reader

    def early(source, tables):
        reader, position = plain(source, tables)
        boundaries = [each.position for each in source.records if each.boundary and each.position < position]
        return reader, boundaries[-4] if len(boundaries) > 4 else position

    monkeypatch.setattr(MemorySource, "consistent_reader", early)
    with pytest.raises((AssertionError, FerrymanError)):
        run_all(range(200))


def run_all(seeds: range):
    for seed in seeds:
        run(seed)
