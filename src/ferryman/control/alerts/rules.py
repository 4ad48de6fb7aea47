"""The rules there are, what can be set of them, and what they are set to at first (OMS's thresholds)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Importance


class RuleName(enum.Enum):
    """What is looked for."""

    PROJECT_FAILED = "project_failed"
    LATENCY = "latency"
    DIFFERENCES = "differences"
    WORKER_LOST = "worker_lost"
    STRAY_WORKER = "stray_worker"
    LOG_STORE_FULL = "log_store_full"
    SOURCE_LOG_EXPIRES = "source_log_expires"
    DEAD_LETTERS = "dead_letters"
    DISK_LOW = "disk_low"
    DELIVERY_FAILED = "delivery_failed"


@dataclass(frozen=True, slots=True)
class ByLevel:
    """A figure for each level that has notices."""

    high: float
    medium: float
    low: float

    def of(self, level: Importance) -> float | None:
        """Return the figure of a level; `None` for IGNORE."""
        return {Importance.HIGH: self.high, Importance.MEDIUM: self.medium, Importance.LOW: self.low}.get(level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one rule is set.

    Attributes:
        level: Of its alerts; `None`: the alert level of the project, and for the service the worst whose threshold is crossed.
        threshold: What must be crossed, see `MEANINGS`; `None` for a rule that has none.
        hold_seconds: How long it must last before an alert opens.
        repeat_minutes: After so long without an end notices are sent again; 0 = once is enough.
    """

    name: RuleName
    enabled: bool = True
    level: Importance | None = None
    threshold: ByLevel | None = None
    hold_seconds: ByLevel = ByLevel(0, 0, 0)
    repeat_minutes: ByLevel = ByLevel(15, 60, 240)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A rule in words; `unit` is that of its threshold."""

    title: str
    of_service: bool = False
    unit: str = ""


MEANINGS: dict[RuleName, Meaning] = {
    RuleName.PROJECT_FAILED: Meaning("a project has failed"),
    RuleName.LATENCY: Meaning("the target is far behind the source", unit="seconds behind"),
    RuleName.DIFFERENCES: Meaning("verification has found rows that differ"),
    RuleName.WORKER_LOST: Meaning("a step that should run has no living process"),
    RuleName.STRAY_WORKER: Meaning("a process runs for a project that should rest"),
    RuleName.LOG_STORE_FULL: Meaning("a log store is near its limit", unit="percent of the limit"),
    RuleName.SOURCE_LOG_EXPIRES: Meaning("the source may delete log that is not captured yet", unit="seconds left"),
    RuleName.DEAD_LETTERS: Meaning("changes were put aside instead of applied", unit="changes"),
    RuleName.DISK_LOW: Meaning("the disk of the data directory fills up", of_service=True, unit="percent free"),
    RuleName.DELIVERY_FAILED: Meaning("notices could not be delivered", of_service=True),
}

DEFAULTS: dict[RuleName, Rule] = {
    rule.name: rule
    for rule in (
        Rule(name=RuleName.PROJECT_FAILED, hold_seconds=ByLevel(30, 300, 900)),
        Rule(name=RuleName.LATENCY, threshold=ByLevel(30, 300, 900), hold_seconds=ByLevel(60, 60, 60)),
        Rule(name=RuleName.DIFFERENCES),
        Rule(name=RuleName.WORKER_LOST, hold_seconds=ByLevel(60, 120, 300)),
        Rule(name=RuleName.STRAY_WORKER, hold_seconds=ByLevel(60, 60, 60)),
        Rule(name=RuleName.LOG_STORE_FULL, threshold=ByLevel(80, 80, 80)),
        Rule(name=RuleName.SOURCE_LOG_EXPIRES, threshold=ByLevel(14_400, 7_200, 3_600)),
        Rule(name=RuleName.DEAD_LETTERS, threshold=ByLevel(0, 0, 0)),
        Rule(name=RuleName.DISK_LOW, threshold=ByLevel(5, 10, 15)),
        Rule(name=RuleName.DELIVERY_FAILED, level=Importance.HIGH),
    )
}

_MOST_SECONDS = 7 * 86_400.0
_MOST_MINUTES = 7 * 1440.0


def check(rule: Rule) -> None:
    """Refuse settings that make no sense; ``alert.invalid``."""
    if (rule.threshold is None) != (DEFAULTS[rule.name].threshold is None):
        verb = "needs" if rule.threshold is None else "has no"
        raise UsageError("alert.invalid", f"the rule {rule.name.value} {verb} threshold")
    for what, figures, most in (
        ("threshold", rule.threshold, 1e12),
        ("hold_seconds", rule.hold_seconds, _MOST_SECONDS),
        ("repeat_minutes", rule.repeat_minutes, _MOST_MINUTES),
    ):
        if figures is not None and not all(0 <= each <= most for each in (figures.high, figures.medium, figures.low)):
            raise UsageError("alert.invalid", f"{what} of {rule.name.value} must be from 0 to {most:.0f}")
