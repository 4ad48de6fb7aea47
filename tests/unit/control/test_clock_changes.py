"""The time of day is set forward or back while the service runs: leases, restarts, pauses and logins do not mind."""

import time

import pytest
from test_control_service import FOLLOWING, FULL, Stage

from ferryman.control import endings, reconciler
from ferryman.control.leadership import Leadership
from ferryman.control.renewals import Renewals
from ferryman.control.throttle import FREE_TRIES, Throttle
from ferryman.metadb import migration, steps, tasks
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import CONTROL, TaskKey, TaskRow
from ferryman.model.project import ProjectStatus, StepName, StepStatus

HOUR = 3600.0
JUMPS = pytest.mark.parametrize("hours", [-2, 2], ids=["back", "forward"])
real_time = time.time


@pytest.fixture
def jump(monkeypatch):
    """Set the clock of this process, the service's, by so many hours; its tasks keep theirs."""

    def set_clock(hours):
        monkeypatch.setattr(time, "time", lambda: real_time() + hours * HOUR)

    return set_clock


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(endings, "DELAYS", (0.2, 0.2))
    monkeypatch.setattr(reconciler, "SILENCE_LOOK_SECONDS", 0.05)
    stage = Stage(tmp_path / "data")
    stage.open()
    yield stage
    stage.close()


@JUMPS
def test_running_tasks_go_on(stage, jump, hours):
    project = stage.run(FOLLOWING)
    stage.until_status(project, StepName.APPLY, StepStatus.MONITORING)
    jump(hours)
    looks = stage.service._reconciler._workers._renewals
    began = time.monotonic()
    stage.until(lambda: looks._seen and time.monotonic() - began > 1.0, "some looks for silent tasks")
    assert len(stage.begun("apply")) == len(stage.begun("capture")) == 1
    view = stage.service.project(project)
    assert view.status is ProjectStatus.RUNNING
    assert all(step.restarts == 0 and step.seconds >= 0 for step in view.steps)
    stage.service.stop_project(project)
    stage.until_status(project, StepName.APPLY, StepStatus.SUSPEND)
    assert all(step.seconds >= 0 for step in stage.service.project(project).steps)
    stage.service.resume_project(project)
    stage.until_status(project, StepName.APPLY, StepStatus.MONITORING)


@JUMPS
def test_a_restart_waits_its_time_and_no_longer(stage, jump, hours):
    stage.misbehave("load", "fail endpoint.connection_lost")
    project = stage.run(FULL)
    stage.until(lambda: stage.service.project(project).step(StepName.LOAD).restarts == 1, "the first failure")
    jump(hours)
    view = stage.service.wait(project, 30.0)
    assert view.status is ProjectStatus.FINISHED, view.error


def test_patience_is_not_spent_by_a_clock_set_forward(stage, jump):
    stage.misbehave("load", "always fail endpoint.connection_lost")
    project = stage.run(FULL)
    stage.until(lambda: stage.service.project(project).step(StepName.LOAD).restarts >= 1, "the first failure")
    jump(2)
    stage.until(lambda: stage.service.project(project).step(StepName.LOAD).restarts >= 3, "further tries")
    assert stage.service.project(project).status is ProjectStatus.RUNNING


def test_a_lease_is_silent_when_it_does_not_change():
    now = [0.0]
    renewals = Renewals(lambda: now[0])

    def row(name, expires_at):
        return TaskRow(
            key=TaskKey("p", name), epoch=1, owner="m", expires_at=expires_at, process_id=None, process_born=None,
            stop_requested=False, outcome=None, error=None,
        )  # fmt: skip

    assert renewals.unchanged_seconds(row("apply", 1e12)) == 0.0
    now[0] = 50.0
    assert renewals.unchanged_seconds(row("apply", 1e12)) == 50.0
    assert renewals.unchanged_seconds(row("load", 7.0)) == 0.0
    assert renewals.unchanged_seconds(row("apply", 3.0)) == 0.0, "renewed under a clock that was set back"
    renewals.forget_others([TaskKey("p", "apply")])
    now[0] = 60.0
    assert renewals.unchanged_seconds(row("apply", 3.0)) == 10.0
    assert renewals.unchanged_seconds(row("load", 7.0)) == 0.0


@pytest.fixture
def metadb(tmp_path):
    metadb = MetaDb.open(tmp_path)
    migration.upgrade(metadb.database)
    object.__setattr__(metadb, "url", "shared")
    yield metadb
    metadb.close()


@JUMPS
def test_a_dead_leader_is_followed_and_a_living_one_stays(metadb, jump, hours):
    one, two = (Leadership(metadb, owner, lease_seconds=1.0) for owner in ("m:1", "m:2"))
    one.start()
    assert one.leads()
    jump(hours)
    two.start()
    if hours < 0:
        watched = time.monotonic()
        while time.monotonic() - watched < 2.0:
            assert (one.leads(), two.leads()) == (True, False)
            time.sleep(0.05)
    one._closing.set()  # as after a kill: it renews no more and gives nothing back
    one._thread.join()
    jump(2 * hours)  # set back once more, the dead one's lease would seem to hold for hours
    deadline = time.monotonic() + 20.0
    while not two.leads():
        assert time.monotonic() < deadline, "nobody leads"
        time.sleep(0.02)
    two.close()
    with metadb.reading() as tx:
        assert tasks.get(tx, CONTROL).epoch == 2


@JUMPS
def test_wrong_logins_are_slowed_down_all_the_same(jump, hours):
    throttle = Throttle()
    for _ in range(FREE_TRIES):
        throttle.failed("admin", "1.2.3.4")
    before = throttle.blocked_seconds("admin", "1.2.3.4")
    jump(hours)
    assert 0.0 < before - throttle.blocked_seconds("admin", "1.2.3.4") + 1e-9 < 2.0


def test_time_under_way_never_shrinks(metadb):
    with metadb.writing() as tx:
        tx.execute(
            "INSERT INTO step (project_id, name, place, enabled, status, progress, reported_epoch, caught_up, seconds, restarts)"
            " VALUES ('p', 'load', 1, 1, 'INIT', '{}', 0, 0, 0, 0)"
        )
        steps.set_status(tx, "p", StepName.LOAD, StepStatus.RUNNING, 10_000.0)
        steps.set_status(tx, "p", StepName.LOAD, StepStatus.SUSPEND, 2_000.0)
        assert tx.value("SELECT seconds FROM step") == 0
        steps.set_status(tx, "p", StepName.LOAD, StepStatus.RUNNING, 2_000.0)
        steps.set_status(tx, "p", StepName.LOAD, StepStatus.SUSPEND, 2_005.0)
        assert tx.value("SELECT seconds FROM step") == 5
