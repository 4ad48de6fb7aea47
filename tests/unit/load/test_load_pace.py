"""Speed limits and stream counts, changed while the load runs."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time

import pytest

from ferryman.model.batch import Batch
from ferryman.model.project import LoadOptions, StepName
from ferryman.model.serial import to_json
from ferryman.model.types import Kind
from ferryman.pipeline.load import step
from ferryman.pipeline.load.distance import FAR_STREAMS, NEAR_STREAMS, SAMPLES, Distance
from ferryman.pipeline.load.job import MOST_ROWS
from ferryman.pipeline.load.pace import Pace
from ferryman.pipeline.load.progress import Progress
from ferryman.pipeline.load.step import Load
from ferryman.pipeline.load.work import LANES, Work
from ferryman.spi.task import LOAD_OPTIONS_NOTE
from memory_endpoints import (
    MemoryContext,
    MemoryDatabase,
    MemorySource,
    MemoryTarget,
    make_table,
    note_plan,
    plan_of,
    spec_of,
)

TABLE = make_table("t", {"id": Kind.INTEGER, "note": Kind.VARCHAR}, ["id"])
ROWS = [(b"%d" % n, b"note") for n in range(200)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def pace(rows: int = 0, size: int = 0) -> tuple[Pace, Clock]:
    clock = Clock()
    sut = Pace(lambda seconds: None, clock=clock)
    sut.limit(rows, size)
    return sut, clock


def test_without_a_limit_nobody_waits() -> None:
    sut, _ = pace()
    assert [sut.turn(10_000, 1 << 20) for _ in range(3)] == [0, 0, 0]
    assert sut.part_rows(Batch.of(ROWS, 2)) == MOST_ROWS


def test_all_streams_together_keep_to_the_limit() -> None:
    sut, clock = pace(rows=100)
    assert [sut.turn(50, 0) for _ in range(3)] == [0, 0.5, 1.0]
    clock.now += 1.5
    assert sut.turn(1, 0) == 0


def test_the_stricter_limit_counts() -> None:
    sut, _ = pace(rows=100, size=1000)
    sut.turn(10, 1000)
    assert sut.turn(10, 0) == 1.0


def test_parts_are_small_enough_to_feel_a_change() -> None:
    sut, _ = pace(rows=100)
    assert sut.part_rows(Batch.of(ROWS, 2)) == 48
    sut.limit(1, 0)
    assert sut.part_rows(Batch.of(ROWS, 2)) == 8


def test_a_lifted_limit_frees_the_next_turn() -> None:
    sut, _ = pace(rows=1)
    sut.turn(1000, 0)
    sut.limit(0, 0)
    assert sut.turn(1000, 0) == 0


class Limited:
    """A load of 200 rows; its options can change while it runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, options: LoadOptions) -> None:
        monkeypatch.setattr(step, "ADJUST_SECONDS", 0.0)
        monkeypatch.setattr(step, "REPORT_SECONDS", 0.02)
        self.source, self.target = MemoryDatabase(TABLE), MemoryDatabase(TABLE)
        self.source.fill(TABLE, ROWS)
        self.options = options
        self.context = MemoryContext(spec_of((StepName.LOAD,), load=options), StepName.LOAD)
        note_plan(self.context, self.source, plan_of(self.source, self.target))

    def start(self) -> threading.Thread:
        load = Load(self.context, MemorySource(self.source), MemoryTarget(self.target))
        thread = threading.Thread(target=load.run)
        thread.start()
        return thread

    def change(self, **options: int) -> None:
        self.context.set_note(LOAD_OPTIONS_NOTE, to_json(dataclasses.replace(self.options, **options)))

    def work(self) -> Work:
        return Work(
            context=self.context,
            source=MemorySource(self.source),
            target=MemoryTarget(self.target),
            progress=Progress([]),
            chunks=queue.Queue(9),
        )

    def done(self) -> bool:
        return len(self.target.snapshot(TABLE.name)) == len(ROWS)


def test_a_load_obeys_its_limit_and_a_lifted_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sut = Limited(monkeypatch, LoadOptions(streams=2, chunk_rows=20, rows_per_second=40))
    began = time.monotonic()
    thread = sut.start()
    thread.join(1.0)
    assert not sut.done()  # at 40 rows a second 200 take 5 s
    sut.change(rows_per_second=0)
    thread.join(60)
    assert sut.done()
    assert time.monotonic() - began >= 1.0


def test_streams_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sut = Limited(monkeypatch, LoadOptions(streams=1, chunk_rows=20))
    work = sut.work()
    task = object()
    assert work.streams == 1
    work.put(task)  # type: ignore[arg-type]
    taken: list[object] = []
    waiting = threading.Thread(target=lambda: taken.append(work.take(3)))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()  # lane 3 is one too many
    work.adjust(LoadOptions(streams=4))
    waiting.join(60)
    assert taken == [task]
    work.put(None)
    assert work.take(0) is None
    work.adjust(LoadOptions(streams=1))
    assert work.take(3) is None  # the end is seen by those that wait, too


def test_a_far_target_gets_more_streams_unless_the_user_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    sut = Limited(monkeypatch, LoadOptions())
    work = sut.work()
    assert work.streams == NEAR_STREAMS
    for _ in range(SAMPLES):
        work.distance.began(0.4)
    assert work.streams == FAR_STREAMS
    work.adjust(LoadOptions(streams=2))
    assert work.streams == 2
    work.adjust(LoadOptions())
    assert work.streams == FAR_STREAMS


def test_a_load_measures_how_its_transactions_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(Distance, "began", lambda self, seconds: told.append(seconds))
    sut = Limited(monkeypatch, LoadOptions(chunk_rows=20))
    sut.start().join(60)
    assert sut.done()
    assert len(told) >= len(ROWS) // 20


def test_more_streams_than_lanes_are_said_to_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    sut = Limited(monkeypatch, LoadOptions(streams=1, chunk_rows=20, rows_per_second=10))
    thread = sut.start()
    many = LANES + 4
    sut.change(streams=many)
    deadline = time.monotonic() + 60
    while not sut.context.events and time.monotonic() < deadline:
        time.sleep(0.01)
    sut.change(streams=many, rows_per_second=0)
    thread.join(60)
    assert sut.done()
    assert [message for _, message in sut.context.events] == [
        f"{many} streams from the next start of the load on; {LANES} until then"
    ]


def test_as_many_lanes_as_streams_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sut = Limited(monkeypatch, LoadOptions(streams=LANES + 4, chunk_rows=20))
    sut.start().join(60)
    assert sut.done()
    assert not sut.context.events
