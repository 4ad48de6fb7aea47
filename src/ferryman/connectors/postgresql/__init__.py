"""PostgreSQL, as source and target of the MySQL family."""

from __future__ import annotations

from ferryman.connectors.postgresql.dialect.postgresql import PostgreSqlDialect
from ferryman.connectors.postgresql.marks import MarkingTarget, UnmarkedSource
from ferryman.connectors.postgresql.precheck.checks import PostgresChecks
from ferryman.connectors.postgresql.source import PostgresSource
from ferryman.connectors.postgresql.target import PostgreSqlTarget
from ferryman.spi.connector import Connector, TwoWay

CONNECTOR = Connector(
    schemes=("postgresql", "postgres"),
    oms_type="POSTGRESQL",
    default_port=5432,
    holds_schemas=True,
    source=PostgresSource,
    target=PostgreSqlTarget,
    dialect=PostgreSqlDialect(),
    checks=PostgresChecks,
    two_way=TwoWay(source=UnmarkedSource, target=MarkingTarget),
)
"""What the entry point ``ferryman.connectors:postgresql`` names."""
