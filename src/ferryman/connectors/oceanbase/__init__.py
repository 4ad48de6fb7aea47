"""OceanBase in its MySQL mode, as source and target."""

from __future__ import annotations

from ferryman.connectors.mysql_family.target import FamilyTarget
from ferryman.connectors.oceanbase.binlog_service import BinlogServiceSource
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.connectors.oceanbase.precheck import BinlogServiceChecks, OceanBaseChecks
from ferryman.connectors.oceanbase.source import OceanBaseSource
from ferryman.spi.connector import Connector, LogScope

CONNECTOR = Connector(
    schemes=("oceanbase",),
    oms_type="OB_MYSQL",
    default_port=2881,
    log_scope=LogScope.POLLED,
    source=OceanBaseSource,
    target=FamilyTarget,
    dialect=OceanBaseDialect(),
    checks=OceanBaseChecks,
)
"""What the entry point ``ferryman.connectors:oceanbase`` names."""

BINLOG_SERVICE = Connector(
    schemes=("obbinlog",),
    oms_type="OB_MYSQL",
    default_port=2883,
    log_scope=LogScope.WHOLE,
    source=BinlogServiceSource,
    target=FamilyTarget,
    dialect=OceanBaseDialect(),
    checks=BinlogServiceChecks,
)
"""What the entry point ``ferryman.connectors:obbinlog`` names: OceanBase whose changes come from its Binlog Service."""
