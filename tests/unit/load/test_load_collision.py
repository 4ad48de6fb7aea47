from __future__ import annotations

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.types import Kind
from ferryman.pipeline.load.collision import CollisionGuard
from ferryman.pipeline.load.job import job_of
from ferryman.spi.target import Lease
from memory_endpoints import JournalSession, MemoryDatabase, MemoryReader, make_table, plan_of

COLUMNS = {"id": Kind.INTEGER, "mail": Kind.VARCHAR}
FINE = make_table("users", COLUMNS, ["id"], unique=[["mail"]], collation="utf8mb4_bin")
COARSE = make_table("users", COLUMNS, ["id"], unique=[["mail"]], collation="utf8mb4_general_ci")


def replace(*, at_source, at_target, batch, during=lambda source: None, tables=(FINE, COARSE)):
    source, target = MemoryDatabase(tables[0]), MemoryDatabase(tables[1])
    source.fill(tables[0], at_source)
    target.fill(tables[1], at_target)
    target.leases["t"] = 1
    job = job_of(tables[0], plan_of(source, target))
    looks = []

    def look(event):
        looks.append(event)
        if looks.count("rows_by_key") == 2:
            during(source)

    source.fault = look
    session = JournalSession(target)
    session.begin(Lease(task="t", epoch=1))
    rows = Batch.of(batch, 2)
    with CollisionGuard(lambda: MemoryReader(source)).watch(session, job, rows):
        session.replace(tables[1], job.writes, rows)
    session.commit()
    return sorted(target.snapshot(tables[1].name))


def test_rows_that_both_exist_clash():
    rows = [(b"1", b"A"), (b"2", b"a")]
    with pytest.raises(FerrymanError) as caught:
        replace(at_source=rows, at_target=rows[1:], batch=rows[:1])
    assert caught.value.code == "load.key_collision"


def test_the_row_in_the_way_has_moved_on():
    there = replace(at_source=[(b"1", b"A"), (b"2", b"b")], at_target=[(b"2", b"a")], batch=[(b"1", b"A")])
    assert there == [(b"1", b"A")]


def test_our_own_row_has_moved_on():
    there = replace(at_source=[(b"1", b"z"), (b"2", b"a")], at_target=[(b"2", b"a")], batch=[(b"1", b"A")])
    assert there == [(b"1", b"A")]  # its change to z is in the log, and so is the one that gave a to row 2


def test_what_moves_while_it_is_looked_up_does_not_clash():
    def move(source):
        source.rows[FINE.name] = [(b"1", b"A"), (b"2", b"b")]

    rows = [(b"1", b"A"), (b"2", b"a")]
    assert replace(at_source=rows, at_target=rows[1:], batch=rows[:1], during=move) == [(b"1", b"A")]


def test_the_same_value_on_two_rows_has_moved_for_the_source_forbids_it():
    there = replace(at_source=[(b"1", b"a"), (b"2", b"a")], at_target=[(b"2", b"a")], batch=[(b"1", b"a")])
    assert there == [(b"1", b"a")]


def test_two_rows_of_one_batch_clash():
    rows = [(b"1", b"A"), (b"2", b"a")]
    with pytest.raises(FerrymanError) as caught:
        replace(at_source=rows, at_target=[], batch=rows)
    assert caught.value.code == "load.key_collision"


def test_numbers_cost_no_look():
    tables = [make_table("users", {"id": Kind.INTEGER, "n": Kind.INTEGER}, ["id"]) for _ in range(2)]
    there = replace(at_source=[], at_target=[(b"1", b"0")], batch=[(b"1", b"5")], tables=tables)
    assert there == [(b"1", b"5")]
