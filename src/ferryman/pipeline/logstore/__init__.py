"""The log store: a source's log spooled to disk, written by one capture task, followed by readers in other processes.

Projects on one source share a store where its log is the same for all of them (`stores`): one of their capture tasks writes
it (`lease`), the others stand by, and what each of them still needs stands beside it (`claims`). The format is in
``docs/log-store-format.md``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ferryman.model.position import Position
from ferryman.pipeline.logstore.claims import Claim, read_claims, readers_of, renew_claim
from ferryman.pipeline.logstore.contract import LogReader
from ferryman.pipeline.logstore.lease import StoreLease, Turn
from ferryman.pipeline.logstore.memory import MemoryReader
from ferryman.pipeline.logstore.reader import StoreReader
from ferryman.pipeline.logstore.segment import position_at as _position_at
from ferryman.pipeline.logstore.segment import sequences, tail_border
from ferryman.pipeline.logstore.stores import (
    Reader,
    join,
    join_at,
    leave,
    located,
    open_writer,
    store_directories,
    store_directory,
)
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.source import PostponingSource, RecordLog, Source

__all__ = [
    "Claim",
    "LogReader",
    "LogWriter",
    "MemoryReader",
    "Reader",
    "StoreLease",
    "Turn",
    "in_commit_order",
    "join",
    "join_at",
    "last_position",
    "leave",
    "open_reader",
    "open_writer",
    "position_at",
    "readers_of",
    "renew_claim",
    "store_directories",
    "store_directory",
]


def open_reader(data_dir: Path, project_id: str, start: Position) -> LogReader:
    """Open a reader that delivers the records *behind* `start`, transaction by transaction, and follows the tail.

    The store need not be there yet: then `poll` returns `None` until capture has made it. `start` may lie behind the
    store's end (capture fetches that part again); it may be any position a record had.
    """
    return StoreReader(store_directory(data_dir, project_id), start, partial(located, data_dir, project_id))


def in_commit_order(source: Source, log: LogReader, data_dir: Path, project_id: str) -> RecordLog:
    """Return a log that has just been opened with every transaction where it is committed, not where it is prepared."""
    if not isinstance(source, PostponingSource):
        return log
    return source.in_commit_order(log, log.position, partial(open_reader, data_dir, project_id))


def position_at(data_dir: Path, project_id: str, unix_seconds: float) -> Position | None:
    """Return the last kept transaction border at or before that second, or `None` when the store begins later."""
    return _position_at(store_directory(data_dir, project_id), unix_seconds)


def last_position(data_dir: Path, project_id: str) -> Position | None:
    """Return the last transaction border that has been captured, or `None` where there is no store.

    A store that its first reader has just joined holds nothing yet: it will begin where that reader does. Whoever took that
    for no store would take a place in the files of the server that a failover leads to for one of the log before.
    """
    directory = store_directory(data_dir, project_id)
    known = sequences(directory)
    if known:
        return tail_border(directory, known[-1]).position
    claim = read_claims(directory).get(project_id)
    return None if claim is None else claim.needed
