"""Names that change hands at a PostgreSQL source: what the log shows by name is told by numbers, or stops apply (ADR 0140)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.embedded import Postgres
from ferryman.foundation.errors import FerrymanError
from postgres_project import PostgresProject

pytestmark = [pytest.mark.postgres, pytest.mark.mariadb]
SHOP = """
CREATE TABLE one (id integer PRIMARY KEY, a integer, b integer);
CREATE TABLE two (id integer PRIMARY KEY, a integer, b integer);
INSERT INTO one SELECT n, n, -n FROM generate_series(1, 20) n;
INSERT INTO two SELECT n, 100 + n, -100 - n FROM generate_series(1, 20) n;
"""


@pytest.fixture
def shop(postgres: Postgres, mariadb: Any, database_name: str, tmp_path: Path) -> Iterator[PostgresProject]:
    project = PostgresProject(postgres, mariadb, database_name, SHOP, tmp_path)
    try:
        yield project
    finally:
        project.close()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (
            "BEGIN; ALTER TABLE one RENAME TO three; ALTER TABLE two RENAME TO one; ALTER TABLE three RENAME TO two;"
            " UPDATE one SET a = 0 WHERE id = 1; COMMIT",
            "log.schema_mismatch",
            "exchanged their names",
        ),
        (
            "BEGIN; ALTER TABLE one RENAME a TO c; ALTER TABLE one RENAME b TO a; ALTER TABLE one RENAME c TO b;"
            " UPDATE one SET a = 0 WHERE id = 1; COMMIT",
            "apply.ddl_unknown",
            "a is called b now",
        ),
        (
            "BEGIN; ALTER TABLE one DROP a; ALTER TABLE one RENAME b TO a; UPDATE one SET a = 0 WHERE id = 1; COMMIT",
            "apply.ddl_unknown",
            "b is called a now",
        ),
        (
            "BEGIN; ALTER TABLE one DROP b; ALTER TABLE one ADD b integer; UPDATE one SET a = 0 WHERE id = 1; COMMIT",
            "log.schema_mismatch",
            "which is which",
        ),
    ],
    ids=["tables", "columns", "taken", "anew"],
)
def test_names_that_change_hands_stop_apply(shop: PostgresProject, change: str, code: str, said: str) -> None:
    """Before it, the log has been followed under the same names: what is known by then is not taken for granted."""

    def meanwhile() -> None:
        shop.sql("UPDATE one SET a = 7 WHERE id = 2; UPDATE two SET a = 7 WHERE id = 2")
        shop.sql(change)

    with pytest.raises(FerrymanError) as stopped:
        shop.move(meanwhile)
    assert stopped.value.code == code
    assert said in stopped.value.message
    assert shop.at_target("SELECT a, b FROM one WHERE id = 1") == [(1, -1)], "nothing of it is applied"


def test_a_last_column_renamed_or_dropped_before_a_new_one_is_followed(shop: PostgresProject) -> None:
    """Names alone cannot tell the first: numbers can."""

    def change() -> None:
        shop.sql("ALTER TABLE one RENAME b TO last; UPDATE one SET last = 0 WHERE id = 1")
        shop.sql("ALTER TABLE two DROP b; UPDATE two SET a = 9 WHERE id = 1")
        shop.sql("ALTER TABLE two ADD c integer; UPDATE two SET c = 0 WHERE id = 1")

    shop.move(change)
    assert shop.at_target("SELECT id, a, last FROM one ORDER BY id") == shop.sql(
        "SELECT id, a, last FROM one ORDER BY id"
    )
    assert shop.at_target("SELECT id, a, c FROM two ORDER BY id") == shop.sql("SELECT id, a, c FROM two ORDER BY id")
