"""The journal of one writer: what of its files counts, and the marks, appended at each commit.

A line is ``crc32 JSON``; the state is all lines merged. A torn last line is a commit that never happened. The journal is
written anew, as one line, when it has grown (an atomic rename).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry

REWRITE_BYTES = 1 << 20
LOCK_SECONDS = 20.0
"""So long a predecessor's lock is waited for; its process has been told to end."""


class State:
    """Lengths of files and marks, as committed.

    Attributes:
        files: Topic → number of its last file, and how many bytes of it count.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.files: dict[str, tuple[int, int]] = {}
        self.marks: dict[str, Any] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Merge a line in; a mark of `None` goes."""
        self.epoch = max(self.epoch, int(line.get("epoch", 0)))
        self.files.update({topic: (number, size) for topic, (number, size) in line.get("files", {}).items()})
        for name, mark in line.get("marks", {}).items():
            self.marks.pop(name, None)
            if mark is not None:
                self.marks[name] = mark

    def to_line(self) -> dict[str, Any]:
        """Return the whole state as one line."""
        return {"epoch": self.epoch, "files": self.files, "marks": self.marks}


def read_state(path: Path) -> State:
    """Read a journal; what follows a damaged line does not count."""
    state = State()
    for line in _sound_lines(path):
        state.take(line)
    return state


def _sound_lines(path: Path) -> list[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for line in content.split(b"\n")[:-1]:
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            break
        found.append(json.loads(text))
    return found


class Journal:
    """An open journal, locked against other processes."""

    def __init__(self, path: Path, epoch: int) -> None:
        """Lock, read, and write our epoch.

        Raises:
            LeaseLostError: A higher epoch stands there (I7).
            FerrymanError: ``sink.locked`` when another process holds it for too long.
        """
        self._path = path
        self._torn = False
        self._limit = 0
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _acquire(self._lock, path)
            self.state = read_state(path)
            if self.state.epoch > epoch:
                raise LeaseLostError("lease.lost", f"{path.name} has a holder of epoch {self.state.epoch}")
            self.state.epoch = epoch
            self._rewrite()
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, line: Mapping[str, Any]) -> None:
        """Make a commit durable."""
        if self._torn or self._file.tell() > self._limit:
            self._file.close()
            self._rewrite()
        self._torn = True  # until the line is whole: a half one would hide all that follow
        self._file.write(_encoded(line))
        os.fsync(self._file.fileno())
        self._torn = False
        self.state.take(line)

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(_encoded(self.state.to_line()))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_directory(self._path.parent)
        self._file = self._path.open("ab", buffering=0)
        self._torn = False
        self._limit = 2 * self._file.tell() + REWRITE_BYTES

    def close(self) -> None:
        """Unlock."""
        self._file.close()
        os.close(self._lock)


def _encoded(line: Mapping[str, Any]) -> bytes:
    text = json.dumps(line, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _acquire(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise FerrymanError("sink.locked", f"another process writes to {path}", retry=Retry.AUTO) from None
            time.sleep(0.05)
        else:
            return


def sync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
