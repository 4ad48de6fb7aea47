"""SQL text: conditions, key lists, cutting."""

import pytest

from ferryman.connectors.mysql_family.rows import statements
from ferryman.connectors.mysql_family.rows.fitness import refuse_misfits
from ferryman.connectors.mysql_family.rows.literals import after, comparable, exact_float, key_conditions, up_to
from ferryman.connectors.mysql_family.rows.reader import select
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import RowText
from ferryman.model.batch import Batch
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.spi.source import Chunk

INT = ColumnType(kind=Kind.INTEGER, bits=32)


def column(name, kind=INT, **extra):
    return Column(name=name, type=kind, nullable=False, **extra)


def table(*columns, key=("a",), unique=()):
    indexes = [Index(name="PRIMARY", parts=tuple(KeyPart(column=name) for name in key), unique=True, primary=True)]
    indexes += [Index(name=f"u{name}", parts=(KeyPart(column=name),), unique=True) for name in unique]
    return Table(name=TableName("d", "t`"), columns=columns, indexes=tuple(indexes))


def test_conditions_on_composite_keys():
    key = [column("a"), column("b")]
    assert after(key, (b"1", b"2")) == b"(`a`>=1 AND (`a`>1 OR (`a`=1 AND `b`>2)))"
    assert up_to(key, (b"1", b"2")) == b"(`a`<=1 AND (`a`<1 OR (`a`=1 AND `b`<=2)))"
    with pytest.raises(ValueError, match="NULL"):
        after(key, (None, b"2"))


def test_literals_compare_as_the_column_does():
    enum = ColumnType(kind=Kind.ENUM, values=("x", "", "é"))
    assert [comparable(value.encode(), enum) for value in ("é", "", "x")] == [b"3", b"2", b"1"]
    assert comparable(b"", ColumnType(kind=Kind.ENUM, values=("x",))) == b"0"
    bits = ColumnType(kind=Kind.SET, values=("x", "y", "z"))
    assert [comparable(value, bits) for value in (b"", b"x,z", b"y")] == [b"0", b"5", b"2"]
    assert comparable(b"\x00'", ColumnType(kind=Kind.VARBINARY)) == b"x'0027'"
    assert comparable(b"a'", ColumnType(kind=Kind.VARCHAR)) == b"'a\\''"
    assert float(exact_float(b"0.1")) == 0.10000000149011612
    assert exact_float(b"3.4028235e+38") == b"3.4028234663852886e+38"


def test_key_lists_are_cut_and_leave_nulls_out():
    one = list(key_conditions([column("a")], [(b"1",), (None,), (b"2",), (b"3",)], rows=2, max_bytes=99))
    assert one == [b"`a` IN (1,2)", b"`a` IN (3)"]
    two = list(key_conditions([column("a"), column("b")], [(b"1", b"2"), (b"3", None)], rows=2, max_bytes=99))
    assert two == [b"(`a`,`b`) IN ((1,2))"]
    assert list(key_conditions([column("a")], [(None,)], rows=2, max_bytes=99)) == []
    assert len(list(key_conditions([column("a")], [(b"1" * 9,)] * 8, rows=100, max_bytes=20))) == 4


def test_inserts_are_cut_to_their_greatest_length():
    rows = [(str(number).encode(), b"x" * 100) for number in range(50)]
    text = ColumnType(kind=Kind.VARCHAR)
    wide = table(column("a"), column("b", text))

    def made_of(batch: Batch, max_bytes: int) -> list[bytes]:
        writer = statements.RowWriter(RowText(), max_bytes)
        return [bytes(packet[5:]) for packet in writer.insert(wide, ["a", "b"], batch)]

    made = made_of(Batch.of(rows, 2), 1000)
    assert len(made) > 5
    assert all(len(sql) <= 1000 for sql in made)
    assert made[0].startswith(b"INSERT INTO `d`.`t``` (`a`,`b`) VALUES (0,'x")
    giant = made_of(Batch.of(rows[:3], 2), 50)
    assert len(giant) == 3


def test_upsert_stands_for_replace_only_with_one_unique_key_and_all_columns():
    columns = (column("a"), column("b"))
    assert statements.upsert_is_replace(table(*columns), ["A", "b"])
    assert not statements.upsert_is_replace(table(*columns), ["a"])
    assert not statements.upsert_is_replace(table(*columns, unique=("b",)), ["a", "b"])


def test_neighbours_set_to_null_share_a_statement():
    made = list(
        statements.update_keys(
            table(column("a")), ["a"], [(b"1",), (b"2",), (b"3",), (b"4",)], [None, None, (b"9",), None], 1000
        )
    )
    assert made == [
        b"UPDATE `d`.`t``` SET `a`=NULL WHERE `a` IN (1,2)",
        b"UPDATE `d`.`t``` SET `a`=9 WHERE `a` IN (3)",
        b"UPDATE `d`.`t``` SET `a`=NULL WHERE `a` IN (4)",
    ]
    assert list(statements.update_keys(table(column("a")), ["a"], [], [], 1000)) == []


def test_select_of_a_chunk():
    found = table(column("a"), column("b"))
    sql = select(found.columns, found, found.row_key, Chunk((b"1",), (b"5",)), "b > 1 -- x", 7, ordered=False)
    assert sql == (
        b"SELECT `a`,`b` FROM `d`.`t``` FORCE INDEX (`PRIMARY`) WHERE `a`>1 AND `a`<=5 AND (b > 1 -- x\n)"
        b" ORDER BY `a` LIMIT 7"
    )
    assert select(found.columns[:1], found, None, Chunk(), None, None, ordered=False) == b"SELECT `a` FROM `d`.`t```"


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (ColumnType(kind=Kind.DATETIME, fraction=3), b"2020-01-01 00:00:00.123000", True),
        (ColumnType(kind=Kind.DATETIME, fraction=3), b"2020-01-01 00:00:00.123400", False),
        (ColumnType(kind=Kind.TIME, fraction=0), b"00:00:00.0", True),
        (ColumnType(kind=Kind.TIME, fraction=0), b"00:00:00.1", False),
        (ColumnType(kind=Kind.DATE), b"2020-01-01", True),
        (ColumnType(kind=Kind.DATE), b"2020-01-01 00:00:00", False),
    ],
)
def test_what_servers_round_in_silence_is_refused(kind, value, fits):
    columns = [column("a", kind)]
    batch = Batch.of([(None,), (value,), (None,)], 1)
    if fits:
        refuse_misfits(table(*columns), columns, batch)
        return
    with pytest.raises(FerrymanError) as caught:
        refuse_misfits(table(*columns), columns, batch)
    assert caught.value.code == "target.value_refused"
    assert caught.value.context["column"] == "a"
