"""Switchovers at moments that matter: what was decided before, and what was on its way when somebody decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.metadb.tasks import TaskKey
from ferryman.model.switchover import Stage
from switch_world import PROJECT, World

APPLY = TaskKey(PROJECT, "apply")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def begin(world: World) -> None:
    world.switchovers.start(PROJECT, source_stopped=True)


def until(world: World, stage: Stage, *, halted: bool = False) -> None:
    """Let everybody work until the switchover is at a stage; what waits there has not been done."""
    for _ in range(200):
        found = world.switchover
        assert found is not None
        if found.stage is stage and (found.error is not None or not halted):
            return
        for key in list(world.processes.epochs):
            world.work(key)
        world.round()
    raise AssertionError(f"not at {stage}: {world.switchover}")


def test_what_was_accepted_is_asked_again_once_the_source_was_written_to(world: World) -> None:
    world.damaged = True
    begin(world)
    until(world, Stage.STILL_AGAIN, halted=True)
    world.switchovers.accept(PROJECT)
    world.written += 1
    until(world, Stage.CONFIRM, halted=True)
    world.switchovers.confirm(PROJECT)
    until(world, Stage.STILL_AGAIN, halted=True)
    assert world.switchover is not None
    assert world.switchover.error is not None
    assert world.switchover.error["code"] == "switchover.differences"
    assert not world.switchover.accepted


def test_a_write_to_the_source_amid_the_comparison_is_told_as_one_and_applied(world: World) -> None:
    begin(world)
    until(world, Stage.PROVE)
    world.written += 1
    until(world, Stage.CONFIRM, halted=True)
    assert world.compared is not None
    assert world.compared[1], "the comparison has seen it as a difference"
    assert world.switchover is not None
    assert world.switchover.error is not None
    assert world.switchover.error["code"] == "switchover.source_written"
    world.switchovers.confirm(PROJECT)
    until(world, Stage.DONE)
    assert world.applied == world.written


def test_rows_that_differ_are_compared_anew_when_it_is_tried_again(world: World) -> None:
    world.damaged = True
    begin(world)
    until(world, Stage.STILL_AGAIN, halted=True)
    world.damaged = False
    world.switchovers.retry(PROJECT)
    until(world, Stage.DONE)


def test_apply_goes_on_when_it_was_called_back_while_it_came_to_its_end(world: World) -> None:
    begin(world)
    until(world, Stage.DRAIN)
    while world.ends_at is None:
        world.round()
        world.work(APPLY)
    world.work(APPLY)
    assert APPLY not in world.processes.epochs, "it went to its end and said that it has finished"
    world.switchovers.cancel(PROJECT)  # control has not seen it yet
    for _ in range(20):
        world.settle()
    assert world.switchover is None
    world.written += 1
    world.settle()
    assert world.follows(), world.fingerprint()


def test_it_is_not_cancelled_behind_the_point_of_no_return(world: World) -> None:
    begin(world)
    until(world, Stage.STOP_FORWARD)
    with pytest.raises(Exception, match="cannot be cancelled") as refused:
        world.switchovers.cancel(PROJECT)
    assert getattr(refused.value, "code", "") == "switchover.wrong_stage"
    until(world, Stage.DONE)
