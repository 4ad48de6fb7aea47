"""Compares all tables: a planner cuts them into chunks, workers compare, the main thread reports."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ferryman.foundation.backoff import Backoff
from ferryman.foundation.errors import TABLE_CHANGED, FerrymanError
from ferryman.foundation.rate import Rate
from ferryman.model.mismatch import Mismatch
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec, StepProgress, TableProgress
from ferryman.model.schema import Table
from ferryman.pipeline.verify.catalogs import Catalogs, read_catalogs
from ferryman.pipeline.verify.comparison import Comparison
from ferryman.pipeline.verify.correction import Quote
from ferryman.pipeline.verify.differences import buckets_for
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers, Stopped
from ferryman.pipeline.verify.settling import AppliedWatch
from ferryman.spi.source import Chunk, Source
from ferryman.spi.target import Target

STREAMS = 2
"""Comparisons at a time when the user leaves the choice to us; each reads both sides at once."""

REPORT_SECONDS = 0.5
GIVE_UP_SECONDS = 300.0
CHANGED_SECONDS = 0.5
MOST_CHANGES = 3
"""How often a table may change while it is read and still be compared anew."""


@dataclass(frozen=True, slots=True)
class TableResult:
    """One table's outcome."""

    name: TableName
    progress: TableProgress
    facts: dict[str, Any]
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unit:
    """One piece of work; `last` only closes the table's plan."""

    comparison: Comparison
    chunk: Chunk | None = None
    buckets: int = 1
    last: bool = False


@dataclass(slots=True, kw_only=True)
class Verification:
    """One comparison of two endpoints.

    Attributes:
        quote: The target dialect's way with names, for correction SQL.
        watch: Waits for apply; `None` when nothing is being applied.
        stopped: Whether to end soon.
        finished: Called with each table's result, from any thread.
        report: Called about twice a second.
        earlier: Returns a table's result when this run has had it already, before the task died.
    """

    spec: ProjectSpec
    source: Source
    target: Target
    quote: Quote
    watch: AppliedWatch | None
    stopped: Callable[[], bool]
    finished: Callable[[TableResult], None]
    report: Callable[[StepProgress, Sequence[TableProgress]], None]
    earlier: Callable[[TableName], TableResult | None] = lambda name: None
    give_up_seconds: float = GIVE_UP_SECONDS
    results: dict[TableName, TableResult] = field(default_factory=dict, init=False)
    _current: list[Comparison] = field(default_factory=list, init=False)
    _units: queue.Queue[_Unit | None] = field(default_factory=lambda: queue.Queue(16), init=False)
    _failure: BaseException | None = field(default=None, init=False)
    _rate: Rate = field(default_factory=Rate, init=False)

    def run(self) -> None:
        """Compare until every table has its result, or `stopped`."""
        with contextlib.suppress(Stopped):
            self._rounds()
        if self._failure is not None:
            raise self._failure
        self._report(finished=not self.stopped())

    def _rounds(self) -> None:
        only: list[TableName] = []
        for attempt in range(MOST_CHANGES):
            only = self._round(only, final=attempt == MOST_CHANGES - 1)
            if not only or self._ending:
                return

    def _round(self, only: Sequence[TableName], *, final: bool) -> list[TableName]:
        """Compare some tables (empty: all); returns those that changed meanwhile."""
        catalogs = self._catalogs(only)
        for name, mismatch in catalogs.broken.items():
            self._finish(_broken_result(name, mismatch))
        for name in set(only) - {pair.name for pair in catalogs.pairs} - set(catalogs.broken):
            self._finish(_remark_result(name, "dropped at the source while it was compared"))
        limit = self.spec.verify.mismatch_limit
        pairs = sorted(self._unfinished(catalogs.pairs), key=lambda pair: pair.source.table.byte_estimate, reverse=True)
        self._current = [Comparison(pair, limit, self.quote, rows_total=_guess(pair)) for pair in pairs]
        self._work()
        changed = [comparison.pair.name for comparison in self._current if comparison.changed]
        self._current = []
        if final and not self._ending:
            for name in changed:
                self._finish(_remark_result(name, "its definition kept changing: not compared", moving=True))
        return changed

    def _catalogs(self, only: Sequence[TableName]) -> Catalogs:
        """Read both catalogs, again if a table goes just then: at the source or, once that was applied, at the target."""
        left = MOST_CHANGES
        while True:
            try:
                found: Catalogs = self._patiently(
                    lambda: read_catalogs(self.spec, self.source, self.target, only, self.watch)
                )
            except FerrymanError as error:
                left -= 1
                if error.code not in TABLE_CHANGED or not left:
                    raise
                self._pause(CHANGED_SECONDS)
            else:
                return found

    def _unfinished(self, pairs: Sequence[Pair]) -> list[Pair]:
        rest: list[Pair] = []
        for pair in pairs:
            result = self.earlier(pair.name)
            if result is None:
                rest.append(pair)
            else:
                self.results[pair.name] = result
        return rest

    @property
    def _ending(self) -> bool:
        return self._failure is not None or self.stopped()

    def _patiently(self, action: Callable[[], Any]) -> Any:
        backoff = Backoff(self.give_up_seconds)
        while True:
            try:
                return action()
            except FerrymanError as error:
                if self.stopped():
                    raise
                self._pause(backoff.failed(error))

    def _pause(self, seconds: float) -> None:
        waiting = threading.Event()
        for _ in range(max(1, int(seconds / 0.1))):
            if self._ending or waiting.wait(0.1):
                return

    # Workers ------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        streams = self.spec.verify.streams or STREAMS
        bodies = [lambda: self._plan(streams), *([self._compare_units] * streams)]
        threads = [threading.Thread(target=self._guarded, args=(body,), daemon=True) for body in bodies]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            self._report()
            alive[0].join(REPORT_SECONDS)

    def _guarded(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 -- the thread's edge: the main thread raises it
            self._failure = self._failure or error

    def _put(self, unit: _Unit | None) -> None:
        while not self._ending:
            try:
                return self._units.put(unit, timeout=0.2)
            except queue.Full:
                continue
        raise Stopped

    def _take(self) -> _Unit | None:
        while not self._ending:
            try:
                return self._units.get(timeout=0.2)
            except queue.Empty:
                continue
        raise Stopped

    def _plan(self, streams: int) -> None:
        for comparison in self._current:
            comparison.chunk_opened()
            self._plan_table(comparison)
            self._put(_Unit(comparison, last=True))
        for _ in range(streams):
            self._put(None)

    def _plan_table(self, comparison: Comparison) -> None:
        """Queue the table's chunks; after a lost connection planning goes on behind the last end."""
        ends: list[Any] = [None]

        def plan() -> None:
            reader = self.source.reader()
            try:
                table = comparison.pair.source.table
                comparison.rows_total = reader.count_estimate(table)
                if not comparison.pair.ordered:
                    return
                for end in reader.split_points(table, self.spec.verify.chunk_rows, after=ends[0]):
                    self._open(comparison, Chunk(ends[0], end), 1)
                    ends[0] = end
            finally:
                reader.close()

        try:
            self._patiently(plan)
        except FerrymanError as error:
            if error.code not in TABLE_CHANGED:
                raise
            comparison.changed = True
            return
        ordered = comparison.pair.ordered
        chunk = Chunk(ends[0], None) if ordered else None
        self._open(comparison, chunk, 1 if ordered else buckets_for(comparison.rows_total))

    def _open(self, comparison: Comparison, chunk: Chunk | None, buckets: int) -> None:
        comparison.chunk_opened()
        self._put(_Unit(comparison, chunk, buckets))

    def _compare_units(self) -> None:
        readers = Readers(self.source, self.target, lambda: self._ending)
        try:
            while (unit := self._take()) is not None:
                self._compare(readers, unit)
        finally:
            readers.drop()

    def _compare(self, readers: Readers, unit: _Unit) -> None:
        comparison = unit.comparison
        if not unit.last:
            self._try(readers, comparison, lambda: comparison.compare(readers, unit.chunk, unit.buckets, self.watch))
        if comparison.close_chunk():
            self._try(readers, comparison, lambda: comparison.finish(readers, self.watch))
            if not comparison.changed:
                self._finish(_result_of(comparison))

    def _try(self, readers: Readers, comparison: Comparison, action: Callable[[], None]) -> None:
        backoff = Backoff(self.give_up_seconds)
        done = False
        while not done and not comparison.changed:
            try:
                action()
                done = True
            except FerrymanError as error:
                readers.drop()
                if error.code in TABLE_CHANGED:
                    comparison.changed = True
                else:
                    self._pause(backoff.failed(error))
            if self._ending:
                raise Stopped

    def _finish(self, result: TableResult) -> None:
        self.results[result.name] = result
        self.finished(result)

    # Reports ------------------------------------------------------------------------------------------------------

    def _report(self, *, finished: bool = False) -> None:
        done = {result.name: result.progress for result in list(self.results.values())}
        running = {comparison.pair.name: comparison.progress() for comparison in self._current}
        tables = [*{**running, **done}.values()]
        rows, total = sum(table.rows for table in tables), sum(table.rows_total for table in tables)
        (rate,) = self._rate.sample(rows)
        progress = StepProgress(
            percent=100 if finished else min(99, 100 * rows // total if total else 0),
            rows=rows,
            rows_total=total,
            rows_per_second=rate,
            info={"tables": {str(result.name): result.facts for result in list(self.results.values())}},
        )
        self.report(progress, tables)


def _guess(pair: Pair) -> int:
    table: Table = pair.source.table
    return table.row_estimate


def _result_of(comparison: Comparison) -> TableResult:
    return TableResult(
        comparison.pair.name, comparison.progress(), comparison.facts(), tuple(comparison.mismatches.values())
    )


def _broken_result(name: TableName, mismatch: Mismatch) -> TableResult:
    message = mismatch.key["(structure)"] or ""
    progress = TableProgress(table=str(name), mismatches=1, state="done", message=message)
    facts = {"rows": 0, "mismatches": 1, "sourceOnly": 1, "targetOnly": 0, "mismatched": 0, "digest": ""}
    return TableResult(name, progress, {**facts, "moving": 0, "limited": False, "state": "broken"}, (mismatch,))


def _remark_result(name: TableName, message: str, *, moving: bool = False) -> TableResult:
    progress = TableProgress(table=str(name), mismatches=0, state="done", message=message)
    facts = {"rows": 0, "mismatches": 0, "sourceOnly": 0, "targetOnly": 0, "mismatched": 0, "digest": ""}
    state = "moving" if moving else "done"
    return TableResult(name, progress, {**facts, "moving": int(moving), "limited": False, "state": state})
