"""Switchovers at moments that matter: what was decided before, and what was on its way when somebody decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.control import switching
from ferryman.metadb import events
from ferryman.metadb.tasks import TaskKey
from ferryman.model.project import StepName, StepStatus
from ferryman.model.switchover import Proof, Stage
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


def told(world: World) -> list[str]:
    with world.metadb.reading() as tx:
        return [each["message"] for each in events.after(tx, PROJECT, 0, 200)]


def code(world: World) -> str:
    assert world.switchover is not None
    assert world.switchover.error is not None
    return str(world.switchover.error["code"])


def test_the_precheck_waits_for_a_project_that_fell_behind_and_says_so_once(world: World) -> None:
    world.behind = 16.0
    world.work(APPLY)
    begin(world)
    for _ in range(20):
        world.settle()
    assert world.switchover is not None
    assert (world.switchover.stage, world.switchover.error) == (Stage.PRECHECK, None)
    assert len([message for message in told(world) if "waits for the project to follow" in message]) == 1
    world.behind = 1.0
    until(world, Stage.DONE)


def test_the_precheck_does_not_wait_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switching, "PATIENCE_SECONDS", 0.0)
    world.behind = 16.0
    world.work(APPLY)
    begin(world)
    until(world, Stage.PRECHECK, halted=True)
    assert code(world) == "switchover.latency"
    world.behind = 1.0
    world.work(APPLY)
    world.switchovers.retry(PROJECT)
    until(world, Stage.DONE)


def test_rows_that_moved_at_rest_are_no_proof(world: World) -> None:
    begin(world)
    until(world, Stage.PROVE)
    world.moving = 3
    until(world, Stage.STILL_AGAIN, halted=True)
    assert code(world) == "switchover.differences"
    world.moving = 0
    world.switchovers.retry(PROJECT)
    until(world, Stage.DONE)


def test_an_earlier_comparison_that_left_nothing_open_is_relied_on(world: World) -> None:
    assert world.steps()[StepName.VERIFY].status is StepStatus.FINISHED
    world.switchovers.start(PROJECT, source_stopped=True, proof=Proof.EARLIER)
    until(world, Stage.DONE)
    assert "switchover: every row is compared" not in told(world), "it relies on what is settled"


def test_an_earlier_comparison_with_rows_that_moved_is_done_anew(tmp_path: Path) -> None:
    world = World(tmp_path, moving=2)
    try:
        world.moving = 0
        world.switchovers.start(PROJECT, source_stopped=True, proof=Proof.EARLIER)
        until(world, Stage.DONE)
        assert "switchover: every row is compared" in told(world)
    finally:
        world.close()
