"""Rules of one table: three-valued logic, rows across a filter, columns, what is refused, and schema statements."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.changes import UNKNOWN_VALUE, ChangeBatch, Operation
from ferryman.model.names import TableName
from ferryman.model.rules import ColumnRules
from ferryman.model.schema import Column, ForeignKey, Index, KeyPart, ReferenceAction, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.rules.dialect import RuledDialect
from ferryman.pipeline.rules.filters import Server, filter_of
from ferryman.pipeline.rules.rules import Rules
from ferryman.pipeline.rules.tables import ImageRule, RuledTable
from ferryman.spi.connector import connectors

INT = ColumnType(kind=Kind.INTEGER, native="int(11)", bits=32)
TEXT = ColumnType(kind=Kind.VARCHAR, native="varchar(20)", length=20, charset="utf8mb4", collation="utf8mb4_general_ci")
USERS = Table(
    name=TableName("shop", "users"),
    columns=(
        Column(name="id", type=INT, nullable=False),
        Column(name="age", type=INT),
        Column(name="mail", type=TEXT),
        Column(name="phone", type=TEXT),
    ),
    indexes=(
        Index(name="PRIMARY", parts=(KeyPart(column="id"),), unique=True, primary=True),
        Index(name="mail", parts=(KeyPart(column="mail"),), unique=True),
        Index(name="phone", parts=(KeyPart(column="phone"),)),
    ),
)
IMAGE = ("id", "age", "mail", "phone")
SQL = Server(lambda name: f"`{name}`")


def rules(where: str = "", **columns: object) -> Rules:
    selection = Selection(
        where={"shop.users": where} if where else {},
        columns={"shop.users": ColumnRules(**columns)} if columns else {},  # type: ignore[arg-type]
    )
    return Rules(selection, SQL, hash_key="k")


def ruled(where: str = "", **columns: object) -> RuledTable:
    found = rules(where, **columns).table(USERS)
    assert isinstance(found, RuledTable)
    return found


def change(operation: Operation, before: list, after: list, *, partial: bool = False) -> ChangeBatch:
    return ChangeBatch(
        table=USERS.name,
        operation=operation,
        columns=IMAGE,
        before=Batch.of(before, 4) if before else None,
        after=Batch.of(after, 4) if after else None,
        partial=partial,
    )


def seen(table: RuledTable, given: ChangeBatch) -> list[tuple[str, list, list]]:
    return [
        (
            each.operation.value,
            list(each.before.rows()) if each.before else [],
            list(each.after.rows()) if each.after else [],
        )
        for each in ImageRule(table.rule, IMAGE).changes(given)
    ]


def user(number: int, age: int | None) -> tuple[bytes | None, ...]:
    return (b"%d" % number, None if age is None else b"%d" % age, b"m%d" % number, b"0%d" % number)


@pytest.mark.parametrize("one", [True, False, None])
@pytest.mark.parametrize("other", [True, False, None])
def test_logic_has_three_values(one, other):
    words = {True: "(id = 1)", False: "(id = 2)", None: "(age = 1)"}
    row = {"id": b"1", "age": None}

    def verdict(text):
        found = filter_of(text, USERS, SQL)
        return found.condition.test(tuple(row[column.name] for column in found.columns))

    both = {one, other}
    assert verdict(f"{words[one]} AND {words[other]}") is (False if False in both else None if None in both else True)
    assert verdict(f"{words[one]} OR {words[other]}") is (True if True in both else None if None in both else False)
    assert verdict(f"{words[one]} XOR {words[other]}") is (None if None in both else one is not other)
    assert verdict(f"NOT {words[one]}") is (None if one is None else not one)


def test_a_row_that_moves_across_the_filter_comes_or_goes_in_the_order_of_the_log():
    before = [user(1, 10), user(2, 30), user(3, 30), user(4, 10), user(5, None)]
    after = [user(1, 30), user(2, 10), user(3, 31), user(4, 11), user(5, 30)]
    assert seen(ruled("age >= 18"), change(Operation.UPDATE, before, after)) == [
        ("insert", [], [user(1, 30)]),
        ("delete", [user(2, 30)], []),
        ("update", [user(3, 30)], [user(3, 31)]),
        ("insert", [], [user(5, 30)]),
    ]
    assert seen(ruled("age >= 18"), change(Operation.INSERT, [], before)) == [
        ("insert", [], [user(2, 30), user(3, 30)])
    ]
    assert seen(ruled("age >= 18"), change(Operation.DELETE, before, [])) == [
        ("delete", [user(2, 30), user(3, 30)], [])
    ]


def test_an_old_row_that_the_log_does_not_tell_counts_as_one_that_had_moved():
    before, after = [(b"1", None, UNKNOWN_VALUE, None)], [user(1, 10)]
    partial = change(Operation.UPDATE, before, after, partial=True)
    assert seen(ruled("age >= 18"), partial) == [("delete", before, [])]
    assert seen(ruled("id > 7"), partial) == [], "the key tells"


def test_columns_are_left_out_changed_and_added():
    table = ruled(leave_out=("phone",), transforms={"mail": "hash"}, add={"origin": "{database}/{table}", "shard": "7"})
    assert [column.name for column in table.columns] == ["id", "age", "mail", "origin", "shard"]
    assert [index.name for index in table.indexes] == ["PRIMARY", "mail"]
    ((_, _, rows),) = seen(table, change(Operation.INSERT, [], [user(1, 5), (b"2", None, None, b"x")]))
    assert rows[1] == (b"2", None, None, b"shop/users", b"7")
    assert len(rows[0][2]) == 64
    assert rows[0][2] != b"m1"
    assert table.plain().name == USERS.name
    assert type(table.plain()) is Table


def test_masks_keep_the_ends_of_what_is_long_enough():
    table = ruled(transforms={"phone": "mask(1,2)"})
    texts = ["", "ab", "abc", "abcd", "äöüß水", None]
    rows = [(b"1", None, None, text.encode() if text is not None else None) for text in texts]
    ((_, _, found),) = seen(table, change(Operation.INSERT, [], rows))
    assert [row[3].decode() if row[3] is not None else None for row in found] == [
        "", "**", "***", "a*cd", "ä**ß水", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "columns", "code"),
    [
        ("mail = 'a'", {}, "rules.filter_refused"),
        ("LENGTH(mail) > 1", {}, "rules.filter_refused"),
        ("age = '5'", {}, "rules.filter_refused"),
        ("age = 1 -- x", {}, "rules.filter_refused"),
        ("age = 1; DROP TABLE t", {}, "rules.filter_refused"),
        ("age IN (SELECT 1)", {}, "rules.filter_refused"),
        ("years = 1", {}, "rules.column_missing"),
        ("", {"leave_out": ("id",)}, "rules.column_refused"),
        ("", {"keep": ("age",)}, "rules.column_refused"),
        ("", {"leave_out": ("nobody",)}, "rules.column_missing"),
        ("", {"transforms": {"mail": "mask(1,1)"}}, "rules.column_refused"),
        ("", {"transforms": {"id": "hash"}}, "rules.column_refused"),
        ("", {"transforms": {"age": "mask(1,1)"}}, "rules.column_refused"),
        ("", {"transforms": {"age": "rot13"}}, "rules.column_refused"),
        ("", {"transforms": {"age": "constant(99999999999)"}}, "rules.column_refused"),
        ("", {"add": {"age": "1"}}, "rules.column_refused"),
    ],
)
def test_what_cannot_be_kept_is_refused(where, columns, code):
    with pytest.raises(FerrymanError) as caught:
        ruled(where, **columns)
    assert caught.value.code == code


def test_hashes_need_a_key_and_differ_by_it():
    made = [
        Rules(Selection(columns={"shop.users": ColumnRules(transforms={"mail": "hash"})}), SQL, hash_key=key)
        for key in "ab"
    ]
    found = [seen(each.table(USERS), change(Operation.INSERT, [], [user(1, 1)]))[0][2][0][2] for each in made]
    assert found[0] != found[1]
    with pytest.raises(FerrymanError) as caught:
        Rules(Selection(columns={"shop.users": ColumnRules(transforms={"mail": "hash"})}), SQL).table(USERS)
    assert caught.value.code == "rules.column_refused"


def test_acting_foreign_keys_forbid_filters_of_parents():
    key = ForeignKey(
        name="fk", columns=("user",), parent=USERS.name, parent_columns=("id",), on_delete=ReferenceAction.CASCADE
    )
    child = Table(name=TableName("shop", "posts"), columns=(Column(name="user", type=INT),), foreign_keys=(key,))
    with pytest.raises(FerrymanError) as caught:
        rules("age > 1").schema(Schema(tables=(USERS, child)))
    assert caught.value.code == "rules.cascade"
    calm = dataclasses.replace(child, foreign_keys=(dataclasses.replace(key, on_delete=ReferenceAction.RESTRICT),))
    assert rules("age > 1").schema(Schema(tables=(USERS, calm))).table(USERS.name) is not None


@pytest.mark.parametrize(
    ("sql", "known", "count"),
    [
        ("ALTER TABLE users MODIFY phone VARCHAR(99)", True, 0),
        ("ALTER TABLE users DROP COLUMN phone", False, None),
        ("ALTER TABLE users ADD COLUMN more INT", True, 1),
        ("ALTER TABLE users MODIFY age BIGINT", False, None),
        ("ALTER TABLE users RENAME TO people", False, None),
        ("TRUNCATE TABLE users", True, 1),
        ("ALTER TABLE users ADD INDEX p (phone)", True, 0),
        ("DROP TABLE users", True, 1),
        ("ALTER TABLE users CHANGE age mail INT, CHANGE mail age VARCHAR(20)", False, None),
        ("ALTER TABLE users CHANGE phone mail VARCHAR(20), CHANGE mail phone VARCHAR(20)", False, None),
        ("ALTER TABLE users RENAME COLUMN id TO mail, RENAME COLUMN mail TO id", True, 0),
    ],
)
def test_schema_statements_are_read_behind_the_rules(sql, known, count):
    real = connectors()["mysql"].dialect
    assert real is not None
    dialect = RuledDialect(real, rules("age > 1", leave_out=("phone",)))
    effect = dialect.replay(Schema(tables=(USERS,)), Selection(), sql, "shop")
    assert effect.known is known, effect.conversions
    if known:
        assert len(effect.statements) == count, effect.statements
    assert "phone" not in " ".join(itertools.chain(effect.statements if known else ()))
