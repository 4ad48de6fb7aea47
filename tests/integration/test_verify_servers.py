"""Verification over a real MariaDB and a real OceanBase, under a writer too (I6)."""

from __future__ import annotations

import json
import random
import threading
from typing import Any

import lookalikes
import pytest
from lookalikes import created, damaged, every, filled
from test_load_servers import EVERY_TYPE, FILL, KEYS, ROWS, assert_equal, fill_every_type

from ferryman.embedded import MariaDb, OceanBase
from ferryman.model.mismatch import MismatchKind
from ferryman.model.project import StepName
from ferryman.model.serial import to_json
from ferryman.pipeline import load, verify
from ferryman.pipeline.verify import compare_endpoints, repair
from ferryman.spi.connector import connector_for
from real_pipeline import RealProject, connect, execute

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]


def loaded(mariadb: MariaDb, oceanbase: OceanBase, name: str, statements: list[str], *fill: str, **options: Any) -> Any:
    project = RealProject(mariadb, oceanbase, name, statements, **options)
    project.at_source(*fill)
    load.run(project.context(StepName.LOAD))
    return project


def found_in(report: Any, table: str) -> dict[tuple[str, ...], MismatchKind]:
    name = next(name for name in report.mismatches if name.endswith(table))
    return {tuple(str(v) for v in m.key.values()): m.kind for m in report.mismatches[name]}


def test_damage_anywhere_is_found_and_repaired(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    project = loaded(mariadb, oceanbase, database_name, KEYS, *FILL)
    project.at_target(
        "DELETE FROM plain WHERE id IN (1, 25000, 50000)",
        "UPDATE plain SET v='damaged' WHERE id IN (7, 31000)",
        "INSERT INTO plain VALUES (99999, 'extra'), (-5, 'extra')",
        "DELETE FROM words WHERE v=77",
        "UPDATE words SET w=LOWER(w) WHERE v=26",
        "UPDATE hashes SET v=-1 WHERE v=500",
        "DELETE FROM bag WHERE a=3 AND b='same' LIMIT 2",
        "INSERT INTO bag VALUES (3, 'Same'), (3, 'same ')",
        "UPDATE nullable_unique SET b=0 WHERE b IN (3, 4)",
        "UPDATE `odd ``.name` SET `größe`=0 WHERE `the id`=17",
    )
    report = compare_endpoints(project.spec)
    assert found_in(report, ".plain") == {
        **dict.fromkeys((("1",), ("25000",), ("50000",)), MismatchKind.MASTER_ONLY),
        **dict.fromkeys((("7",), ("31000",)), MismatchKind.MISMATCHED),
        **dict.fromkeys((("99999",), ("-5",)), MismatchKind.IMAGE_ONLY),
    }
    assert found_in(report, ".words") == {
        ("ZéZZ77"[:1] + "é77",): MismatchKind.MASTER_ONLY,
        ("Aé26",): MismatchKind.MASTER_ONLY,
        ("aé26",): MismatchKind.IMAGE_ONLY,
    }
    assert list(found_in(report, ".hashes").values()) == [MismatchKind.MISMATCHED]
    bag = {(m.kind, m.key["b"]): m.count for m in report.mismatches[f"{database_name}.bag"]}
    assert bag == {
        (MismatchKind.MASTER_ONLY, "same"): 2,
        (MismatchKind.IMAGE_ONLY, "Same"): 1,
        (MismatchKind.IMAGE_ONLY, "same "): 1,
    }
    assert len(report.mismatches[f"{database_name}.nullable_unique"]) == 4
    (odd,) = report.mismatches[f"{database_name}.odd `.name"]
    assert set(odd.source) == {"größe", "sum_"}
    scripts = repair.correction_sql(m for some in report.mismatches.values() for m in some)
    run_script(oceanbase, "".join(scripts.values()))
    assert assert_equal(project) == ROWS


def run_script(server: Any, script: str) -> None:
    statements = [line for lines in script.splitlines() for line in lines.split("; ") if line.strip(" ;")]
    with connect(server) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_every_type_damaged_column_by_column(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    project = RealProject(mariadb, oceanbase, database_name, [EVERY_TYPE])
    fill_every_type(mariadb, database_name, 300, seed=seed)
    load.run(project.context(StepName.LOAD))
    assert assert_equal(project) == 300
    columns = [c.name for c in project.schema.tables[0].columns if c.name != "id"]
    damage = {str(10 + place): column for place, column in enumerate(columns)}
    for key, column in damage.items():
        (value,) = execute(mariadb, f"SELECT `{column}` IS NULL FROM `{database_name}`.every_type WHERE id={key}")[0]
        others = f"SELECT `{column}` FROM (SELECT * FROM every_type) o WHERE `{column}` IS NOT NULL LIMIT 1"
        project.at_target(f"UPDATE every_type SET `{column}` = ({others if value else 'NULL'}) WHERE id={key}")
    found = compare_endpoints(project.spec).mismatches[f"{database_name}.every_type"]
    assert {m.key["id"]: list(m.source) for m in found} == {key: [column] for key, column in damage.items()}
    repair.apply(project.spec, found)
    assert assert_equal(project) == 300


def test_values_that_look_alike_are_told_apart(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    cases = lookalikes.FAMILY
    project = loaded(mariadb, oceanbase, database_name, [created("t", cases)], *filled("t", cases))
    assert assert_equal(project) == len(cases)
    project.at_target(*damaged("t", cases))
    found = compare_endpoints(project.spec).mismatches[f"{database_name}.t"]
    assert {m.key["id"]: list(m.source) for m in found} == every(cases)
    repair.apply(project.spec, found)
    assert assert_equal(project) == len(cases)


def test_text_keys_with_every_sort_of_letter(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    tables = [
        f"CREATE TABLE k_{n} (w VARCHAR(40) COLLATE {collation} PRIMARY KEY, v INT)"
        for n, collation in enumerate(["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci"])
    ]
    words = [
        "a",
        "B",
        "é",
        "Ø",
        "ß",
        "zz",
        "Zebra",
        " lead",
        "日本",
        "😀",
        "ñandú",
        "-",
        "a-b",
        "a b",
        "ab",
        "\t",
        "i",
        "İx",
    ]
    project = RealProject(mariadb, oceanbase, database_name, tables)
    with connect(mariadb, database_name) as connection, connection.cursor() as cursor:
        for table in ("k_0", "k_1", "k_2"):
            cursor.executemany(f"INSERT IGNORE INTO {table} VALUES (%s, 1)", words)
    load.run(project.context(StepName.LOAD))
    assert_equal(project)
    project.at_target(
        "UPDATE k_0 SET v=2 WHERE w='Zebra'",
        "DELETE FROM k_1 WHERE w='日本'",
        "UPDATE k_2 SET w='ZEBRA' WHERE w='Zebra'",
    )
    report = compare_endpoints(project.spec)
    assert found_in(report, "k_0") == {("Zebra",): MismatchKind.MISMATCHED}
    assert found_in(report, "k_1") == {("日本",): MismatchKind.MASTER_ONLY}
    assert found_in(report, "k_2") == {("Zebra",): MismatchKind.MASTER_ONLY, ("ZEBRA",): MismatchKind.IMAGE_ONLY}


class Mirror:
    """Stands in for capture and apply: one transaction after the other goes to both sides, the target a little later."""

    def __init__(self, project: Any, notes: Any) -> None:
        self.project, self.notes = project, notes
        self.stop = threading.Event()
        self.source = connector_for(project.spec.source).source(project.spec.source)  # type: ignore[misc]
        self.thread = threading.Thread(target=self.run)
        self.writes = 0

    def run(self) -> None:
        chance = random.Random(3)
        with (
            connect(self.project.source, self.project.database) as left,
            connect(self.project.target, self.project.database) as right,
            left.cursor() as one,
            right.cursor() as two,
        ):
            while not self.stop.is_set():
                sql = self.statement(chance)
                one.execute(sql)
                position = self.source.current_position()
                self.stop.wait(0.05)  # rows are on the way for a while
                two.execute(sql)
                self.notes["apply.position"] = json.dumps(to_json(position))
                self.writes += 1

    def statement(self, chance: random.Random) -> str:
        self.number = getattr(self, "number", 10**6) + 1
        key = chance.randrange(1, 200)
        return chance.choice(
            [
                f"UPDATE plain SET v='v{self.number}' WHERE id={key}",
                f"DELETE FROM plain WHERE id={key}",
                f"REPLACE INTO plain VALUES ({key}, 'again {self.number}')",
                f"INSERT INTO bag VALUES (7, 'new {self.number}')",
            ]
        )


def test_moving_rows_are_not_reported_and_damage_is(mariadb: MariaDb, oceanbase: OceanBase, database_name: str) -> None:
    steps = (StepName.CAPTURE, StepName.LOAD, StepName.APPLY, StepName.VERIFY)
    tables = [KEYS[0], KEYS[4]]
    project = loaded(mariadb, oceanbase, database_name, tables, FILL[0], FILL[4], steps=steps)
    project.at_target("UPDATE plain SET v='damaged' WHERE id=40000", "INSERT INTO bag VALUES (1, 'extra')")
    context = project.context(StepName.VERIFY)
    mirror = Mirror(project, project.notes)
    mirror.thread.start()
    try:
        verify.run(context)
        while mirror.writes <= 20:
            verify.run(context)
    finally:
        mirror.stop.set()
        mirror.thread.join()
    plain = context.mismatches[f"{database_name}.plain"]
    assert [(m.kind, m.key["id"]) for m in plain] == [(MismatchKind.MISMATCHED, "40000")]
    bag = context.mismatches[f"{database_name}.bag"]
    assert [(m.kind, m.key["b"]) for m in bag] == [(MismatchKind.IMAGE_ONLY, "extra")]
