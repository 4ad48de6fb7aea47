"""The control of a load's speed as a state machine (ADR 0120): what it does in each situation, and what it never does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.project import LoadOptions, SpeedMode
from ferryman.pipeline.load.speed import (
    CALM_PERIODS,
    LEAST_BATCH,
    MODES,
    Bounds,
    Phase,
    Seen,
    Speed,
    begin,
    bounds_of,
    fitted,
    step,
)
from ferryman.spi.source import SourceLoad

NORMAL = MODES[SpeedMode.NORMAL]
MB = 1 << 20


def period(rate: float = 50 * MB, took: float = 0.05, running: int | None = 0, lag: float | None = None) -> Seen:
    """Two seconds at `rate` bytes a second, whose writes took `took` seconds each."""
    source = None if running is None else SourceLoad(running, lag)
    return Seen(seconds=2.0, bytes=int(2 * rate), writes=100, write_seconds=100 * took, source=source, ours=0)


def run(
    speed: Speed, bounds: Bounds, periods: int, rate: Callable[[int], float] = lambda streams: 50.0 * MB, **seen: float
) -> Speed:
    for _ in range(periods):
        speed = step(speed, period(rate(speed.streams), **seen), bounds)  # type: ignore[arg-type]
    return speed


def reached(bounds: Bounds, rate: Callable[[int], float], periods: int = 200) -> set[int]:
    """The numbers of streams it uses in the second half of so many periods."""
    speed, seen = begin(bounds), set()
    for number in range(periods):
        speed = step(speed, period(rate(speed.streams)), bounds)
        if number >= periods // 2:
            seen.add(speed.streams)
    return seen


def test_modes_take_more_and_more():
    steady, normal, fast = (MODES[mode] for mode in (SpeedMode.STEADY, SpeedMode.NORMAL, SpeedMode.FAST))
    for name in ("first", "most", "batch", "statement_seconds", "running", "lag_seconds"):
        assert getattr(steady, name) < getattr(normal, name) or name == "batch", name
        assert getattr(normal, name) < getattr(fast, name), name
    assert (steady.least, normal.least, fast.least) == (0, 0, 1)


def test_streams_are_added_while_they_help():
    assert reached(NORMAL, lambda streams: 10 * MB * min(streams, 6)) <= {6, 7}
    assert reached(NORMAL, lambda streams: 10 * MB * streams) == {NORMAL.most}


def test_a_stream_that_does_not_help_is_taken_back():
    assert reached(NORMAL, lambda streams: 50 * MB) <= {NORMAL.first, NORMAL.first + 1}


def test_a_busy_source_halves_the_streams_down_to_none():
    speed, counts = begin(NORMAL), []
    for _ in range(4):
        speed = step(speed, period(running=NORMAL.running + 1), NORMAL)
        counts.append(speed.streams)
    assert counts == [2, 1, 0, 0]
    assert speed.phase is Phase.YIELDING
    assert f"more than {NORMAL.running}" in speed.reason


def test_our_own_statements_are_no_strain():
    seen = replace(period(running=NORMAL.running + 6), ours=6)
    assert step(begin(NORMAL), seen, NORMAL).phase is not Phase.YIELDING


def test_a_replica_that_falls_behind_is_strain():
    speed = step(begin(NORMAL), period(lag=NORMAL.lag_seconds + 1), NORMAL)
    assert (speed.streams, speed.phase) == (NORMAL.first // 2, Phase.YIELDING)
    assert "behind" in speed.reason


def test_streams_come_back_one_by_one_when_it_is_calm():
    speed = run(begin(NORMAL), NORMAL, 4, running=99)
    counts = []
    for _ in range(CALM_PERIODS + NORMAL.first):
        speed = step(speed, replace(period(), bytes=0, writes=0), NORMAL)  # nothing is written with no stream
        counts.append(speed.streams)
    assert counts[: CALM_PERIODS - 1] == [0] * (CALM_PERIODS - 1)
    assert counts[CALM_PERIODS - 1 :] == [1, 2, 3, 4, 4]
    assert speed.phase is Phase.SETTLED


def test_strain_that_comes_back_begins_the_calm_anew():
    speed = run(begin(NORMAL), NORMAL, 2, running=99)
    speed = run(speed, NORMAL, CALM_PERIODS - 1)
    speed = run(speed, NORMAL, 1, running=99)
    assert (speed.calm, speed.wanted) == (0, NORMAL.first)


def test_fast_never_stops():
    fast = MODES[SpeedMode.FAST]
    assert run(begin(fast), fast, 20, running=10_000).streams == 1


def test_slow_writes_get_smaller_and_then_fewer():
    speed = begin(NORMAL)
    while speed.batch > LEAST_BATCH:
        speed = step(speed, period(took=3.0), NORMAL)
        assert speed.streams == NORMAL.first
    assert run(speed, NORMAL, 5, took=3.0).streams == 1


def test_quick_writes_grow_back():
    speed = run(begin(NORMAL), NORMAL, 3, took=3.0)
    assert speed.batch < NORMAL.batch
    assert run(speed, NORMAL, 5, took=0.01).batch == NORMAL.batch


def test_a_period_that_says_little_changes_nothing():
    speed = begin(NORMAL)
    assert step(speed, replace(period(took=9.0), writes=3), NORMAL) == speed


def test_a_source_that_says_nothing_holds_nothing_back():
    assert step(begin(NORMAL), period(running=None), NORMAL).phase is not Phase.YIELDING


def test_chosen_numbers_are_exact():
    bounds = bounds_of(LoadOptions(streams=5))
    speed = begin(bounds)
    for seen in (period(running=999), period(took=60.0), period(lag=1e6), period(rate=1.0), *[period()] * 40):
        speed = step(speed, seen, bounds)
        assert speed.streams == 5


def test_a_chosen_limit_of_the_source_stands_for_the_modes():
    assert bounds_of(LoadOptions(source_running=3)).running == 3
    assert bounds_of(LoadOptions(mode=SpeedMode.FAST)).running == MODES[SpeedMode.FAST].running


def test_another_mode_counts_at_once_but_not_against_a_busy_source():
    fast = MODES[SpeedMode.FAST]
    assert fitted(begin(NORMAL), fast).streams == fast.first
    yielding = run(begin(fast), fast, 9, running=10_000)
    changed = fitted(yielding, NORMAL)
    assert (changed.streams, changed.phase, changed.wanted) == (1, Phase.YIELDING, NORMAL.first)


SITUATIONS = st.builds(
    Seen,
    seconds=st.floats(0.1, 60),
    bytes=st.integers(0, 1 << 33),
    writes=st.integers(0, 500),
    write_seconds=st.floats(0, 3000),
    source=st.none() | st.builds(SourceLoad, st.integers(0, 300), st.none() | st.floats(0, 1000)),
    ours=st.integers(0, 20),
)


@given(st.sampled_from(list(SpeedMode)), st.lists(st.tuples(SITUATIONS, st.sampled_from(list(SpeedMode))), max_size=60))
@pytest.mark.filterwarnings("ignore")
def test_whatever_happens_it_keeps_within_its_bounds(mode: SpeedMode, happens: list[tuple[Seen, SpeedMode]]):
    bounds = MODES[mode]
    speed = begin(bounds)
    for seen, other in happens:
        if other is not mode and seen.writes % 7 == 0:
            mode, bounds = other, MODES[other]
            speed = fitted(speed, bounds)
        speed = step(speed, seen, bounds)
        assert bounds.least <= speed.streams <= bounds.most
        assert speed.streams > 0 or speed.phase is Phase.YIELDING
        assert LEAST_BATCH <= speed.batch <= bounds.batch
