"""Server errors become ours, without row values."""

import pymysql.err
import pytest

from ferryman.connectors.mysql_family.errors import CODE_OF, column_of, convert, convert_connect, without_values
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import DuplicateKeyError, Retry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Duplicate entry 'SECRET' for key 'PRIMARY'", "Duplicate entry '…' for key 'PRIMARY'"),
        ("Duplicate entry 'it's SECRET' for key 'u 1'", "Duplicate entry '…' for key 'u 1'"),
        ("Duplicate entry 'a for key 'SECRET' for key 'u'", None),
        ("Duplicate entry 'a column 'SECRET'' for key 'u'", "Duplicate entry '…' for key 'u'"),
        (
            "Incorrect string value: '\\xFFSECRET' for column `d`.`t`.`c` at row 1",
            "Incorrect string value: '…' for column `d`.`t`.`c` at row 1",
        ),
        ("Incorrect datetime value: 'SECRET'", "Incorrect datetime value: '…'"),
        ("Out of range value for column 'c' at row 7", "Out of range value for column 'c' at row 7"),
        ("Table 'd.t' doesn't exist", "Table 'd.t' doesn't exist"),
        ("Unknown column 'c' in 'field list'", "Unknown column 'c' in '…'"),
        ("You have an error; syntax to use near 'SECRET' at line 1", "You have an error; syntax to use"),
        ('Illegal double "SECRET" value', "Illegal double '…'"),
        ("CONSTRAINT `c.j` failed for `d`.`t`", "CONSTRAINT `c.j` failed for `d`.`t`"),
    ],
)
def test_messages_keep_names_and_lose_values(text, expected):
    assert "SECRET" not in without_values(text)
    assert expected is None or without_values(text) == expected


def test_columns_are_found_in_messages():
    assert column_of("Data too long for column 'a b' at row 1") == "a b"
    assert column_of("Incorrect value for column `d`.`t`.`c` at row 1") == "c"
    assert column_of("no such thing") is None


def test_every_code_is_registered():
    assert set(CODE_OF.values()) <= set(CODES)


def test_writers_and_readers_have_their_own_codes():
    gone = pymysql.err.ProgrammingError(1146, "Table 'd.t' doesn't exist")
    assert convert(gone, where="h", role="target").code == "target.table_changed"
    assert convert(gone, where="h").code == "source.table_changed"
    deadlock = pymysql.err.OperationalError(1213, "Deadlock found")
    assert convert(deadlock, where="h", role="target").code == "target.deadlock"
    assert convert(deadlock, where="h").code == "endpoint.query_failed"
    assert convert(deadlock, where="h").retry is Retry.AUTO
    duplicate = convert(pymysql.err.IntegrityError(1062, "Duplicate entry 'x' for key 'k'"), where="h", role="target")
    assert isinstance(duplicate, DuplicateKeyError)
    assert duplicate.context["errno"] == 1062


def test_values_refused_name_table_and_column():
    error = pymysql.err.DataError(1406, "Data too long for column 'v' at row 1")
    found = convert(error, where="h", role="target", table="d.t")
    assert (found.code, found.context["column"], found.context["table"]) == ("target.value_refused", "v", "d.t")
    assert "'v' of d.t at h" in found.message


@pytest.mark.parametrize(
    ("errno", "code", "retry"),
    [
        (1045, "endpoint.access_denied", Retry.MANUAL),
        (1044, "endpoint.access_denied", Retry.MANUAL),
        (1049, "endpoint.unknown_database", Retry.MANUAL),
        (2003, "endpoint.unreachable", Retry.MANUAL),
        (2013, "endpoint.unreachable", Retry.MANUAL),
        (1040, "endpoint.unreachable", Retry.AUTO),
    ],
)
def test_errors_of_connecting(errno, code, retry):
    found = convert_connect(pymysql.err.OperationalError(errno, "text"), where="h")
    assert (found.code, found.retry, found.exit_code) == (code, retry, 3)


def test_a_closed_connection_is_a_lost_one():
    assert convert(pymysql.err.InterfaceError(0, ""), where="h").code == "endpoint.connection_lost"
    assert convert(OSError(32, "Broken pipe"), where="h").code in ("endpoint.connection_lost", "endpoint.query_failed")
