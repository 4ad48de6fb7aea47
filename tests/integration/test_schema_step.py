"""The schema step on real servers: everything a MariaDB schema may hold, made in OceanBase, read back and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.connectors.mysql_family.connection import Connection, open_connection
from ferryman.embedded import MariaDb, OceanBase
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import LoadOptions, ProjectSpec, StepName, StepProgress, TableProgress
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json
from ferryman.pipeline import schema as schema_step
from ferryman.pipeline.plan import dialect_of, ensure_plan, find_table, target_of
from ferryman.spi.dialect import SchemaPlan

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

# MariaDB takes no emoji in names (letters of the basic plane only); they stand in comments and labels.
ODD_NAMES = [
    "a.b", "a`b", 'a"b', "a'b", "a b", "表格", "a;b", "a/b", "a%b", "1a", "a-- b", "$x", "Ünï", "select", "a\\b",
]  # fmt: skip
TABLES = r"""
CREATE TABLE every (
  i1 TINYINT, i2 SMALLINT UNSIGNED, i3 MEDIUMINT, i4 INT(5) UNSIGNED ZEROFILL, i8 BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  bo BOOLEAN DEFAULT TRUE, de DECIMAL(65,30) DEFAULT 1.5, fl FLOAT DEFAULT 1.5, f2 FLOAT(7,3), db DOUBLE, b1 BIT(1),
  b64 BIT(64) DEFAULT b'1010', da DATE DEFAULT '2020-1-2', ti TIME(6) DEFAULT '-838:59:59', dt DATETIME(6) DEFAULT NOW(6)
  ON UPDATE NOW(6), ts TIMESTAMP(3) NULL, t0 TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, ye YEAR DEFAULT 2000,
  ch CHAR(10) NOT NULL DEFAULT 'it''s', vc VARCHAR(200) DEFAULT 'back\\slash', la VARCHAR(50) CHARACTER SET latin1,
  tt TINYTEXT, te TEXT DEFAULT 'lost', mt MEDIUMTEXT CHARACTER SET latin1, lt LONGTEXT, bi BINARY(7) DEFAULT 'x',
  vb VARBINARY(300), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, en ENUM('a','it''s','😀') DEFAULT 'a',
  se SET('x','y z') DEFAULT 'x', js JSON, uu UUID, v4 INET4, v6 INET6, po POINT NOT NULL, ge GEOMETRY,
  ex VARCHAR(36) DEFAULT (UUID()), ge1 INT AS (i1 + 1) VIRTUAL, ge2 INT AS (ge1 * 2) STORED, hid INT INVISIBLE DEFAULT 3,
  zd DATE NOT NULL DEFAULT '0000-00-00',
  PRIMARY KEY (i8), UNIQUE KEY u1 (ch, i1), UNIQUE KEY u2 (la), KEY k1 (vc DESC, i2), KEY kp (te(20)), KEY kc (i3) COMMENT 'c''x',
  FULLTEXT KEY ft (vc), SPATIAL KEY sp (po), KEY ig (da) IGNORED, CHECK (i1 < 100), CONSTRAINT pos CHECK (i3 > 0 OR i3 IS NULL)
) AUTO_INCREMENT=5000 COMMENT='every "type"';;
CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(5) COLLATE utf8mb4_unicode_ci, UNIQUE KEY code (code));;
CREATE TABLE child (id INT PRIMARY KEY, pid INT, oid INT, CONSTRAINT fk_p FOREIGN KEY (pid) REFERENCES parent (id)
  ON DELETE CASCADE ON UPDATE SET NULL, CONSTRAINT fk_o FOREIGN KEY (oid) REFERENCES outsider (id));;
CREATE TABLE tree (id INT PRIMARY KEY, up INT, CONSTRAINT fk_up FOREIGN KEY (up) REFERENCES tree (id));;
CREATE TABLE pr (id INT, d DATE, KEY (id)) PARTITION BY RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2000) COMMENT = 'old',
  PARTITION p1 VALUES LESS THAN MAXVALUE);;
CREATE TABLE ph (id INT PRIMARY KEY) PARTITION BY LINEAR HASH (id) PARTITIONS 3;;
CREATE TABLE nokey (a INT, b VARCHAR(5));;
CREATE TABLE headkey (t TEXT NOT NULL, PRIMARY KEY (t(10)));;
CREATE TABLE latin (a VARCHAR(9), b TEXT) CHARACTER SET latin1;;
CREATE SEQUENCE sq;;
CREATE TABLE versioned (id INT) WITH SYSTEM VERSIONING;;
CREATE VIEW v2 AS SELECT id FROM parent WHERE code = 'x';;
CREATE VIEW v1 AS SELECT v2.id, t.up + 1 AS above FROM v2 JOIN tree t ON t.id = v2.id;;
CREATE VIEW vlatin AS SELECT CONVERT(a USING latin1) AS c FROM latin;;
"""


class Context:
    """A task's surroundings in memory; `stop_after` ends the run after so many reports."""

    def __init__(self, spec: ProjectSpec) -> None:
        self.spec = spec
        self.project_id = "np_schema"
        self.data_dir = Path("/nonexistent")  # nothing is captured here
        self.step = StepName.SCHEMA
        self.epoch = 1
        self.notes: dict[str, Any] = {}
        self.progress = StepProgress()
        self.objects: dict[str, TableProgress] = {}
        self.events: list[str] = []

    def stop_requested(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        return False

    def report(self, progress: StepProgress, tables: Sequence[TableProgress] = ()) -> None:
        self.progress = progress
        if not progress.rows:
            self.objects = {}  # another run begins
        self.objects |= {each.table: each for each in tables}

    def event(self, level: str, message: str, **fields: object) -> None:
        self.events.append(f"{level}: {message}")

    def note(self, name: str) -> Any | None:
        return self.notes.get(name)

    def set_note(self, name: str, document: Any) -> None:
        self.notes[name] = document


@pytest.fixture
def source(mariadb: MariaDb, database_name: str) -> Iterator[Connection]:
    with open_connection(mariadb.endpoint) as connection:
        connection.execute(f"CREATE DATABASE `{database_name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        connection.execute(f"USE `{database_name}`")
        connection.execute("SET sql_mode='', foreign_key_checks=0")
        yield connection
        connection.execute("SET foreign_key_checks=0")
        connection.execute(f"DROP DATABASE `{database_name}`")


@pytest.fixture
def there(oceanbase: OceanBase, database_name: str) -> Iterator[Connection]:
    with open_connection(oceanbase.endpoint, role="target", writer=True) as connection:
        yield connection
        connection.execute(f"DROP DATABASE IF EXISTS `{database_name}`")


def make(connection: Connection, text: str) -> None:
    for sql in text.split(";;"):
        if sql.strip():
            connection.execute(sql)


def project(mariadb: MariaDb, oceanbase: OceanBase, selection: Selection, **more: Any) -> ProjectSpec:
    return ProjectSpec(name="s", source=mariadb.endpoint, target=oceanbase.endpoint, selection=selection, **more)


def compared(context: Context) -> list[str]:
    """How the target's catalog differs from the plan."""
    plan = from_json(SchemaPlan, context.note("schema.plan"))
    target = target_of(context)  # type: ignore[arg-type]
    names = tuple(f"`{t.name.database.replace('`', '``')}`.*" for t in plan.tables.values())
    found = target.read_schema(Selection(objects=names))
    dialect = dialect_of(context).fitted(found.traits)  # type: ignore[arg-type]
    out = []
    for table in plan.tables.values():
        actual = find_table(found, table.name)
        lines = ["missing"] if actual is None else dialect.differences(table, actual)
        out += [f"{table.name}: {line}" for line in lines]
    return out


def states(context: Context) -> dict[str, tuple[str, str]]:
    kinds = {"database", "index", "check", "foreign_key", "view"}
    parted = [(label.partition(" "), label, each) for label, each in context.objects.items()]
    return {name if kind in kinds else label: (each.state, each.message) for (kind, _, name), label, each in parted}


def test_a_schema_of_everything(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE outsider (id INT PRIMARY KEY)")
    make(source, TABLES)
    spec = project(
        mariadb, oceanbase, Selection(objects=(f"{database_name}.*",), exclude=(f"{database_name}.outsider",))
    )
    context = Context(spec)
    schema_step.run(context)  # type: ignore[arg-type]
    seen = states(context)
    failed = {name: state for name, state in seen.items() if state[0] == "failed"}
    assert set(failed) <= {f"{database_name}.vlatin"}, failed
    assert context.progress.percent == 100
    lossy = {
        (c["path"].removeprefix(f"{database_name}."), c["lossy"]) for c in context.note("schema.plan")["conversions"]
    }
    assert {("every.te", True), ("every.u2", True), ("child.fk_o", True), ("sq", True), ("versioned", True)} <= lossy
    assert {("every.uu", False), ("every.mt", False), ("headkey.PRIMARY", False), ("ph", False)} <= lossy
    assert {line.split(": ", 1)[1] for line in compared(context)} == {
        "foreign key fk_p is missing",
        "foreign key fk_up is missing",
    }
    assert context.note("schema.start") is not None
    assert context.note("schema.known") is not None

    there.execute(
        f"INSERT INTO `{database_name}`.child (id, pid) VALUES (1, 99)"
    )  # an orphan, as sources may have them
    schema_step.run_indexes(context)  # type: ignore[arg-type]
    assert [state for state in states(context).values() if state[0] == "failed"] == []
    assert compared(context) == []
    rows = there.query(f"SELECT COUNT(*) FROM `{database_name}`.v1")
    assert int(rows[0][0]) == 0
    counter = str(there.query(f"SHOW CREATE TABLE `{database_name}`.`every`")[0][1])
    assert "AUTO_INCREMENT = 5000" in counter


def test_running_again_takes_what_is_there(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    """Killed midway: some tables are there, some indexes are not."""
    source.execute("CREATE TABLE outsider (id INT PRIMARY KEY)")
    make(source, TABLES)
    spec = project(mariadb, oceanbase, Selection(objects=(f"{database_name}.*",)))
    first = Context(spec)
    schema_step.run(first)  # type: ignore[arg-type]
    there.execute(f"DROP TABLE `{database_name}`.parent")
    there.execute(f"ALTER TABLE `{database_name}`.`every` DROP KEY ft")
    second = Context(spec)
    second.notes = first.notes
    start = second.note("schema.start")
    schema_step.run(second)  # type: ignore[arg-type]
    assert second.note("schema.start") == start
    assert states(second)[f"{database_name}.every"][1] == "was there"
    assert states(second)[f"{database_name}.parent"][1] == ""
    schema_step.run_indexes(second)  # type: ignore[arg-type]
    schema_step.run_indexes(second)  # type: ignore[arg-type]
    assert compared(second) == []


def test_another_table_in_the_way_is_named(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(5), b INT)")
    there.execute(f"CREATE DATABASE `{database_name}`")
    there.execute(f"CREATE TABLE `{database_name}`.t (id INT PRIMARY KEY, a VARCHAR(4))")
    context = Context(project(mariadb, oceanbase, Selection(objects=(f"{database_name}.*",))))
    with pytest.raises(FerrymanError) as caught:
        schema_step.run(context)  # type: ignore[arg-type]
    assert caught.value.code == "target.table_differs"
    assert "column b is missing" in caught.value.message
    assert "varchar(4)" in caught.value.message


def test_names_of_every_kind(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    for number, name in enumerate(ODD_NAMES):
        quoted = name.replace("`", "``")
        comment = "😀" + name.replace("\\", "\\\\").replace("'", "''")
        source.execute(
            f"CREATE TABLE `{quoted}` (`{quoted}` INT PRIMARY KEY, `x{quoted}` INT COMMENT '{comment}', "
            f"KEY `{quoted}` (`x{quoted}`), CONSTRAINT `f{number}{quoted}` FOREIGN KEY (`x{quoted}`) "
            f"REFERENCES `{quoted}` (`{quoted}`), CHECK (`x{quoted}` > 0))"
        )
        source.execute(f"CREATE VIEW `v{quoted}` AS SELECT `{quoted}` FROM `{quoted}`")
    context = Context(project(mariadb, oceanbase, Selection(objects=(f"`{database_name}`.*",))))
    schema_step.run(context)  # type: ignore[arg-type]
    schema_step.run_indexes(context)  # type: ignore[arg-type]
    assert [f"{name}: {state}" for name, state in states(context).items() if state[0] == "failed"] == []
    assert compared(context) == []
    assert len(from_json(Schema, context.note("schema.source")).views) == len(ODD_NAMES)


def test_two_databases_come_together_under_new_names(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    other = f"{database_name}_b"
    source.execute(f"CREATE DATABASE `{other}`")
    try:
        for database, suffix in ((database_name, "1"), (other, "2")):
            source.execute(f"USE `{database}`")
            source.execute(f"CREATE TABLE p{suffix} (id INT PRIMARY KEY)")
            source.execute(
                f"CREATE TABLE c{suffix} (id INT PRIMARY KEY, p INT, CONSTRAINT same FOREIGN KEY (p) "
                f"REFERENCES p{suffix} (id), CONSTRAINT ck CHECK (id > 0))"
            )
            source.execute(f"CREATE VIEW v{suffix} AS SELECT p.id FROM p{suffix} p JOIN c{suffix} c ON c.p = p.id")
        together = f"{database_name}_t"
        selection = Selection(
            objects=(f"{database_name}.*", f"{other}.*"), rename={database_name: together, other: together}
        )
        context = Context(project(mariadb, oceanbase, selection))
        schema_step.run(context)  # type: ignore[arg-type]
        schema_step.run_indexes(context)  # type: ignore[arg-type]
        assert compared(context) == []
        assert int(there.query(f"SELECT COUNT(*) FROM `{together}`.v2")[0][0]) == 0
        plan = from_json(SchemaPlan, context.note("schema.plan"))
        keys = {table.foreign_keys[0].name for table in plan.tables.values() if table.foreign_keys}
        assert keys == {"same", "c2_same"}
    finally:
        source.execute("SET foreign_key_checks=0")
        source.execute(f"DROP DATABASE `{other}`")
        there.execute(f"DROP DATABASE IF EXISTS `{database_name}_t`")


def test_names_that_fall_together_are_refused(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE Orders (id INT PRIMARY KEY)")
    source.execute("CREATE TABLE orders (id INT PRIMARY KEY)")
    context = Context(project(mariadb, oceanbase, Selection(objects=(f"{database_name}.*",))))
    with pytest.raises(FerrymanError) as caught:
        schema_step.run(context)  # type: ignore[arg-type]
    assert caught.value.code == "schema.name_collision"
    assert "Orders" in caught.value.message


def test_deferred_indexes_wait_for_the_rows(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, KEY (a), UNIQUE (b))")
    options = LoadOptions(defer_index_creation=True)
    context = Context(project(mariadb, oceanbase, Selection(objects=(f"{database_name}.*",)), load=options))
    schema_step.run(context)  # type: ignore[arg-type]
    assert compared(context) == [f"{database_name}.t: index a is missing"]
    schema_step.run_indexes(context)  # type: ignore[arg-type]
    assert compared(context) == []


def test_a_plan_from_tables_that_are_there(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    source.execute("CREATE TABLE T1 (id INT PRIMARY KEY, a VARCHAR(5) CHARACTER SET latin1, g INT AS (id + 1))")
    selection = Selection(objects=(f"{database_name}.T1",))
    steps = (StepName.CAPTURE, StepName.LOAD, StepName.APPLY)
    context = Context(project(mariadb, oceanbase, selection, steps=steps))
    with pytest.raises(FerrymanError) as caught:
        ensure_plan(context)  # type: ignore[arg-type]
    assert caught.value.code == "target.table_missing"
    there.execute(f"CREATE DATABASE `{database_name}`")
    there.execute(f"CREATE TABLE `{database_name}`.t1 (id BIGINT PRIMARY KEY, a VARCHAR(50), more INT)")
    ensure_plan(context)  # type: ignore[arg-type]
    plan = from_json(SchemaPlan, context.note("schema.plan"))
    table = plan.tables[TableName(database_name, "T1")]
    assert [column.name for column in table.columns] == ["id", "a", "more"]
    assert table.column("id").type.bits == 64
    assert context.note("schema.start") is not None
    assert replace(table, row_estimate=0).primary_key is not None


def test_a_table_is_made_by_other_sql(
    source: Connection, there: Connection, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    """The operator's SQL stands in for what the target refused, and must make the very table that is needed."""
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(5))")
    context = Context(project(mariadb, oceanbase, Selection(objects=(f"{database_name}.*",))))
    name = f"{database_name}.t"
    context.notes["schema.objects"] = {name: f"CREATE TABLE {name} (id INT PRIMARY KEY, a VARCHAR(4))"}
    with pytest.raises(FerrymanError) as caught:
        schema_step.run(context)  # type: ignore[arg-type]
    assert (caught.value.code, "varchar(4)" in caught.value.message) == ("target.table_differs", True)
    there.execute(f"DROP TABLE {name}")
    context.notes["schema.objects"] = {name: f"CREATE TABLE {name} (id INT PRIMARY KEY, a VARCHAR(5)) COMMENT 'mine'"}
    schema_step.run(context)  # type: ignore[arg-type]
    assert states(context)[name][1] == "made by the SQL given"
    ((comment,),) = there.query(
        f"SELECT table_comment FROM information_schema.tables WHERE table_schema = '{database_name}' AND table_name = 't'"
    )
    assert comment == "mine"
