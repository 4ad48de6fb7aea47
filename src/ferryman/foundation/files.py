"""Files that only their owner may read, and the lock of a directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import BinaryIO

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


def make_private_directory(path: Path) -> None:
    """Make a directory, and what is missing above it, for its owner only; an existing one stays as it is."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)


def open_private(path: Path, flags: int = os.O_APPEND) -> BinaryIO:
    """Open a file for writing without a buffer, made with mode 0600 when missing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flags, PRIVATE_FILE), "wb", buffering=0)


def write_private(path: Path, content: bytes) -> None:
    """Write a whole file, mode 0600, so that after a crash the old or the new content stands there, never a part."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open_private(temporary, os.O_TRUNC) as file:
        file.write(content)
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


class FileLock:
    """A lock that lives as long as its process: the operating system frees it, however the process ends.

    The file holds the number of the process that has the lock; it stays behind, unlocked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place: int | None = None

    def acquire(self, *, shared: bool = False) -> bool:
        """Take the lock if it is free (or shared by all who have it); returns whether it is ours now."""
        place = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(place, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            os.close(place)
            return False
        self._place = place
        with contextlib.suppress(OSError):  # a full disk must not keep the lock from us
            os.ftruncate(place, 0)
            os.pwrite(place, f"{os.getpid()}\n".encode(), 0)
        return True

    def holder(self) -> str:
        """Return the process number in the file, ``?`` when there is none."""
        try:
            return self.path.read_text(encoding="ascii").strip() or "?"
        except (OSError, UnicodeDecodeError):
            return "?"

    def release(self) -> None:
        """Give the lock back; does nothing when it is not ours."""
        if self._place is not None:
            os.close(self._place)
            self._place = None
