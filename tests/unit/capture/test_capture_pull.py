"""The capture step against a scripted source: lost connections, torn transactions, full disks, stops."""

import contextlib
import errno
import os
import threading
from dataclasses import replace

import pytest

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.position import Position
from ferryman.model.project import ApplyOptions, Endpoint, ProjectSpec, StepName
from ferryman.model.serial import to_json
from ferryman.pipeline import capture
from ferryman.pipeline.capture import pull, sharing, upkeep
from ferryman.pipeline.logstore import Claim, Turn, open_reader, store_directory
from ferryman.pipeline.logstore import writer as writer_module
from ferryman.pipeline.logstore.claims import write_claim
from ferryman.pipeline.logstore.segment import packed_path, sequences
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.source import LogRecord


def place(number):
    return Position(
        kind="binlog", token={"file": "b.1", "offset": str(number)}, order=(1, number), time=1000.0 + number
    )


def record(number, *, boundary=True, breaks_off=False):
    return LogRecord(payload=b"%d" % number, position=place(number), boundary=boundary, breaks_off=breaks_off)


class Context:
    step = StepName.CAPTURE
    project_id = "np_1"

    def __init__(self, data_dir, epoch=1, **notes):
        endpoint = Endpoint(scheme="scripted")
        self.data_dir, self.epoch = data_dir, epoch
        self.spec = ProjectSpec(name="p", source=endpoint, target=endpoint)
        self.notes = {"schema.start": to_json(place(0)), **notes}
        self.stopped = threading.Event()
        self.reports, self.events = [], []

    def stop_requested(self):
        return self.stopped.is_set()

    def wait(self, seconds):
        return self.stopped.wait(min(seconds, 0.01))

    def report(self, progress, tables=()):
        self.reports.append(progress)

    def event(self, level, message, **fields):
        self.events.append((level, message))

    def note(self, name):
        return self.notes.get(name)


class Script:
    """A source that answers each connection with the next list; an error in it is raised, a callable called."""

    def __init__(self, context, *connections):
        self.context, self.connections, self.starts = context, list(connections), []

    @contextlib.contextmanager
    def log(self, start, durable=None):
        self.starts.append(start.order[1])
        yield self._records(self.connections.pop(0) if self.connections else [])

    def _records(self, script):
        for each in script:
            if isinstance(each, Exception):
                raise each
            yield each() if callable(each) else each
        while not self.context.stop_requested():
            if not self.connections:
                self.context.stopped.set()
            yield None

    def close(self):
        pass


LOST = FerrymanError("endpoint.connection_lost", "gone")


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(pull, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(pull, "REPORT_SECONDS", 0.0)
    return Context(tmp_path)


@pytest.fixture
def run(monkeypatch):
    def start(context, *connections):
        source = Script(context, *connections)
        monkeypatch.setattr(sharing, "source_of", lambda _: source)
        capture.run(context)
        return source

    return start


def stored(context):
    return stored_behind(context.data_dir, place(0))


def stored_behind(data_dir, start):
    reader = open_reader(data_dir, "np_1", start)
    found = []
    while (got := reader.poll(0)) is not None:
        found.append(int(got.payload or b"-1"))
    return found


def test_a_database_that_is_away_when_capture_begins_is_waited_for(context, run, monkeypatch):
    start, away = context.notes.pop("schema.start"), [FerrymanError("endpoint.unreachable", "killed just now")] * 3

    def ensure_start(_):
        if away:
            raise away.pop()
        context.notes["schema.start"] = start

    monkeypatch.setattr(sharing, "ensure_start", ensure_start)
    source = run(context, [record(1)])
    assert (source.starts, stored(context)) == ([0], [1])
    told = [message for _, message in context.events if "cannot begin" in message]
    assert len(told) == 1
    assert "killed just now" in told[0]


def test_lost_connections_leave_no_trace(context, run):
    source = run(
        context,
        [record(1), record(2, boundary=False), LOST],
        [FerrymanError("endpoint.unreachable", "still gone")],
        [record(2, boundary=False), record(3), record(4), LOST],
        [record(5)],
    )
    assert source.starts == [0, 1, 1, 4]
    assert stored(context) == [1, 2, 3, 4, 5]
    assert [level for level, _ in context.events] == ["warning", "info", "warning", "info"]
    assert any("away (try 2)" in report.message for report in context.reports)
    last = context.reports[-1]
    assert (last.checkpoint_seconds, last.bytes) == (1005, 6)


def test_a_restart_goes_on_behind_the_last_border(context, run):
    run(context, [record(1), record(2, boundary=False)])
    again = Context(context.data_dir, 2)
    source = run(again, [record(2, boundary=False), record(3)])
    assert source.starts == [1]
    assert stored(context) == [1, 2, 3]


def test_a_transaction_that_broke_off_never_was(context, run):
    run(
        context,
        [record(1), record(2, boundary=False), record(3, boundary=False), record(9, breaks_off=True), record(10)],
    )
    assert stored(context) == [1, 9, 10]


def test_what_is_gone_for_good_stops(context, run):
    with pytest.raises(FerrymanError) as caught:
        run(context, [record(1), FerrymanError("position.purged", "x")])
    assert caught.value.code == "position.purged"
    assert stored(context) == [1]


def test_pulses_are_stored_and_mean_caught_up(context, run):
    pulse = LogRecord(payload=b"", position=place(1), boundary=True)
    run(context, [record(1), pulse])
    assert stored(context) == [1, -1]
    assert context.reports[-1].caught_up


def test_a_later_run_of_the_task_takes_the_store_at_once_and_ends_the_earlier_one(context, run):
    directory = store_directory(context.data_dir, "np_1")

    def overtake():
        with Turn(directory, "np_1", 2).take() as lease:
            LogWriter.open(directory, lease.epoch, place(0)).close()
        return record(2)

    endless = [record(number) for number in range(3, 5000)]
    with pytest.raises(LeaseLostError):
        run(context, [record(1), overtake, lambda: (threading.Event().wait(0.2) and None) or None, *endless])
    assert stored(context) in ([], [1], [1, 2])


class Disk:
    """A disk with little room."""

    def __init__(self, monkeypatch, room):
        self.room, self._write = room, os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, file, data, offset):
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, "no space")
        self.room -= len(data)
        return self._write(file, data, offset)


def test_a_full_disk_is_waited_out(context, run, monkeypatch):
    monkeypatch.setattr(writer_module, "FLUSH_BYTES", 1)
    disk = Disk(monkeypatch, 300)
    wait = context.wait
    waits = []

    def mend(seconds):
        waits.append(seconds)
        disk.room += 10_000 if len(waits) > 3 else 0
        return wait(seconds)

    context.wait = mend
    run(context, [record(number) for number in range(1, 40)])
    assert stored(context) == list(range(1, 40))
    assert any("waiting for room" in report.message for report in context.reports)


def test_a_disk_that_stays_full_stops_and_goes_on(context, run, monkeypatch):
    monkeypatch.setattr(writer_module, "FLUSH_BYTES", 1)
    monkeypatch.setattr(pull, "FULL_SECONDS", 0.05)
    disk = Disk(monkeypatch, 300)
    with pytest.raises(FerrymanError) as caught:
        run(context, [record(number) for number in range(1, 40)])
    assert caught.value.code == "disk.full"
    disk.room = 1 << 20
    kept = stored(context)
    assert kept == list(range(1, len(kept) + 1))
    again = Context(context.data_dir, 2)
    run(again, [record(number) for number in range(len(kept) + 1, 40)])
    assert stored(context) == list(range(1, 40))


def test_capture_needs_a_start(context, run):
    context.notes.clear()
    with pytest.raises(FerrymanError) as caught:
        run(context)
    assert caught.value.code == "internal.error"


def test_upkeep_keeps_what_apply_needs(context, tmp_path):
    directory = store_directory(tmp_path, "np_1")
    writer = LogWriter.open(directory, 1, place(0), segment_bytes=300)
    for number in range(1, 60):
        writer.append(record(number))
    writer.flush()
    for sequence in sequences(directory)[:-1]:
        os.utime(directory / f"{sequence:012d}.log", (0, 0))

    def tend():
        upkeep.renew(context, directory)
        upkeep.tend(writer)

    write_claim(directory, "np_1", Claim(needed=place(0)))
    tend()
    assert packed_path(directory, 1).exists()
    assert stored(context) == list(range(1, 60))
    context.notes["apply.position"] = to_json(
        replace(place(30), since=place(1).order)
    )  # a prepared transaction is open
    tend()
    assert stored(context) == list(range(1, 60))
    context.notes["apply.position"] = to_json(place(30))
    tend()
    assert sequences(directory)[0] > 1
    reader = open_reader(tmp_path, "np_1", place(30))
    first = reader.poll(0)
    assert first is not None
    assert first.position == place(31)
    writer.close()


def test_what_apply_needs_outlives_the_limit_in_bytes_and_that_is_said(context, tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "SEGMENT_BYTES", 0)
    context.spec = replace(context.spec, apply=ApplyOptions(log_kept_bytes=0))
    context.notes["apply.position"] = to_json(place(30))
    directory = store_directory(tmp_path, "np_1")
    writer = LogWriter.open(directory, 1, place(0), segment_bytes=300)
    for number in range(1, 60):
        writer.append(record(number))
    writer.flush()
    write_claim(directory, "np_1", Claim(needed=place(0)))
    care = upkeep.Upkeep(context, writer)
    for _ in range(2):
        care.look_after()
    assert stored_behind(tmp_path, place(30)) == list(range(31, 60))
    assert sequences(directory)[0] > 1, "what is applied goes, however young"
    assert [message for _, message in context.events if "over log_kept_bytes" in message] == [context.events[-1][1]]
    writer.close()
