"""From tallies that differ to the rows that do: bisection by digest, bounded in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ferryman.model.batch import Row
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers, Tally
from ferryman.spi.source import Chunk

MOST_COLLECTED = 100_000
"""Rows of both sides held at once while they are compared."""

MOST_SAMPLED_BYTES = 16 << 20
"""Values of rows without a key held at once to be shown."""

MOST_BUCKETS = 1 << 16


@dataclass(slots=True)
class Candidates:
    """What may differ: a difference only once it has settled (I6).

    Attributes:
        keys: Rows of a table with a key.
        digests: Rows of a table without one, by digest.
    """

    keys: set[Row] = field(default_factory=set)
    digests: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.keys) + len(self.digests)

    def take(self, other: Candidates) -> None:
        """Add another's."""
        self.keys |= other.keys
        self.digests |= other.digests


def buckets_for(rows: int) -> int:
    """Return how many buckets suit a table of about so many rows: a power of two, some 500 rows in each."""
    return min(MOST_BUCKETS, 1 << max(4, (rows // 500).bit_length()))


def candidates(readers: Readers, pair: Pair, chunk: Chunk | None, tallies: tuple[Tally, Tally]) -> Iterator[Candidates]:
    """Yield the rows behind tallies that differ, in parts of bounded size; each part is one more read of both sides."""
    source, target = tallies
    differing = source.differing(target)
    if not differing:
        return
    rows = source.rows + target.rows
    if rows > MOST_COLLECTED and len(source.counts) == 1:
        finer = readers.tally(pair, chunk, buckets_for(rows))
        yield from candidates(readers, pair, chunk, finer)
        return
    for part in _parts(source, target, differing):
        yield _collect(readers, pair, chunk, part, len(source.counts) - 1)


def _parts(source: Tally, target: Tally, buckets: Sequence[int]) -> Iterator[set[int]]:
    part: set[int] = set()
    rows = 0
    for bucket in buckets:
        more = source.counts[bucket] + target.counts[bucket]
        if part and rows + more > MOST_COLLECTED:
            yield part
            part, rows = set(), 0
        part.add(bucket)
        rows += more
    yield part


def _collect(readers: Readers, pair: Pair, chunk: Chunk | None, buckets: set[int], mask: int) -> Candidates:
    if pair.key:
        return Candidates(keys=_differing_keys(readers, pair, chunk, buckets, mask))
    counts = readers.both(lambda source: count_side(readers, pair, source, lambda digest: digest & mask in buckets))
    return Candidates(digests={d for d in counts[0] | counts[1] if counts[0][d] != counts[1][d]})


def _differing_keys(readers: Readers, pair: Pair, chunk: Chunk | None, buckets: set[int], mask: int) -> set[Row]:
    def collect(source: bool) -> dict[Row, int]:
        found: dict[Row, int] = {}
        for batch in readers.batches(pair, source, chunk):
            digests = pair.digests(batch)
            if any(digest & mask in buckets for digest in digests):
                rows = zip(pair.keys(batch), digests, strict=True)
                found.update((key, digest) for key, digest in rows if digest & mask in buckets)
        return found

    mine, theirs = readers.both(collect)
    return {key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)}


def count_side(readers: Readers, pair: Pair, source: bool, wanted: Callable[[int], bool]) -> Counter[int]:
    """Count the rows of one side by digest, those wanted."""
    found: Counter[int] = Counter()
    for batch in readers.batches(pair, source, None):
        found.update(filter(wanted, pair.digests(batch)))
    return found


def samples(readers: Readers, pair: Pair, wanted: set[int]) -> dict[int, Row]:
    """Return the values of rows with these digests, as many as memory allows; both sides are read, for they stand on either."""

    def sample(source: bool) -> dict[int, Row]:
        found: dict[int, Row] = {}
        room = MOST_SAMPLED_BYTES
        for batch in readers.batches(pair, source, None):
            digests = pair.digests(batch)
            if wanted.isdisjoint(digests):
                continue
            for digest, row in zip(digests, batch.rows(), strict=True):
                if digest in wanted and digest not in found and room > 0:
                    found[digest] = row
                    room -= sum(len(value) for value in row if value is not None)
        return found

    mine, theirs = readers.both(sample)
    return mine | theirs
