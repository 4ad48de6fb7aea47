from __future__ import annotations

import dataclasses
import itertools
import random

import pytest

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import LoadOptions, StepName
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json
from ferryman.model.types import Kind
from ferryman.pipeline.load import writer
from ferryman.pipeline.load.step import Load
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.spi.source import Chunk
from memory_endpoints import (
    Killed,
    MemoryContext,
    MemoryDatabase,
    MemorySource,
    MemoryTarget,
    make_table,
    note_plan,
    plan_of,
    spec_of,
)

OPTIONS = LoadOptions(streams=3, chunk_rows=10)
ORDERS = make_table("orders", {"id": Kind.INTEGER, "note": Kind.VARCHAR}, ["id"])
EVENTS = make_table("events", {"at": Kind.DATETIME, "what": Kind.VARCHAR})


class Rig:
    """A project over two databases in memory."""

    def __init__(self, *tables, targets=None, steps=(StepName.CAPTURE, StepName.LOAD, StepName.APPLY), **options):
        self.source, self.target = MemoryDatabase(*tables), MemoryDatabase(*(targets or tables))
        options.setdefault("load", OPTIONS)
        self.spec = spec_of(steps, **options)
        self.notes: dict[str, str] = {}
        self.epoch = 0
        self.context = self.next_context()
        note_plan(self.context, self.source, plan_of(self.source, self.target))

    def next_context(self) -> MemoryContext:
        self.epoch += 1
        self.context = MemoryContext(self.spec, StepName.LOAD, self.notes, self.epoch)
        return self.context

    def load(self, give_up_seconds: float = 5.0) -> MemoryContext:
        context = self.next_context()
        source = ruled_source(MemorySource(self.source), rules_of(self.spec))
        Load(context, source, MemoryTarget(self.target), give_up_seconds=give_up_seconds).run()
        return context

    def same(self, table) -> bool:
        rows = self.source.snapshot(table.name), self.target.snapshot(table.name)
        return sorted(rows[0], key=repr) == sorted(rows[1], key=repr)


def rows(count: int, start: int = 0):
    return [(b"%d" % n, b"note %d" % n) for n in range(start, start + count)]


def test_copies_every_row_and_says_so():
    rig = Rig(ORDERS, EVENTS)
    rig.source.fill(ORDERS, rows(95))
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"same")] * 30)
    context = rig.load()
    assert rig.same(ORDERS)
    assert rig.same(EVENTS)
    assert (context.progress.percent, context.progress.rows, context.progress.rows_total) == (100, 125, 125)
    assert {p.table: (p.rows, p.state) for p in context.table_progress.values()} == {
        "shop.orders": (95, "done"),
        "shop.events": (30, "done"),
    }


def test_end_of_load_is_taken_after_the_last_read_and_written_once():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(30))
    rig.source.log_end = 70
    context = rig.load()
    assert from_json(Position, context.note("load.end")).order == (1, 70)
    rig.source.log_end = 90
    assert from_json(Position, rig.load().note("load.end")).order == (1, 70)


def test_no_end_of_load_without_capture():
    rig = Rig(ORDERS, steps=(StepName.LOAD,))
    rig.source.fill(ORDERS, rows(30))
    assert rig.load().note("load.end") is None
    assert rig.same(ORDERS)


def test_keyless_position_is_that_of_the_snapshot():
    rig = Rig(EVENTS)
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    rig.source.log_end = 5

    def grow(event):
        if event == "insert":
            rig.source.log_end += 1

    rig.target.fault = grow
    note = from_json(dict[TableName, Position], rig.load().note("load.keyless"))
    assert note[EVENTS.name].order == (1, 5)


@pytest.mark.parametrize("event", ["begin", "insert", "commit", "committed", "read", "batch", "plan", "connect"])
def test_goes_on_by_itself_after_lost_connections(event):
    rig = Rig(ORDERS, EVENTS)
    rig.source.fill(ORDERS, rows(60))
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x%d" % (n % 3)) for n in range(40)])
    chance = random.Random(7)

    def flaky(happened):
        if happened == event and chance.random() < 0.25:
            raise FerrymanError("endpoint.connection_lost", "gone")

    rig.source.fault = rig.target.fault = flaky
    context = rig.load(give_up_seconds=60)
    assert rig.same(ORDERS)
    assert rig.same(EVENTS)
    assert context.progress.rows == 100


def test_a_commit_of_unknown_outcome_is_looked_up_for_tables_without_a_key():
    rig = Rig(EVENTS)
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    lost = []

    def lose(event):
        if event == "committed" and not lost:
            lost.append(event)
            rig.source.change(EVENTS, lambda kept: kept.append((b"2026-01-01 00:00:00", b"later")))
            raise FerrymanError("endpoint.connection_lost", "gone")

    rig.target.fault = lose
    context = rig.load()
    assert len(rig.target.snapshot(EVENTS.name)) == 20
    assert len(MemoryTarget(rig.target).finished_chunks("np_1")[EVENTS.name]) == 1
    assert from_json(dict[TableName, Position], context.note("load.keyless"))[EVENTS.name].order == (1, 1)
    assert context.progress.rows == 20


def test_rows_of_a_broken_try_are_not_counted_twice(monkeypatch):
    monkeypatch.setattr(writer, "MOST_ROWS", 5)
    rig = Rig(ORDERS, load=LoadOptions(streams=1, chunk_rows=50))
    rig.source.fill(ORDERS, rows(50))
    seen = []

    def lose(event):
        seen.append(event)
        if event == "commit" and seen.count("commit") == 4:
            raise FerrymanError("endpoint.connection_lost", "gone")

    rig.target.fault = lose
    assert rig.load().progress.rows == 50
    assert rig.same(ORDERS)


def test_gives_up_with_the_error_and_resumes():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(60))

    def dead(event):
        if event == "commit":
            raise FerrymanError("endpoint.connection_lost", "gone")

    rig.target.fault = dead
    with pytest.raises(FerrymanError, match="gone"):
        rig.load(give_up_seconds=0.3)
    rig.target.fault = lambda event: None
    rig.load()
    assert rig.same(ORDERS)


def test_a_killed_load_goes_on_with_the_same_chunks():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(200))
    commits = []

    def die(event):
        commits.append(event)
        if commits.count("committed") >= 7:
            raise Killed

    rig.target.fault = die
    with pytest.raises(Killed):
        rig.load()
    finished = dict(MemoryTarget(rig.target).finished_chunks("np_1")[ORDERS.name])
    assert 0 < len(finished) < 20
    rig.target.fault = lambda event: None
    rig.source.reads.clear()
    rig.source.change(ORDERS, lambda kept: kept.extend(rows(3, 1000)))
    context = rig.load()
    assert not {chunk for _, chunk in rig.source.reads} & set(finished)
    assert rig.same(ORDERS)
    assert context.progress.rows == 203


def test_resumes_a_plan_that_was_broken_off():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(300))
    seen = []

    def die(event):
        seen.append(event)
        if event == "plan" and seen.count("plan") == 12:
            raise Killed

    rig.source.fault = die
    with pytest.raises(Killed):
        rig.load()
    rig.source.fault = lambda event: None
    rig.load()
    marks = sorted(
        MemoryTarget(rig.target).finished_chunks("np_1")[ORDERS.name],
        key=lambda m: int(m[0].start[0]) if m[0].start else -1,
    )
    assert marks[0][0].start is None
    assert marks[-1][0].end is None
    assert all(one[0].end == two[0].start for one, two in itertools.pairwise(marks))
    assert sum(count for _, count in marks) == 300


def test_refuses_rows_of_somebody_else():
    rig = Rig(ORDERS, EVENTS)
    rig.target.fill(ORDERS, rows(1))
    rig.target.fill(EVENTS, [(b"2026-01-01 00:00:00", b"theirs")])
    with pytest.raises(FerrymanError) as caught:
        rig.load()
    assert caught.value.code == "load.target_not_empty"
    assert "shop.orders" in caught.value.message
    assert "shop.events" in caught.value.message


def test_allowed_rows_are_overwritten_by_key_but_keyless_tables_still_refused():
    allowed = LoadOptions(streams=2, chunk_rows=10, allow_target_not_empty=True)
    rig = Rig(ORDERS, load=allowed)
    rig.source.fill(ORDERS, rows(25))
    rig.target.fill(ORDERS, [(b"3", b"old")])
    rig.load()
    assert rig.same(ORDERS)
    rig = Rig(EVENTS, load=allowed)
    rig.target.fill(EVENTS, [(b"2026-01-01 00:00:00", b"theirs")])
    with pytest.raises(FerrymanError, match=r"shop\.events"):
        rig.load()


def test_what_a_killed_load_left_is_ours_even_without_a_mark():
    rig = Rig(ORDERS, EVENTS)
    rig.source.fill(ORDERS, rows(8))
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 8)

    def die(event):
        if event == "insert":
            raise Killed

    rig.target.fault = die
    with pytest.raises(Killed):
        rig.load()
    rig.target.fault = lambda event: None
    rig.target.fill(ORDERS, rows(3))
    rig.target.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 3)
    rig.load()
    assert rig.same(ORDERS)
    assert rig.same(EVENTS)


def test_an_older_holder_stops():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(50))

    def taken_over(event):
        rig.target.leases["np_1/load"] = 99

    rig.source.fault = taken_over
    with pytest.raises(LeaseLostError):
        rig.load()
    assert rig.target.snapshot(ORDERS.name) == []


def test_moving_unique_values_converge():
    table = make_table("users", {"id": Kind.INTEGER, "mail": Kind.VARCHAR}, ["id"], unique=[["mail"]])
    rig = Rig(table, load=LoadOptions(streams=1, chunk_rows=5))
    rig.source.fill(table, [(b"%d" % n, b"m%d" % n) for n in range(20)])
    done = []

    def swap(event):
        if event == "committed" and not done:
            done.append(event)

            def change(kept):
                kept[0], kept[15] = (b"0", b"m15"), (b"15", b"m0")

            rig.source.change(table, change)

    rig.target.fault = swap
    rig.load()
    there = dict(rig.target.snapshot(table.name))
    # Row 0 held m0 when it was read and row 15 does now: row 0 went, its change is in the log.
    assert there[b"15"] == b"m0"
    assert b"0" not in there
    assert len(there) == 19


def test_keys_the_target_cannot_tell_apart_are_refused():
    source = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_bin")
    target = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_general_ci")
    for chunk_rows in (100, 1):
        rig = Rig(source, targets=[target], load=LoadOptions(streams=2, chunk_rows=chunk_rows))
        rig.source.fill(source, [(b"Word", b"1"), (b"other", b"2"), (b"word", b"3")])
        with pytest.raises(FerrymanError) as caught:
            rig.load()
        assert caught.value.code == "load.key_collision"


def test_row_filters_hold():
    rig = Rig(ORDERS, EVENTS, selection=Selection(where={"shop.orders": "id < 12"}))
    rig.source.fill(ORDERS, rows(40))
    rig.load()
    assert len(rig.target.snapshot(ORDERS.name)) == 12


def test_a_dropped_table_is_left_to_the_log():
    rig = Rig(ORDERS, EVENTS)
    rig.source.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")])
    del rig.source.tables[ORDERS.name]
    context = rig.load()
    assert any("orders is gone" in message for _, message in context.events)
    assert rig.same(EVENTS)
    assert context.note("load.end") is not None


def test_a_dropped_keyless_table_is_left_to_the_log():
    rig = Rig(ORDERS, EVENTS)
    rig.source.fill(ORDERS, rows(20))
    del rig.source.tables[EVENTS.name]
    context = rig.load()
    assert rig.same(ORDERS)
    assert context.note("load.end") is not None


def rename(rig, table, name):
    renamed = dataclasses.replace(table, name=TableName("shop", name))
    del rig.source.tables[table.name]
    rig.source.tables[renamed.name] = renamed
    rig.source.rows[renamed.name] = rig.source.rows.pop(table.name)


def test_a_table_renamed_under_way_keeps_its_rows():
    rig = Rig(ORDERS, load=LoadOptions(streams=1, chunk_rows=10))
    rig.source.fill(ORDERS, rows(60))
    done = []

    def rename_once(event):
        done.append(event)
        if done.count("committed") == 3 and ORDERS.name in rig.source.tables:
            rename(rig, ORDERS, "orders_2026")

    rig.target.fault = rename_once
    rig.load()
    assert sorted(rig.target.snapshot(ORDERS.name)) == sorted(rows(60))
    assert set(MemoryTarget(rig.target).finished_chunks("np_1")) == {ORDERS.name}


def test_a_renamed_table_without_a_key_stops():
    rig = Rig(EVENTS)
    rename(rig, EVENTS, "events_2026")
    with pytest.raises(FerrymanError) as caught:
        rig.load()
    assert caught.value.code == "load.table_changed"


def test_a_dropped_table_without_capture_is_an_error():
    rig = Rig(ORDERS, steps=(StepName.LOAD,))
    del rig.source.tables[ORDERS.name]
    with pytest.raises(FerrymanError) as caught:
        rig.load()
    assert caught.value.code == "load.table_gone"


def changed_orders(rig, columns, cut):
    table = make_table("orders", columns, ["id"])
    rig.source.tables[table.name] = table
    rig.source.rows[table.name] = [cut(row) for row in rig.source.rows[table.name]]


def test_a_dropped_column_gets_a_stand_in():
    wide = make_table("orders", {"id": Kind.INTEGER, "note": Kind.VARCHAR, "extra": Kind.INTEGER}, ["id"])
    rig = Rig(wide)
    rig.source.fill(wide, [(b"%d" % n, b"n", b"5") for n in range(30)])
    changed_orders(rig, {"id": Kind.INTEGER, "note": Kind.VARCHAR}, lambda row: row[:2])
    rig.load()
    assert sorted(rig.target.snapshot(wide.name)) == sorted((b"%d" % n, b"n", None) for n in range(30))


def test_a_renamed_column_keeps_its_values():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(30))
    changed_orders(rig, {"id": Kind.INTEGER, "remark": Kind.VARCHAR}, lambda row: row)
    rig.load()
    assert rig.same(ORDERS)


def another_column(rig):
    changed_orders(rig, {"id": Kind.INTEGER, "remark": Kind.TEXT}, lambda row: row)


def another_key(rig):
    rig.source.tables[ORDERS.name] = make_table("orders", {"id": Kind.INTEGER, "remark": Kind.VARCHAR}, ["remark"])


def one_of_two(rig):
    rename(rig, ORDERS, "orders_2026")
    name = TableName("shop", "orders_2025")
    rig.source.tables[name] = dataclasses.replace(ORDERS, name=name)
    rig.source.rows[name] = []


@pytest.mark.parametrize("changed", [another_column, another_key, one_of_two])
def test_what_the_catalog_cannot_tell_is_read_again_once_the_log_has_told(changed):
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(30))
    changed(rig)
    context = rig.load()
    assert context.note("load.reread") == [["shop", "orders"]]
    assert context.note("load.end") is not None


@pytest.mark.parametrize("changed", [another_column, another_key, one_of_two])
def test_what_the_catalog_cannot_tell_stops_where_nobody_follows(changed):
    rig = Rig(ORDERS, steps=(StepName.LOAD,))
    rig.source.fill(ORDERS, rows(30))
    changed(rig)
    with pytest.raises(FerrymanError) as caught:
        rig.load()
    assert caught.value.code == "load.table_changed"


def test_a_column_added_later_comes_by_the_log():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(30))
    changed_orders(rig, {"id": Kind.INTEGER, "note": Kind.VARCHAR, "more": Kind.INTEGER}, lambda row: (*row, b"7"))
    rig.load()
    assert sorted(rig.target.snapshot(ORDERS.name)) == sorted(rows(30))


def test_a_target_without_the_key_is_refused():
    bare = make_table("orders", {"id": Kind.INTEGER, "note": Kind.VARCHAR})
    rig = Rig(ORDERS, targets=[bare])
    with pytest.raises(FerrymanError) as caught:
        rig.load()
    assert caught.value.code == "load.target_key_missing"


def test_stops_when_asked_and_goes_on_later():
    rig = Rig(ORDERS)
    rig.source.fill(ORDERS, rows(300))

    def pause(event):
        if event == "committed" and len(MemoryTarget(rig.target).finished_chunks("np_1").get(ORDERS.name, ())) > 4:
            rig.context.stopping.set()

    rig.target.fault = pause
    context = rig.load()
    assert context.note("load.end") is None
    assert context.progress.percent < 100
    rig.target.fault = lambda event: None
    assert rig.load().note("load.end") is not None
    assert rig.same(ORDERS)


def test_an_empty_table_is_one_open_chunk():
    rig = Rig(ORDERS)
    rig.load()
    assert MemoryTarget(rig.target).finished_chunks("np_1") == {ORDERS.name: [(Chunk(None, None), 0)]}
