"""Folds: values that some server may hold for equal share a fold."""

import pytest

from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply.folding import WILD, fold_of, prefixed


def text(collation):
    return ColumnType(kind=Kind.VARCHAR, collation=collation)


def same(type_, one, other):
    fold = fold_of(type_)
    if fold is None:
        return one == other
    first, second = fold(one.encode()), fold(other.encode())
    return first == second or WILD in (first, second)


@pytest.mark.parametrize(
    "collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci", "uca1400_ai_ci"]
)
@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("a", "a  "), ("é", "E"), ("ß", "ss"), ("ß", "s"), ("æ", "ae"), ("😀", "😁"), ("は", "ぱ"), ("Ж", "ж"),
     ("ς", "Σ"), ("a\u0301", "á"), ("ﬁ", "fi"), ("\x01", ""), ("ё", "Е"), ("가", "\u1100\u1161")],
)  # fmt: skip
def test_values_that_may_be_equal_share_a_fold(collation, one, other):
    assert same(text(collation), one, other)


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin"])
def test_different_values_do_not_share_a_group(collation):
    words = ["a", "b", "ab", "user1", "user2", "中", "国", "Жук", "1", "10"]
    assert len({fold_of(text(collation))(word.encode()) for word in words}) == len(words)


def test_binary_collations_differ_by_case_but_not_by_blanks():
    assert not same(text("utf8mb4_bin"), "a", "A")
    assert same(text("utf8mb4_bin"), "a", "a ")


@pytest.mark.parametrize("collation", ["utf8mb4_danish_ci", "utf8mb4_lithuanian_ci", "utf8mb4_german2_ci", "", None])
def test_collations_of_a_language_may_hold_anything_for_equal(collation):
    assert fold_of(text(collation))(b"w") == WILD


def test_swedish_folds_ascii_by_case_only():
    assert same(text("latin1_swedish_ci"), "Y", "y")
    assert same(text("latin1_swedish_ci"), "ü", "y")
    assert not same(text("latin1_swedish_ci"), "v", "w")


def test_numbers_and_bytes_equal_by_bytes_but_for_zeros():
    assert fold_of(ColumnType(kind=Kind.INTEGER)) is None
    assert fold_of(ColumnType(kind=Kind.VARBINARY)) is None
    assert same(ColumnType(kind=Kind.DOUBLE), "-0", "0")


def test_prefix_counts_characters_of_text_and_bytes_of_binaries():
    type_ = text("utf8mb4_bin")
    assert prefixed(fold_of(type_), type_, 2)("äöü".encode()) == "äö".encode()
    binary = ColumnType(kind=Kind.BLOB)
    assert prefixed(None, binary, 2)(b"\xff\xfe\xfd") == b"\xff\xfe"


def test_types_of_postgresql_that_equal_in_other_ways_than_by_bytes():
    default = "pg_catalog.default"
    assert fold_of(ColumnType(kind=Kind.TEXT, native="text", collation=default)) is None
    assert same(ColumnType(kind=Kind.TEXT, native="public.citext", collation=default), "a", "A")
    assert same(ColumnType(kind=Kind.DECIMAL, native="numeric"), "1.0", "1.00")
    assert same(ColumnType(kind=Kind.DECIMAL, native="numeric"), "1", "1.00")
    assert not same(ColumnType(kind=Kind.DECIMAL, native="numeric"), "1", "10")
    assert fold_of(ColumnType(kind=Kind.DECIMAL, native="numeric(9,2)", precision=9, scale=2)) is None
    assert same(ColumnType(kind=Kind.JSON, native="jsonb"), '{"a": 1.0}', '{"a": 1.00}')
