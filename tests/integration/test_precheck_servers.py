"""The precheck on real servers: each thing that can be wrong is named, with its code and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.embedded import MariaDb, OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import LoadOptions, ProjectSpec, StepName, StepProgress
from ferryman.model.selection import Selection
from ferryman.pipeline import precheck
from ferryman.spi.precheck import CheckResult, Verdict

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]


class Context:
    project_id = "np_precheck"

    def __init__(self, spec: ProjectSpec) -> None:
        self.spec = spec
        self.progress = StepProgress()
        self.events: list[str] = []

    def report(self, progress: StepProgress, tables: Any = ()) -> None:
        self.progress = progress

    def event(self, level: str, message: str, **fields: object) -> None:
        self.events.append(message)


@pytest.fixture
def source(mariadb: MariaDb, database_name: str) -> Iterator[Connection]:
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"CREATE DATABASE `{database_name}`")
        connection.execute(f"USE `{database_name}`")
        connection.execute("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20))")
        yield connection
        connection.execute(f"DROP DATABASE `{database_name}`")


@pytest.fixture
def there(oceanbase: OceanBase, database_name: str) -> Iterator[Connection]:
    with open_connection(oceanbase.endpoint, role="target", writer=True) as connection:
        yield connection
        connection.execute(f"DROP DATABASE IF EXISTS `{database_name}`")


def project(mariadb: MariaDb, oceanbase: OceanBase, *objects: str, **more: Any) -> ProjectSpec:
    return ProjectSpec(
        name="p", source=mariadb.endpoint, target=oceanbase.endpoint, selection=Selection(objects=objects), **more
    )


def found(results: list[CheckResult], item: str, side: str = "") -> CheckResult:
    return next(result for result in results if result.item == item and side in ("", result.side))


def failures(results: list[CheckResult]) -> list[str]:
    return [f"{r.side} {r.item}: {r.message}" for r in results if r.verdict is Verdict.FAILED]


def test_all_is_well(source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    context = Context(project(mariadb, oceanbase, f"{database_name}.*"))
    precheck.run(context)  # type: ignore[arg-type]
    items = context.progress.info["items"]
    assert {item["verdict"] for item in items} <= {"PASSED", "WARNED"}
    assert {"DB_INCR_LOG", "DB_UK_INDEX", "DB_ACCOUNT_WRITER_PRIVILEGE", "RDB_CONNECT"} <= {
        item["item"] for item in items
    }
    assert context.progress.percent == 100


def test_wrong_password_and_closed_port(mariadb: MariaDb, oceanbase: OceanBase, source: Connection) -> None:
    spec = project(mariadb, oceanbase, "x.*")
    wrong = replace(spec, source=replace(spec.source, password="no"))
    results = precheck.check_project(wrong)
    assert found(results, "RDB_CONNECT", "source").code == "endpoint.access_denied"
    assert found(results, "RDB_CONNECT", "target").verdict is Verdict.PASSED
    closed = replace(spec, target=replace(spec.target, port=1))
    assert found(precheck.check_project(closed), "RDB_CONNECT", "target").code == "endpoint.unreachable"
    with pytest.raises(FerrymanError) as caught:
        precheck.run(Context(closed))  # type: ignore[arg-type]
    assert caught.value.exit_code == 3


def test_unknown_objects_name_the_nearest(
    source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    results = precheck.check_project(project(mariadb, oceanbase, f"{database_name}.godos", f"{database_name}x.*"))
    table, database = found(results, "RDB_TABLE_EXIST", "source"), found(results, "RDB_SCHEMA_EXIST", "source")
    assert (table.verdict, database.verdict) == (Verdict.FAILED, Verdict.FAILED)
    assert "'goods'" in table.message
    assert repr(database_name) in database.message


def test_what_tables_lack(source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    source.execute("CREATE TABLE nokey (a INT)")
    source.execute("CREATE TABLE inexact (a DOUBLE PRIMARY KEY)")
    source.execute("CREATE TABLE old (a INT PRIMARY KEY) ENGINE=MyISAM")
    source.execute("CREATE SEQUENCE sq")
    spec = project(mariadb, oceanbase, f"{database_name}.*")
    results = precheck.check_project(spec)
    assert found(results, "DB_UK_INDEX").verdict is Verdict.WARNED
    assert found(results, "DB_DATA_TYPE_INDEX").verdict is Verdict.FAILED
    assert "old (MyISAM)" in found(results, "DB_ENGINE").message
    assert "sq (a sequence" in found(results, "DB_TABLE_TYPE").message
    assert failures(precheck.check_project(replace(spec, skip_prechecks=("DB_DATA_TYPE_INDEX",)))) == []


def test_missing_privileges(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    there.execute(f"CREATE DATABASE `{database_name}`")
    for connection in (source, there):
        connection.execute("DROP USER IF EXISTS little")
        connection.execute("CREATE USER little IDENTIFIED BY 'pw1'")
        connection.execute(f"GRANT SELECT ON `{database_name}`.* TO little")
    spec = project(mariadb, oceanbase, f"{database_name}.*")
    little = {"username": "little", "password": "pw1"}
    spec = replace(spec, source=replace(spec.source, **little), target=replace(spec.target, **little))
    try:
        results = precheck.check_project(spec)
        log = found(results, "DB_ACCOUNT_INCR_READ_PRIVILEGE")
        assert log.code == "source.privilege"
        assert "GRANT REPLICATION SLAVE" in log.fix_sql
        write = found(results, "DB_ACCOUNT_WRITER_PRIVILEGE")
        assert write.code == "target.privilege"
        assert "INSERT" in write.message
        assert found(results, "DB_ACCOUNT_CREATE_PRIVILEGE").verdict is Verdict.FAILED
        assert found(results, "DB_ACCOUNT_FULL_READ_PRIVILEGE").verdict is Verdict.PASSED
        with pytest.raises(FerrymanError) as caught:
            precheck.run(Context(spec))  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.exit_code) == ("precheck.failed", 3)
        assert "GRANT" in caught.value.message
    finally:
        for connection in (source, there):
            connection.execute("DROP USER little")


def test_log_settings(source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    spec = project(mariadb, oceanbase, f"{database_name}.*")
    source.execute("SET GLOBAL binlog_row_image = 'MINIMAL'")
    try:
        result = found(precheck.check_project(spec), "DB_INCR_LOG")
        assert (result.verdict, result.code) == (Verdict.FAILED, "source.log_settings")
        assert "SET GLOBAL binlog_row_image = 'FULL'" in result.fix_sql
        without = replace(spec, steps=(StepName.PRECHECK, StepName.SCHEMA, StepName.LOAD))
        assert failures(precheck.check_project(without)) == []
    finally:
        source.execute("SET GLOBAL binlog_row_image = 'FULL'")


def test_transactions_that_are_prepared_are_told(
    source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    spec = project(mariadb, oceanbase, f"{database_name}.*")
    assert "XA" not in found(precheck.check_project(spec), "DB_INCR_LOG").message
    name = f"open {database_name}"
    tables = source.query(f"SHOW TABLES FROM {database_name}")
    with open_connection(mariadb.endpoint) as other:
        statements = (f"XA START '{name}'", f"DELETE FROM {database_name}.{tables[0][0]}", f"XA END '{name}'")
        for sql in (*statements, f"XA PREPARE '{name}'"):
            other.execute(sql)
        try:
            result = found(precheck.check_project(spec), "DB_INCR_LOG")
        finally:
            other.execute(f"XA ROLLBACK '{name}'")
    assert result.verdict is Verdict.WARNED
    assert "1 XA transactions are prepared" in result.message


def test_target_state(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    load = (StepName.PRECHECK, StepName.LOAD)
    spec = project(mariadb, oceanbase, f"{database_name}.*", steps=load)
    absent = precheck.check_project(spec)
    assert found(absent, "RDB_SCHEMA_EXIST", "target").code == "target.table_missing"
    assert f"CREATE DATABASE `{database_name}`" in found(absent, "RDB_SCHEMA_EXIST", "target").fix_sql
    there.execute(f"CREATE DATABASE `{database_name}`")
    assert found(precheck.check_project(spec), "RDB_TABLE_EXIST", "target").code == "target.table_missing"
    there.execute(f"CREATE TABLE `{database_name}`.goods (id INT PRIMARY KEY, name VARCHAR(20))")
    assert failures(precheck.check_project(spec)) == []
    there.execute(f"INSERT INTO `{database_name}`.goods VALUES (1, 'x')")
    assert found(precheck.check_project(spec), "DB_TABLE_NOT_EMPTY").code == "target.not_empty"
    allowed = replace(spec, load=LoadOptions(allow_target_not_empty=True))
    assert found(precheck.check_project(allowed), "DB_TABLE_NOT_EMPTY").verdict is Verdict.WARNED


def test_onto_itself(source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    spec = replace(project(mariadb, oceanbase, f"{database_name}.*"), target=mariadb.endpoint)
    assert found(precheck.check_project(spec), "DB_TABLE_CYCLICALLY").verdict is Verdict.FAILED


def test_names_and_types_at_the_target(
    source: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE Goods (id INT PRIMARY KEY)")
    spec = project(mariadb, oceanbase, f"{database_name}.*")
    assert found(precheck.check_project(spec), "DB_TABLE_NAME_UNIQUE").code == "schema.name_collision"
    source.execute("DROP TABLE Goods")
    source.execute("CREATE TABLE fine (id INT PRIMARY KEY, x DECIMAL(65,38))")
    results = precheck.check_project(spec)
    assert [r.code for r in results if r.verdict is Verdict.FAILED] == ["schema.unsupported_type"]
    assert "fine.x" in found([r for r in results if r.side == "both"], "DB_DATA_TYPE").message
