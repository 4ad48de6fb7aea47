"""The two tables that are measured: sysbench's, and one of 22 columns of all sorts."""

from __future__ import annotations

from dataclasses import dataclass

SYSBENCH_COLUMNS = """id INT NOT NULL PRIMARY KEY, k INT NOT NULL DEFAULT 0,
  c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k)"""
SYSBENCH_VALUES = "seq, (seq * 7919) % 500000, LEFT(REPEAT(MD5(seq), 4), 120), LEFT(REPEAT(SHA1(seq), 2), 60)"

WIDE_COLUMNS = """id BIGINT NOT NULL PRIMARY KEY, a TINYINT, b SMALLINT, c MEDIUMINT, d INT, e BIGINT UNSIGNED, f DOUBLE, g FLOAT,
  h DECIMAL(11,2), i DATETIME(6), j TIMESTAMP NULL, k DATE, l YEAR, m BIT(8), n ENUM('small','large'), o VARCHAR(200),
  p VARCHAR(200), q VARCHAR(200), r TEXT, s BLOB, t VARBINARY(32), u CHAR(40)"""
# The bits stay clear of tabs, line feeds and backslashes, which MariaDB's own files do not escape in BIT.
WIDE_VALUES = """seq, seq % 100, seq % 10000, seq % 1000000, seq, seq * 1000003, POW(seq * 0.37, 1.5), seq * 0.37, seq * 0.13,
  TIMESTAMP('2020-01-01') + INTERVAL seq * 37 MICROSECOND, TIMESTAMP('2020-01-01') + INTERVAL seq SECOND,
  DATE('2020-01-01') + INTERVAL seq % 900 DAY, 2000 + seq % 90, 48 + seq % 40, 1 + seq % 2, CONCAT('name ', seq),
  CONCAT('näme ', seq), CONCAT('row ', seq), REPEAT(CONCAT('name ', seq), 8), REPEAT(CHAR(48 + seq % 40), 60),
  UNHEX(SHA2(seq, 256)), CONCAT('name ', seq)"""


@dataclass(frozen=True, slots=True)
class BenchTable:
    """A table of the schema ``sb``: its name, columns, what fills it from a sequence ``seq``, and the column of its index."""

    name: str
    columns: str
    values: str
    indexed: str = ""

    def create(self, database: str) -> str:
        """Return the statement that makes it."""
        return f"CREATE TABLE {database}.{self.name} ({self.columns})"

    def fill(self, database: str, first: int, last: int) -> str:
        """Return the statement that fills rows `first` to `last`."""
        return f"INSERT INTO {database}.{self.name} SELECT {self.values} FROM seq_{first}_to_{last}"


SYSBENCH = BenchTable("sbtest", SYSBENCH_COLUMNS, SYSBENCH_VALUES, "k")
WIDE = BenchTable("wide", WIDE_COLUMNS, WIDE_VALUES)
