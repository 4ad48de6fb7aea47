"""The log store: a source's log spooled to disk, written by one capture task, followed by readers in other processes.

Each project has a store of its own, ``<data_dir>/log/<project id>/``: a store then has one writer lineage (the capture
task's epochs), one start (the project's) and one reader whose position decides what may be deleted; projects on the same
source read its log once each. The format is in ``docs/log-store-format.md``.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from ferryman.model.position import Position
from ferryman.pipeline.logstore.contract import LogReader
from ferryman.pipeline.logstore.memory import MemoryReader
from ferryman.pipeline.logstore.reader import StoreReader
from ferryman.pipeline.logstore.segment import position_at as _position_at
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.source import PostponingSource, RecordLog, Source

__all__ = [
    "LogReader",
    "LogWriter",
    "MemoryReader",
    "in_commit_order",
    "open_reader",
    "open_writer",
    "position_at",
    "remove_store",
    "store_directory",
]


def store_directory(data_dir: Path, project_id: str) -> Path:
    """Return where a project's log store lies."""
    return data_dir / "log" / project_id


def open_reader(data_dir: Path, project_id: str, start: Position) -> LogReader:
    """Open a reader that delivers the records *behind* `start`, transaction by transaction, and follows the tail.

    The store need not be there yet: then `poll` returns `None` until capture has made it. `start` may lie behind the
    store's end (capture fetches that part again); it may be any position a record had.
    """
    return StoreReader(store_directory(data_dir, project_id), start)


def in_commit_order(source: Source, log: LogReader, data_dir: Path, project_id: str) -> RecordLog:
    """Return a log that has just been opened with every transaction where it is committed, not where it is prepared."""
    if not isinstance(source, PostponingSource):
        return log
    return source.in_commit_order(log, log.position, partial(open_reader, data_dir, project_id))


def open_writer(data_dir: Path, project_id: str, epoch: int, start: Position) -> LogWriter:
    """Become the writer of a project's store; see `LogWriter.open`."""
    return LogWriter.open(store_directory(data_dir, project_id), epoch, start)


def position_at(data_dir: Path, project_id: str, unix_seconds: float) -> Position | None:
    """Return the last kept transaction border at or before that second, or `None` when the store begins later."""
    return _position_at(store_directory(data_dir, project_id), unix_seconds)


def remove_store(data_dir: Path, project_id: str) -> None:
    """Delete a project's store (release, `--fresh`); nobody may be writing to it. A missing one is no error."""
    shutil.rmtree(store_directory(data_dir, project_id), ignore_errors=True)
