"""Appends messages to the files of its topics; what counts of them is in the journal."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ferryman.connectors.file.journal import Journal, read_state, sync_directory
from ferryman.connectors.file.layout import folder_of
from ferryman.foundation.errors import FerrymanError
from ferryman.spi.sink import Messages

ROLL_BYTES = 256 << 20
"""A new file is begun once the last one has reached this size."""
_PREFIXES = ("full-", "incremental-")
MOST_OPEN = 200
"""Files kept open between commits."""


class FileWriter:
    """One writer: one journal, and a row of files for each topic."""

    def __init__(self, directory: Path, journal: Path, prefix: str, epoch: int) -> None:
        self._directory = directory
        self._prefix = prefix
        self._roll_bytes = ROLL_BYTES
        self._journal = Journal(journal, epoch)
        self._journals = journal.parent
        self._open: dict[str, io.BufferedWriter[io.FileIO]] = {}
        self._numbers: dict[str, int] = {}
        self._touched: set[str] = set()

    def begin(self) -> None:
        """Begin a commit."""
        self._touched.clear()

    def publish(self, messages: Messages) -> None:
        """Append messages, a line each; tombstones are left out: the delete before them says the same."""
        lines = [value for value in messages.values if value is not None]
        if not lines:
            return
        self._write(messages.topic, b"\n".join(lines) + b"\n")

    def _write(self, topic: str, content: bytes) -> None:
        with room(topic):
            self._file(topic).write(content)
        self._touched.add(topic)

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Make files durable, then the journal's line that counts them."""
        sizes = {}
        for topic in sorted(self._touched):
            file = self._open[topic]
            with room(topic):
                file.flush()
                os.fsync(file.fileno())
            sizes[topic] = (self._numbers[topic], file.tell())
        if sizes or marks:
            with room("the journal"):
                self._journal.append({"files": sizes, "marks": dict(marks)})
        self._touched.clear()
        self._tidy(sizes)

    def rollback(self) -> None:
        """Cut off what was written since the last commit."""
        self._close_files()
        self._touched.clear()

    def close(self) -> None:
        """Close files and journal; what does not count is cut off by whoever writes next."""
        self._close_files()
        self._journal.close()

    def _tidy(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        rolled = [topic for topic, (_, size) in sizes.items() if size >= self._roll_bytes]
        for topic in rolled if len(self._open) <= MOST_OPEN else list(self._open):
            self._open.pop(topic).close()

    def _close_files(self) -> None:
        for file in self._open.values():
            try:
                file.close()
            except OSError:  # a full disk: what was not written does not count
                file.detach().close()
        self._open.clear()

    def _file(self, topic: str) -> io.BufferedWriter[io.FileIO]:
        if topic not in self._open:
            self._open[topic] = self._opened(topic)
        return self._open[topic]

    def _opened(self, topic: str) -> io.BufferedWriter[io.FileIO]:
        number, size = self._journal.state.files.get(topic, (1, 0))
        if size >= self._roll_bytes:
            number, size = number + 1, 0
        path = self._path(topic, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if topic not in self._journal.state.files:
            self._claim(topic)
        file = io.BufferedWriter(io.FileIO(path, "ab"), 1 << 18)
        sync_directory(path.parent)
        file.truncate(size)
        file.seek(size)
        self._numbers[topic] = number
        return file

    def _claim(self, topic: str) -> None:
        """Write down that the folder's files are ours, before anything is in them; beside a stranger's none is written."""
        path = self._stranger(topic)
        if path is not None:
            raise FerrymanError(
                "load.target_not_empty",
                f"{path} holds messages of another project",
                hint="choose another directory, or remove the old files",
            )
        self._journal.append({"files": {topic: (1, 0)}})

    def _stranger(self, topic: str) -> Path | None:
        """Return a file of somebody else, of any format.

        First the files are looked at, then who has claimed the topic: another lane of ours claims before it writes.
        """
        own = self._published(topic, 1)
        names = (path for path in sorted(own.parent.glob("*")) if path.name.startswith(_PREFIXES))
        held = [path for path in names if path.suffix != ".writing" and _size_of(path)]
        if own in held:
            return own
        claimed = held and any(topic in read_state(path).files for path in self._journals.glob("*.journal"))
        return held[0] if held and not claimed else None

    def _published(self, topic: str, number: int) -> Path:
        """Return the file that readers see."""
        return self._path(topic, number)

    def _path(self, topic: str, number: int) -> Path:
        return folder_of(self._directory, topic) / f"{self._prefix}-{number:06d}.jsonl"


def _size_of(path: Path) -> int:
    """Return a file's bytes; those of one that a reader has just taken away are none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def room(what: str) -> Iterator[None]:
    """Raise ``disk.full`` or ``sink.refused`` for what the system could not write."""
    try:
        yield
    except OSError as error:
        code = "disk.full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "sink.refused"
        raise FerrymanError(code, f"{what} could not be written: {error.strerror}") from error
