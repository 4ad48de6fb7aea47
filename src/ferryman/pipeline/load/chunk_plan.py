"""Where chunks end: planned once, kept in notes, the same after every restart.

A finished chunk is known by its bounds. A resumed load must therefore cut the table at the very same keys, and only the
server can compare keys (collations): so ends are written down *before* a chunk is handed out, and planning that was
broken off goes on behind the last end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.model.schema import Table
from ferryman.spi.source import Chunk, TableReader
from ferryman.spi.task import TaskContext

PAGE_ENDS = 256
"""Ends in one note: a note is rewritten while it grows."""

FLUSH_SECONDS = 0.5
"""How long ends may wait to be written together."""


class ChunkPlan:
    """The plan of one table, in the notes ``load.plan/<table>/<page>``: ``{"ends": [[hex, …], …], "last": bool}``."""

    def __init__(self, context: TaskContext, name: TableName, table: Table, chunk_rows: int) -> None:
        self._context = context
        self._name = name
        self._table = table
        self._chunk_rows = chunk_rows
        self._page = 0
        self._ends: list[Row] = []
        self._complete = False

    def chunks(self, reader: TableReader) -> Iterator[Chunk]:
        """Yield all chunks in key order, finished ones too; first and last are open-ended."""
        start: Row | None = None
        for end in self._all_ends(reader):
            yield Chunk(start, end)
            start = end
        yield Chunk(start, None)

    def _all_ends(self, reader: TableReader) -> Iterator[Row]:
        last: Row | None = None
        for end in self._stored():
            last = end
            yield end
        if not self._complete:
            yield from self._planned(reader, last)

    def _stored(self) -> Iterator[Row]:
        while (document := self._context.note(self._note(self._page))) is not None:
            self._ends = [tuple(bytes.fromhex(part) for part in end) for end in document["ends"]]
            self._complete = document["last"]
            yield from self._ends
            if len(self._ends) < PAGE_ENDS:
                return
            self._page, self._ends = self._page + 1, []

    def _planned(self, reader: TableReader, after: Row | None) -> Iterator[Row]:
        waiting: list[Row] = []
        written = time.monotonic() - FLUSH_SECONDS  # the first chunk goes out at once
        for end in reader.split_points(self._table, self._chunk_rows, after=after):
            waiting.append(end)
            if time.monotonic() - written >= FLUSH_SECONDS or len(self._ends) + len(waiting) >= PAGE_ENDS:
                yield from self._flush(waiting, last=False)
                waiting, written = [], time.monotonic()
        yield from self._flush(waiting, last=True)

    def _flush(self, waiting: list[Row], *, last: bool) -> list[Row]:
        self._ends += waiting
        ends = [[(part or b"").hex() for part in end] for end in self._ends]
        self._context.set_note(self._note(self._page), {"ends": ends, "last": last})
        if len(self._ends) >= PAGE_ENDS:
            self._page, self._ends = self._page + 1, []
        return waiting

    def _note(self, page: int) -> str:
        return f"load.plan/{self._name}/{page}"
