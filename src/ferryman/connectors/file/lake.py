"""Rows as Parquet files: ``DIR/<topic>/full-<lane>-<n>.parquet`` from the load, then ``incremental-<n>.parquet``.

Parquet files cannot grow, and commits are small. So a commit appends to a stage beside the journal (Arrow's stream form,
each piece behind its length; the journal counts its bytes), and from time to time the stage becomes a file: written beside,
made durable, renamed, and only then does the journal count the next stage. A file that stands there while its stage still
counts is finished by whoever comes next: it holds exactly what the stage does, for nothing is appended in between.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ferryman.connectors.file.images import statement_of, table_of
from ferryman.connectors.file.journal import sync_directory
from ferryman.connectors.file.layout import folder_of
from ferryman.connectors.file.writer import FileWriter, room
from ferryman.foundation.errors import FerrymanError
from ferryman.spi.sink import Messages

ROLL_BYTES = 64 << 20
"""A stage of this size becomes a file."""
ROLL_SECONDS = 60.0
"""So long rows wait at most to be seen."""
LOOK_SECONDS = 1.0
GROUP_BYTES = 32 << 20
"""Rows of a group in a file."""
_LENGTH = struct.Struct("<Q")


class LakeWriter(FileWriter):
    """One writer: stages, and the files that come of them."""

    def __init__(self, directory: Path, journal: Path, prefix: str, epoch: int, *, times_as_text: bool) -> None:
        super().__init__(directory, journal, prefix, epoch)
        self._roll_bytes = sys.maxsize  # a stage grows until it becomes a file
        self._next_look = 0.0
        self._stages = journal.with_suffix(".stage")
        self._times_as_text = times_as_text
        self._since: dict[str, float] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self._stages.mkdir(exist_ok=True)
        for topic in list(self._journal.state.files):
            self._settle(topic)

    def publish(self, messages: Messages) -> None:
        """Append rows, or a schema statement, to the topic's stage."""
        if messages.rows is not None:
            self._append(messages.topic, table_of(messages.rows, times_as_text=self._times_as_text))
        for value in messages.values:
            if value is not None:
                self._append(messages.topic, statement_of(value, messages.names, self._schema(messages.topic)))

    def _append(self, topic: str, table: pa.Table) -> None:
        known = self._schema(topic)
        if known is not None and known != table.schema:
            if topic in self._touched:  # what is not committed yet would be lost
                raise FerrymanError("sink.refused", f"rows of two tables go to {topic}: a Parquet file has one schema")
            self._roll(topic)
        self._schemas[topic] = table.schema
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        content = sink.getvalue()
        self._write(topic, _LENGTH.pack(content.size) + content.to_pybytes())
        self._since.setdefault(topic, time.monotonic())

    def _schema(self, topic: str) -> pa.Schema | None:
        """Return the schema of the stage that grows; `None` while it is empty."""
        if topic not in self._schemas:
            _, size = self._journal.state.files.get(topic, (1, 0))
            first = next(self._pieces(topic), None) if size else None
            if first is None:
                return None
            self._schemas[topic] = first.schema
        return self._schemas[topic]

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Make stages durable, then the journal's line that counts them; stages that are due become files."""
        super().commit(marks)
        self.show(everything=False)

    def rollback(self) -> None:
        """Cut off what was written since the last commit."""
        super().rollback()
        self._schemas.clear()

    def show(self, *, everything: bool) -> None:
        """Make files of the stages that are due, or of all that hold something."""
        now = time.monotonic()
        if not everything and now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for topic, (_, size) in list(self._journal.state.files.items()):
            waited = now - self._since.setdefault(topic, now)
            if size and (everything or size >= ROLL_BYTES or waited >= ROLL_SECONDS):
                self._roll(topic)

    # A stage becomes a file -------------------------------------------------------------------------------------------

    def _roll(self, topic: str) -> None:
        """Make a file of what counts, and begin the next stage."""
        number, size = self._journal.state.files.get(topic, (1, 0))
        if topic in self._open:
            self._open.pop(topic).close()
        if size:
            with room(topic):
                self._write_file(topic, self._published(topic, number))
            self._begin_next(topic, number)

    def _write_file(self, topic: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".writing")
        with pq.ParquetWriter(fresh, self._schema(topic), compression="zstd") as file:
            for group in _groups(self._pieces(topic)):
                file.write_table(group)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(path)
        sync_directory(path.parent)

    def _begin_next(self, topic: str, number: int) -> None:
        self._journal.append({"files": {topic: (number + 1, 0)}})
        self._path(topic, number).unlink(missing_ok=True)
        self._schemas.pop(topic, None)
        self._since.pop(topic, None)

    def _settle(self, topic: str) -> None:
        """Finish what a predecessor began: its file may be there, its stage may be left over."""
        number, size = self._journal.state.files[topic]
        self._path(topic, number - 1).unlink(missing_ok=True)
        if size and self._published(topic, number).exists():
            self._begin_next(topic, number)

    def _pieces(self, topic: str) -> Iterator[pa.Table]:
        """Read what counts of a stage."""
        number, size = self._journal.state.files[topic]
        with self._path(topic, number).open("rb") as stage:
            while stage.tell() < size:
                (length,) = _LENGTH.unpack(stage.read(_LENGTH.size))
                yield pa.ipc.open_stream(stage.read(length)).read_all()

    def _published(self, topic: str, number: int) -> Path:
        return folder_of(self._directory, topic) / f"{self._prefix}-{number:06d}.parquet"

    def _path(self, topic: str, number: int) -> Path:
        return self._stages / f"{folder_of(self._directory, topic).name}-{number:06d}.arrows"


def _groups(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join pieces to row groups of some size."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(table.nbytes for table in waiting) >= GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
