"""Segment files: their names, reading them plain or compressed, and walking over their records."""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import IO

import zstandard

from ferryman.kernel import Record, decode_position, decode_records, pass_records, whole_body
from ferryman.kernel.log_records import PREFIX
from ferryman.model.position import Position
from ferryman.pipeline.logstore.format import (
    SegmentHeader,
    corrupt,
    decode_header,
    is_boundary,
)
from ferryman.pipeline.logstore.index import INDEX_BYTES, IndexEntry, last_entry, read_index

CHUNK = 1 << 20
"""Bytes read at once."""
MAX_HEADER_BYTES = 1 << 18
_NAME = re.compile(r"(\d{12})\.log(\.zst)?\Z")


def segment_path(directory: Path, sequence: int) -> Path:
    """Return a segment's plain file."""
    return directory / f"{sequence:012d}.log"


def packed_path(directory: Path, sequence: int) -> Path:
    """Return a segment's compressed file."""
    return directory / f"{sequence:012d}.log.zst"


def index_path(directory: Path, sequence: int) -> Path:
    """Return a segment's index."""
    return directory / f"{sequence:012d}.idx"


def segment_exists(directory: Path, sequence: int) -> bool:
    """Whether a segment is there, plain or compressed."""
    return segment_path(directory, sequence).exists() or packed_path(directory, sequence).exists()


def sequences(directory: Path) -> list[int]:
    """Return the numbers of all segments, in order; an empty list when there is no store."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names only, and many
    except FileNotFoundError:
        return []
    return sorted({int(found[1]) for name in names if (found := _NAME.match(name))})


class SegmentFile:
    """Reads a segment's bytes, wherever they lie; compressed ones best in rising order. One thread."""

    def __init__(self, directory: Path, sequence: int) -> None:
        """Open; `FileNotFoundError` when the segment is in neither form."""
        self._packed: IO[bytes] | None = None
        self._place = 0
        self._path = packed_path(directory, sequence)
        try:
            self._file: IO[bytes] = segment_path(directory, sequence).open("rb", buffering=0)
        except FileNotFoundError:
            self._file = self._path.open("rb")
            self._rewind()

    @property
    def is_packed(self) -> bool:
        """Whether the segment is compressed: then it is closed, and its last byte counts."""
        return self._packed is not None

    def available(self, offset: int) -> int:
        """Return how many bytes there are from `offset` on now (compressed: at least one chunk's worth is claimed)."""
        if self._packed is not None:
            return 1 << 62
        return max(0, os.fstat(self._file.fileno()).st_size - offset)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; fewer only at the end."""
        if self._packed is None:
            return os.pread(self._file.fileno(), size, offset)
        try:
            self._skip_to(offset)
            data = self._read_packed(size)
        except zstandard.ZstdError as error:
            raise corrupt(f"{self._path} cannot be decompressed: {error}") from error
        self._place += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewind(self) -> None:
        self._file.seek(0)
        decompressor = zstandard.ZstdDecompressor()
        self._packed = decompressor.stream_reader(self._file, read_across_frames=True, closefd=False)
        self._place = 0

    def _skip_to(self, offset: int) -> None:
        if offset < self._place:
            self._rewind()
        while self._place < offset:
            skipped = self._read_packed(min(CHUNK, offset - self._place))
            if not skipped:
                return
            self._place += len(skipped)

    def _read_packed(self, size: int) -> bytes:
        assert self._packed is not None
        out = io.BytesIO()
        while out.tell() < size and (data := self._packed.read(size - out.tell())):
            out.write(data)
        return out.getvalue()


def read_header(directory: Path, sequence: int) -> tuple[SegmentHeader, int]:
    """Return a segment's header and its length; `FileNotFoundError` when the segment is gone."""
    file = SegmentFile(directory, sequence)
    try:
        return decode_header(file.read(0, MAX_HEADER_BYTES))
    finally:
        file.close()


class RecordWalk:
    """Walks over the sound records of a segment from a byte offset on. One thread.

    Attributes:
        offset: Where the next record begins.
    """

    def __init__(self, file: SegmentFile, offset: int) -> None:
        self.offset = offset
        self._file = file
        self._buffer = b""
        self._start = offset

    def next(self) -> memoryview | None:
        """Return the next record's body; `None` where no whole and sound record stands (yet)."""
        body = whole_body(self._buffer, self.offset - self._start, len(self._buffer))
        while body is None:
            if not self._fill():
                return None
            body = whole_body(self._buffer, 0, len(self._buffer))
        self.offset += PREFIX.size + len(body)
        return body

    def take(self, until: int, kind: str, token: dict[str, str]) -> tuple[list[Record], dict[str, str]]:
        """Return the next records that are at hand and end at `until` or before, and the last one's token.

        None come where no whole and sound record stands (yet). `token` is that of the record before.
        """
        while True:
            place, end = self.offset - self._start, min(len(self._buffer), until - self._start)
            found, stop, token = decode_records(self._buffer, place, end, kind, token)
            if found or not self._fill():
                self.offset += stop - place
                return found, token

    def pass_borders(self, enough: int) -> int | None:
        """Pass the records that are at hand, up to the first border at the offset `enough` or behind it.

        Returns the offset of the last border among them, 0 if there is none; `None` where no whole and sound record
        stands (yet).
        """
        while True:
            place = self.offset - self._start
            stop, border = pass_records(self._buffer, place, len(self._buffer), enough - self._start)
            if stop > place:
                self.offset += stop - place
                return self._start + border if border else 0
            if not self._fill():
                return None

    def _fill(self) -> bool:
        """Read more; whether a whole record's bytes may stand in the buffer now."""
        place = self.offset - self._start
        left = len(self._buffer) - place
        needed = PREFIX.size
        if left >= PREFIX.size:
            needed += PREFIX.unpack_from(self._buffer, place)[0]
            if (
                needed <= left
            ):  # whole, and its checksum is wrong: torn, or just being written, so read it anew next time
                self._buffer, self._start = b"", self.offset
                return False
        if self._file.available(self.offset) < needed:
            return False
        self._buffer = self._file.read(self.offset, max(CHUNK, needed))
        self._start = self.offset
        return len(self._buffer) >= needed


def borders(
    directory: Path, sequence: int, *, before: Position | None = None, before_time: float | None = None
) -> Iterator[IndexEntry]:
    """Yield a segment's transaction borders in order, each with the byte offset behind it.

    Begins at the segment's start or, with `before` or `before_time`, at the last indexed border at or before it.
    """
    header, header_length = read_header(directory, sequence)
    first = IndexEntry(header_length, header.start)
    entry = _indexed(directory, sequence, header.start.kind, before, before_time) or first
    yield entry
    file = SegmentFile(directory, sequence)
    try:
        yield from _walk_borders(RecordWalk(file, entry.offset), entry.position)
    finally:
        file.close()


def _indexed(
    directory: Path, sequence: int, kind: str, before: Position | None, before_time: float | None
) -> IndexEntry | None:
    if before is None and before_time is None:
        return None
    entries = read_index(index_path(directory, sequence), kind)
    if before is not None:
        return last_entry(entries, lambda entry: entry.position <= before)
    return last_entry(entries, lambda entry: entry.position.time <= (before_time or 0.0))


def _walk_borders(walk: RecordWalk, position: Position) -> Iterator[IndexEntry]:
    kind, token = position.kind, position.token
    while (body := walk.next()) is not None:
        position, _ = decode_position(body, kind, token)
        token = position.token
        if is_boundary(body):
            yield IndexEntry(walk.offset, position)


def tail_border(directory: Path, sequence: int) -> IndexEntry:
    """Return the last transaction border that stands soundly in a segment."""
    header, header_length = read_header(directory, sequence)
    entries = read_index(index_path(directory, sequence), header.start.kind)
    file = SegmentFile(directory, sequence)
    size = file.available(0)
    last = last_entry(entries, lambda entry: entry.offset <= size) or IndexEntry(header_length, header.start)
    try:
        for border in _walk_borders(RecordWalk(file, last.offset), last.position):
            last = border
    finally:
        file.close()
    return last


def sparse(found: Iterator[IndexEntry]) -> Iterator[IndexEntry]:
    """Thin out borders to what an index holds."""
    place = 0
    for entry in found:
        if entry.offset - place >= INDEX_BYTES:
            place = entry.offset
            yield entry


def segment_of(directory: Path, position: Position) -> int | None:
    """Return the segment that holds what follows `position`: the last one that starts at or before it, else `None`."""
    known = sequences(directory)
    index = bisect_right(known, position.order, key=lambda n: read_header(directory, n)[0].start.order)
    return known[index - 1] if index else None


def position_at(directory: Path, unix_seconds: float) -> Position | None:
    """Return the last kept transaction border at or before that second, or `None` when the store begins later.

    The source's clock may have gone back: what counts is the first border behind that second, so that nothing later is missed.
    """
    leading = list(takewhile(lambda n: read_header(directory, n)[0].start.time <= unix_seconds, sequences(directory)))
    if not leading:
        return None
    best: Position | None = None
    for entry in borders(directory, leading[-1], before_time=unix_seconds):
        if entry.position.time > unix_seconds:
            break
        best = entry.position if entry.position.time else best
    return best
