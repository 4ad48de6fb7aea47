"""MySQL and MariaDB, as source and target."""

from __future__ import annotations

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.mysql_family.marks import MarkingTarget, UnmarkedSource
from ferryman.connectors.mysql_family.precheck.checks import MySqlChecks
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.spi.connector import Connector, LogScope, TwoWay

CONNECTOR = Connector(
    schemes=("mysql", "mariadb"),
    oms_type="MYSQL",
    default_port=3306,
    log_scope=LogScope.WHOLE,
    source=FamilySource,
    target=FamilyTarget,
    dialect=MySqlDialect(),
    checks=MySqlChecks,
    two_way=TwoWay(source=UnmarkedSource, target=MarkingTarget),
)
"""What the entry point ``ferryman.connectors:mysql`` names."""
