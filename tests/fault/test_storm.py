"""Random rows and random schema statements under load, apply and verify: both sides end equal, also for another judge.

The storm comes from a seed, printed; FERRYMAN_SEED replays it. FERRYMAN_STORM_SECONDS is how long it blows (5 in CI).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import judge
import pytest
from kill_stage import Stage, until
from storm import Storm

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
SECONDS = float(os.environ.get("FERRYMAN_STORM_SECONDS", "5"))


@pytest.fixture(scope="module")
def stage(servers_directory: Path) -> Iterator[Stage]:
    directory = servers_directory / "storm"
    directory.mkdir()
    stage = Stage(directory)
    try:
        yield stage.open()
    finally:
        stage.close()


def loaded(stage: Stage, project: str) -> bool:
    return bool(healthy(stage, project)["FULL_TRANSFER"]["status"] == "FINISHED")


def follows(stage: Stage, project: str) -> bool:
    return bool(healthy(stage, project)["INCR_TRANSFER"]["status"] == "MONITORING")


def healthy(stage: Stage, project: str) -> dict[str, Any]:
    steps = stage.steps(project)
    for name, step in steps.items():
        assert step["status"] != "FAILED", f"{name} failed: {step['extraInfo']}\n{stage.news()}"
    return steps


@pytest.mark.skipif("FERRYMAN_STORM_SECONDS" not in os.environ, reason="a campaign of random seeds: make storm")
@pytest.mark.timeout(1800)
def test_both_sides_end_equal_after_a_storm_of_rows_and_schemas(stage: Stage) -> None:
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_STORM_SECONDS={SECONDS:g}")
    database = f"storm_{SEED}"
    storm = Storm(stage.source, database, seed=SEED)
    storm.prepare()
    project = stage.start_project(database)
    until(lambda: stage.reached(project, "TRANSFER_INCR_LOG_PULL"), 60, "the log is captured", stage.news)
    try:
        with storm:
            until(lambda: loaded(stage, project), 120, "the load ends", stage.news)
            storm.mild = False
            time.sleep(SECONDS / 2)  # the storm blows: nothing is waited for
            storm.big_transaction()
            time.sleep(SECONDS / 2)
    except BaseException:
        print("\n".join(storm.history))
        raise
    if storm.failure is not None:
        raise storm.failure
    print(f"{storm.transactions} transactions, {len(storm.history)} schema statements, {storm.refused} refused")
    try:
        until(lambda: follows(stage, project), 300, "the project follows", stage.news)
        now = int(time.time()) + 1
        until(
            lambda: bool(healthy(stage, project)) and stage.checkpoint(project) >= now,
            200,
            "the last change",
            stage.news,
        )
        until(lambda: stage.finished(project), 200, "the project verifies itself", stage.news)
        assert stage.differences(database) == {}
        assert judge.disagreements(stage.source, stage.target, database) == []
    except BaseException:
        print("\n".join(storm.history[-400:]))
        raise
    assert storm.transactions > 50
    stage.client.act("StopProject", id=project)
    stage.client.act("ReleaseProject", id=project)
