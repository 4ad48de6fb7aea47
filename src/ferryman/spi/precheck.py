"""Precheck items: what they ask of an endpoint, and what they answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Schema


class Verdict(enum.Enum):
    """The outcome of an item."""

    PASSED = "PASSED"
    WARNED = "WARNED"
    """Works, but read this."""
    FAILED = "FAILED"
    """The project cannot start unless the item is skippable and skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMisfit:
    """Values of one column that do not fit the target.

    Attributes:
        policy: What a policy names: ``database.table.column:misfit``; empty where none can be had.
        column: The source's table and column, in words.
        count: How many values.
        action: What becomes of them by the project's policies: ``fail``, ``null`` or ``clamp``.
        actions: What a policy could make of them: any of ``null`` and ``clamp``.
    """

    policy: str
    column: str
    misfit: str
    count: int
    action: str = "fail"
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One item's answer.

    Attributes:
        item: OMS's name of the item (oms-behaviour §4.2), e.g. ``DB_INCR_LOG``.
        side: ``source``, ``target`` or ``both``.
        title: The item in words.
        message: What was found, with names and numbers.
        hint: What to do next.
        fix_sql: SQL that mends it, where that is safe.
        skippable: Whether the user may go on without it.
        code: The error code that stands for a failure.
        misfits: Of the item that counts values: what was found, column by column.
    """

    item: str
    side: str
    verdict: Verdict
    title: str
    message: str = ""
    hint: str = ""
    fix_sql: str = ""
    skippable: bool = False
    code: str = "precheck.failed"
    misfits: tuple[FoundMisfit, ...] = ()


class EndpointChecks(Protocol):
    """The items of one endpoint in one role; each runs alone and may run beside the others."""

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a source."""
        ...

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a target; `schema` is the *source's*."""
        ...
