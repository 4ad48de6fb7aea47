"""Who captures into a store: one process among those of all projects that read it (I7, ADR 0112).

The lease is the file ``writer-<epoch>``, locked by its holder for as long as that lives and touched twice a second. It is
free once the lock is (the holder has died or ended), or once nobody has touched it for `STALE_SECONDS` (its process, or its
machine, stands still). Whoever takes it does so under the next epoch, so that a holder that wakes up finds itself fenced.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from ferryman.foundation.errors import LeaseLostError
from ferryman.foundation.files import PRIVATE_FILE, make_private_directory
from ferryman.pipeline.logstore.epoch import read_epoch, stamp_epoch

BEAT_SECONDS = 0.5
STALE_SECONDS = 15.0
_LOOK_SECONDS = 1.0
"""A look that comes later than this after the one before counts as so late only: we may have stood still ourselves."""

Document = dict[str, Any]


class StoreLease:
    """The right to write a store, under an epoch of the store's own; what its holder says of itself is seen by all."""

    def __init__(self, directory: Path, epoch: int, place: int, holder: Document) -> None:
        """Use `Turn.take`."""
        self.directory = directory
        self.epoch = epoch
        self._place = place
        self._document = holder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logstore-lease", daemon=True)
        self._thread.start()

    def say(self, **more: Any) -> None:
        """Replace members of what is said; others see it with the next beat."""
        self._document = self._document | more

    def __enter__(self) -> StoreLease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._place)

    def _run(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        data = json.dumps(self._document).encode()
        try:
            os.pwrite(self._place, data, 0)
            os.ftruncate(self._place, len(data))
        except OSError:  # a full disk: the time of the file is what counts
            with contextlib.suppress(OSError):
                os.utime(self._place)


class Turn:
    """One process's wait for the lease of a store. One thread."""

    def __init__(self, directory: Path, project_id: str, task_epoch: int) -> None:
        """Wait as a run of a project's capture task, which has an epoch of its own."""
        self._directory = directory
        self._me: Document = {"project": project_id, "task_epoch": task_epoch}
        self._seen: tuple[int, int] = (0, 0)
        self._unchanged = 0.0
        self._looked_at = monotonic()
        self.holder: Document = {}
        """What the holder said last: ``project``, ``task_epoch`` and what it added; empty: not known."""

    def take(self) -> StoreLease | None:
        """Return the lease if it is free.

        Raises:
            LeaseLostError: A later run of the same task has had it: this one has lost its own lease.
        """
        make_private_directory(self._directory)
        door = os.open(self._directory / "epoch", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            epoch = read_epoch(door)
            if self._is_held(epoch):
                return None
            place = self._begin(door, epoch + 1)
        except BlockingIOError:  # another one is just here
            return None
        finally:
            os.close(door)
        self._clear_away(epoch + 1)
        return StoreLease(self._directory, epoch + 1, place, self._me)

    def _begin(self, door: int, epoch: int) -> int:
        """Lock the file of a new epoch and sign it, and only then let that be the epoch of the store."""
        with contextlib.ExitStack() as undo:
            place = os.open(_path(self._directory, epoch), os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
            undo.callback(os.close, place)
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(place, json.dumps(self._me).encode(), 0)
            stamp_epoch(door, epoch)
            undo.pop_all()
        return place

    def _is_held(self, epoch: int) -> bool:
        try:
            place = os.open(_path(self._directory, epoch), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            self._read(place, epoch)
            if self._is_me():
                return self._is_later()
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._unchanged < STALE_SECONDS
        finally:
            os.close(place)
        return False

    def _is_me(self) -> bool:
        """Whether the holder is a run of the same task: of these only the last one counts, dead or alive."""
        return bool(self.holder.get("project") == self._me["project"])

    def _is_later(self) -> bool:
        if self.holder["task_epoch"] > self._me["task_epoch"]:
            raise LeaseLostError("lease.lost", f"a later run of {self._me['project']}/capture writes {self._directory}")
        return False

    def _read(self, place: int, epoch: int) -> None:
        """Take in what the holder says, and how long it has not touched its file by our clock."""
        if epoch != self._seen[0]:
            self.holder = {}
        with contextlib.suppress(ValueError):  # it is just writing: what it said before still holds
            self.holder = json.loads(os.pread(place, 1 << 20, 0))
        now, seen = monotonic(), (epoch, os.fstat(place).st_mtime_ns)
        idle = min(now - self._looked_at, _LOOK_SECONDS)
        self._unchanged = self._unchanged + idle if seen == self._seen else 0.0
        self._seen, self._looked_at = seen, now

    def _clear_away(self, epoch: int) -> None:
        for path in self._directory.glob("writer-*"):
            if path != _path(self._directory, epoch):
                path.unlink(missing_ok=True)


def _path(directory: Path, epoch: int) -> Path:
    return directory / f"writer-{epoch}"
