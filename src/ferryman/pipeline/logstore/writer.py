"""The writer of a log store: appends records, makes them durable, starts segments.

Records are visible to readers about 5 ms after `append` and durable after at most 200 ms or 4 MB, whichever is first,
and at `close`. A source that answers the same bytes for the same position makes more haste needless: what a power cut
takes is fetched again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ferryman.foundation.disk import FULL_ERRNOS, disk_full_error
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.files import PRIVATE_FILE, make_private_directory, sync_directory, write_private
from ferryman.model.position import Position
from ferryman.pipeline.logstore.epoch import EpochLock
from ferryman.pipeline.logstore.format import SegmentHeader, encode_header, encode_record
from ferryman.pipeline.logstore.index import INDEX_BYTES, IndexEntry, append_entries
from ferryman.pipeline.logstore.segment import index_path, segment_path, sequences, tail_border
from ferryman.spi.source import LogRecord

SEGMENT_BYTES = 64 << 20
FLUSH_BYTES = 256 << 10
FLUSH_SECONDS = 0.005
SYNC_BYTES = 4 << 20
SYNC_SECONDS = 0.2


class LogWriter:
    """Writes one store; `append` from one thread. A thread of its own flushes and syncs.

    Errors of that thread show at the next call. ``disk.full`` loses nothing: the record was not taken, what was taken
    before stays in memory, and the same call may be made again once there is room.
    """

    _header: SegmentHeader
    _file: int
    _token: dict[str, str]
    _buffer: list[bytes]
    _buffered: int
    _taken: int
    """Bytes of the segment, those still in the buffer included."""
    _written: int
    _synced: int
    _border: IndexEntry
    _flushed: Position
    """The last border handed to the operating system."""
    _durable: Position
    _indexed: int
    _entries: list[IndexEntry]
    _unsynced: bool
    _synced_at: float

    def __init__(self, directory: Path, lock: EpochLock, header: SegmentHeader, *, segment_bytes: int) -> None:
        """Use `open`."""
        self._directory = directory
        self._lock = lock
        self._segment_bytes = segment_bytes
        self._state = threading.Lock()
        self._change = threading.RLock()
        """Held around sync and change of segment; taken before `_io`."""
        self._io = threading.RLock()
        """Held around writes; taken before `_state`."""
        self._failure: FerrymanError | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._enter(header, _create(directory, header))
        self._flusher = threading.Thread(target=self._flush_for_ever, name="logstore-flusher", daemon=True)
        self._flusher.start()

    @classmethod
    def open(cls, directory: Path, epoch: int, start: Position, *, segment_bytes: int = SEGMENT_BYTES) -> LogWriter:
        """Become the writer: take the epoch, find the last whole transaction, begin a new segment behind it.

        Nothing is ever cut off in place: the new segment's header says how much of the one before counts.

        Args:
            directory: The store; made when missing.
            epoch: The task's; a lower one than stands there raises `LeaseLostError`.
            start: Where an empty store begins.
            segment_bytes: A segment ends at the first transaction border behind this length.

        Raises:
            FerrymanError: ``disk.full``, ``logstore.corrupt``, ``logstore.failed``.
        """
        with _as_our_error(directory):
            make_private_directory(directory)
            lock = EpochLock(directory, epoch)
            try:
                for leftover in directory.glob("*.new"):
                    leftover.unlink(missing_ok=True)
                return cls(directory, lock, _next_header(directory, epoch, start), segment_bytes=segment_bytes)
            except BaseException:
                lock.close()
                raise

    @property
    def position(self) -> Position:
        """The last transaction border taken: where the source's log must be read on from."""
        return self._border.position

    @property
    def durable(self) -> Position:
        """The last transaction border that a power cut leaves here: the source may forget what lies before (I1)."""
        return self._durable

    @property
    def sequence(self) -> int:
        """The segment being written."""
        return self._header.sequence

    @property
    def directory(self) -> Path:
        """Where the store lies."""
        return self._directory

    def append(self, record: LogRecord) -> None:
        """Take a record. Positions rise strictly, but for pulses (empty payload), which repeat the one before.

        Raises:
            FerrymanError: ``disk.full`` (the record was *not* taken; call `retry` and append it again),
                ``logstore.failed``; `LeaseLostError`.
        """
        self._raise_failure()
        if self._border.offset >= self._segment_bytes and self._border.offset == self._taken:
            self._roll()
        news = bool(record.payload) or record.position > self._border.position
        data = encode_record(record, self._token)
        self._token = record.position.token
        with self._state:
            self._buffer.append(data)
            self._buffered += len(data)
            self._taken += len(data)
            if record.boundary:
                self._pass_border(record.position)
        if news:
            self._unsynced = True
        if self._buffered >= FLUSH_BYTES:
            self._attempt_flush()
        if not self._wake.is_set():
            self._wake.set()

    def rewind(self) -> Position:
        """Forget what was appended behind the last transaction border; returns it. For a stream that broke off."""
        if self._border.offset != self._taken:
            self.flush()
            self._roll()
        return self._border.position

    def flush(self) -> None:
        """Hand everything taken to the operating system: readers see it, `kill -9` no longer takes it."""
        self._raise_failure()
        self._attempt_flush()
        self._raise_failure()

    def sync(self) -> None:
        """Make everything taken durable."""
        self.flush()
        self._attempt_sync()
        self._raise_failure()

    def retry(self) -> None:
        """Try again what a full disk prevented; raises ``disk.full`` when there is still no room."""
        if self._failure is not None and self._failure.code == "disk.full":
            self._failure = None
        self.flush()

    def check(self) -> None:
        """Raise `LeaseLostError` unless we are still the writer that came last."""
        self._lock.check()

    def close(self) -> None:
        """Sync and end. Raises what `sync` raises; the files are closed all the same."""
        self._stop.set()
        self._wake.set()
        self._flusher.join()
        try:
            if self._failure is None:
                self.sync()
        finally:
            os.close(self._file)
            self._lock.close()

    def _enter(self, header: SegmentHeader, file: int) -> None:
        """Begin to write a segment whose header is there."""
        length = os.fstat(file).st_size
        self._header = header
        self._file = file
        self._token = header.start.token
        self._buffer = []
        self._buffered = 0
        self._taken = self._written = self._synced = length
        self._border = IndexEntry(length, header.start)
        self._flushed = self._durable = header.start
        self._indexed = length
        self._entries = []
        self._unsynced = False
        self._synced_at = time.monotonic()

    def _pass_border(self, position: Position) -> None:
        self._border = IndexEntry(self._taken, position)
        if self._taken - self._indexed >= INDEX_BYTES:
            self._indexed = self._taken
            self._entries.append(self._border)

    def _roll(self) -> None:
        """Begin the next segment behind the last border. A failure leaves everything as it was."""
        with self._change, self._io, _as_our_error(self._directory):
            self.sync()
            self._lock.check()
            header = SegmentHeader(
                sequence=self._header.sequence + 1,
                epoch=self._header.epoch,
                start=self._border.position,
                previous_length=self._border.offset,
            )
            file = _create(self._directory, header)
            os.close(self._file)
            self._enter(header, file)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _attempt_flush(self) -> None:
        """Write what is buffered; a failure is kept for the next caller."""
        with self._io, self._keep_failure():
            self._lock.check()
            with self._state:
                data, self._buffer, self._buffered = b"".join(self._buffer), [], 0
                border = self._border.position
            done = 0
            try:
                while done < len(data):
                    done += os.pwrite(self._file, memoryview(data)[done:], self._written + done)
            finally:
                self._written += done
                if done < len(data):
                    with self._state:
                        self._buffer.insert(0, data[done:])
                        self._buffered += len(data) - done
            self._flushed = border

    def _attempt_sync(self) -> None:
        with self._change, self._keep_failure():
            self._unsynced = False  # first: whoever appends from here on sets it again
            with self._io:
                written, flushed = self._written, self._flushed
            self._unsynced = self._unsynced or self._taken > written
            os.fsync(self._file)
            self._durable = flushed
            self._synced, self._synced_at = written, time.monotonic()
            with self._state:
                ready = [entry for entry in self._entries if entry.offset <= written]
                self._entries = self._entries[len(ready) :]
            if ready:
                append_entries(index_path(self._directory, self._header.sequence), ready)

    @contextlib.contextmanager
    def _keep_failure(self) -> Iterator[None]:
        try:
            with _as_our_error(self._directory):
                yield
        except FerrymanError as error:
            self._failure = error

    def _flush_for_ever(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(SYNC_SECONDS if self._unsynced else None)
            self._stop.wait(FLUSH_SECONDS)
            self._wake.clear()
            if self._failure is None:
                self._attempt_flush()
            if self._failure is None and self._sync_is_due():
                self._attempt_sync()

    def _sync_is_due(self) -> bool:
        late = time.monotonic() - self._synced_at >= SYNC_SECONDS
        return self._unsynced and (late or self._written - self._synced >= SYNC_BYTES)


def _next_header(directory: Path, epoch: int, start: Position) -> SegmentHeader:
    known = sequences(directory)
    if not known:
        return SegmentHeader(sequence=1, epoch=epoch, start=start)
    border = tail_border(directory, known[-1])
    _make_durable(segment_path(directory, known[-1]))
    return SegmentHeader(sequence=known[-1] + 1, epoch=epoch, start=border.position, previous_length=border.offset)


def _make_durable(path: Path) -> None:
    """Sync what another process wrote: the next segment's header vouches for it."""
    with contextlib.suppress(FileNotFoundError):  # compressed already, and durable since then
        file = os.open(path, os.O_RDWR)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _create(directory: Path, header: SegmentHeader) -> int:
    """Make a segment, whole or not at all, and open it; `FileExistsError` when another writer was there first."""
    path = segment_path(directory, header.sequence)
    draft = path.with_name(f"{path.name}.{header.epoch}.new")
    write_private(draft, encode_header(header))
    try:
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(directory)
    return os.open(path, os.O_RDWR, PRIVATE_FILE)


@contextlib.contextmanager
def _as_our_error(directory: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise FerrymanError("logstore.failed", f"another writer is at work in the log store {directory}") from error
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise disk_full_error(directory) from error
        raise FerrymanError("logstore.failed", f"the log store {directory} cannot be written: {error}") from error
