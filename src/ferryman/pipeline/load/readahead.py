"""Reads batches in a thread of its own, into a queue bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType

from ferryman.model.batch import Batch

MOST_BYTES = 4 << 20
"""What a queue holds: a few batches; one greater batch passes alone: nothing is read until it has been written."""


def weight(batch: Batch) -> int:
    """Bytes a batch takes in memory, offsets included."""
    return batch.byte_size + 8 * batch.row_count * len(batch.columns)


class ReadAhead:
    """Batches of one read, fetched while earlier ones are written; iterate once, within ``with``.

    Args:
        batches: Starts the read; called in the reading thread, which alone touches the reader.
        abandon: Called in the reading thread when the rest is not wanted (closes the reader: draining could take hours).
    """

    def __init__(
        self, batches: Callable[[], Iterator[Batch]], abandon: Callable[[], None], max_bytes: int = MOST_BYTES
    ) -> None:
        self._batches = batches
        self._abandon = abandon
        self._max_bytes = max_bytes
        self._queue: deque[Batch] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._cancelled = False
        self._wanted = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)

    def __enter__(self) -> Iterator[Batch]:
        self._thread.start()
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        self._thread.join(timeout=5.0)  # a hung source must not hold up the stop: the thread is a daemon

    def _read(self) -> None:
        try:
            for batch in self._batches():
                kept = self._put(batch)
                del batch
                if not kept:
                    self._abandon()
                    break
        except BaseException as error:  # noqa: BLE001 -- carried over to the consuming thread
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, batch: Batch) -> bool:
        size = weight(batch)
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or not self._queue or self._bytes + size <= self._max_bytes)
            if self._cancelled:
                return False
            self._queue.append(batch)
            self._bytes += size
            self._changed.notify_all()
            if size > self._max_bytes:  # a giant row: two of them are never held at once
                self._changed.wait_for(lambda: self._cancelled or (self._wanted and not self._queue))
            return not self._cancelled

    def _taken(self) -> Iterator[Batch]:
        while (batch := self._take()) is not None:
            yield batch
            del batch  # not held while the next one is waited for

    def _take(self) -> Batch | None:
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: bool(self._queue) or self._ended)
            self._wanted = False
            if self._queue:
                batch = self._queue.popleft()
                self._bytes -= weight(batch)
                self._changed.notify_all()
                return batch
        if self._error is not None:
            raise self._error
        return None
