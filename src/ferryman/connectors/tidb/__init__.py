"""TiDB as a source."""

from __future__ import annotations

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.tidb.precheck import TiDbChecks
from ferryman.connectors.tidb.source import TiDbSource
from ferryman.spi.connector import Connector

CONNECTOR = Connector(
    schemes=("tidb",),
    oms_type="TIDB",
    default_port=4000,
    source=TiDbSource,
    dialect=MySqlDialect(),
    checks=TiDbChecks,
)
"""What the entry point ``ferryman.connectors:tidb`` names."""
