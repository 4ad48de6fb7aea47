from __future__ import annotations

import queue
import random
import threading
import time

import pytest

from ferryman.foundation.backoff import Backoff, is_transient
from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.foundation.rate import Rate
from ferryman.model.batch import Batch
from ferryman.model.project import StepName
from ferryman.model.types import Kind
from ferryman.pipeline.load.chunk_plan import PAGE_ENDS, ChunkPlan
from ferryman.pipeline.load.job import MOST_ROWS, TableJob, slices
from ferryman.pipeline.load.planner import Planner
from ferryman.pipeline.load.progress import Progress
from ferryman.pipeline.load.readahead import ReadAhead, weight
from ferryman.pipeline.load.work import Work
from memory_endpoints import MemoryContext, MemoryDatabase, MemorySource, make_table, spec_of

TABLE = make_table("t", {"id": Kind.INTEGER}, ["id"])


def batch(size: int) -> Batch:
    return Batch.of([(b"x" * size,)], 1)


def test_reading_ahead_is_bounded_in_bytes() -> None:
    made = []

    def read():
        for _ in range(50):
            made.append(batch(1000))
            yield made[-1]

    taken = 0
    with ReadAhead(read, lambda: None, max_bytes=4 * weight(batch(1000))) as batches:
        for _ in batches:
            taken += 1
            assert len(made) - taken <= 4 + 2
    assert taken == 50


def test_a_batch_greater_than_the_queue_passes_alone() -> None:
    with ReadAhead(lambda: iter([batch(10_000), batch(10_000)]), lambda: None, max_bytes=100) as batches:
        assert [b.byte_size for b in batches] == [10_000, 10_000]


def test_nothing_is_read_while_a_giant_is_written() -> None:
    made = []

    def read():
        for size in (10_000, 10_000, 1):
            made.append(size)
            yield batch(size)

    with ReadAhead(read, lambda: None, max_bytes=100) as batches:
        for taken, _ in enumerate(batches, 1):
            time.sleep(0.05)  # would be long enough to read on
            assert len(made) == taken or made[taken - 1] == 1


def test_giving_up_early_abandons_the_reader() -> None:
    abandoned = threading.Event()

    def endless():
        while True:
            yield batch(1000)

    with ReadAhead(endless, abandoned.set, max_bytes=3000) as batches:
        next(batches)
    assert abandoned.is_set()


def test_errors_of_the_reader_come_through_after_its_batches() -> None:
    def read():
        yield batch(1)
        raise FerrymanError("endpoint.connection_lost", "gone")

    with ReadAhead(read, lambda: None) as batches:
        next(batches)
        with pytest.raises(FerrymanError, match="gone"):
            next(batches)


def test_slices_hold_all_rows_and_nulls() -> None:
    rows = [(None if n % 3 else b"%d" % n, b"x" * (n % 5)) for n in range(2 * MOST_ROWS + 77)]
    parts = list(slices(Batch.of(rows, 2)))
    assert [row for part in parts for row in part.rows()] == rows
    assert max(part.row_count for part in parts) == MOST_ROWS


class Points:
    def __init__(self, ends, fail_at=None):
        self.ends, self.fail_at, self.afters = ends, fail_at, []

    def split_points(self, table, chunk_rows, *, after=None):
        self.afters.append(after)
        for end in self.ends:
            if after is None or end > int(after[0]):
                if end == self.fail_at:
                    raise FerrymanError("endpoint.connection_lost", "gone")
                yield (b"%d" % end,)


@pytest.mark.parametrize("count", [0, 1, PAGE_ENDS - 1, PAGE_ENDS, PAGE_ENDS + 1, 3 * PAGE_ENDS])
def test_a_plan_is_the_same_after_a_restart(count: int) -> None:
    context = MemoryContext(spec_of(), StepName.LOAD)
    first = list(ChunkPlan(context, TABLE.name, TABLE, 10).chunks(Points(range(count))))
    again = Points([])
    assert list(ChunkPlan(context, TABLE.name, TABLE, 10).chunks(again)) == first
    assert again.afters == []
    assert len(first) == count + 1


@pytest.mark.parametrize("fail_at", [0, 1, PAGE_ENDS, PAGE_ENDS + 5])
def test_a_plan_broken_off_goes_on_behind_its_last_end(fail_at: int) -> None:
    context = MemoryContext(spec_of(), StepName.LOAD)
    ends = list(range(2 * PAGE_ENDS))
    seen = []
    with pytest.raises(FerrymanError):
        seen.extend(iter_into(seen, ChunkPlan(context, TABLE.name, TABLE, 10).chunks(Points(ends, fail_at))))
    chunks = list(ChunkPlan(context, TABLE.name, TABLE, 10).chunks(Points(ends)))
    assert chunks[: len(seen)] == seen
    assert [int(c.end[0]) for c in chunks[:-1]] == ends


def iter_into(seen, chunks):
    for chunk in chunks:
        seen.append(chunk)
    return []


def test_patience_ends() -> None:
    now = [0.0]
    backoff = Backoff(10.0, first=1.0, most=4.0, clock=lambda: now[0])
    error = FerrymanError("endpoint.connection_lost", "gone")
    waits = [backoff.failed(error) for _ in range(4)]
    assert all(0.5 * w <= wait <= w for wait, w in zip(waits, (1, 2, 4, 4), strict=True))
    now[0] = 9.0
    backoff.succeeded()
    backoff.failed(error)
    now[0] = 18.0
    backoff.failed(error)
    now[0] = 19.0
    with pytest.raises(FerrymanError):
        backoff.failed(error)


def test_only_what_mends_itself_is_tried_again() -> None:
    assert is_transient(FerrymanError("target.deadlock", ""))
    assert is_transient(FerrymanError("endpoint.unreachable", ""))
    assert not is_transient(FerrymanError("target.full", ""))
    assert not is_transient(LeaseLostError("lease.lost", ""))


def test_rates_are_over_the_last_seconds() -> None:
    now = [0.0]
    rate = Rate(5.0, clock=lambda: now[0])
    assert rate.sample(0) == (0.0,)
    for second in range(1, 20):
        now[0] = float(second)
        got = rate.sample(100.0 * second)
    assert got == (100.0,)
    for second in range(20, 30):
        now[0] = float(second)
        got = rate.sample(1900.0)
    assert got == (0.0,)


def jobs_named(names: str) -> list[TableJob]:
    tables = [make_table(name, {"id": Kind.INTEGER}, ["id"]) for name in names]
    return [TableJob(name=t.name, source=t, target=t, reads=("id",), writes=("id",)) for t in tables]


def test_only_tables_that_changed_are_reported() -> None:
    jobs = jobs_named("abc")
    progress, (_, second, third) = Progress(jobs), [job.name for job in jobs]
    assert [table.table for table in progress.changes()] == [str(job.name) for job in jobs]
    assert progress.changes() == []
    progress.estimate(second, 100)
    progress.chunk_opened(second)
    progress.add(second, 40, 400)
    (running,) = progress.changes()
    assert (running.table, running.rows, running.rows_total, running.state) == (str(second), 40, 100, "running")
    progress.add(third, 7, 70)
    progress.add(third, -7, -70)
    progress.planned(second)
    progress.chunk_done(second)
    assert {table.table: table.state for table in progress.changes()} == {str(second): "done", str(third): "waiting"}
    step = progress.step()
    assert (step.rows, step.rows_total, step.bytes, step.percent) == (40, 40, 400, 99)


def test_totals_are_the_sums_of_the_tables() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    jobs = jobs_named("abcde")
    progress, last = Progress(jobs), {}
    for _ in range(500):
        name = chance.choice(jobs).name
        act = chance.choice([progress.add, progress.estimate, progress.add])
        act(name, chance.randrange(1000))
        if chance.random() < 0.05:
            progress.chunk_opened(name)
            progress.planned(name)
            progress.chunk_done(name)
        last |= {table.table: table for table in progress.changes()}
        step = progress.step()
        assert step.rows == sum(table.rows for table in last.values())
        assert step.rows_total == sum(table.rows_total for table in last.values())


def test_the_end_of_the_queue_is_handed_on_from_stream_to_stream() -> None:
    context = MemoryContext(spec_of([StepName.LOAD]), StepName.LOAD)
    work = Work(context=context, source=None, target=None, progress=Progress([]), chunks=queue.Queue(1))
    work.put(None)
    assert work.take(0) is None
    assert work.chunks.get_nowait() is None, "a stream that waits would sleep on"


def test_all_tables_are_planned_over_one_connection() -> None:
    jobs = jobs_named("abcdef")
    database = MemoryDatabase(*(job.source for job in jobs))
    source, opened = MemorySource(database), []
    make = source.reader
    source.reader = lambda: opened.append(1) or make()
    context = MemoryContext(spec_of([StepName.LOAD]), StepName.LOAD)
    work = Work(context=context, source=source, target=None, progress=Progress(jobs), chunks=queue.Queue(20))
    Planner(work, jobs, {}).run()
    assert len(opened) == 1
    assert [work.chunks.get_nowait().job.name for _ in jobs] == [job.name for job in jobs]
