"""One table under comparison: what its chunks have shown so far, and its result."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ferryman.model.batch import Row
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.project import TableProgress
from ferryman.pipeline.verify.correction import Quote
from ferryman.pipeline.verify.details import Details
from ferryman.pipeline.verify.differences import Candidates, candidates
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import MODULUS, Readers, Tally
from ferryman.pipeline.verify.settling import HASTY_LOOKS, AppliedWatch, Settled, settle_digests, settle_keys
from ferryman.spi.source import Chunk

MOST_WAITING = 5_000
"""Candidates that wait together to be settled: waiting for apply is paid once for all of them."""


@dataclass(slots=True)
class Comparison:
    """One table. Chunks come from several workers; the rest belongs to whoever closes the last one.

    Attributes:
        changed: The table changed while it was read: what was found says nothing.
        limited: There were more differences than are kept.
    """

    pair: Pair
    limit: int
    quote: Quote
    rows: int = 0
    rows_total: int = 0
    digest: int = 0
    open_chunks: int = 0
    changed: bool = False
    limited: bool = False
    state: str = "waiting"
    message: str = ""
    mismatches: dict[tuple[tuple[str, str | None], ...], Mismatch] = field(default_factory=dict)
    moving: set[Row | int] = field(default_factory=set)
    _waiting: Candidates = field(default_factory=Candidates)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def chunk_opened(self) -> None:
        """A chunk will be compared."""
        with self._lock:
            self.open_chunks += 1
            self.state = "running"

    def close_chunk(self) -> bool:
        """A chunk has been compared; true when none is open any more."""
        with self._lock:
            self.open_chunks -= 1
            return not self.open_chunks

    def compare(self, readers: Readers, chunk: Chunk | None, buckets: int, watch: AppliedWatch | None) -> None:
        """Compare a range of the table, or the whole (`None`)."""
        if watch is not None and not self.pair.key:
            self._compare_bag(readers, buckets, watch)
        else:
            self._compare(readers, readers.tally(self.pair, chunk, buckets), chunk, watch)

    def _compare_bag(self, readers: Readers, buckets: int, watch: AppliedWatch) -> None:
        """Compare a table without a key: numbers of equal rows say something only of one moment on both sides."""
        tallies = watch.unmoved(lambda: readers.tally(self.pair, None, buckets))
        if tallies is not None and not tallies[0].differing(tallies[1]):
            return self._compare(readers, tallies, None, watch)
        with _met(readers, self.pair, watch) as met:
            now = None if met is not None else watch
            return self._compare(met or readers, (met or readers).tally(self.pair, None, buckets), None, now)

    def _compare(
        self, readers: Readers, tallies: tuple[Tally, Tally], chunk: Chunk | None, watch: AppliedWatch | None
    ) -> None:
        for found in candidates(readers, self.pair, chunk, tallies):
            if self.limited:
                break
            if found.digests and watch is None:
                self._settle(readers, found, None)
            else:
                self._wait(readers, found, watch)
        with self._lock:
            self.rows += tallies[0].rows
            self.digest = (self.digest + tallies[0].digest) % MODULUS

    def _wait(self, readers: Readers, found: Candidates, watch: AppliedWatch | None) -> None:
        with self._lock:
            self._waiting.take(found)
            full = len(self._waiting) >= MOST_WAITING
        if full:
            self._settle_waiting(readers, watch)

    def finish(self, readers: Readers, watch: AppliedWatch | None) -> None:
        """Settle what still waits."""
        if self.changed:
            return
        self._settle_waiting(readers, watch)
        with self._lock:
            self.state, self.message = "done", self._remark()

    def _settle_waiting(self, readers: Readers, watch: AppliedWatch | None) -> None:
        with self._lock:
            ready, self._waiting = self._waiting, Candidates()
        try:
            self._settle(readers, ready, watch)
        except BaseException:
            with self._lock:
                self._waiting.take(ready)  # none of them has been judged
            raise

    def _settle(self, readers: Readers, ready: Candidates, watch: AppliedWatch | None) -> None:
        keys, digests = sorted(ready.keys, key=repr), sorted(ready.digests)
        for start in range(0, len(keys), MOST_WAITING):
            self._settle_keys(readers, keys[start : start + MOST_WAITING], watch)
        if digests:
            bag = settle_digests(readers, self.pair, digests, watch)
            self._keep(Details(readers, self.pair, self.quote).of_digests(bag), bag)

    def _settle_keys(self, readers: Readers, keys: Sequence[Row], watch: AppliedWatch | None) -> None:
        if watch is None:
            settled = settle_keys(readers, self.pair, keys, None)
            return self._keep(Details(readers, self.pair, self.quote).of_keys(settled), settled)
        left = settle_keys(readers, self.pair, keys, watch, looks=HASTY_LOOKS).keys
        if not left:
            return None
        with _met(readers, self.pair, watch) as met:
            settled = settle_keys(met or readers, self.pair, left, None if met is not None else watch)
            return self._keep(Details(met or readers, self.pair, self.quote).of_keys(settled), settled)

    def _keep(self, found: Iterator[Mismatch], settled: Settled) -> None:
        for mismatch in found:
            with self._lock:
                if len(self.mismatches) >= self.limit:
                    self.limited = True
                    break
                self.mismatches[tuple(mismatch.key.items())] = mismatch
        with self._lock:
            self.moving |= settled.moving

    def _remark(self) -> str:
        parts = [f"{len(self.moving)} rows were still moving when time was up"] if self.moving else []
        parts += [f"more than {self.limit} differences: the rest is not listed"] if self.limited else []
        return "; ".join(parts)

    def count(self, kind: MismatchKind) -> int:
        """Return how many rows differ in one way."""
        return sum(mismatch.count for mismatch in self.mismatches.values() if mismatch.kind is kind)

    def progress(self) -> TableProgress:
        """Return the table as it stands."""
        with self._lock:
            done = self.state == "done"
            return TableProgress(
                table=str(self.pair.name),
                rows=self.rows,
                rows_total=self.rows if done else max(self.rows, self.rows_total),
                mismatches=sum(mismatch.count for mismatch in self.mismatches.values()),
                state=self.state,
                message=self.message,
            )

    def facts(self) -> dict[str, Any]:
        """Return what the step's info says of the table."""
        only = {kind: self.count(kind) for kind in MismatchKind}
        return {
            "rows": self.rows,
            "mismatches": sum(only.values()),
            "sourceOnly": only[MismatchKind.MASTER_ONLY],
            "targetOnly": only[MismatchKind.IMAGE_ONLY],
            "mismatched": only[MismatchKind.MISMATCHED],
            "digest": f"{self.digest:032x}",
            "moving": len(self.moving),
            "limited": self.limited,
            "state": "moving" if self.moving else "done",
        }


def _met(readers: Readers, pair: Pair, watch: AppliedWatch | None) -> AbstractContextManager[Readers | None]:
    """Readers of both sides at one moment; `None` where nothing moves (`readers` will do), or where it cannot be had."""
    if watch is None or watch.meetings is None:
        return nullcontext()
    readers.drop()  # a snapshot needs connections, too
    return watch.meetings.readers(pair)
