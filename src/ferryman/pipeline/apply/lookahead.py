"""Reading on while a part of the log is being written: the next one is decoded and planned meanwhile.

One thing is read ahead, never two, and never behind a schema statement that has not been applied: the log is decoded by
the schema at its place (I9). Whatever was read ahead is taken in log order, after what came before it is committed. Places
that no window may reach across can become known only after a part was cut: then it is cut in two there.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ferryman.model.changes import SchemaStatement
from ferryman.model.position import Position
from ferryman.pipeline.apply.window import Cutter, Part

POLL_SECONDS = 0.2
"""So long the log is waited for; a change that comes wakes at once."""
_WORTH_ROWS = 500
"""A smaller part is written sooner than a second thread is woken."""
_SWITCH_SECONDS = 0.0005
"""Python's usual 5 ms would make each lane wait so long for its turn, after each answer of the target."""

_GARBAGE = 20_000
"""So many new objects before garbage is looked for (Python: 700): rows make no cycles, and a window holds very many tuples."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What comes next, and what was prepared of it: `None` when it still has to be."""

    item: Part | SchemaStatement
    prepared: Any = None


class Lookahead:
    """Takes one thing after the other out of a cutter; `read_on` lets it take the next one in a second thread."""

    def __init__(
        self,
        cutter: Cutter,
        prepare: Callable[[Part], Any],
        *,
        worth_rows: int = _WORTH_ROWS,
        threads: Executor | None = None,
    ) -> None:
        """Make one.

        Args:
            cutter: Delivers parts and statements.
            prepare: Does what can be done of a part before it is its turn; touches no server.
            worth_rows: Behind a smaller part nothing is read ahead.
            threads: Runs one thing at a time; a thread of its own when not given.
        """
        self._cutter = cutter
        self._prepare = prepare
        self._worth_rows = worth_rows
        self._threads = threads or ThreadPoolExecutor(1, thread_name_prefix="apply-ahead")
        self._coming: Future[Ahead | None] | None = None
        self._held: Ahead | None = None
        if threads is None:
            sys.setswitchinterval(_SWITCH_SECONDS)
            gc.set_threshold(_GARBAGE)

    def next(self, places: Iterable[Position | None]) -> Ahead | None:
        """Return what comes next, cut at the first of these places that lies within it; `None` when nothing comes."""
        found, self._held = self._held, None
        if found is None and self._coming is not None:
            coming, self._coming = self._coming, None
            found = coming.result()
        elif found is None and (item := self._cutter.next(POLL_SECONDS)) is not None:
            found = Ahead(item)
        if found is None or not isinstance(found.item, Part):
            return found
        return self._cut(found, found.item, [place for place in places if place is not None])

    def read_on(self, part: Part) -> None:
        """Begin to read what follows a part, if that pays."""
        if self._held is None and self._coming is None and part.row_count >= self._worth_rows:
            self._coming = self._threads.submit(self._read)

    def put_back(self, ahead: Ahead) -> None:
        """Let it come again next."""
        assert self._held is None
        self._held = ahead

    def close(self) -> None:
        """Wait until nothing is being read any more."""
        self._threads.shutdown()

    def _read(self) -> Ahead | None:
        item = self._cutter.next(POLL_SECONDS)
        if item is None:
            return None
        return Ahead(item, self._prepare(item) if isinstance(item, Part) else None)

    def _cut(self, ahead: Ahead, part: Part, places: list[Position]) -> Ahead:
        inside = [place for place in places if part.start < place < part.end]
        first, rest = parted(part, min(inside)) if inside else (part, None)
        if rest is None:
            return ahead
        self._held = Ahead(rest)
        return Ahead(first)


def parted(part: Part, place: Position) -> tuple[Part, Part | None]:
    """Cut a part at a place between two transactions; one whose changes all lie behind it stays whole."""
    before = [placed for placed in part.changes if placed.position <= place]
    if not before:
        return part, None
    first = replace(part, end=place, whole=True, changes=before)
    return first, replace(part, start=place, changes=part.changes[len(before) :])
