"""kill -9 of service, task, source and target, at every step, under a running writer: both sides end equal (I8).

The instants and victims come from a seed, printed; FERRYMAN_SEED replays them. FERRYMAN_KILLS is the number of kills a
round (5 in CI, 75 in the campaign: four rounds). A zombie is a task that is suspended (SIGSTOP) and wakes later, in the
campaign also after its lease has run out; there schema statements come among the rows, too, on 21 tables.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import workload
import xa_writer
from kill_stage import VICTIMS, Stage, until

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "5"))
SHAPES = KILLS > 8
ROWS = 20_000


@pytest.fixture(scope="module")
def stage(servers_directory: Path) -> Iterator[Stage]:
    directory = servers_directory / "kills"
    directory.mkdir()
    stage = Stage(directory)
    try:
        yield stage.open()
    finally:
        stage.close()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("step", ["STRUCT_TRANSFER", "FULL_TRANSFER", "INCR_TRANSFER", "FULL_VERIFIER"])
def test_both_sides_end_equal_when_anything_is_killed_from_step(stage: Stage, step: str) -> None:
    seed = f"{SEED}/{step}"
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS} step={step}")
    dice = random.Random(seed)
    random.seed(seed)
    stage.naps = (1.0, 3.0, 18.0) if SHAPES else (1.0, 3.0)
    database = f"kill_{step.lower()}"
    workload.create(stage.source, database, rows=ROWS)
    with workload.Writer(stage.source, database, seed=dice.randrange(10**9), rows=ROWS, shapes=SHAPES) as writer:
        project = stage.start_project(database)
        until(lambda: stage.reached(project, step), 300, f"{step} begins", stage.news)
        began = len(stage.kills)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0, 1.5))  # the instant is the point, not a wait for anything
            stage.kill(dice.choice(VICTIMS))
        print(f"killed: {stage.kills[began:]}")
        print(
            f"{writer.transactions} transactions, {writer.statements} schema statements, {writer.reconnects} reconnects"
        )
        stage.wait_awake()
        until(lambda: stage.finished(project), 600, "the project follows and has verified", stage.news)
    stage.wait_applied(project)
    assert stage.differences(database) == {}
    assert writer.transactions > 50
    stage.client.act("StopProject", id=project)
    stage.client.act("ReleaseProject", id=project)


@pytest.mark.timeout(1800)
def test_what_is_prepared_before_a_kill_and_committed_behind_it_arrives_once(stage: Stage) -> None:
    """XA: the source itself is not killed, for MariaDB's log and engine may then differ about what is prepared."""
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS} xa")
    dice = random.Random(f"{SEED}/xa")
    random.seed(f"{SEED}/xa")
    database = "kill_xa"
    workload.create(stage.source, database, rows=ROWS // 10)
    xa_writer.create(stage.source, database)
    project = stage.start_project(database)
    until(lambda: stage.reached(project, "FULL_TRANSFER"), 300, "the load begins", stage.news)
    with xa_writer.XaWriter(stage.source, database, seed=dice.randrange(10**9)) as writer:
        until(lambda: stage.reached(project, "INCR_TRANSFER"), 300, "apply begins", stage.news)
        until(lambda: writer.committed > 20, 60, "something is prepared and committed", stage.news)
        for _ in range(KILLS // 2):
            time.sleep(dice.uniform(0, 1.5))  # the instant is the point, not a wait for anything
            stage.kill(dice.choice([victim for victim in VICTIMS if victim != "source"]))
        stage.wait_awake()
        until(lambda: stage.finished(project), 600, "the project follows and has verified", stage.news)
    print(f"{writer.prepared} prepared, {writer.committed} committed, {writer.rolled_back} rolled back")
    stage.wait_applied(project)
    assert stage.differences(database) == {}
    assert writer.rolled_back
    stage.client.act("StopProject", id=project)
    stage.client.act("ReleaseProject", id=project)
