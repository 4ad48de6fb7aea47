"""A switchover between PostgreSQL servers: the application goes over, its changes flow back, both sides end equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.embedded import Postgres
from ferryman.model.project import StepName, StepStatus
from ferryman.model.switchover import Stage
from switch_databases import Database, PostgresSchema
from switch_stage import SEED, Application, SwitchStage, until

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def other_postgres(servers_directory: Path) -> Iterator[Postgres]:
    """A second server: the one that the application goes over to."""
    server = Postgres(servers_directory / "switched-postgres").start()
    yield server
    server.remove()


@pytest.fixture
def stage(tmp_path: Path, postgres: Postgres, other_postgres: Postgres, database_name: str) -> Iterator[SwitchStage]:
    source = PostgresSchema(postgres, database_name).fill()
    stage = SwitchStage(tmp_path / "data", source, PostgresSchema(other_postgres, f"new_{database_name}"))
    yield stage
    stage.close()


def kept(database: Database, project: str) -> list[tuple[Any, ...]]:
    """What is kept for a project: slot and publication."""
    names = "SELECT slot_name::text AS n FROM pg_replication_slots UNION ALL SELECT pubname::text FROM pg_publication"
    return database.rows(f"SELECT n FROM ({names}) AS t WHERE n LIKE '%{project}'")


def used_up(database: Database) -> dict[str, int]:
    """The numbers that the sequences have given last."""
    return dict(
        database.rows(f"SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = '{database.name}'")
    )


def test_the_application_goes_over_and_its_changes_flow_back(stage: SwitchStage) -> None:
    print(f"seed {SEED}")
    application = Application(stage.source, SEED)
    application.start()
    stage.open()
    stage.service.switchovers.start(stage.id)
    asked = stage.until_stage(Stage.CONFIRM).error
    assert asked is not None, "the log of the new side would not name the old rows of the table without a key"
    assert asked["code"] == "source.replica_identity"
    stage.target.keep_old_rows()
    stage.service.switchovers.retry(stage.id)
    assert stage.until_stage(Stage.CONFIRM).error is None, stage.told()
    application.stop()
    stage.source.run(*(f"DELETE FROM {stage.source.name}.{name} WHERE id > 10" for name in ("item", "visit", "strict")))
    given = used_up(stage.source)
    stage.service.switchovers.confirm(stage.id)
    assert stage.until_stage(Stage.DONE).error is None, stage.told()
    assert stage.equal()
    assert not kept(stage.source, stage.id)
    assert all(used_up(stage.target)[name] >= number for name, number in given.items()), "numbers would be given again"

    moved = Application(stage.target, SEED + 1)
    moved.start()
    until(lambda: moved.count > 200, stage.told)
    until(lambda: stage.status(StepName.REVERSE) is StepStatus.MONITORING, stage.told)
    stage.restart()
    until(lambda: moved.count > 400, stage.told)
    moved.stop()
    stage.until_equal()


def test_cancelled_it_leaves_nothing_at_the_target_and_follows(stage: SwitchStage) -> None:
    stage.open()
    stage.target.keep_old_rows()
    stage.service.switchovers.start(stage.id)
    assert stage.until_stage(Stage.CONFIRM).error is None, stage.told()
    guest = stage.switchover.reverse_id
    assert kept(stage.target, guest)
    stage.service.switchovers.cancel(stage.id)
    until(lambda: stage.service.switchovers.of_project(stage.id) is None, stage.told)
    assert not kept(stage.target, guest)
    assert kept(stage.source, stage.id)
    stage.source.run(f"INSERT INTO {stage.source.name}.item (v) VALUES (77)")
    stage.until_equal()
