"""A reader of a log store: starts anywhere, walks from segment to segment, follows the tail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import Record
from ferryman.model.position import Position
from ferryman.pipeline.logstore.format import corrupt
from ferryman.pipeline.logstore.index import last_entry, read_index
from ferryman.pipeline.logstore.segment import (
    RecordWalk,
    SegmentFile,
    index_path,
    read_header,
    segment_exists,
    segment_of,
    segment_path,
    sequences,
)
from ferryman.spi.source import LogRecord

READY_BYTES = 1 << 20
"""Records decoded ahead of their delivery, about."""
PAUSE_SECONDS = 0.008
"""Longest sleep between two looks at the tail."""
LOCATE_SECONDS = 1.0
"""How often a reader at the tail asks whether its project reads another store now."""


class _Cursor:
    """A place in one segment: what is committed there, what has been delivered of it."""

    def __init__(self, directory: Path, sequence: int, start: Position | None = None) -> None:
        """Open a segment at its beginning or at the last indexed border at or before `start`."""
        header, offset = read_header(directory, sequence)
        self.sequence = sequence
        self.kind, self.token = header.start.kind, header.start.token
        entries = read_index(index_path(directory, sequence), self.kind) if start is not None else []
        best = last_entry(entries, lambda entry: start is not None and entry.position <= start)
        if best is not None:
            offset, self.token = best.offset, best.position.token
        self._file = SegmentFile(directory, sequence)
        self._walk = RecordWalk(self._file, offset)
        self._ahead = RecordWalk(self._file, offset)
        self.committed = offset
        """Bytes up to here are whole transactions."""
        self.end: int | None = None
        """Where the segment ends, once the next one is there."""

    def take(self) -> list[Record]:
        """Return the next records that belong to whole transactions, as many as are at hand."""
        if self._walk.offset >= self.committed:
            return []
        found, self.token = self._walk.take(self.committed, self.kind, self.token)
        if not found:
            raise corrupt(f"segment {self.sequence} is damaged at byte {self._walk.offset}")
        return found

    def look_ahead(self) -> bool:
        """Look for more whole transactions; whether there are some."""
        before = self.committed
        enough = before + READY_BYTES
        while self.end is None and self.committed < enough:
            border = self._ahead.pass_borders(enough)
            if border is None:
                break
            self.committed = border or self.committed
        return self.committed > before

    def close_at(self, end: int) -> None:
        """Learn where the segment ends."""
        self.end = self.committed = end

    @property
    def offset(self) -> int:
        """Bytes taken of this segment."""
        return self._walk.offset

    @property
    def is_finished(self) -> bool:
        """Whether everything has been taken and the next segment is there."""
        return self.end is not None and self._walk.offset >= self.end

    def close(self) -> None:
        self._file.close()


class StoreReader:
    """See `contract.LogReader`."""

    def __init__(self, directory: Path, start: Position, locate: Callable[[Path], Path] = lambda last: last) -> None:
        """Make a reader; `locate` is asked at the tail, now and then, where the store is now that was there last."""
        self._directory = directory
        self._locate = locate
        self._located_at = time.monotonic()
        self._position = start
        self._seen = start.order
        self._cursor: _Cursor | None = None
        self._ready: deque[LogRecord] = deque()
        self._ready_bytes = 0
        self._lengths: dict[int, int] = {}
        """Bytes of closed segments, which do not change any more."""

    @property
    def position(self) -> Position:
        """The position of the last record delivered; at first the start."""
        return self._position

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None` when none comes within `timeout` seconds; errors as in the contract."""
        if not self._ready and not self._fill() and not self._wait(timeout):
            return None
        record = self._ready.popleft()
        self._ready_bytes -= len(record.payload)
        self._position = record.position
        return record

    @property
    def bytes_waiting(self) -> int:
        """Bytes of the store behind the last record delivered, uncompressed; what is being written counts, too."""
        waiting = self._ready_bytes
        cursor = self._cursor
        if cursor is None:
            return waiting
        later = [sequence for sequence in sequences(self._directory) if sequence > cursor.sequence]
        ends = [cursor.end if cursor.end is not None else self._length(cursor.sequence, later[:1])]
        ends += [self._length(sequence, later[place + 1 : place + 2]) for place, sequence in enumerate(later)]
        return max(0, sum(ends) - cursor.offset) + waiting

    @property
    def bytes_whole(self) -> int:
        """Bytes behind the last record delivered that are known to be whole transactions: amid one, what is left of it.

        At most `READY_BYTES` of what follows that transaction is among them.
        """
        cursor = self._cursor
        return self._ready_bytes + (cursor.committed - cursor.offset if cursor is not None else 0)

    def _length(self, sequence: int, following: list[int]) -> int:
        """Return a segment's length: the header of the next one tells it, else the open file's size."""
        if sequence not in self._lengths:
            try:
                if not following:
                    return segment_path(self._directory, sequence).stat().st_size
                self._lengths[sequence] = read_header(self._directory, following[0])[0].previous_length
            except FileNotFoundError:
                return 0
        return self._lengths[sequence]

    def __iter__(self) -> StoreReader:
        return self

    def __next__(self) -> LogRecord:
        while (record := self.poll(60.0)) is None:
            pass
        return record

    def close(self) -> None:
        """Close the segment; never raises."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def _wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        pause = PAUSE_SECONDS / 8
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            if self._fill():
                return True
            pause = min(pause * 2, PAUSE_SECONDS)
            self._follow_move()
        return False

    def _follow_move(self) -> None:
        """Go on in another store when the project has got one: capture has begun anew, and the old one gets no more."""
        if time.monotonic() - self._located_at < LOCATE_SECONDS:
            return
        self._located_at = time.monotonic()
        directory = self._locate(self._directory)
        if directory != self._directory:
            self.close()
            self._lengths.clear()
            self._directory = directory

    def _fill(self) -> bool:
        """Decode some more records; whether there are any."""
        if self._cursor is None and not self._find_start():
            return False
        while True:
            if self._take_some():
                return True
            assert self._cursor is not None
            moved = self._next_segment() if self._cursor.is_finished else self._cursor.look_ahead() or self._find_end()
            if not moved:
                return False

    def _find_start(self) -> bool:
        try:
            sequence = segment_of(self._directory, self._position)
            if sequence is None:
                self._refuse_a_gap()
                return False
            self._cursor = _Cursor(self._directory, sequence, self._position)
        except FileNotFoundError:  # deleted (or compressed) between two looks: look again
            return False
        return True

    def _refuse_a_gap(self) -> None:
        known = sequences(self._directory)
        if known:
            first = read_header(self._directory, known[0])[0].start
            raise FerrymanError(
                "position.purged",
                f"the log store {self._directory} begins at {first}, behind {self._position}: what lies between is gone",
            )

    def _take_some(self) -> bool:
        assert self._cursor is not None
        size = 0
        while size < READY_BYTES and (records := self._cursor.take()):
            for position, payload, boundary in records:
                order = position.order
                # A restarted writer repeats what followed its last border; a pulse repeats the position before it.
                if order > self._seen or (order == self._seen and not payload):
                    self._seen = order
                    self._ready.append(LogRecord(payload=payload, position=position, boundary=boundary))
                    self._ready_bytes += len(payload)
                    size += len(payload) + 64
        return bool(self._ready)

    def _find_end(self) -> bool:
        """Look for the next segment, whose header tells where this one ends."""
        assert self._cursor is not None
        following = self._cursor.sequence + 1
        try:
            if segment_exists(self._directory, following):
                self._cursor.close_at(read_header(self._directory, following)[0].previous_length)
                return True
        except FileNotFoundError:
            return False
        return self._start_again_if_deleted()

    def _start_again_if_deleted(self) -> bool:
        """The segment was deleted under us: what follows our position begins in a later one, or is gone, too."""
        assert self._cursor is not None
        if segment_exists(self._directory, self._cursor.sequence) or not sequences(self._directory):
            return False
        self.close()
        return self._find_start()

    def _next_segment(self) -> bool:
        assert self._cursor is not None
        try:
            following = _Cursor(self._directory, self._cursor.sequence + 1)
        except FileNotFoundError:
            return self._start_again_if_deleted()
        self._cursor.close()
        self._cursor = following
        return True
