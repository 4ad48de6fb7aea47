"""Lanes of the full step: taken over before anything is read where somebody may have held them, else opened as they are used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from ferryman.model.names import TableName
from ferryman.model.project import Endpoint
from ferryman.pipeline.publish.rows import RowsSession, RowsTarget
from ferryman.spi.source import Chunk
from ferryman.spi.target import Lease


class Lanes:
    exactly_once, keeps_marks = True, True

    def __init__(self) -> None:
        self.opened: list[tuple[str, int, int]] = []
        self.committed: list[Any] = []

    def writer(self, task: str, epoch: int, lane: int) -> Any:
        self.opened.append((task, epoch, lane))
        return SimpleNamespace(close=lambda: None, begin=lambda: None, commit=self.committed.append)

    def marks(self, _project: str) -> dict[str, Any]:
        return {}


def target(lanes: Lanes, monkeypatch: Any) -> RowsTarget:
    monkeypatch.setattr("ferryman.pipeline.publish.rows.router_of", lambda *_: None)
    spec = SimpleNamespace(source=Endpoint(scheme="mysql"))
    step = SimpleNamespace(value="load")
    return RowsTarget(cast("Any", SimpleNamespace(spec=spec, step=step, project_id="p")), cast("Any", lanes))


def test_the_first_holder_opens_a_lane_when_it_is_used_and_a_later_one_takes_all_over(monkeypatch: Any) -> None:
    lanes = Lanes()
    first = target(lanes, monkeypatch)
    first.raise_epoch("p/load", 1, 4)
    assert lanes.opened == []
    assert first.writer(2) is first.writer(2)
    assert lanes.opened == [("p/load", 1, 2)]
    lanes.opened.clear()
    target(lanes, monkeypatch).raise_epoch("p/load", 2, 4)
    assert sorted(lanes.opened) == [("p/load", 2, lane) for lane in range(4)]


def test_a_lane_is_opened_with_its_first_message_so_that_its_begin_tells_how_far_the_target_is(
    monkeypatch: Any,
) -> None:
    lanes = Lanes()
    found = target(lanes, monkeypatch)
    found.raise_epoch("p/load", 1, 4)
    session = RowsSession(found)
    session.begin(Lease(task="p/load", epoch=1, lane=3))
    session.commit()
    session.rollback()
    assert lanes.opened == []
    session.begin(Lease(task="p/load", epoch=1, lane=3))
    session.mark_chunk("p", TableName("d", "t"), Chunk(None, None), 0)  # a chunk without rows has a mark, too
    session.commit()
    assert lanes.opened == [("p/load", 1, 3)]
    assert [list(marks) for marks in lanes.committed] == [['chunk/["d","t",null,null]']]
