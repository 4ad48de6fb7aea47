"""Who may write a log store: the holder of the highest epoch (I7)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ferryman.foundation.errors import LeaseLostError
from ferryman.foundation.files import PRIVATE_FILE

_WIDTH = 20


def read_epoch(file: int) -> int:
    """Return the epoch in an open ``epoch`` file; 0 for an empty one."""
    return int(os.pread(file, _WIDTH, 0) or b"0")


def stamp_epoch(file: int, epoch: int) -> None:
    """Write an epoch into it, durably; the file is locked."""
    os.pwrite(file, b"%0*d" % (_WIDTH, epoch), 0)
    os.fsync(file)


class EpochLock:
    """The file ``epoch`` of a store: its content is the epoch of the writer that came last.

    A writer compares before every write. One that was suspended between the comparison and its write can still append
    to *its own* segment: no harm, for the next writer's segment names the length of it that counts.
    """

    def __init__(self, directory: Path, epoch: int) -> None:
        """Take the store over; `LeaseLostError` when a higher epoch stands there."""
        self._path = directory / "epoch"
        self._epoch = epoch
        self._mine = b"%0*d" % (_WIDTH, epoch)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._take()
        except BaseException:
            os.close(self._file)
            raise
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self) -> None:
        stored = os.pread(self._file, _WIDTH, 0)
        if stored > self._mine:
            raise self._lost(stored)
        stamp_epoch(self._file, self._epoch)

    def check(self) -> None:
        """Raise `LeaseLostError` unless we are still the writer that came last."""
        stored = os.pread(self._file, _WIDTH, 0)
        if stored != self._mine:
            raise self._lost(stored)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _lost(self, stored: bytes) -> LeaseLostError:
        holder = stored.decode("ascii", "replace").lstrip("0") or "?"
        return LeaseLostError(
            "lease.lost", f"epoch {holder} writes the log store {self._path.parent}, not epoch {self._epoch} any more"
        )
