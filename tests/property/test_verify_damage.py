"""Random tables, random damage: every damaged row is found, and nothing else; repair makes both sides equal (I6)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.model.mismatch import MismatchKind
from ferryman.model.project import VerifyOptions
from ferryman.model.types import Kind
from ferryman.pipeline.verify import differences, repair
from ferryman.pipeline.verify.step import Endpoints, compare
from memory_endpoints import MemoryDatabase, MemorySource, MemoryTarget, folded, make_table, spec_of

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INTEGERS = st.integers(-50, 50).map(lambda n: b"%d" % n)
TEXTS = st.text("aAbBéÉe ß", max_size=3).map(str.encode)
VALUES = st.one_of(st.none(), st.binary(max_size=3))
KEYS = {
    "integer": ({"k": Kind.INTEGER}, st.tuples(INTEGERS)),
    "text": ({"k": Kind.VARCHAR}, st.tuples(TEXTS)),
    "both": ({"k": Kind.INTEGER, "l": Kind.VARCHAR}, st.tuples(INTEGERS, TEXTS)),
    "bytes": ({"k": Kind.VARBINARY}, st.tuples(st.binary(max_size=2))),
}


def one_spelling(table, rows):
    """Keep what a target with a coarser collation can hold."""
    kept = {}
    for key, value in rows.items():
        kept.setdefault(
            tuple(folded(table.column(c), v) for c, v in zip(table.row_key.columns, key, strict=True)), (key, value)
        )
    return dict(kept.values())


@st.composite
def keyed(draw):
    columns, keys = KEYS[draw(st.sampled_from(sorted(KEYS)))]
    key = list(columns)
    source = make_table("t", {**columns, "v": Kind.BLOB}, key, collation="utf8mb4_bin")
    target = make_table("t", {**columns, "v": Kind.BLOB}, key, collation="utf8mb4_general_ci")
    rows = draw(st.dictionaries(keys, VALUES, max_size=40))
    damaged = dict(rows)
    damage = draw(st.lists(st.tuples(keys, st.one_of(st.just("gone"), VALUES)), max_size=6))
    for row, value in damage:
        damaged.pop(row, None) if value == "gone" else damaged.update({row: value})
    return source, target, rows, one_spelling(target, damaged)


def endpoints_of(source, target, rows, damaged):
    left, right = MemoryDatabase(source), MemoryDatabase(target)
    left.fill(source, rows)
    right.fill(target, damaged)
    return Endpoints(MemorySource(left), MemoryTarget(right), lambda name: f"`{name}`")


@SETTINGS
@given(case=keyed(), chunk_rows=st.integers(1, 20), streams=st.integers(1, 3))
def test_damage_is_found_by_key(case, chunk_rows, streams):
    source, target, rows, damaged = case
    endpoints = endpoints_of(source, target, [(*k, v) for k, v in rows.items()], [(*k, v) for k, v in damaged.items()])
    spec = spec_of(verify=VerifyOptions(streams=streams, chunk_rows=chunk_rows))
    report = compare(spec, endpoints)
    found = {(m.kind, tuple(m.key.values())) for m in report.mismatches["shop.t"]}
    assert found == {
        (kind, tuple(shown(source, key)))
        for key in rows.keys() | damaged.keys()
        for kind in [kind_of(key, rows, damaged)]
        if kind is not None
    }
    repair.correct(spec, endpoints, report.mismatches["shop.t"])
    if len(one_spelling(target, rows)) == len(rows):
        assert compare(spec, endpoints).differences == 0


def kind_of(key, rows, damaged):
    if key not in damaged:
        return MismatchKind.MASTER_ONLY
    if key not in rows:
        return MismatchKind.IMAGE_ONLY
    return None if rows[key] == damaged[key] else MismatchKind.MISMATCHED


def shown(table, key):
    for column, value in zip(table.row_key.columns, key, strict=True):
        binary = table.column(column).type.kind is Kind.VARBINARY
        yield "0x" + value.hex().upper() if binary else value.decode()


BAG = make_table("t", {"a": Kind.INTEGER, "b": Kind.VARCHAR}, collation="utf8mb4_general_ci")
BAGS = st.lists(st.tuples(st.sampled_from([b"1", b"2", None]), st.sampled_from([b"x", b"X", b"x ", None])), max_size=30)


@SETTINGS
@given(rows=BAGS, extra=BAGS, lost=st.integers(0, 5), room=st.sampled_from([2, 100_000]))
def test_damage_is_counted_without_a_key(rows, extra, lost, room):
    damaged = [*rows[lost:], *extra[:5]]
    endpoints = endpoints_of(BAG, BAG, rows, damaged)
    spec = spec_of()
    before, differences.MOST_COLLECTED = differences.MOST_COLLECTED, room
    try:
        report = compare(spec, endpoints)
    finally:
        differences.MOST_COLLECTED = before
    found = {
        tuple(m.key.values()): m.count * (1 if m.kind is MismatchKind.MASTER_ONLY else -1)
        for m in report.mismatches["shop.t"]
    }
    expected = {}
    for row in {*rows, *damaged}:
        missing = rows.count(row) - damaged.count(row)
        if missing:
            expected[tuple(None if value is None else value.decode() for value in row)] = missing
    assert found == expected
    repair.correct(spec, endpoints, report.mismatches["shop.t"])
    assert compare(spec, endpoints).differences == 0


@SETTINGS
@given(
    rows=st.dictionaries(INTEGERS, VALUES, max_size=12),
    doubled=st.lists(st.integers(0, 20), max_size=4),
    nameless=st.lists(VALUES, max_size=2),
    nullable=st.booleans(),
)
def test_doubled_and_nameless_rows_are_found_in_a_target_without_the_key(rows, doubled, nameless, nullable):
    source = make_table("t", {"k": Kind.INTEGER, "v": Kind.BLOB}, ["k"])
    target = make_table("t", {"k": Kind.INTEGER, "v": Kind.BLOB}, unique=[["k"]] if nullable else [])
    mine = list(rows.items())
    more = [mine[place] for place in doubled if place < len(mine) and not nullable] + [(None, v) for v in nameless]
    endpoints = endpoints_of(source, target, mine, [*mine, *more])
    report = compare(spec_of(), endpoints)
    assert sum(m.count for m in report.mismatches["shop.t"]) == len(more)
    assert all(m.kind is MismatchKind.IMAGE_ONLY for m in report.mismatches["shop.t"])
    repair.correct(spec_of(), endpoints, report.mismatches["shop.t"])
    assert compare(spec_of(), endpoints).differences == 0


def test_columns_and_tables_that_differ_in_case_alone_are_not_taken_for_each_other():
    columns = {"k": Kind.INTEGER, "A": Kind.BLOB, "a": Kind.BLOB}
    upper, lower = (make_table(name, columns, ["k"]) for name in ("T", "t"))
    left, right = MemoryDatabase(upper, lower), MemoryDatabase(upper, lower)
    for table in (upper, lower):
        left.fill(table, [(b"1", b"x", b"y")])
        right.fill(table, [(b"1", b"x", b"y")])
    right.fill(lower, [(b"1", b"x", b"x")])
    endpoints = Endpoints(MemorySource(left), MemoryTarget(right), lambda name: f"`{name}`")
    report = compare(spec_of(), endpoints)
    assert [list(m.source) for m in report.mismatches["shop.t"]] == [["a"]]
    right.fill(lower, [(b"1", b"x", b"y")])
    del right.tables[upper.name]
    assert [m.kind for m in compare(spec_of(), endpoints).mismatches["shop.T"]] == [MismatchKind.MASTER_ONLY]


@SETTINGS
@given(
    rows=st.dictionaries(st.integers(0, 200), INTEGERS, max_size=80),
    damaged=st.dictionaries(st.integers(0, 200), INTEGERS, max_size=10),
)
def test_large_chunks_are_bisected_in_parts(rows, damaged):
    table = make_table("t", {"k": Kind.INTEGER, "v": Kind.INTEGER}, ["k"])
    there = {**rows, **damaged}
    endpoints = endpoints_of(
        table, table, [(b"%d" % k, v) for k, v in rows.items()], [(b"%d" % k, v) for k, v in there.items()]
    )
    before, differences.MOST_COLLECTED = differences.MOST_COLLECTED, 8
    try:
        report = compare(spec_of(), endpoints)
    finally:
        differences.MOST_COLLECTED = before
    assert {m.key["k"] for m in report.mismatches["shop.t"]} == {str(k) for k in there if rows.get(k) != there[k]}
