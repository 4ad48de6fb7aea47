"""Logs of steps through the API: the last entries, what comes behind a cursor, rotation, and paths that are none."""

from __future__ import annotations

import logging

import pytest

from ferryman.foundation import log_reading
from ferryman.foundation.log_reading import entries_after, last_entries
from ferryman.foundation.logs import rotate
from ferryman.metadb.tasks import TaskKey

LINE = "2030-01-01T00:00:0{0}.000Z WARNING ferryman.task: entry {0}\n"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "apply.log"


def messages(found):
    return [entry.message for entry in found[0]]


def append(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_the_last_entries_and_what_follows(log):
    assert last_entries(log, 5) == ([], "")
    append(log, LINE.format(1) + LINE.format(2) + "Traceback:\n  here\n" + LINE.format(3) + "half a li")
    found, cursor = last_entries(log, 2)
    assert [entry.message for entry in found] == ["entry 2\nTraceback:\n  here", "entry 3"]
    assert (found[1].at, found[1].level, found[1].logger) == ("2030-01-01T00:00:03.000Z", "WARNING", "ferryman.task")
    assert entries_after(log, cursor) == ([], cursor), "a line that is not whole waits"
    append(log, "ne\n" + LINE.format(4))
    assert messages(entries_after(log, cursor)) == ["half a line", "entry 4"]


def test_a_cursor_holds_through_rotation(log):
    append(log, LINE.format(1))
    _, cursor = last_entries(log, 5)
    append(log, LINE.format(2))
    assert rotate(log, 0)
    append(log, LINE.format(3))
    found, cursor = entries_after(log, cursor)
    assert [entry.message for entry in found] == ["entry 2", "entry 3"]
    assert messages(last_entries(log, 5)) == ["entry 1", "entry 2", "entry 3"]
    append(log, LINE.format(4))
    assert messages(entries_after(log, cursor)) == ["entry 4"]
    assert messages(entries_after(log, "nonsense")) == ["entry 1", "entry 2", "entry 3", "entry 4"]


def test_much_is_read_piece_by_piece(log, monkeypatch):
    append(log, "".join(LINE.format(number) for number in range(9)))
    cursor = f"{log.stat().st_ino}:0"
    monkeypatch.setattr(log_reading, "MOST_BYTES", 150)
    read = []
    while True:
        found, cursor = entries_after(log, cursor)
        if not found:
            break
        read += [entry.message for entry in found]
    assert read == [f"entry {number}" for number in range(9)]


def test_the_route(client, service, project_request, call, tmp_path):
    project_id = call("CreateProject", **project_request)["data"]
    service.data_dir = tmp_path
    place = f"/api/v1/projects/{project_id}/logs"
    assert client.get(place, params={"step": "load"}).json() == {"entries": [], "next": ""}
    path = tmp_path / "logs" / TaskKey(project_id, "load").project_id / "load.log"
    path.parent.mkdir(parents=True)
    append(path, LINE.format(1))
    answer = client.get(place, params={"step": "load"}).json()
    assert answer["entries"][0]["message"] == "entry 1"
    assert client.get(place, params={"step": "load", "after": answer["next"]}).json()["entries"] == []
    assert client.get(place, params={"step": "../../secret"}).status_code == 400
    assert client.get("/api/v1/projects/np_..%2F../logs", params={"step": "load"}).status_code == 404


def test_what_is_written_is_what_is_read(capsys):
    from ferryman.foundation.logs import log_to_stderr

    kept = logging.getLogger().handlers[:]
    try:
        log_to_stderr()
        logging.getLogger("ferryman.x").warning("table %s", "a.b")
        (entry,) = log_reading.entries(capsys.readouterr().err.splitlines())
        assert (entry.level, entry.logger, entry.message) == ("WARNING", "ferryman.x", "table a.b")
    finally:
        logging.getLogger().handlers[:] = kept
