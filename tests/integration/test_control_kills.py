"""`kill -9` of the service and of its tasks at random instants: every step runs to its end, no task has two holders."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from ferryman.control.service import Service
from ferryman.control.steps import TAIL
from ferryman.model.project import ProjectStatus, StepName, StepStatus

SERVICE = Path(__file__).with_name("control_service_process.py")
FAKE_TASK = Path(__file__).parents[1] / "unit" / "control" / "fake_task.py"
KILLS = int(os.environ.get("FERRYMAN_KILLS", "12"))
COUNTED = ("precheck", "schema", "load", "index", "verify")


@pytest.fixture
def seed():
    seed = int(os.environ.get("FERRYMAN_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
    print(f"seed: FERRYMAN_TEST_SEED={seed}")
    return seed


def start(directory):
    environment = {**os.environ, "FERRYMAN_TEST_GOAL": "40"}
    return subprocess.Popen(
        [sys.executable, "-P", str(SERVICE), str(directory), str(FAKE_TASK)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def tasks_of(process):
    """Return the process numbers of a service's tasks."""
    found = []
    for path in Path(f"/proc/{process.pid}/task").glob("*/children"):
        found += [int(number) for number in path.read_text().split()]
    return found


def trace(directory):
    path = directory / "trace"
    lines = path.read_text().splitlines() if path.exists() else []
    for line in lines:
        at, pid, task, epoch, what = line.split(" ", 4)
        yield float(at), int(pid), task, int(epoch), what


def run_to_the_end(process):
    for line in process.stdout:
        if line.strip() != b"up":
            return line.strip().decode()
    return "ended"


def test_every_step_runs_to_its_end_however_often_the_service_is_killed(tmp_path, seed):
    chance = random.Random(seed)
    directory = tmp_path / "data"
    orphans = []
    for number in range(KILLS):
        process = start(directory)
        if number % 3:
            process.stdout.readline()  # it is up; else it may die while it starts
        time.sleep(chance.uniform(0, 0.9))
        children = tasks_of(process)
        if children and chance.random() < 0.3:
            os.kill(chance.choice(children), signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.wait()
        process.stdout.close()
        orphans += children
    process = start(directory)
    try:
        assert run_to_the_end(process) == ProjectStatus.FINISHED.value
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    check_holders(list(trace(directory)))
    check_counts(list(trace(directory)))
    check_state(directory)
    assert not [pid for pid in orphans if is_fake_task(pid)], "tasks die with their service"


def check_holders(lines):
    """One process an epoch, epochs in order of time: whoever has lost a task does nothing more (I7)."""
    by_task = defaultdict(list)
    for at, pid, task, epoch, _ in lines:
        by_task[task].append((at, epoch, pid))
    assert set(by_task) == {name.value for name in StepName if name not in TAIL}
    for task, entries in by_task.items():
        epochs = [epoch for _, epoch, _ in sorted(entries)]
        assert epochs == sorted(epochs), f"{task}: an old holder came after a new one"
        holders = {(epoch, pid) for _, epoch, pid in entries}
        assert len({epoch for epoch, _ in holders}) == len(holders), f"{task}: two processes under one epoch"


def check_counts(lines):
    """What was durable is not done again (nothing is lost), and nothing is skipped.

    A process writes its line after the count is durable: killed between the two, one count of its epoch has no line.
    """
    for task in COUNTED:
        counts = [
            (epoch, int(what.split()[1])) for _, _, name, epoch, what in lines if name == task and "count" in what
        ]
        for (before_epoch, before), (after_epoch, after) in itertools.pairwise([(0, 0), *counts]):
            assert before < after <= before + 1 + after_epoch - before_epoch, f"{task} went from {before} to {after}"
        assert counts[-1][1] in {39, 40}, task


def check_state(directory):
    service = Service(directory)
    try:
        view = service.projects().items[0]
        assert {step.status for step in view.steps} == {StepStatus.FINISHED}
        assert view.alarm_count == 0, "a kill is no failure"
    finally:
        service.close()


def is_fake_task(pid):
    try:
        return b"fake_task" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
