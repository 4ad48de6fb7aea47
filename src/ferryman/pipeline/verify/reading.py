"""Reading both sides of a pair at once: sums of digests, rows by digest, rows by key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ferryman.model.batch import Batch, Row
from ferryman.pipeline.verify.pair import Pair, Side
from ferryman.spi.source import Chunk, TableReader

T = TypeVar("T")

MODULUS = 1 << 128
CHUNK_OF_ONE_SIDE = 100_000
"""Rows in one statement where a side is read in its own order."""

LOOKUP_BYTES = 4 << 20
LOOKUP_KEYS = 500
"""What one look-up by key may bring into memory."""


class Stopped(Exception):  # noqa: N818 -- not an error: the task shall end
    """Verification was asked to end."""


@dataclass(slots=True)
class Tally:
    """Rows counted and digests summed, spread over buckets by digest.

    Equal multisets of rows give equal tallies; a bucket that differs holds a row that differs. A row is in the bucket of
    its own digest, so a row with other values stands in two buckets, one on each side.
    """

    counts: list[int]
    sums: list[int]

    @classmethod
    def empty(cls, buckets: int) -> Tally:
        """Return a tally of nothing; `buckets` is a power of two."""
        return cls([0] * buckets, [0] * buckets)

    def add(self, digests: Sequence[int]) -> None:
        """Count rows."""
        if len(self.counts) == 1:
            self.counts[0] += len(digests)
            self.sums[0] += sum(digests)
            return
        counts, sums, mask = self.counts, self.sums, len(self.counts) - 1
        for digest in digests:
            bucket = digest & mask
            counts[bucket] += 1
            sums[bucket] += digest

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.counts)

    @property
    def digest(self) -> int:
        """Digest of all rows, in ``[0, 2**128)``."""
        return sum(self.sums) % MODULUS

    def differing(self, other: Tally) -> list[int]:
        """Return the buckets that are not equal."""
        return [
            bucket
            for bucket in range(len(self.counts))
            if self.counts[bucket] != other.counts[bucket] or (self.sums[bucket] - other.sums[bucket]) % MODULUS
        ]


class Opener(Protocol):
    """Whatever has readers."""

    def reader(self) -> TableReader:
        """Open a reader."""
        ...


@dataclass(slots=True)
class Readers:
    """One reader on each side; opened when needed, dropped after a failure. One worker."""

    source_endpoint: Opener
    target_endpoint: Opener
    stopped: Callable[[], bool]
    _broken: threading.Event = field(default_factory=threading.Event, init=False)
    _source: TableReader | None = field(default=None, init=False)
    _target: TableReader | None = field(default=None, init=False)

    @property
    def source(self) -> TableReader:
        """The source's reader."""
        if self._source is None:
            self._source = self.source_endpoint.reader()
        return self._source

    @property
    def target(self) -> TableReader:
        """The target's reader."""
        if self._target is None:
            self._target = self.target_endpoint.reader()
        return self._target

    def drop(self) -> None:
        """Close both."""
        for reader in (self._source, self._target):
            if reader is not None:
                reader.close()
        self._source = self._target = None

    def both(self, action: Callable[[bool], T]) -> tuple[T, T]:
        """Return ``action(True)``, run on the source, and ``action(False)``, run on the target at the same time.

        When one side fails the other is broken off, and the failure is raised.
        """
        outcome: dict[bool, T] = {}
        errors: list[BaseException] = []

        def run(source: bool) -> None:
            try:
                outcome[source] = action(source)
            except BaseException as error:  # noqa: BLE001 -- raised below, in the worker
                errors.append(error)
                self._broken.set()

        self._broken.clear()
        thread = threading.Thread(target=run, args=(False,), name="verify-target", daemon=True)
        thread.start()
        run(True)
        thread.join()
        if errors:
            raise errors[0]  # the first: a side broken off because of it ends with `Stopped` after it
        return outcome[True], outcome[False]

    def side(self, pair: Pair, source: bool) -> tuple[TableReader, Side]:
        """Return reader and side."""
        return (self.source, pair.source) if source else (self.target, pair.target)

    def batches(self, pair: Pair, source: bool, chunk: Chunk | None) -> Iterator[Batch]:
        """Yield the rows of one side in the common form: of a range, or (`None`) of the whole table in its own order."""
        reader, side = self.side(pair, source)
        for part in [chunk] if chunk is not None or not pair.key else _own_chunks(reader, side):
            for batch in reader.read(side.table, side.columns, chunk=part):
                if self.stopped() or self._broken.is_set():
                    raise Stopped
                yield side.common(batch)

    def tally(self, pair: Pair, chunk: Chunk | None, buckets: int) -> tuple[Tally, Tally]:
        """Count and sum both sides."""

        def count(source: bool) -> Tally:
            tally = Tally.empty(buckets)
            for batch in self.batches(pair, source, chunk):
                tally.add(pair.digests(batch))
            return tally

        return self.both(count)

    def digests_by_key(self, pair: Pair, keys: Sequence[Row], source: bool) -> dict[Row, int]:
        """Return the digests of the rows with these keys, by key; absent rows are left out."""
        return {key: digest for batch in self.rows(pair, keys, source) for key, digest in _digested(pair, batch)}

    def rows(self, pair: Pair, keys: Sequence[Row], source: bool) -> Iterator[Batch]:
        """Yield the rows with these keys in the common form.

        A collation may bring rows of other keys as well (``ABC`` for ``abc``): they are the caller's to leave out.
        """
        reader, side = self.side(pair, source)
        size = lookup_size(side)
        for start in range(0, len(keys), size):
            if self.stopped():
                raise Stopped
            part = list(keys[start : start + size])
            batch = reader.rows_by_key(side.table, side.columns, part)
            yield side.common(batch)


def _digested(pair: Pair, batch: Batch) -> Iterator[tuple[Row, int]]:
    return zip(pair.keys(batch), pair.digests(batch), strict=True)


def lookup_size(side: Side) -> int:
    """Return how many rows of a table may be looked up at once."""
    row_bytes = side.table.byte_estimate // max(1, side.table.row_estimate)
    return max(1, min(LOOKUP_KEYS, LOOKUP_BYTES // max(1, row_bytes)))


def _own_chunks(reader: TableReader, side: Side) -> Iterator[Chunk]:
    start: Row | None = None
    for end in reader.split_points(side.table, CHUNK_OF_ONE_SIDE):
        yield Chunk(start, end)
        start = end
    yield Chunk(start, None)
