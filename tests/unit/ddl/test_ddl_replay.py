from __future__ import annotations

from itertools import pairwise

import pytest

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.model.names import TableName
from ferryman.model.schema import Database, LeftOut, Schema, ServerTraits
from ferryman.model.selection import Selection
from ferryman.spi.dialect import DdlEffect

TRAITS = ServerTraits(flavour="mariadb", version=(10, 11, 19))
SHOP = Selection(objects=("shop.*",), exclude=("shop.*_gho",), rename={"shop": "store"})
EMPTY = Schema(
    databases=(Database(name="shop", charset="utf8mb4", collation="utf8mb4_general_ci"),),
    traits=TRAITS,
    left_out=(LeftOut(name=TableName("shop", "sq"), reason="a sequence"),),
)


def play(*statements: str, schema: Schema = EMPTY, selection: Selection = SHOP) -> DdlEffect:
    dialect = OceanBaseDialect()
    effect = DdlEffect(schema=schema)
    for sql in statements:
        effect = dialect.replay(effect.schema, selection, sql, "shop")
    return effect


def test_create_in_the_targets_names() -> None:
    effect = play("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5))")
    assert effect.statements[0].startswith("CREATE TABLE `store`.`t`")
    assert effect.touched == (TableName("shop", "t"),)


def test_attributes_left_out_of_modify_are_reset() -> None:
    effect = play("CREATE TABLE t (id INT, v INT NOT NULL DEFAULT 5 COMMENT 'x')", "ALTER TABLE t MODIFY v BIGINT")
    table = effect.schema.table(TableName("shop", "t"))
    assert table is not None
    column = table.column("v")
    assert (column.nullable, column.default, column.comment) == (True, None, "")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE other.t (id INT)", "DROP TABLE other.t", "ALTER TABLE other.t ADD c INT", "TRUNCATE other.t",
        "CREATE TABLE t_gho (id INT)", "GRANT ALL ON *.* TO u", "ANALYZE TABLE t", "DROP TABLE nosuch",
        "RENAME TABLE other.a TO other.b", "ALTER TABLE t_gho ADD x INT", "CREATE DATABASE other", "DROP DATABASE other",
        "ALTER TABLE sq ADD c INT", "CREATE TEMPORARY TABLE tmp (id INT)",
    ],
)  # fmt: skip
def test_what_does_not_concern_the_project(sql: str) -> None:
    before = play("CREATE TABLE t (id INT)").schema
    effect = play(sql, schema=before)
    assert (effect.known, effect.statements, effect.touched) == (True, (), ())


@pytest.mark.parametrize(
    "sql",
    [
        "RENAME TABLE t TO other.t", "RENAME TABLE t TO t_gho",
        "RENAME TABLE t TO _t_del, _t_gho TO t", "RENAME TABLE other.x TO x", "ALTER TABLE t RENAME TO other.t",
        "RENAME TABLE t TO t_old, t_gho TO t", "INSERT INTO t VALUES (1)", "ALTER TABLE nosuch ADD c INT",
        "CREATE TABLE l LIKE other.t", "CREATE TABLE s AS SELECT 1", "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE o",
        "ALTER TABLE t ADD SYSTEM VERSIONING", "ALTER TABLE t SOMETHING ELSE", "CREATE TABLE t (",
    ],
)  # fmt: skip
def test_what_cannot_be_followed_says_so(sql: str) -> None:
    before = play("CREATE TABLE t (id INT)").schema
    effect = play(sql, schema=before)
    assert not effect.known
    assert effect.conversions
    assert effect.schema == before
    assert effect.statements == ()


@pytest.mark.parametrize(
    "action",
    [
        "ADD c TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", "ADD c VARCHAR(36) DEFAULT (uuid())", "MODIFY d DATETIME",
        "ADD c INT AUTO_INCREMENT UNIQUE", "MODIFY d TIMESTAMP(3)", "ADD c JSON NOT NULL",
        "ADD c TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00'", "MODIFY s TIMESTAMP NULL",
    ],
)  # fmt: skip
def test_tables_whose_rows_take_values_that_are_in_no_log_are_named(action: str) -> None:
    before = play("CREATE TABLE t (id INT PRIMARY KEY, d DATETIME(3), j JSON, s VARCHAR(30))").schema
    effect = play(f"ALTER TABLE t {action}", schema=before)
    assert effect.known
    assert not play("ALTER TABLE t MODIFY j LONGTEXT", schema=before).known
    assert effect.unlogged == (TableName("shop", "t"),)
    assert effect.statements
    assert effect.schema != before


def test_swap_as_online_tools_do_it() -> None:
    everything = Selection(objects=("shop.*",))
    before = play("CREATE TABLE t (id INT)", "CREATE TABLE _t_gho (id BIGINT)", selection=everything).schema
    effect = play("RENAME TABLE t TO _t_del, _t_gho TO t", schema=before, selection=everything)
    assert effect.statements == ("RENAME TABLE `shop`.`t` TO `shop`.`_t_del`, `shop`.`_t_gho` TO `shop`.`t`",)
    table = effect.schema.table(TableName("shop", "t"))
    assert table is not None
    assert table.column("id").type.bits == 64
    again = play("RENAME TABLE t TO _t_del, _t_gho TO t", schema=effect.schema.without_table(TableName("shop", "t")))
    assert again.statements == () or not again.known


def test_shadows_of_a_selected_table_are_followed() -> None:
    alone = Selection(objects=("shop.t",), rename={"shop.t": "store.goods"})
    before = play("CREATE TABLE t (id INT PRIMARY KEY)", selection=alone).schema
    nothing = play("ALTER TABLE _t_gho ADD x INT", "DROP TABLE _other_gho", schema=before, selection=alone)
    assert (nothing.known, nothing.statements, nothing.schema) == (True, (), before)
    made = play("CREATE TABLE _t_gho LIKE t", "ALTER TABLE _t_gho ADD x INT", schema=before, selection=alone)
    assert (
        made.statements == ("ALTER TABLE `store`.`_t_gho` ADD COLUMN `x` int NULL",) or "_t_gho" in made.statements[0]
    )
    swap = play("RENAME TABLE t TO _t_20260101120000_del, _t_gho TO t", schema=made.schema, selection=alone)
    assert swap.known
    assert swap.statements == (
        "RENAME TABLE `store`.`goods` TO `store`.`_t_20260101120000_del`, `store`.`_t_gho` TO `store`.`goods`",
    )
    table = swap.schema.table(TableName("shop", "t"))
    assert table is not None
    assert [column.name for column in table.columns] == ["id", "x"]
    gone = play("DROP TABLE _t_20260101120000_del", schema=swap.schema, selection=alone)
    assert gone.statements == ("DROP TABLE IF EXISTS `store`.`_t_20260101120000_del`",)


def test_what_an_online_schema_change_names_its_tables() -> None:
    one = Selection(objects=("shop.t", "shop._x"), exclude=("shop._t_old",))
    names = ["_t_gho", "_t_new", "__t_new", "_t_del", "__x_old", "_t_old", "_t_ghc", "t_new", "_u_gho", "t"]
    assert [name for name in names if one.follows(TableName("shop", name))] == [
        "_t_gho", "_t_new", "__t_new", "_t_del", "__x_old", "t"
    ]  # fmt: skip
    assert not one.follows(TableName("other", "_t_gho"))


def test_renamed_columns_keep_their_rows() -> None:
    effect = play("CREATE TABLE t (id INT, a INT, KEY (a))", "ALTER TABLE t CHANGE a b INT, ADD c INT FIRST")
    text = " ".join(effect.statements)
    assert "CHANGE COLUMN `a` `b`" in text
    assert "DROP COLUMN" not in text
    assert "DROP KEY" not in text


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("ALTER TABLE t CHANGE a b INT, CHANGE b a INT", ["id", "b", "a"]),
        ("ALTER TABLE t CHANGE a b INT AFTER a, CHANGE b a INT", ["id", "a", "b"]),
        ("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO c", ["id", "b", "c"]),
    ],
)
def test_columns_that_exchange_names_go_by_way_of_free_ones(sql: str, names: list[str]) -> None:
    effect = play("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)", sql)
    table = effect.schema.table(TableName("shop", "t"))
    assert effect.known
    assert table is not None
    assert [column.name for column in table.columns] == names
    assert effect.reused[table.name] >= {"a", "b"}
    shapes = [{column.name for column in step.tables[0].columns} for step in effect.steps]
    assert all(one != other for one, other in pairwise(shapes))
    assert not any("`a` `b`" in step.sql or "`b` `a`" in step.sql for step in effect.steps)


def test_tables_that_exchange_names_go_by_way_of_free_ones() -> None:
    made = play("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)").schema
    effect = play("RENAME TABLE t TO x, u TO t, x TO u", schema=made)
    assert [step.sql for step in effect.steps] == [
        "RENAME TABLE `store`.`t` TO `store`.`_ferryman_1`, `store`.`u` TO `store`.`_ferryman_2`",
        "RENAME TABLE `store`.`_ferryman_1` TO `store`.`u`, `store`.`_ferryman_2` TO `store`.`t`",
    ]
    assert not effect.statements
    assert not play("RENAME TABLE t TO old, u TO t", schema=made).steps


def test_lower_case_servers() -> None:
    schema = Schema(
        databases=EMPTY.databases, traits=ServerTraits(flavour="mysql", version=(8, 0, 36), lower_case_names=1)
    )
    effect = play("CREATE TABLE TabA (id INT)", schema=schema)
    assert effect.schema.table(TableName("shop", "taba")) is not None


def test_one_statement_where_the_target_takes_it() -> None:
    dialect = MySqlDialect()
    schema = play("CREATE TABLE t (id INT, a INT)").schema
    effect = dialect.replay(schema, SHOP, "ALTER TABLE t ADD b INT, DROP a, ADD PRIMARY KEY (id)", "shop")
    assert len(effect.statements) == 1


def test_view_gets_its_databases() -> None:
    effect = play("CREATE TABLE t (id INT)", "CREATE VIEW v AS WITH c AS (SELECT id FROM t) SELECT * FROM c")
    assert "`store`.`t`" in effect.statements[0]
    assert "`store`.`c`" not in effect.statements[0]


@pytest.mark.parametrize(
    "actions",
    [
        "CHANGE n v INT, CHANGE v n VARCHAR(9)",
        "CHANGE n v VARCHAR(9), CHANGE v n INT",
        "RENAME COLUMN n TO v, RENAME COLUMN v TO n",
        "ADD n INT, CHANGE n w INT",
        "CHANGE n w INT, ADD n INT",
        "RENAME COLUMN n TO w, ADD n INT",
        "DROP v, ADD v INT",
        "ADD v INT, DROP COLUMN v",
    ],
)
def test_a_name_that_passes_to_another_column_is_not_taken_for_a_change(actions):
    """Whose values are whose cannot be told from the names alone."""
    dialect, selection = OceanBaseDialect(), Selection(objects=("s.*",))
    made = dialect.replay(Schema(), selection, "CREATE TABLE t (id INT PRIMARY KEY, n INT, v VARCHAR(9))", "s")
    effect = dialect.replay(made.schema, selection, f"ALTER TABLE t {actions}", "s")
    assert effect.known
    assert effect.reused[TableName("s", "t")]
    text = " ".join([*(step.sql for step in effect.steps), *effect.statements])
    assert ("DROP COLUMN" in text) == ("DROP" in actions)
    assert ("ADD COLUMN" in text) == ("ADD" in actions)


RANGES = "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (5), PARTITION p1 VALUES LESS THAN MAXVALUE)"
LETTERS = (
    "PARTITION BY RANGE COLUMNS (s) (PARTITION p0 VALUES LESS THAN ('m'), PARTITION p1 VALUES LESS THAN (MAXVALUE))"
)


@pytest.mark.parametrize(
    ("parted", "sql", "clause", "read_again"),
    [
        (
            RANGES,
            "REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (9), PARTITION p2 VALUES LESS THAN MAXVALUE)",
            "PARTITION BY RANGE (`id`) (PARTITION `p0` VALUES LESS THAN (5), PARTITION `p1` VALUES LESS THAN (9), "
            "PARTITION `p2` VALUES LESS THAN MAXVALUE)",
            False,
        ),
        ("PARTITION BY HASH (id) PARTITIONS 5", "COALESCE PARTITION 2", "PARTITION BY HASH (`id`) PARTITIONS 3", False),
        (RANGES, "REMOVE PARTITIONING", "PARTITION BY KEY (`id`) PARTITIONS 1", False),
        (RANGES, "DROP PARTITION p0", "DROP PARTITION `p0`", False),
        (RANGES, "TRUNCATE PARTITION p0", "TRUNCATE PARTITION `p0`", False),
        ("PARTITION BY HASH (id) PARTITIONS 5", "TRUNCATE PARTITION p0", None, True),
        (LETTERS, "TRUNCATE PARTITION p0", "TRUNCATE PARTITION `p0`", True),
        (LETTERS.replace("(s)", "(id)").replace("'m'", "7"), "DROP PARTITION p0", "DROP PARTITION `p0`", False),
    ],
)
def test_partitions_stay_the_sources(parted: str, sql: str, clause: str | None, read_again: bool) -> None:
    """I5: what a later DROP or TRUNCATE PARTITION takes along must be the source's rows."""
    columns = "id INT NOT NULL, s VARCHAR(9) CHARACTER SET latin1 NOT NULL, KEY (id)"
    before = play(f"CREATE TABLE t ({columns}) {parted}").schema
    effect = play(f"ALTER TABLE t {sql}", schema=before)
    assert effect.known
    assert effect.statements == (() if clause is None else (f"ALTER TABLE `store`.`t` {clause}",))
    assert bool(effect.unlogged) == read_again


@pytest.mark.parametrize(
    ("sql", "clause"),
    [
        ("reorganize partition p0 into (partition a values less than (2), partition b values less than (5))", "REORGANIZE "
         "PARTITION p0 into (partition a values less than (2), partition b values less than (5))"),
        ("coalesce partition 2", "COALESCE PARTITION 2"),
        ("add partition partitions 2", "ADD PARTITION partitions 2"),
        ("remove partitioning", "REMOVE PARTITIONING"),
    ],
)  # fmt: skip
def test_partition_work_within_the_family_whatever_its_letters(sql: str, clause: str) -> None:
    parted = RANGES if "reorganize" in sql else "PARTITION BY HASH (id) PARTITIONS 5"
    dialect, selection = MySqlDialect(), Selection(objects=("shop.*",))
    before = dialect.replay(EMPTY, selection, f"CREATE TABLE t (id INT PRIMARY KEY) {parted}", "shop").schema
    effect = dialect.replay(before, selection, f"alter table t {sql}", "shop")
    assert effect.statements == (f"ALTER TABLE `shop`.`t` {clause}",)
