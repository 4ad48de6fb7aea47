"""Switchovers on real servers: the application goes over, its changes flow back, both sides end equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.embedded import MariaDb, MySql56, OceanBase, Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectStatus, StepName, StepStatus
from ferryman.model.switchover import Stage
from switch_databases import MySqlDatabase
from switch_stage import SEED, Application, SwitchStage, until

pytestmark = pytest.mark.mariadb


@pytest.fixture(scope="module")
def other_mariadb(servers_directory: Path) -> Iterator[MariaDb]:
    """A second server: the one that the application goes over to."""
    server = MariaDb(servers_directory / "switched").start()
    yield server
    server.remove()


@pytest.fixture
def stage(tmp_path: Path, mariadb: MariaDb, other_mariadb: MariaDb, database_name: str) -> Iterator[SwitchStage]:
    yield from staged(tmp_path, mariadb, other_mariadb, database_name)


@pytest.fixture
def polled_stage(tmp_path: Path, mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> Iterator[SwitchStage]:
    """The target has no log: on the way back it is polled."""
    yield from staged(tmp_path, mariadb, oceanbase, database_name)


@pytest.fixture
def old_stage(tmp_path: Path, mysql56: MySql56, other_mariadb: MariaDb, database_name: str) -> Iterator[SwitchStage]:
    """The source is old: its log names no columns."""
    yield from staged(tmp_path, mysql56, other_mariadb, database_name)


def staged(directory: Path, source: Server, target: Server, name: str) -> Iterator[SwitchStage]:
    stage = SwitchStage(directory / "data", MySqlDatabase(source, name).fill(), MySqlDatabase(target, f"new_{name}"))
    yield stage
    stage.close()


@pytest.mark.parametrize(
    "name",
    [
        "stage",
        pytest.param("old_stage", marks=pytest.mark.mysql56),
        pytest.param("polled_stage", marks=pytest.mark.oceanbase),
    ],
)
def test_the_application_goes_over_and_its_changes_flow_back(name: str, request: pytest.FixtureRequest) -> None:
    stage: SwitchStage = request.getfixturevalue(name)
    print(f"seed {SEED}")
    application = Application(stage.source, SEED)
    application.start()
    stage.open()
    assert stage.status(StepName.SWITCHOVER) is StepStatus.INIT
    stage.service.switchovers.start(stage.id)
    assert stage.until_stage(Stage.CONFIRM).error is None, stage.told()
    application.stop()
    stage.service.switchovers.confirm(stage.id)
    done = stage.until_stage(Stage.DONE)
    assert done.error is None, stage.told()
    assert stage.equal()

    moved = Application(stage.target, SEED + 1)
    moved.start()
    until(lambda: moved.count > 200, stage.told)
    until(lambda: stage.status(StepName.REVERSE) is StepStatus.MONITORING, stage.told)
    stage.restart()
    until(lambda: moved.count > 400, stage.told)
    moved.stop()
    stage.until_equal()
    assert stage.target.rows(f"SELECT MIN(id) >= 5001 FROM {stage.target.name}.item WHERE id > 4000")[0][0] in (1, None)
    statuses = {step.name: step.status for step in stage.project.steps}
    assert (
        statuses[StepName.CAPTURE] is statuses[StepName.APPLY] is statuses[StepName.SWITCHOVER] is StepStatus.FINISHED
    )
    reverse = stage.project.step(StepName.REVERSE)
    assert reverse is not None
    assert reverse.progress.checkpoint_seconds
    assert [project.id for project in stage.service.projects().items] == [
        stage.id
    ]  # the way back is no project of its own

    stage.service.stop_project(stage.id)
    until(lambda: stage.service.project(done.reverse_id).status is ProjectStatus.SUSPEND, stage.told)
    stage.service.release_project(stage.id)
    until(lambda: stage.service.project(done.reverse_id).status is ProjectStatus.RELEASED, stage.told)
    until(lambda: stage.project.status is ProjectStatus.RELEASED, stage.told)
    assert not stage.source.rows(f"SELECT * FROM _ferryman.checkpoint WHERE project = '{done.reverse_id}'")
    stage.service.delete_project(stage.id)


def test_a_write_to_the_source_behind_its_end_is_seen(stage: SwitchStage) -> None:
    stage.open()
    stage.service.switchovers.start(stage.id)
    stage.until_stage(Stage.CONFIRM)
    stopped = Application(stage.source, SEED)
    stopped.start()  # nobody has stopped it
    stage.service.switchovers.confirm(stage.id)
    until(lambda: stage.switchover.error, stage.told)
    assert stage.switchover.error is not None
    assert stage.switchover.error["code"] == "switchover.source_written"
    assert stage.switchover.stage is Stage.CONFIRM
    until(stage.follows, stage.told)
    stopped.stop()
    stage.service.switchovers.confirm(stage.id)
    stage.until_stage(Stage.PROVE)
    stage.source.run("UPDATE {db}.item SET v = v + 1")  # amid the comparison: no difference, but a write
    until(lambda: stage.switchover.error, stage.told)
    assert stage.switchover.error["code"] == "switchover.source_written"
    stage.service.switchovers.confirm(stage.id)
    assert stage.until_stage(Stage.DONE).error is None, stage.told()
    assert stage.equal()


def test_a_server_that_is_away_for_a_while_halts_nothing(stage: SwitchStage, other_mariadb: MariaDb) -> None:
    stage.open()
    other_mariadb.kill()
    try:
        stage.service.switchovers.start(stage.id)
        until(lambda: "switchover: waits at precheck" in str(stage.told()) or stage.switchover.error, stage.told)
    finally:
        other_mariadb.start()
    assert stage.until_stage(Stage.CONFIRM).error is None, stage.told()
    other_mariadb.kill()
    try:
        stage.service.switchovers.confirm(stage.id)
        until(lambda: stage.switchover.stage is Stage.DRAIN, stage.told)
    finally:
        other_mariadb.start()
    assert stage.until_stage(Stage.DONE).error is None, stage.told()
    assert stage.equal()


def test_it_can_be_cancelled_and_begun_again(stage: SwitchStage) -> None:
    stage.open()
    stage.service.switchovers.start(stage.id)
    stage.until_stage(Stage.CONFIRM)
    with pytest.raises(FerrymanError) as again:
        stage.service.switchovers.start(stage.id)
    assert again.value.code == "switchover.wrong_stage"
    stage.service.switchovers.cancel(stage.id)
    until(lambda: stage.service.switchovers.of_project(stage.id) is None, stage.told)
    stage.source.run(f"INSERT INTO {stage.source.name}.item (v) VALUES (77)")
    stage.until_equal()
    assert stage.status(StepName.SWITCHOVER) is StepStatus.INIT
    stage.service.switchovers.start(stage.id, source_stopped=True)
    assert stage.until_stage(Stage.DONE).error is None, stage.told()


def test_a_difference_keeps_it_until_the_operator_decides(stage: SwitchStage) -> None:
    stage.open()
    stage.target.run(f"UPDATE {stage.target.name}.item SET v = 99 WHERE id = 1")
    stage.service.switchovers.start(stage.id, source_stopped=True)
    found = stage.until_stage(Stage.DONE)
    assert found.error is not None
    assert found.error["code"] == "switchover.differences"
    stage.target.run(f"UPDATE {stage.target.name}.item SET v = 1 WHERE id = 1")
    stage.service.switchovers.retry(stage.id)
    assert stage.until_stage(Stage.DONE).error is None, stage.told()


def test_without_a_way_back_the_project_ends(stage: SwitchStage) -> None:
    stage.steps = tuple(name for name in stage.steps if name is not StepName.REVERSE)
    stage.open()
    stage.service.switchovers.start(stage.id, source_stopped=True)
    until(lambda: stage.project.status is ProjectStatus.FINISHED, stage.told)
    assert stage.status(StepName.SWITCHOVER) is StepStatus.FINISHED
    assert stage.equal()


def test_what_fires_at_the_old_source_is_named_before_changes_flow_back(stage: SwitchStage) -> None:
    db = stage.source.name
    stage.source.run(
        f"CREATE TABLE {db}.audit (id INT PRIMARY KEY AUTO_INCREMENT, what INT)",
        f"CREATE TRIGGER {db}.told AFTER UPDATE ON {db}.item FOR EACH ROW INSERT INTO {db}.audit (what) VALUES (NEW.id)",
    )
    stage.open()
    stage.service.switchovers.start(stage.id, source_stopped=True)
    error = stage.until_stage(Stage.DONE).error
    assert error is not None, "the trigger would write at the source what is not at the target"
    assert f"told of {db}.item" in error["message"]
    assert f"DROP TRIGGER `{db}`.`told`" in error["hint"]
    stage.source.run(f"DROP TRIGGER {db}.told")
    stage.service.switchovers.retry(stage.id)
    assert stage.until_stage(Stage.DONE).error is None, stage.told()
