"""A difference counts only once it has settled (I6): the row is still, and apply has passed the last it was seen at.

One round: read the row at the source, take the source's position *after* that read, wait until apply has passed it, read
the row at the target. What the target shows then is the row as it was read, or younger. Equal: it was only moving.
What is different round after round is judged where nothing moves (`meeting`). Where that cannot be had: what shows the
same values on both sides often enough is a difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ferryman.model.batch import Row
from ferryman.model.position import Position
from ferryman.model.serial import from_json
from ferryman.pipeline.verify.differences import count_side
from ferryman.pipeline.verify.meeting import MeetingPoint
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers, Stopped
from ferryman.spi.source import Source
from ferryman.spi.task import TaskContext

K = TypeVar("K", Row, int)
T = TypeVar("T")

ROUNDS = 2
"""How often a row must show the same difference."""

BAG_ROUNDS = 5
"""How often in a row the same numbers of equal rows must differ: small numbers meet by chance."""

HASTY_LOOKS = 3
"""Looks at rows that move, before they are looked at where nothing does."""

PAUSE_SECONDS = 0.2


class AppliedWatch:
    """Waits for apply, by the note ``apply.position``."""

    def __init__(
        self, context: TaskContext, source: Source, patience_seconds: float, meetings: MeetingPoint | None = None
    ) -> None:
        self.meetings = meetings
        self._context = context
        self._source = source
        self.patience_seconds = patience_seconds

    def passed_now(self, deadline: float) -> bool:
        """Return whether apply has passed where the source's log ends now, before the deadline."""
        position = self._source.current_position()
        while (applied := self._applied()) is None or applied < position:
            if time.monotonic() >= deadline:
                return False
            self.pause()
        return True

    def unmoved(self, look: Callable[[], T]) -> T | None:
        """Return what a look has shown, if nothing was under way before it, nor happened at the source meanwhile."""
        before = self._source.current_position()
        if (applied := self._applied()) is None or applied < before:
            return None
        found = look()
        return found if self._source.current_position() == before else None

    def pause(self) -> None:
        """Let a moment pass; raises `Stopped` when the task shall end."""
        if self._context.wait(PAUSE_SECONDS):
            raise Stopped

    def _applied(self) -> Position | None:
        document = self._context.note("apply.position")
        return None if document is None else from_json(Position, document)


@dataclass(slots=True)
class Settled:
    """Outcome for some rows, by key or (no key) by digest.

    Attributes:
        different: Settled differences: what each side shows (a digest, or a number of rows; `None`: absent).
        moving: Rows that did not come to rest in time: neither equal nor different can be said of them.
    """

    different: dict[Row | int, tuple[int | None, int | None]] = field(default_factory=dict)
    moving: set[Row | int] = field(default_factory=set)

    @property
    def keys(self) -> list[Row]:
        """The rows with a key among them."""
        return [key for key in (*self.different, *self.moving) if isinstance(key, tuple)]


Look = Callable[[Sequence[K], bool], dict[K, int]]
"""Reads rows of one side: key → digest, or digest → count."""


def settle_keys(
    readers: Readers, pair: Pair, keys: Sequence[Row], watch: AppliedWatch | None, *, looks: int | None = None
) -> Settled:
    """Settle rows of a table with a key; without `watch` nothing moves and one look is enough.

    With `looks`, rows that have not come to rest after so many are moving; else patience decides.
    """

    def look(wanted: Sequence[Row], source: bool) -> dict[Row, int]:
        found = readers.digests_by_key(pair, wanted, source)
        return {key: found[key] for key in wanted if key in found}

    return _settle(keys, look, watch, rounds=ROUNDS if watch else 1, looks=looks)


def settle_digests(readers: Readers, pair: Pair, digests: Sequence[int], watch: AppliedWatch | None) -> Settled:
    """Settle rows of a table without a key by how many of each there are; every look reads the table."""

    def look(wanted: Sequence[int], source: bool) -> dict[int, int]:
        return dict(count_side(readers, pair, source, set(wanted).__contains__))

    return _settle(digests, look, watch, rounds=BAG_ROUNDS if watch else 1)


def _settle(
    rows: Sequence[K], look: Look[K], watch: AppliedWatch | None, *, rounds: int, looks: int | None = None
) -> Settled:
    settled = Settled()
    pending = dict.fromkeys(rows, _Seen())
    deadline = time.monotonic() + (watch.patience_seconds if watch else 0.0)
    while pending and looks != 0:
        looks = None if looks is None else looks - 1
        source = look(list(pending), True)
        if watch is not None and not watch.passed_now(deadline):
            break
        target = look(list(pending), False)
        pending = _round(pending, source, target, settled, rounds=rounds)
        if watch is None or not pending or time.monotonic() >= deadline:
            break
        watch.pause()
    settled.moving.update(pending)
    return settled


@dataclass(frozen=True, slots=True)
class _Seen:
    """What both sides showed last, and how often in a row."""

    state: tuple[int | None, int | None] = (None, None)
    times: int = 0


def _round(
    pending: dict[K, _Seen], source: dict[K, int], target: dict[K, int], settled: Settled, *, rounds: int
) -> dict[K, _Seen]:
    """Drop what is equal, settle what has shown the same difference often enough, return the rest."""
    rest: dict[K, _Seen] = {}
    for row, seen in pending.items():
        state = (source.get(row), target.get(row))
        if state[0] == state[1]:
            continue
        times = seen.times + 1 if seen.times and seen.state == state else 1
        if times >= rounds:
            settled.different[row] = state
        else:
            rest[row] = _Seen(state, times)
    return rest
