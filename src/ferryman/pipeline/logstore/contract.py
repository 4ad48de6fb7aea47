"""What a reader of the log store offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ferryman.model.position import Position
from ferryman.spi.source import LogRecord


class LogReader(Protocol):
    """Delivers whole transactions, record by record, each once and in order; one thread.

    A transaction's first record comes only when its last one is in the store, so that nothing delivered is ever taken
    back. A record with an empty payload is a pulse: the source was idle and alive at ``record.position.time``.
    Iterating waits for ever at the tail; `poll` waits for `timeout` seconds.
    """

    def poll(self, timeout: float) -> LogRecord | None:
        """Return the next record, or `None` when none comes within `timeout` seconds (0 does not wait).

        Raises:
            FerrymanError: ``position.purged`` (the store no longer has what follows), ``logstore.corrupt``.
        """
        ...

    def __iter__(self) -> Iterator[LogRecord]: ...

    def __next__(self) -> LogRecord: ...

    @property
    def position(self) -> Position:
        """The position of the last record delivered; at first the start."""
        ...

    @property
    def bytes_waiting(self) -> int:
        """Bytes in the store behind the last record delivered."""
        ...

    @property
    def bytes_whole(self) -> int:
        """How many of those are known to belong to whole transactions: amid a long one, what is left of it."""
        ...

    def close(self) -> None:
        """Release what is held; never raises."""
        ...
