"""Whatever happens to the writer, readers see exactly the committed transactions, once, in order (I1, I8)."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryman.model.position import Position
from ferryman.pipeline.logstore import reader as reader_module
from ferryman.pipeline.logstore import segment as segment_module
from ferryman.pipeline.logstore import writer as writer_module
from ferryman.pipeline.logstore.reader import StoreReader
from ferryman.pipeline.logstore.retention import Kept, compress_closed, delete_passed
from ferryman.pipeline.logstore.segment import index_path, segment_path, sequences
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.source import LogRecord


def position(number: int) -> Position:
    token = {"file": f"binlog.{number // 50:06d}", "offset": str(number)}
    if number % 7:
        token["gtid"] = f"0-1-{number // 5}"
    return Position(kind="binlog", token=token, order=(number // 50, number), time=1000.0 + number)


def source_log(seed: int, count: int = 600) -> list[LogRecord]:
    """A log that always gives the same bytes for the same position; its last record is a border."""
    chance = random.Random(seed)
    records = []
    for number in range(1, count + 1):
        size = chance.choice([1, 5, 40, 300])
        boundary = chance.random() < 0.4 or number == count
        records.append(LogRecord(payload=chance.randbytes(size), position=position(number), boundary=boundary))
    return records


def crash(writer: LogWriter) -> None:
    """End a writer as `kill -9` does: nothing more is written, what is in its memory is gone."""
    writer._failure = writer_module.disk_full_error(writer.directory)
    writer._stop.set()
    writer._wake.set()
    writer._flusher.join()
    os.close(writer._file)
    writer._lock.close()


def memory_directory() -> str | None:
    """A file system in memory, where there is one: syncing to disk is not what is tested."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Follower:
    """A reader that remembers what it got."""

    def __init__(self, directory: Path, start: Position) -> None:
        self.directory, self.start = directory, start
        self.got: list[LogRecord] = []
        self.reader = StoreReader(directory, start)

    @property
    def place(self) -> Position:
        return self.got[-1].position if self.got else self.start

    def reopen(self) -> None:
        self.reader.close()
        self.reader = StoreReader(self.directory, self.place)

    def drain(self, most: int) -> bool:
        for _ in range(most):
            record = self.reader.poll(0)
            if record is None:
                return True
            if record.payload:
                self.got.append(record)
        return False


class LogStoreMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 10_000), segment_bytes=st.sampled_from([200, 1000, 5000]))
    def begin(self, seed: int, segment_bytes: int) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="logstore-", dir=memory_directory()))
        self.log = source_log(seed)
        self.segment_bytes = segment_bytes
        self.epoch = 0
        self.writer: LogWriter | None = None
        self.place = 0
        self.followers = [Follower(self.directory, position(0))]
        self.open_writer()

    def open_writer(self) -> None:
        self.epoch += 1
        self.writer = LogWriter.open(self.directory, self.epoch, position(0), segment_bytes=self.segment_bytes)
        self.place = self.writer.position.order[1]

    @precondition(lambda self: self.writer is None)
    @rule()
    def restart(self) -> None:
        self.open_writer()

    @precondition(lambda self: self.writer is not None)
    @rule(count=st.integers(1, 40), flush=st.booleans())
    def append(self, count: int, flush: bool) -> None:
        assert self.writer is not None
        for record in self.log[self.place : self.place + count]:
            self.writer.append(record)
            self.place += 1
            if record.boundary and self.place % 3 == 0:
                self.writer.append(LogRecord(payload=b"", position=record.position, boundary=True))
        if flush:
            self.writer.flush()

    @precondition(lambda self: self.writer is not None)
    @rule()
    def lose_connection(self) -> None:
        assert self.writer is not None
        self.place = self.writer.rewind().order[1]

    @precondition(lambda self: self.writer is not None)
    @rule()
    def close_writer(self) -> None:
        assert self.writer is not None
        self.writer.close()
        self.writer = None

    @precondition(lambda self: self.writer is not None)
    @rule()
    def kill_writer(self) -> None:
        assert self.writer is not None
        crash(self.writer)
        self.writer = None

    @precondition(lambda self: self.writer is not None)
    @rule(cut=st.floats(0, 1), garbage=st.binary(max_size=60), zeros=st.integers(0, 40))
    def cut_power(self, cut: float, garbage: bytes, zeros: int) -> None:
        """The end of the last segment is lost or turned to garbage; readers were on the same machine."""
        assert self.writer is not None
        sequence = self.writer.sequence
        crash(self.writer)
        self.writer = None
        path = segment_path(self.directory, sequence)
        _, header_length = segment_module.read_header(self.directory, sequence)
        kept = header_length + int((path.stat().st_size - header_length) * cut)
        with path.open("r+b") as file:
            file.truncate(kept)
            file.seek(kept)
            file.write(garbage + bytes(zeros))
        for follower in self.followers:
            follower.reopen()

    @rule(data=st.data())
    def damage_an_index(self, data: st.DataObject) -> None:
        path = index_path(self.directory, data.draw(st.sampled_from(sequences(self.directory))))
        if path.exists():
            content = path.read_bytes()
            path.write_bytes(content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=20)))

    @rule(data=st.data())
    def add_follower(self, data: st.DataObject) -> None:
        """Start at any place that was delivered, also amid a transaction."""
        seen = self.followers[0].got
        if seen and len(self.followers) < 4:
            start = seen[data.draw(st.integers(0, len(seen) - 1))].position
            first = segment_module.read_header(self.directory, sequences(self.directory)[0])[0].start
            if start >= first:
                self.followers.append(Follower(self.directory, start))

    @rule(data=st.data(), most=st.integers(1, 200))
    def read(self, data: st.DataObject, most: int) -> None:
        data.draw(st.sampled_from(self.followers)).drain(most)

    @precondition(lambda self: self.writer is not None)
    @rule(young=st.booleans())
    def tidy_up(self, young: bool) -> None:
        assert self.writer is not None
        compress_closed(self.directory, self.writer.sequence, self.writer.check)
        needed = min(follower.place for follower in self.followers)
        delete_passed(
            self.directory, self.writer.sequence, needed, Kept(1e9 if young else 0.0, 3000), self.writer.check
        )

    @precondition(lambda self: self.writer is not None)
    @rule()
    def write_by_a_zombie(self) -> None:
        """A writer that lost its epoch between the comparison and its write appends to its own segment."""
        assert self.writer is not None
        old, place = self.writer, self.place
        old.flush()
        self.open_writer()
        data = []
        token = old._token
        for record in self.log[place : place + 5]:
            data.append(writer_module.encode_record(record, token))
            token = record.position.token
        os.pwrite(old._file, b"".join(data), old._written)
        crash(old)

    @invariant()
    def readers_saw_the_log(self) -> None:
        for follower in getattr(self, "followers", []):
            first = follower.start.order[1]
            expected = self.log[first : first + len(follower.got)]
            assert follower.got == expected

    def teardown(self) -> None:
        if not hasattr(self, "directory"):
            return
        try:
            if self.writer is None:
                self.open_writer()
            assert self.writer is not None
            self.append_rest()
            for follower in self.followers:
                assert follower.drain(10_000)
                assert len(follower.got) == len(self.log) - follower.start.order[1]
            self.readers_saw_the_log()
            self.writer.close()
        finally:
            for follower in self.followers:
                follower.reader.close()
            with contextlib.suppress(OSError):
                shutil.rmtree(self.directory)

    def append_rest(self) -> None:
        assert self.writer is not None
        for record in self.log[self.place :]:
            self.writer.append(record)
        self.writer.flush()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "FLUSH_SECONDS", 1e6)  # only when asked: the same steps, the same files
    monkeypatch.setattr(writer_module, "INDEX_BYTES", 300)
    monkeypatch.setattr(writer_module, "FLUSH_BYTES", 700)
    monkeypatch.setattr(segment_module, "INDEX_BYTES", 300)
    monkeypatch.setattr(segment_module, "CHUNK", 256)
    monkeypatch.setattr(reader_module, "READY_BYTES", 500)


def test_readers_see_every_transaction_once() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        LogStoreMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
