"""OceanBase (MySQL mode) as a target: the family's dialect with the rules of this engine.

Tried on seekdb 1.4.0 (engine 4.3.5.3): it knows three collations only, refuses defaults of TEXT and JSON, prefixes in a
primary key, LINEAR partitions, generated columns on generated columns, more than 30 digits after the point; it keeps the
names of checks and foreign keys once a database, and stores tables in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.mysql_family.dialect.rules import Rules

OCEANBASE = Rules(
    name="OceanBase",
    collations={"utf8mb4_general_ci": "utf8mb4", "utf8mb4_bin": "utf8mb4", "binary": "binary"},
    folds_names=True,
    index_bytes=16_384,
    prefix_primary=False,
    descending=False,
    linear_partitions=False,
    chained_generated=False,
    one_action=True,
    joins_indexes=False,
    defers_indexes=False,
)
"""What every OceanBase takes; `MySqlDialect.fitted` adds what the very server knows beyond it."""


@dataclass(frozen=True, slots=True)
class OceanBaseDialect(MySqlDialect):
    """OceanBase as a target."""

    rules: Rules = OCEANBASE
