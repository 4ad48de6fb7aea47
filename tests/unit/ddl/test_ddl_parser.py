from __future__ import annotations

from pathlib import Path

import pytest

from ferryman.connectors.mysql_family.ddl.nodes import (
    AlterTable,
    ChangeColumn,
    CreateTable,
    DropTables,
    NameNode,
    NoEffect,
    RenameTables,
    Unsupported,
)
from ferryman.connectors.mysql_family.ddl.parser import parse
from ferryman.connectors.mysql_family.ddl.parser_partitions import canonical_partitions
from ferryman.connectors.mysql_family.ddl.tokens import Reader, TokenKind, tokenize
from ferryman.foundation.errors import FerrymanError

CORPUS = Path(__file__).with_name("corpus.sql")


def texts(sql: str, reader: Reader | None = None) -> list[str]:
    return [token.text for token in tokenize(sql, reader)][:-1]


def test_strings_and_names() -> None:
    assert texts("'it''s' \"a\\nb\" `x``y` N'n' _utf8'u' x'41' 0x4142 b'101'") == [
        "it's", "a\nb", "x`y", "n", "u", "41", "4142", "101",
    ]  # fmt: skip


def test_comments_are_skipped_or_run() -> None:
    assert texts("a -- b\n c # d\n /* e */ f --g") == ["a", "c", "f", "-", "-", "g"]
    mariadb, mysql = Reader(mariadb=True, version=101119), Reader(mariadb=False, version=80036)
    sql = "a /*!40101 b*/ /*!50701 c*/ /*M!100301 d*/ /*!999999 e*/"
    assert texts(sql, mariadb) == ["a", "b", "d"]
    assert texts(sql, mysql) == ["a", "b", "c"]


def test_words_beginning_with_digits_and_other_letters() -> None:
    tokens = tokenize("1a db.2b $x é表 1.5 .5 1e5")
    kinds = [token.kind for token in tokens if token.text != "."]
    assert kinds == [TokenKind.WORD] * 5 + [TokenKind.NUMBER] * 3 + [TokenKind.END]


@pytest.mark.parametrize("sql", ["CREATE TABLE `a", "ALTER TABLE t ADD c INT DEFAULT 'x", "CREATE TABLE t (a INT /* "])
def test_what_does_not_end_is_refused(sql: str) -> None:
    with pytest.raises(FerrymanError) as caught:
        parse(sql)
    assert caught.value.code == "ddl.syntax"


def test_errors_tell_the_place_and_no_values() -> None:
    with pytest.raises(FerrymanError) as caught:
        parse("ALTER TABLE t ADD COLUMN c INT DEFAULT 5 'secret'")
    assert "secret" not in caught.value.message
    assert "character 41" in caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "GRANT ALL ON *.* TO x", "ANALYZE TABLE t", "CREATE USER u", "CREATE DEFINER=`a`@`%` TRIGGER t BEFORE INSERT ON x "
        "FOR EACH ROW SET NEW.a=1", "FLUSH LOGS", "DROP FUNCTION f", "ALTER EVENT e DISABLE", "# only a comment", "",
        "SET PASSWORD = 'x'", "CREATE OR REPLACE DEFINER=CURRENT_USER PROCEDURE p() SELECT 1", "RENAME USER a TO b",
        "XA COMMIT 'x'", "CREATE SEQUENCE s", "DROP SERVER s", "INSTALL PLUGIN p SONAME 'x'",
    ],
)  # fmt: skip
def test_statements_without_effect(sql: str) -> None:
    assert isinstance(parse(sql), NoEffect)


@pytest.mark.parametrize(
    "sql", ["INSERT INTO t VALUES (1)", "UPDATE t SET a=1", "LOAD DATA INFILE 'x' INTO TABLE t", "FOO"]
)
def test_statements_that_change_rows_are_not_understood(sql: str) -> None:
    assert isinstance(parse(sql), Unsupported)


def test_names_of_tables() -> None:
    assert parse("DROP TABLE IF EXISTS a, `b.c`.`d``e`") == DropTables(
        names=(NameNode(None, "a"), NameNode("b.c", "d`e")), if_exists=True
    )
    renamed = parse("RENAME TABLE a TO b, c.d TO e.f")
    assert isinstance(renamed, RenameTables)
    assert renamed.pairs[1] == (NameNode("c", "d"), NameNode("e", "f"))


def test_ansi_quotes() -> None:
    made = parse('CREATE TABLE "my table" ("a b" INT, KEY "k" ("a b"))')
    assert isinstance(made, CreateTable)
    assert (made.name.table, made.columns[0].name) == ("my table", "a b")


def test_change_says_nothing_of_what_it_leaves_out() -> None:
    node = parse("ALTER TABLE t CHANGE a b INT UNSIGNED AFTER c")
    assert isinstance(node, AlterTable)
    change = node.actions[0]
    assert isinstance(change, ChangeColumn)
    assert (change.column.nullable, change.column.default, change.column.comment) == (None, None, "")


def test_the_whole_corpus_is_understood() -> None:
    text = "\n".join(line for line in CORPUS.read_text().splitlines() if not line.startswith("--"))
    for sql in filter(None, (part.strip() for part in text.split(";;"))):
        if "DESC_COLUMN_IS_NO_KEYWORD" not in sql:
            assert not isinstance(parse(sql), Unsupported), sql


def test_partitions_in_one_spelling() -> None:
    shown = "RANGE (year(`d`))\n (PARTITION `p0` VALUES LESS THAN (2000) ENGINE=InnoDB,\n PARTITION pm VALUES LESS THAN maxvalue)"
    typed = (
        "range (YEAR(d)) (partition p0 values less than (2000) comment = 'x', partition pm values less than maxvalue)"
    )
    assert canonical_partitions(shown) == canonical_partitions(typed)
