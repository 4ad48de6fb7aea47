"""Projects on one source: who shares a store, who writes it, what is kept of it, and when it goes."""

import json
import os
from dataclasses import replace

import pytest

from ferryman.foundation.errors import LeaseLostError
from ferryman.model.position import Position
from ferryman.pipeline.logstore import (
    Claim,
    Reader,
    Turn,
    join,
    join_at,
    last_position,
    lease,
    leave,
    open_reader,
    open_writer,
    store_directories,
    store_directory,
)
from ferryman.pipeline.logstore.claims import claim_path, first_needed, kept_for, read_claims, renew_claim
from ferryman.pipeline.logstore.retention import compress_closed, delete_passed
from ferryman.pipeline.logstore.segment import segment_path, sequences
from ferryman.spi.source import LogRecord


def place(number, **token):
    return Position(
        kind="binlog",
        token={"offset": str(number), "gtid": f"0-1-{number}", **token},
        order=(1, number),
        time=1000.0 + number,
    )


def claim(number, **more):
    return Claim(needed=place(number), **more)


def reader(data_dir, project="np_1", log=("mysql/h/1", "u"), is_of_source=lambda _: True):
    return Reader(data_dir, project, log, is_of_source)


def spool(directory, first, last, project="np_1", run=1):
    """Capture that part of the log, one small segment after another, as a project's task does."""
    with Turn(directory, project, run).take() as held:
        writer = open_writer(directory, held.epoch)
        writer._segment_bytes = 500
        for number in range(first, last + 1):
            writer.append(LogRecord(payload=b"%d" % number, position=place(number), boundary=True))
        writer.close()


def read(data_dir, project, start):
    log = open_reader(data_dir, project, start)
    found = []
    while (record := log.poll(0)) is not None:
        found.append(int(record.payload))
    log.close()
    return found


def test_a_store_that_was_just_joined_stands_where_its_reader_begins(tmp_path):
    assert last_position(tmp_path, "np_1") is None
    first = join(reader(tmp_path), claim(0))
    assert last_position(tmp_path, "np_1") == place(0)
    spool(first, 1, 9)
    other = join(reader(tmp_path, log=("mysql/h/2", "u")), claim(9))  # the source is another server from now on
    assert other != first
    assert last_position(tmp_path, "np_1") == place(9)


def test_projects_on_one_source_share_a_store_each_from_its_own_place(tmp_path):
    shared = join(reader(tmp_path), claim(0))
    spool(shared, 1, 40)
    asked = []
    assert join(reader(tmp_path, "np_2", is_of_source=lambda end: asked.append(end) or True), claim(20)) == shared
    assert asked == [place(40)], "the source was asked for the end of the store"
    asked.clear()
    assert join(reader(tmp_path, "np_6", is_of_source=lambda end: asked.append(end) or True), claim(60)) == shared
    assert asked == [place(40), place(60)], "and whether a place that the store will come to is of that log, too"
    assert join(reader(tmp_path, "np_3"), claim(50)) == shared, "what the store will come to"
    assert join(reader(tmp_path, "np_4", log=("mysql/h/1", "other")), claim(0)) != shared
    assert join(reader(tmp_path, "np_5", log=None), claim(0)) == tmp_path / "log" / "np_5"
    assert read(tmp_path, "np_2", place(20)) == list(range(21, 41))
    assert read(tmp_path, "np_1", place(0)) == list(range(1, 41))
    assert store_directories(tmp_path)["np_3"] == store_directory(tmp_path, "np_2") == shared


@pytest.mark.parametrize(
    ("why", "needed", "of_source"),
    [
        ("the store begins later", place(3), True),
        ("the source has another log now", place(20), False),
        ("another log had that place, too", place(20, gtid="0-7-99"), True),
        ("the source no longer knows a place that the store has not come to", place(77), place(40)),
        ("the place is none of the store's borders", replace(place(20), order=(1, 20, 1)), True),
    ],
)
def test_a_store_that_cannot_serve_is_left_alone_and_another_one_begun(tmp_path, why, needed, of_source):
    shared = join(reader(tmp_path), claim(5))
    spool(shared, 6, 40)
    second = reader(tmp_path, "np_2", is_of_source=lambda asked: of_source in (True, asked))
    ours = join(second, Claim(needed=needed))
    assert ours != shared, why
    assert join(second, Claim(needed=needed)) == ours
    spool(ours, needed.order[1] + 1, 90, "np_2")
    assert read(tmp_path, "np_2", needed)[-1] == 90
    assert read(tmp_path, "np_1", place(5))[-1] == 40
    assert join(reader(tmp_path, "np_3"), claim(85)) == ours, "the youngest that serves"


def test_an_empty_store_begins_where_the_first_of_its_readers_does(tmp_path):
    shared = join(reader(tmp_path), claim(9))
    assert join(reader(tmp_path, "np_2"), claim(4)) == shared
    spool(shared, 5, 20)
    assert read(tmp_path, "np_2", place(4)) == list(range(5, 21))


def test_a_store_of_an_older_version_stays_with_its_project_while_it_serves(tmp_path):
    own = tmp_path / "log" / "np_1"
    join(reader(tmp_path, log=None), claim(0))
    spool(own, 1, 30)
    claim_path(own, "np_1").unlink()
    assert join(reader(tmp_path), claim(10)) == own
    assert join(reader(tmp_path), claim(99)).name.startswith("source-"), "its end was lost: the source is asked instead"
    assert not own.exists()


def test_the_reader_follows_its_project_into_another_store(tmp_path, monkeypatch):
    monkeypatch.setattr("ferryman.pipeline.logstore.reader.LOCATE_SECONDS", 0.0)
    first = join(reader(tmp_path), claim(0))
    spool(first, 1, 3)
    spool(first, 4, 5)
    log = open_reader(tmp_path, "np_1", place(0))
    assert [log.poll(0).position for _ in range(5)][-1] == place(5)
    segment_path(first, sequences(first)[-1]).unlink()  # a power cut took what was applied already
    second = join(reader(tmp_path, is_of_source=lambda _: False), claim(5))
    assert second != first
    assert not first.exists()
    spool(second, 6, 9)
    assert [log.poll(2.0).position for _ in range(4)] == [place(number) for number in range(6, 10)]
    log.close()


def test_the_store_goes_with_its_last_reader(tmp_path):
    shared = join(reader(tmp_path), claim(0))
    join(reader(tmp_path, "np_2"), claim(0))
    leave(tmp_path, "np_1")
    renew_claim(shared, "np_1", claim(1))  # a task of it that had not noticed yet
    assert list(read_claims(shared)) == ["np_2"]
    leave(tmp_path, "np_3")
    leave(tmp_path, "np_2")
    assert not list((tmp_path / "log").iterdir())


def test_the_most_that_any_project_asks_for_is_kept_and_none_that_still_needs_it_loses_log(tmp_path):
    shared = join(reader(tmp_path), claim(0, hours=2, bytes=1000))
    join(reader(tmp_path, "np_2"), claim(0, hours=1, bytes=5000))
    assert kept_for(shared) == (type(kept_for(shared)))(7200.0, 5000)
    spool(shared, 1, 200)
    with Turn(shared, "np_1", 2).take() as held:
        writer = open_writer(shared, held.epoch)
        compress_closed(shared, writer.sequence, writer.check)

        def trim():
            delete_passed(shared, writer.sequence, first_needed(shared), type(kept_for(shared))(-1.0, 0), writer.check)

        renew_claim(shared, "np_1", claim(190))
        trim()
        assert read(tmp_path, "np_2", place(0)) == list(range(1, 201)), "np_2 has applied nothing yet"
        renew_claim(shared, "np_2", claim(50))
        trim()
        assert read(tmp_path, "np_2", place(50)) == list(range(51, 201))
        before = sequences(shared)
        claim_path(shared, "np_2").write_bytes(b"{")
        trim()
        assert sequences(shared) == before, "a claim that cannot be read needs everything"
        renew_claim(shared, "np_2", Claim(needed=None))
        trim()
        assert sequences(shared)[0] > before[0], "a project at its end needs nothing"
        writer.close()


def test_a_second_that_a_store_has_kept(tmp_path):
    shared = join(reader(tmp_path), claim(0))
    spool(shared, 1, 40)
    assert join_at(reader(tmp_path, "np_2"), 900.0, claim(0)) is None
    assert join_at(reader(tmp_path, "np_2", is_of_source=lambda _: False), 1010.0, claim(0)) is None
    assert join_at(reader(tmp_path, "np_2"), 1010.5, claim(0)) == place(10)
    assert read_claims(shared)["np_2"].needed == place(10)
    assert join(reader(tmp_path, "np_2"), claim(10)) == shared


def test_one_holds_the_lease_and_its_death_frees_it(tmp_path):
    first, second = Turn(tmp_path, "np_1", 1), Turn(tmp_path, "np_2", 1)
    with first.take() as held:
        held.say(name="shop")
        held._beat()
        assert second.take() is None
        assert (second.holder["project"], second.holder["name"]) == ("np_1", "shop")
    with second.take() as next_held:  # the lock has gone, as it does with its process
        assert next_held.epoch == held.epoch + 1
        assert first.take() is None
    assert [path.name for path in tmp_path.glob("writer-*")] == [f"writer-{next_held.epoch}"]


def test_a_holder_that_has_not_said_who_it_is_is_not_taken_for_the_one_before(tmp_path):
    first, second = Turn(tmp_path, "np_1", 1), Turn(tmp_path, "np_2", 1)
    with first.take():
        assert second.take() is None
    with first.take():  # it takes it once more: these words it remembers
        pass
    with second.take() as held:
        os.truncate(tmp_path / f"writer-{held.epoch}", 0)
        assert first.take() is None


def test_a_holder_that_stands_still_loses_the_lease_and_writes_no_more(tmp_path, monkeypatch):
    join(reader(tmp_path), claim(0))
    directory = join(reader(tmp_path, "np_2"), claim(0))
    first, second = Turn(directory, "np_1", 1), Turn(directory, "np_2", 1)
    with first.take() as held:
        writer = open_writer(directory, held.epoch)
        held._ended.set()
        held._thread.join()  # no more beats: SIGSTOP
        now = [lease.monotonic()]
        monkeypatch.setattr(lease, "monotonic", lambda: now[0])
        looks = 0
        while (next_held := second.take()) is None:
            now[0] += 0.5
            looks += 1
        assert looks >= lease.STALE_SECONDS / 0.5
        with next_held:
            following = open_writer(directory, next_held.epoch)
            writer.append(LogRecord(payload=b"x", position=place(1), boundary=True))
            with pytest.raises(LeaseLostError):
                writer.flush()
            assert first.take() is None
            following.close()
        writer.close()


def test_who_stood_still_itself_takes_nothing_for_stale(tmp_path, monkeypatch):
    first, second = Turn(tmp_path, "np_1", 1), Turn(tmp_path, "np_2", 1)
    with first.take() as held:
        held._ended.set()
        held._thread.join()
        assert second.take() is None
        now = lease.monotonic() + 3600
        monkeypatch.setattr(lease, "monotonic", lambda: now)
        assert second.take() is None


def test_of_the_runs_of_one_task_the_last_one_counts(tmp_path):
    with Turn(tmp_path, "np_1", 3).take() as held:
        with Turn(tmp_path, "np_1", 4).take() as later:
            assert later.epoch == held.epoch + 1
        with pytest.raises(LeaseLostError):
            Turn(tmp_path, "np_1", 3).take()


def test_a_holder_without_room_for_its_words_still_shows_that_it_lives(tmp_path, monkeypatch):
    with Turn(tmp_path, "np_1", 1).take() as held:
        path = tmp_path / f"writer-{held.epoch}"
        said, before = json.loads(path.read_bytes()), path.stat().st_mtime_ns

        def full(*_):
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "pwrite", full)
        held.say(more="x" * 100)
        while path.stat().st_mtime_ns == before:
            held._beat()
        assert json.loads(path.read_bytes()) == said


def test_where_a_prepared_transaction_began_only_the_projects_own_store_can_have(tmp_path):
    shared = join(reader(tmp_path), claim(0))
    spool(shared, 1, 10)
    nobody = reader(tmp_path, is_of_source=lambda _: pytest.fail("the source was asked"))
    assert join(nobody, Claim(needed=replace(place(99), token={}))) == shared
    assert join(nobody, Claim(needed=replace(place(4), token={}))) == shared


def test_another_user_stays_and_another_way_to_a_server_does_not(tmp_path):
    shared = join(reader(tmp_path), claim(0))
    spool(shared, 1, 10)
    assert join(reader(tmp_path, log=("mysql/h/1", "new")), claim(5)) == shared
    moved = join(reader(tmp_path, log=("mysql/h/1/bastion", "u")), claim(5))
    assert moved != shared
    assert not shared.exists()
