import errno
import os
import time

import pytest

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.position import Position
from ferryman.pipeline.logstore import leave, open_reader, position_at, store_directory
from ferryman.pipeline.logstore import writer as writer_module
from ferryman.pipeline.logstore.retention import Kept, compress_closed, delete_passed
from ferryman.pipeline.logstore.segment import sequences
from ferryman.pipeline.logstore.writer import LogWriter
from ferryman.spi.source import LogRecord


def place(number, time_=0.0):
    return Position(
        kind="binlog", token={"file": "b.000001", "offset": str(number)}, order=(1, number), time=time_ or number
    )


def record(number, *, boundary=True, size=10):
    return LogRecord(payload=bytes([number % 256]) * size, position=place(number), boundary=boundary)


def pulse(number, at):
    return LogRecord(payload=b"", position=place(number, at), boundary=True)


def drain(reader):
    found = []
    while (got := reader.poll(0.05)) is not None:
        found.append(got.position.order[1])
    return found


@pytest.fixture
def writer(tmp_path):
    opened = LogWriter.open(store_directory(tmp_path, "np_1"), 1, place(0))
    yield opened
    opened.close()


def test_reader_gets_a_transaction_when_it_is_whole(tmp_path, writer):
    reader = open_reader(tmp_path, "np_1", place(0))
    writer.append(record(1, boundary=False))
    writer.flush()
    assert reader.poll(0.05) is None
    writer.append(record(2))
    writer.flush()
    assert drain(reader) == [1, 2]
    assert reader.position == place(2)


def test_records_show_without_a_flush(tmp_path, writer):
    reader = open_reader(tmp_path, "np_1", place(0))
    writer.append(record(1))
    assert reader.poll(5.0) == record(1)


def test_a_reader_may_wait_for_its_store(tmp_path):
    reader = open_reader(tmp_path, "np_1", place(0))
    assert reader.poll(0) is None
    with_records(tmp_path, 1, [record(1)])
    assert drain(reader) == [1]


def test_a_reader_ahead_of_the_store_waits(tmp_path):
    with_records(tmp_path, 1, [record(n) for n in range(1, 4)])
    reader = open_reader(tmp_path, "np_1", place(5))
    assert drain(reader) == []
    with_records(tmp_path, 2, [record(n) for n in range(4, 8)])
    assert drain(reader) == [6, 7]


def test_a_position_before_the_store_is_refused(tmp_path):
    LogWriter.open(store_directory(tmp_path, "np_1"), 1, place(10)).close()
    with pytest.raises(FerrymanError) as caught:
        open_reader(tmp_path, "np_1", place(9)).poll(0)
    assert caught.value.code == "position.purged"


def with_records(tmp_path, epoch, records):
    writer = LogWriter.open(store_directory(tmp_path, "np_1"), epoch, place(0))
    for each in records:
        writer.append(each)
    writer.close()


def test_pulses_pass_and_repeat_no_position(tmp_path, writer):
    reader = open_reader(tmp_path, "np_1", place(0))
    for each in (pulse(0, 100.0), record(1), pulse(1, 101.0), pulse(1, 102.0), record(2)):
        writer.append(each)
    writer.flush()
    got = [reader.poll(0) for _ in range(5)]
    assert [each.position.time for each in got if each and not each.payload] == [100.0, 101.0, 102.0]
    assert [each.position.order[1] for each in got if each and each.payload] == [1, 2]


def test_a_restarted_writer_goes_on_behind_the_last_border(tmp_path):
    with_records(tmp_path, 1, [record(1), record(2, boundary=False)])
    writer = LogWriter.open(store_directory(tmp_path, "np_1"), 2, place(0))
    assert writer.position == place(1)
    for each in (record(2, boundary=False), record(3)):
        writer.append(each)
    writer.close()
    assert drain(open_reader(tmp_path, "np_1", place(0))) == [1, 2, 3]


def test_a_lower_epoch_is_refused_and_a_higher_one_ends_us(tmp_path, writer):
    with pytest.raises(LeaseLostError):
        LogWriter.open(store_directory(tmp_path, "np_1"), 0, place(0))
    LogWriter.open(store_directory(tmp_path, "np_1"), 2, place(0)).close()
    writer.append(record(1))
    with pytest.raises(LeaseLostError):
        writer.flush()
    with pytest.raises(LeaseLostError):
        writer.append(record(2))
    assert drain(open_reader(tmp_path, "np_1", place(0))) == []


def test_a_full_disk_loses_nothing(tmp_path, writer, monkeypatch):
    monkeypatch.setattr(writer_module, "FLUSH_SECONDS", 0.001)
    real, room = os.pwrite, [37]

    def scarce(file, data, offset):
        if not room[0]:
            raise OSError(errno.ENOSPC, "no space")
        size = min(room[0], len(data))
        room[0] -= size
        return real(file, data[:size], offset)

    monkeypatch.setattr(os, "pwrite", scarce)
    taken = []

    def append_for_ever():
        while True:
            writer.append(record(len(taken) + 1))
            taken.append(1)
            writer.flush()

    with pytest.raises(FerrymanError) as caught:
        append_for_ever()
    number = len(taken)
    assert caught.value.code == "disk.full"
    assert str(tmp_path) in caught.value.message
    with pytest.raises(FerrymanError):
        writer.append(record(number + 1))  # not taken
    with pytest.raises(FerrymanError):
        writer.retry()
    room[0] = 1 << 30
    writer.retry()
    writer.append(record(number + 1))
    writer.flush()
    assert drain(open_reader(tmp_path, "np_1", place(0))) == list(range(1, number + 2))


def test_segments_are_compressed_and_deleted_once_passed(tmp_path):
    directory = store_directory(tmp_path, "np_1")
    writer = LogWriter.open(directory, 1, place(0), segment_bytes=2000)
    for number in range(1, 200):
        writer.append(record(number, size=50))
    writer.flush()
    assert compress_closed(directory, writer.sequence, writer.check) == writer.sequence - 1 > 3
    assert compress_closed(directory, writer.sequence, writer.check) == 0
    assert drain(open_reader(tmp_path, "np_1", place(0))) == list(range(1, 200))
    assert drain(open_reader(tmp_path, "np_1", place(77))) == list(range(78, 200))
    assert delete_passed(directory, writer.sequence, None, Kept(0.0, 0), writer.check) == 0
    assert delete_passed(directory, writer.sequence, place(100), Kept(3600.0, 1 << 30), writer.check) == 0
    assert delete_passed(directory, writer.sequence, place(100), Kept(-1.0, 1 << 30), writer.check) > 1
    assert drain(open_reader(tmp_path, "np_1", place(100))) == list(range(101, 200))
    with pytest.raises(FerrymanError, match=r"begins at"):
        open_reader(tmp_path, "np_1", place(1)).poll(0)
    assert delete_passed(directory, writer.sequence, place(199), Kept(3600.0, 0), writer.check) > 1
    assert sequences(directory) == [writer.sequence]
    writer.close()


def test_nothing_is_deleted_by_who_lost_the_epoch(tmp_path):
    directory = store_directory(tmp_path, "np_1")
    writer = LogWriter.open(directory, 1, place(0), segment_bytes=500)
    for number in range(1, 100):
        writer.append(record(number, size=50))
    writer.flush()
    before = sequences(directory)
    LogWriter.open(store_directory(tmp_path, "np_1"), 2, place(0)).close()
    with pytest.raises(LeaseLostError):
        delete_passed(directory, writer.sequence, place(99), Kept(-1.0, 1 << 30), writer.check)
    with pytest.raises(LeaseLostError):
        compress_closed(directory, writer.sequence, writer.check)
    assert sequences(directory)[: len(before)] == before


def test_damage_before_the_end_is_not_passed_over(tmp_path):
    with_records(tmp_path, 1, [record(n) for n in range(1, 50)])
    with_records(tmp_path, 2, [record(50)])
    path = store_directory(tmp_path, "np_1") / "000000000001.log"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    reader = open_reader(tmp_path, "np_1", place(0))
    with pytest.raises(FerrymanError) as caught:
        drain(reader)
    assert caught.value.code == "logstore.corrupt"


def test_a_newer_format_is_refused(tmp_path):
    with_records(tmp_path, 1, [record(1)])
    path = store_directory(tmp_path, "np_1") / "000000000001.log"
    content = bytearray(path.read_bytes())
    content[8] = 2
    path.write_bytes(content)
    with pytest.raises(FerrymanError) as caught:
        open_reader(tmp_path, "np_1", place(0)).poll(0)
    assert caught.value.code == "logstore.newer"


def test_a_second_is_found(tmp_path):
    with_records(tmp_path, 1, [record(n, boundary=n % 5 == 0) for n in range(1, 100)])
    with_records(tmp_path, 2, [record(n, boundary=n % 5 == 0) for n in range(96, 300)])
    assert position_at(tmp_path, "np_1", 52.5) == place(50)
    assert position_at(tmp_path, "np_1", 203) == place(200)
    assert position_at(tmp_path, "np_1", 10_000) == place(295)
    assert position_at(tmp_path, "np_2", 10_000) is None


def test_a_second_is_found_before_all_that_came_later_though_the_clock_went_back(tmp_path):
    """Segment after segment begins at a second before it, but the first one holds changes of later seconds."""
    times = [*range(1, 101), *range(60, 70), *range(60, 70), *range(70, 80), *range(80, 89)]
    for epoch, (first, last) in enumerate([(1, 100), (101, 110), (111, 120), (121, 130), (131, 139)], start=1):
        records = [
            LogRecord(payload=b"x", position=place(n, times[n - 1]), boundary=True) for n in range(first, last + 1)
        ]
        with_records(tmp_path, epoch, records)
    assert position_at(tmp_path, "np_1", 90) == place(90)
    assert position_at(tmp_path, "np_1", 65) == place(65)
    assert position_at(tmp_path, "np_1", 100) == place(139, 88)


def test_large_records_and_transactions_stream(tmp_path, writer):
    reader = open_reader(tmp_path, "np_1", place(0))
    for number in range(1, 12):
        writer.append(record(number, boundary=False, size=3_000_000))
    writer.flush()
    assert reader.poll(0) is None
    writer.append(record(12))
    writer.flush()
    assert drain(reader) == list(range(1, 13))


def test_a_store_goes_with_its_project(tmp_path, writer):
    assert store_directory(tmp_path, "np_1").is_dir()
    leave(tmp_path, "np_2")
    leave(tmp_path, "np_1")
    assert not store_directory(tmp_path, "np_1").exists()


def test_an_idle_store_costs_little(tmp_path, writer):
    reader = open_reader(tmp_path, "np_1", place(0))
    before = time.process_time()
    assert reader.poll(0.5) is None
    assert time.process_time() - before < 0.1
