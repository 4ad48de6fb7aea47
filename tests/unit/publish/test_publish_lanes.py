"""Lanes of the full step: taken over before anything is read where somebody may have held them, else opened as they are used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from ferryman.model.project import Endpoint
from ferryman.pipeline.publish.rows import RowsTarget


class Lanes:
    exactly_once, keeps_marks = True, True

    def __init__(self) -> None:
        self.opened: list[tuple[str, int, int]] = []

    def writer(self, task: str, epoch: int, lane: int) -> Any:
        self.opened.append((task, epoch, lane))
        return SimpleNamespace(close=lambda: None)


def target(lanes: Lanes, monkeypatch: Any) -> RowsTarget:
    monkeypatch.setattr("ferryman.pipeline.publish.rows.router_of", lambda *_: None)
    spec = SimpleNamespace(source=Endpoint(scheme="mysql"))
    step = SimpleNamespace(value="load")
    return RowsTarget(cast("Any", SimpleNamespace(spec=spec, step=step)), cast("Any", lanes))


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
