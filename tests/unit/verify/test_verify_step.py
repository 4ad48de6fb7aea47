from __future__ import annotations

import threading

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.mismatch import MismatchKind
from ferryman.model.project import StepName, VerifyOptions
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.model.types import Kind
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.pipeline.verify import repair
from ferryman.pipeline.verify.step import Endpoints, compare, verify
from memory_endpoints import Killed, MemoryContext, MemoryDatabase, MemorySource, MemoryTarget, make_table, spec_of

OPTIONS = VerifyOptions(streams=2, chunk_rows=10, recheck_seconds=5.0)
ORDERS = make_table("orders", {"id": Kind.INTEGER, "note": Kind.VARCHAR, "raw": Kind.BLOB}, ["id"])
EVENTS = make_table("events", {"at": Kind.DATETIME, "what": Kind.VARCHAR})
STEPS = (StepName.CAPTURE, StepName.LOAD, StepName.APPLY, StepName.VERIFY)


def quote(name):
    return f"`{name}`"


def rows(count):
    return [(b"%d" % n, b"note %d" % n, None if n % 3 else b"\x00\xff") for n in range(count)]


class Rig:
    def __init__(self, *tables, targets=None, steps=(StepName.VERIFY,), **options):
        self.source, self.target = MemoryDatabase(*tables), MemoryDatabase(*(targets or tables))
        options.setdefault("verify", OPTIONS)
        self.spec = spec_of(steps, **options)
        self.notes: dict[str, str] = {}

    def fill(self, table, source, target=None):
        self.source.fill(table, source)
        self.target.fill(table, source if target is None else target)

    @property
    def endpoints(self):
        source = ruled_source(MemorySource(self.source), rules_of(self.spec))
        return Endpoints(source, MemoryTarget(self.target), quote)

    def compare(self):
        return compare(self.spec, self.endpoints)

    def run(self, on_wait=lambda: None) -> MemoryContext:
        context = MemoryContext(self.spec, StepName.VERIFY, self.notes)
        context.on_wait = on_wait
        verify(context, self.endpoints)
        return context


def test_equal_tables_are_equal():
    rig = Rig(ORDERS, EVENTS)
    rig.fill(ORDERS, rows(95))
    rig.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    report = rig.compare()
    assert report.differences == 0
    assert {table.table: (table.rows, table.state) for table in report.tables} == {
        "shop.orders": (95, "done"),
        "shop.events": (20, "done"),
    }


def test_each_kind_of_difference_is_named():
    rig = Rig(ORDERS)
    target = rows(95)
    del target[40]
    target[10] = (b"10", b"changed", None)
    target.append((b"500", b"extra", None))
    rig.fill(ORDERS, rows(95), target)
    report = rig.compare()
    found = {(m.kind, m.key["id"]): m for m in report.mismatches["shop.orders"]}
    assert set(found) == {
        (MismatchKind.MASTER_ONLY, "40"),
        (MismatchKind.MISMATCHED, "10"),
        (MismatchKind.IMAGE_ONLY, "500"),
    }
    changed = found[MismatchKind.MISMATCHED, "10"]
    assert (changed.source, changed.target) == ({"note": "note 10"}, {"note": "changed"})
    assert (
        found[MismatchKind.MASTER_ONLY, "40"].correction
        == "REPLACE INTO `shop`.`orders` (`id`, `note`, `raw`) VALUES (40, 'note 40', NULL);"
    )
    assert found[MismatchKind.IMAGE_ONLY, "500"].correction == "DELETE FROM `shop`.`orders` WHERE `id` = 500;"
    facts = report.facts["shop.orders"]
    assert (facts["sourceOnly"], facts["targetOnly"], facts["mismatched"], facts["mismatches"]) == (1, 1, 1, 3)


def test_bytes_are_shown_and_corrected_in_hexadecimal():
    rig = Rig(ORDERS)
    rig.fill(ORDERS, [(b"1", b"it's", b"\x00\xff")], [(b"1", b"it's", b"\x00")])
    (found,) = rig.compare().mismatches["shop.orders"]
    assert (found.source, found.target) == ({"raw": "0x00FF"}, {"raw": "0x00"})
    assert "X'00FF'" in found.correction
    assert r"'it\'s'" in found.correction


def test_rows_without_a_key_are_counted():
    rig = Rig(EVENTS)
    one, two, three = ((b"2026-01-01 00:00:00", what) for what in (b"one", b"two", b"Two"))
    rig.fill(EVENTS, [one, one, one, two], [one, two, three, three])
    found = {(m.kind, m.key["what"]): m for m in rig.compare().mismatches["shop.events"]}
    assert {key: m.count for key, m in found.items()} == {
        (MismatchKind.MASTER_ONLY, "one"): 2,
        (MismatchKind.IMAGE_ONLY, "Two"): 2,
    }
    assert found[MismatchKind.IMAGE_ONLY, "Two"].correction.endswith("LIMIT 2;")


def test_keys_of_letters_are_compared_byte_for_byte():
    source = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_bin")
    target = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_general_ci")
    rig = Rig(source, targets=[target])
    words = [w.encode() for w in ("Zebra", "apfel", "Äpfel", "Ähre", "zoo", "a", "b ", " c", "ß", "straße", "E", "é")]
    rig.fill(source, [(word, b"1") for word in words])
    assert rig.compare().differences == 0
    rig.target.fill(target, [(b"zebra" if word == b"Zebra" else word, b"1") for word in words])
    report = rig.compare()
    assert {(m.kind, m.key["word"]) for m in report.mismatches["shop.words"]} == {
        (MismatchKind.MASTER_ONLY, "Zebra"),
        (MismatchKind.IMAGE_ONLY, "zebra"),
    }


def test_filtered_rows_are_no_difference_and_those_beyond_the_filter_are():
    rig = Rig(ORDERS, selection=Selection(where={"shop.orders": "id < 50"}))
    rig.fill(ORDERS, rows(95), rows(50))
    assert rig.compare().differences == 0
    rig.target.fill(ORDERS, rows(52))
    assert {m.key["id"] for m in rig.compare().mismatches["shop.orders"]} == {"50", "51"}


def test_missing_tables_and_columns_are_differences():
    narrow = make_table("orders", {"id": Kind.INTEGER, "note": Kind.VARCHAR}, ["id"])
    rig = Rig(ORDERS, EVENTS, targets=[narrow])
    report = rig.compare()
    assert {table.table: (table.mismatches, table.message) for table in report.tables} == {
        "shop.orders": (1, "missing at the target: columns raw of shop.orders"),
        "shop.events": (1, "missing at the target: table shop.events"),
    }


def test_a_flood_of_differences_is_cut():
    rig = Rig(ORDERS, verify=VerifyOptions(streams=2, chunk_rows=10, mismatch_limit=25))
    rig.fill(ORDERS, rows(300), [])
    report = rig.compare()
    assert len(report.mismatches["shop.orders"]) == 25
    assert report.facts["shop.orders"]["limited"]
    assert report.tables[0].rows == 300


def follow(rig, table, lag=1):
    """Apply as a script: the target gets the source's rows, then the note says so."""
    rig.target.fill(table, rig.source.snapshot(table.name))
    rig.notes["apply.position"] = __import__("json").dumps(to_json(rig.source.position()))


def test_moving_rows_are_never_reported_and_damage_is():
    rig = Rig(ORDERS, EVENTS, steps=STEPS)
    rig.fill(ORDERS, rows(95))
    rig.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    damage = {b"7": b"damaged", b"60": b"damaged"}
    clock = iter(range(1, 10**9))

    def write():
        """Row 3 changes all the while, and a row without a key comes each time; apply trails behind, then catches up."""
        n = next(clock)
        follow_with_damage()
        rig.source.change(ORDERS, lambda kept: kept.__setitem__(3, (b"3", b"v%d" % n, None)))
        rig.source.change(EVENTS, lambda kept: kept.append((b"2026-01-01 00:00:00", b"new %d" % n)))

    def follow_with_damage():
        with rig.source.lock, rig.target.lock:
            kept = rig.source.snapshot(ORDERS.name)
            rig.target.fill(ORDERS, [(row[0], damage.get(row[0], row[1]), row[2]) for row in kept])
            follow(rig, EVENTS)

    rig.source.fault = lambda event: write() if event in ("batch", "rows_by_key") and n_left() else None
    left = [400]

    def n_left():
        left[0] -= 1
        return left[0] > 0

    write()
    context = rig.run(on_wait=follow_with_damage)
    assert {m.key["id"] for m in context.mismatches["shop.orders"]} == {"7", "60"}
    assert context.mismatches["shop.events"] == []


def test_rows_that_never_settle_are_said_to_be_moving():
    rig = Rig(ORDERS, steps=STEPS, verify=VerifyOptions(streams=1, chunk_rows=10, recheck_seconds=0.2))
    rig.fill(ORDERS, rows(30), rows(29))
    context = rig.run()  # apply never says anything
    assert context.mismatches["shop.orders"] == []
    facts = context.progress.info["tables"]["shop.orders"]
    assert (facts["moving"], facts["state"]) == (1, "moving")
    assert "moving" in context.table_progress["shop.orders"].message


def test_a_standing_difference_under_apply_is_reported():
    rig = Rig(ORDERS, EVENTS, steps=STEPS)
    rig.fill(ORDERS, rows(30), rows(29))
    rig.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 5, [(b"2026-01-01 00:00:00", b"x")] * 7)
    rig.notes["apply.position"] = __import__("json").dumps(to_json(rig.source.position()))
    context = rig.run()
    assert [m.key["id"] for m in context.mismatches["shop.orders"]] == ["29"]
    assert [(m.kind, m.count) for m in context.mismatches["shop.events"]] == [(MismatchKind.IMAGE_ONLY, 2)]


def test_a_killed_verification_keeps_finished_tables():
    tables = [make_table(f"t{n}", {"id": Kind.INTEGER, "note": Kind.VARCHAR}, ["id"]) for n in range(5)]
    rig = Rig(*tables, verify=VerifyOptions(streams=1, chunk_rows=10))
    for table in tables:
        rig.fill(table, [(b"%d" % n, b"x") for n in range(30)], [(b"%d" % n, b"x") for n in range(29)])

    def die(event):
        if sum(name.startswith("verify.done/") for name in rig.notes) == 3:
            raise Killed

    rig.source.fault = die
    with pytest.raises(Killed):
        rig.run()
    done = {name.split("/")[1] for name in rig.notes if name.startswith("verify.done/")}
    rig.source.fault = lambda event: None
    rig.source.reads.clear()
    context = rig.run()
    assert not {str(name) for name, _ in rig.source.reads} & done
    assert all(progress.mismatches == 1 for progress in context.table_progress.values())
    assert context.progress.percent == 100
    rig.source.reads.clear()
    rig.run()  # a new run starts anew
    assert len({name for name, _ in rig.source.reads}) == 5


@pytest.mark.parametrize("event", ["read", "batch", "rows_by_key", "plan", "connect"])
def test_goes_on_by_itself_after_lost_connections(event):
    rig = Rig(ORDERS, EVENTS)
    rig.fill(ORDERS, rows(95), rows(90))
    rig.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    times = []

    def flaky(happened):
        if happened == event:
            times.append(event)
            if len(times) in (2, 5):
                raise FerrymanError("endpoint.connection_lost", "gone")

    rig.source.fault = flaky
    report = rig.compare()
    assert report.differences == 5
    assert {table.table: table.rows for table in report.tables} == {"shop.orders": 95, "shop.events": 20}


def test_a_table_altered_meanwhile_is_compared_anew():
    rig = Rig(ORDERS)
    rig.fill(ORDERS, rows(95))
    wider = make_table("orders", {"id": Kind.INTEGER, "memo": Kind.VARCHAR, "raw": Kind.BLOB}, ["id"])
    lock = threading.Lock()
    seen = []

    def alter(event):
        with lock:
            seen.append(event)
            if seen.count("read") == 3 and event == "read":
                rig.source.tables[ORDERS.name] = rig.target.tables[ORDERS.name] = wider

    rig.source.fault = alter
    report = rig.compare()
    assert report.differences == 0
    assert report.tables[0].rows == 95


@pytest.mark.parametrize("code", ["source.table_changed", "target.table_changed"])
@pytest.mark.parametrize("dropped", [True, False])
def test_a_table_that_goes_meanwhile_on_whichever_side_stops_nothing(code, dropped):
    """Renamed or dropped at the source, and so, a moment later, at the target: which side tells first is chance."""
    rig = Rig(ORDERS, EVENTS)
    rig.fill(ORDERS, rows(95))
    rig.fill(EVENTS, [(b"2026-01-01 00:00:00", b"x")] * 20)
    lock, seen = threading.Lock(), []

    def go(event):
        with lock:
            seen.append(event)
            if event != "read" or seen.count("read") != 3:
                return
            if dropped:
                del rig.source.tables[ORDERS.name], rig.target.tables[ORDERS.name]
        raise FerrymanError(code, "the table is gone")

    (rig.source if code.startswith("source") else rig.target).fault = go
    report = rig.compare()
    assert report.differences == 0
    assert seen.count("read") >= 3
    found = {table.table: (table.rows, table.message) for table in report.tables}
    assert found["shop.events"][0] == 20
    assert found["shop.orders"] == ((0, "dropped at the source while it was compared") if dropped else (95, ""))


def test_stops_when_asked():
    rig = Rig(ORDERS)
    rig.fill(ORDERS, rows(95))
    report = compare(rig.spec, rig.endpoints, stop=lambda: True)
    assert report.tables == ()


def test_repair_makes_the_target_equal():
    source = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_bin")
    target = make_table("words", {"word": Kind.VARCHAR, "n": Kind.INTEGER}, ["word"], collation="utf8mb4_general_ci")
    rig = Rig(source, ORDERS, EVENTS, targets=[target, ORDERS, EVENTS])
    rig.fill(source, [(b"Zebra", b"1"), (b"b", b"2")], [(b"zebra", b"1"), (b"c", b"3")])
    damaged = [*rows(40)[5:], (b"99", b"extra", b"\x01")]
    damaged[3] = (damaged[3][0], b"changed", None)
    rig.fill(ORDERS, rows(40), damaged)
    one, two = ((b"2026-01-01 00:00:00", what) for what in (b"one", b"two"))
    rig.fill(EVENTS, [one, one, one], [one, two, two])
    found = [m for some in rig.compare().mismatches.values() for m in some]
    scripts = repair.correction_sql(found)
    assert scripts["shop.words"].index("DELETE") < scripts["shop.words"].index("REPLACE")
    repair.correct(rig.spec, rig.endpoints, found)
    assert rig.compare().differences == 0
