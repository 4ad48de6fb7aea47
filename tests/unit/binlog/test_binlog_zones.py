"""Constants of TIMESTAMP columns mean the moment that their session meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ferryman.connectors.mysql_family.log.zones import in_utc, no_answer

NOON = "'2020-01-01 12:00:00'"
EVENING = "'2020-01-01 19:00:00'"
LESS = "VALUES LESS THAN (UNIX_TIMESTAMP"


def at_seven(sql: str, zone: str = "-07:00") -> str:
    return in_utc(sql, zone, lambda statement, column: column == "c", no_answer)


@pytest.mark.parametrize(
    ("sql", "utc"),
    [
        (f"ALTER TABLE t ADD c TIMESTAMP DEFAULT {NOON}", f"ALTER TABLE t ADD c TIMESTAMP DEFAULT {EVENING}"),
        (
            f"ALTER TABLE t ADD d DATETIME DEFAULT {NOON}, MODIFY c timestamp(6) NOT NULL DEFAULT '2020-1-1 1:2:3.5'",
            f"ALTER TABLE t ADD d DATETIME DEFAULT {NOON}, MODIFY c timestamp(6) NOT NULL DEFAULT '2020-01-01 08:02:03.500000'",
        ),
        (f"ALTER TABLE t ALTER c SET DEFAULT {NOON}", f"ALTER TABLE t ALTER c SET DEFAULT {EVENING}"),
        (f"ALTER TABLE t ALTER d SET DEFAULT {NOON}", f"ALTER TABLE t ALTER d SET DEFAULT {NOON}"),
        (
            "CREATE TABLE t (a TIMESTAMP DEFAULT 20200101120000, b TIMESTAMP NULL DEFAULT TIMESTAMP'20-1-1 12:00' COMMENT 'x')",
            f"CREATE TABLE t (a TIMESTAMP DEFAULT {EVENING}, b TIMESTAMP NULL DEFAULT {EVENING} COMMENT 'x')",
        ),
        (f"CREATE TABLE t (a INT) /*!50799 , */ /*!80000 ADD c TIMESTAMP DEFAULT {NOON} */", None),
        ("ALTER TABLE t ADD c TIMESTAMP DEFAULT '0000-00-00 00:00:00'", None),
        ("ALTER TABLE t ADD c TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP", None),
        (
            f"ALTER TABLE t ADD PARTITION (PARTITION a {LESS}('2020-01-01')), PARTITION b {LESS}(TIMESTAMP {NOON}) + 1))",
            f"ALTER TABLE t ADD PARTITION (PARTITION a {LESS}('2020-01-01 07:00:00')), PARTITION b {LESS}({EVENING}) + 1))",
        ),
        (f"CREATE TABLE t (a INT DEFAULT (UNIX_TIMESTAMP({NOON})))", None),
        ("ALTER TABLE t ADD c TIMESTAMP DEFAULT '", None),
    ],
)
def test_in_utc(sql: str, utc: str | None) -> None:
    assert at_seven(sql) == (utc or sql)


def test_without_a_zone_or_in_utc_nothing_changes() -> None:
    sql = f"ALTER TABLE t ADD c TIMESTAMP DEFAULT {NOON}"
    assert {at_seven(sql, zone) for zone in ("", "+00:00", "UTC")} == {sql}


def test_a_name_is_known_by_the_source_alone() -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def ask(zone: str, texts: Sequence[str]) -> list[str | None]:
        asked.append((zone, tuple(texts)))
        return ["2020-01-01 20:00:00"]

    sql = f"ALTER TABLE t ADD c TIMESTAMP DEFAULT {NOON}"
    assert in_utc(sql, "SYSTEM", lambda *_: False, ask) == sql.replace("12:00", "20:00")
    assert asked == [("SYSTEM", ("2020-01-01 12:00:00.000000",))]


@pytest.mark.parametrize(
    ("zone", "constant"), [("Mars/Base", NOON), ("-07:00", "'some day'"), ("-07:00", "'2020-01-01 12:00:00+02:00'")]
)
def test_what_nobody_can_tell_is_refused_by_whoever_reads_it(zone: str, constant: str) -> None:
    refused = at_seven(f"ALTER TABLE t ADD c TIMESTAMP DEFAULT {constant}", zone)
    assert refused.endswith(f"DEFAULT IN_TIME_ZONE '{zone}' {constant}")
