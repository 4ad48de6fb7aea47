"""The target's tables are changed by hand amid following: a code, the place in the log, and nothing changed in silence (I5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_conflicts_servers import Following, stop_of

from ferryman.embedded import MariaDb

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(240)]

FAMILY = {
    "v": ("modify v int", "modify v decimal(10,2)"),
    "ts": ("modify ts datetime", "modify ts datetime(6)"),
    "d": ("modify d float", "modify d double"),
    "w": ("modify w char(9)", "modify w varchar(9)"),
}
POSTGRES = {
    "v": ("alter v type numeric(10,1)", "alter v type numeric(10,2)"),
    "ts": ("alter ts type timestamp(0)", "alter ts type timestamp(6)"),
    "d": ("alter d type real", "alter d type double precision"),
    "w": ("alter w type char(9)", "alter w type varchar(9)"),
}
ROW = "({}, 2.25, '2020-01-01 00:00:00.5', 0.1, 'x ')"


def following(request: Any, mariadb: MariaDb, kind: str, database: str, directory: Path) -> Following:
    target = request.getfixturevalue(kind)
    made = Following(mariadb, target, database, directory)
    made.at_source(
        "create table n (id int primary key, v decimal(10,2), ts datetime(6), d double, w varchar(9), x int)"
    )
    made.at_source(f"insert into n (id, v, ts, d, w) values {ROW.format(1)}")
    return made


@pytest.mark.parametrize("kind", ["mysql56", "oceanbase", "postgres"])
def test_a_column_that_would_lose_something_in_silence(request, mariadb, kind, database_name, tmp_path):
    project = following(request, mariadb, kind, database_name, tmp_path)
    changes = POSTGRES if kind == "postgres" else FAMILY
    with project.captured():
        assert stop_of(project) is None
        before = project.at_target(f"select id from {database_name}.n")
        for number, (column, (narrow, back)) in enumerate(changes.items(), start=2):
            project.at_target(f"alter table {database_name}.n {narrow}")
            project.at_source(
                "update n set x = 1 where id = 1", f"insert into n (id, v, ts, d, w) values {ROW.format(number)}"
            )
            error = stop_of(project)
            assert error is not None, narrow
            assert (error.code, error.context["column"]) == ("apply.target_changed", column), error
            assert "source log" in error.message
            assert "verify the table" in error.hint
            assert project.at_target(f"select id from {database_name}.n") == before, "nothing was written"
            project.at_target(f"alter table {database_name}.n {back}")
            project.at_source(f"delete from n where id = {number}")
        assert stop_of(project) is None
        # What loses nothing is left to whoever does it, and the source's own statements are followed.
        wider = "alter v type numeric(12,3)" if kind == "postgres" else "modify v decimal(12,3)"
        project.at_target(f"alter table {database_name}.n {wider}")
        project.at_source(
            "alter table n drop column d",
            "alter table n add column d float",
            "insert into n (id, v, d) values (99, 1.5, 0.5)",
        )
        assert stop_of(project) is None
        found = project.at_target(f"select id, v, d from {database_name}.n where id = 99")
        assert [tuple(map(str, row)) for row in found] == [("99", "1.500", "0.5")]


@pytest.mark.parametrize("kind", ["oceanbase", "postgres"])
@pytest.mark.parametrize("change", ["alter table {}.n drop column v", "drop table {}.n"])
def test_what_is_gone_at_the_target(request, mariadb, kind, change, database_name, tmp_path):
    project = following(request, mariadb, kind, database_name, tmp_path)
    with project.captured():
        assert stop_of(project) is None
        project.at_target(change.format(database_name))
        project.at_source(f"insert into n (id, v, ts, d, w) values {ROW.format(2)}")
        error = stop_of(project)
        assert error is not None
        assert error.code == "target.table_changed"
        assert error.context["table"] == f"{database_name}.n"
        assert "source log" in error.message
        assert "compare it with the source's" in error.hint


@pytest.mark.parametrize("kind", ["oceanbase", "postgres"])
def test_a_table_of_the_source_comes_back_in_another_shape(request, mariadb, kind, database_name, tmp_path):
    """With another key, other types, under the same name, between two windows and within one."""
    project = following(request, mariadb, kind, database_name, tmp_path)
    with project.captured():
        assert stop_of(project) is None
        project.at_source(
            "insert into n (id, v) values (2, 2)",
            "drop table n",
            "create table n (v varchar(20) primary key, id int, extra datetime(3))",
            "insert into n values ('a', 1, '2020-01-01 00:00:00.123'), ('b', 1, null)",
            "update n set v = 'c' where v = 'a'",
            "drop table n",
            "create table n (id int, v int, key (id))",
            "insert into n values (7, 1), (7, 1), (8, 2)",
            "delete from n where id = 7 limit 1",
        )
        assert stop_of(project) is None
        assert project.at_target(f"select id, v from {database_name}.n") == [(7, 1), (8, 2)]
