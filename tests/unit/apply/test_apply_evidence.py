"""What apply tells of where its time goes: stages, statements, latencies; cheap, bounded, without row values."""

import threading
from types import SimpleNamespace

import pytest

from ferryman.foundation.stopwatch import Stopwatch
from ferryman.pipeline.apply.evidence import Evidence
from ferryman.pipeline.apply.latency import LatencyWindow
from ferryman.pipeline.apply.stages import Stages
from ferryman.pipeline.apply.watched import Statement, Watch


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_stages_count_the_last_half_minute_only():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    stopwatch.add("old", 5.0)
    for _ in range(5):
        clock.now += 10
        stopwatch.add("new", 1.0)
        told = stopwatch.report()
    assert told["all"] == pytest.approx(30)
    assert told["new"] == pytest.approx(3)
    assert "old" not in told


def test_percentiles_are_of_changes_and_forget_what_is_old():
    window = LatencyWindow()
    assert window.report(0.0) is None
    window.add(1000.0, 0.05, 98)
    window.add(1001.0, 2.0, 2)
    told = window.report(1001.0)
    assert told["changes"] == 100
    assert 0.05 <= told["p50"] <= 0.055
    assert 2.0 <= told["p99"] <= 2.2
    window.add(2000.0, 0.2, 1)
    assert window.report(2000.0)["changes"] == 1


def test_a_window_of_latencies_does_not_grow():
    window = LatencyWindow()
    for second in range(3600):
        window.add(float(second), second % 7 / 3, 1000)
        window.report(float(second))
    assert len(window._slots) <= 32


def test_the_statement_under_way_is_told_while_it_runs():
    clock = Clock()
    watch = Watch(Stages(clock))
    entered, leave = threading.Event(), threading.Event()

    def act():
        entered.set()
        leave.wait(30)

    statement = Statement("delete", "shop.item", ("id",), 7, clock.now)
    lane = threading.Thread(target=lambda: watch.run(1, "writing", statement, act))
    lane.start()
    entered.wait(30)
    clock.now += 12
    told = watch.report()
    leave.set()
    lane.join()
    assert told == {
        "operation": "delete",
        "table": "shop.item",
        "key": ["id"],
        "rows": 7,
        "seconds": 12.0,
        "running": True,
    }
    assert watch.report()["running"] is False
    clock.now += 31
    assert watch.report() is None


def test_a_transaction_in_parts_tells_how_long_it_takes():
    clock = Clock()
    log = SimpleNamespace(bytes_waiting=900, bytes_whole=800)
    evidence = Evidence(Watch(Stages(clock)), log)
    cutter = SimpleNamespace(handed_rows=10, handed_bytes=100, border="bin.1/4")
    assert evidence.report(cutter)["transaction"]["seconds_left"] is None
    clock.now, log.bytes_whole = 102.0, 600
    told = evidence.report(cutter)["transaction"]
    assert (told["log_bytes_left"], told["seconds_left"]) == (600, 6.0)
    cutter.handed_rows = 0
    assert evidence.report(cutter)["transaction"] is None
