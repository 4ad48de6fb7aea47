"""PostgreSQL."""

from __future__ import annotations

from ferryman.connectors.postgresql.precheck.checks import PostgresChecks
from ferryman.connectors.postgresql.source import PostgresSource
from ferryman.spi.connector import Connector

CONNECTOR = Connector(
    schemes=("postgresql", "postgres"),
    oms_type="POSTGRESQL",
    default_port=5432,
    source=PostgresSource,
    checks=PostgresChecks,
)
"""What the entry point ``ferryman.connectors:postgresql`` names."""
