"""Precheck of PostgreSQL: the items an endpoint answers for, alone, in one role. Nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.connectors.postgresql.precheck import source as precheck_source
from ferryman.connectors.postgresql.precheck import target as precheck_target
from ferryman.connectors.postgresql.precheck.items import run_items
from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult


@dataclass(frozen=True, slots=True)
class PostgresChecks:
    """The items of a PostgreSQL database."""

    endpoint: Endpoint

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a source; `schema` is what it shows of the selection."""
        return run_items(precheck_source.ITEMS, self.endpoint, "source", spec, schema)

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a target; `schema` is the *source's*."""
        return run_items(precheck_target.ITEMS, self.endpoint, "target", spec, schema)
