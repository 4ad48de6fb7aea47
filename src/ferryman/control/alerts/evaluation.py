"""What follows from what is seen: pure functions from facts and rules to findings, and from those to the next state.

A finding lasts for a rule's `hold_seconds` before an alert opens, and must be gone for `CLEAR_SECONDS` before it recovers: a
figure that swings about its threshold makes one alert, not many.

    known      seen                      not seen
    nothing    PENDING, or OPEN          nothing
    PENDING    OPEN after the hold       forgotten
    OPEN       OPEN                      RECOVERED after CLEAR_SECONDS
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ferryman.control.alerts.rules import MEANINGS, Rule, RuleName
from ferryman.metadb.alerts import AlertRow, AlertState
from ferryman.model.project import Importance, ProjectStatus

CLEAR_SECONDS = 15.0
"""A finding must be gone for so long."""

GRADES = (Importance.HIGH, Importance.MEDIUM, Importance.LOW)

_RANK = {level.value: place for place, level in enumerate((*GRADES, Importance.IGNORE))}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """What control sees of a project.

    Attributes:
        latency_seconds: How far the target is behind; `None` before it has caught up once, and while the project rests.
        mismatches: Settled differences that verification has stored.
        lost_steps: Steps under way in a running project that no living process works on.
        stray_tasks: Tasks with a living process that should have none.
        log_store_percent: Size of the log store, of its limit.
        log_left_seconds: How long the source still keeps what is not captured yet; `None`: not known.
        dead_letters: Changes put aside.
    """

    id: str
    name: str
    status: ProjectStatus
    level: Importance
    labels: tuple[str, ...] = ()
    error: str = ""
    latency_seconds: float | None = None
    mismatches: int = 0
    lost_steps: tuple[str, ...] = ()
    stray_tasks: tuple[str, ...] = ()
    log_store_percent: float = 0.0
    log_left_seconds: float | None = None
    dead_letters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What control sees of the service itself.

    Attributes:
        disk_free_percent: Of the data directory's disk; `None`: cannot be told.
        failed_channels: Names of channels through which a notice could not be delivered lately.
    """

    disk_free_percent: float | None = None
    failed_channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a rule has found."""

    rule: RuleName
    level: Importance
    message: str
    hold_seconds: float
    project_id: str = ""
    project_name: str = ""
    labels: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What it is about: found again, it is the same alert."""
        return f"{self.rule.value}/{self.project_id}"


ProjectTest = Callable[[ProjectFacts, float | None], str]
ServiceTest = Callable[[ServiceFacts, float | None], str]
"""Facts and threshold → what is wrong, empty when nothing is."""


def project_findings(facts: ProjectFacts, rules: Mapping[RuleName, Rule]) -> Iterator[Finding]:
    """Yield what the rules find of a project."""
    for name, test in _PROJECT_TESTS.items():
        rule = rules[name]
        level = rule.level or facts.level
        threshold = rule.threshold.of(level) if rule.threshold else None
        if not rule.enabled or (rule.threshold and threshold is None):
            continue
        if message := test(facts, threshold):
            yield Finding(
                rule=name,
                level=level,
                message=message,
                hold_seconds=rule.hold_seconds.of(level) or 0.0,
                project_id=facts.id,
                project_name=facts.name,
                labels=facts.labels,
            )


def service_findings(facts: ServiceFacts, rules: Mapping[RuleName, Rule]) -> Iterator[Finding]:
    """Yield what the rules find of the service: of each rule the worst level."""
    for name, test in _SERVICE_TESTS.items():
        rule = rules[name]
        for level in (rule.level,) if rule.level else GRADES:
            message = test(facts, rule.threshold.of(level) if rule.threshold else None)
            if rule.enabled and message:
                hold = rule.hold_seconds.of(level) or 0.0
                yield Finding(rule=name, level=level, message=message, hold_seconds=hold)
                break


def next_state(
    known: AlertRow | None, finding: Finding | None, now: float, new_id: Callable[[], str]
) -> AlertRow | None:
    """Return the alert as it is from now on; `None` when there is none (any more)."""
    if known is None:
        return None if finding is None else _seen(_new(finding, now, new_id()), finding, now)
    if finding is not None:
        return _seen(known, finding, now)
    if known.state is AlertState.PENDING:
        return None
    clear_since = now if known.clear_since is None else known.clear_since
    if now - clear_since >= CLEAR_SECONDS:
        return replace(known, state=AlertState.RECOVERED, clear_since=clear_since, recovered_at=now)
    return replace(known, clear_since=clear_since)


def due_event(alert: AlertRow, repeat_minutes: float | None, now: float, *, silent: bool) -> str:
    """Return which notice is to be sent of an alert: ``opened``, ``repeated``, ``recovered``, or none (empty).

    Who has been told that it opened is told that it ended, also in silence. What opened in silence and lasts is told
    when the silence ends. IGNORE is recorded and never told.
    """
    if alert.state is AlertState.RECOVERED:
        return "recovered" if alert.sent_count else ""  # not `sent_at`: a level that rises clears that
    if alert.state is not AlertState.OPEN or silent or alert.level == Importance.IGNORE.value:
        return ""
    if alert.sent_at is None:
        return "opened"
    return "repeated" if repeat_minutes and now - alert.sent_at >= 60 * repeat_minutes else ""


def title(rule: RuleName) -> str:
    """Return a rule in words."""
    return MEANINGS[rule].title


def _new(finding: Finding, now: float, alert_id: str) -> AlertRow:
    return AlertRow(
        id=alert_id,
        key=finding.key,
        rule=finding.rule.value,
        project_id=finding.project_id,
        level=finding.level.value,
        message=finding.message,
        since=now,
    )


def _seen(alert: AlertRow, finding: Finding, now: float) -> AlertRow:
    """Bring an alert up to its finding; the message stays as it was while the level does, so that it is not written anew."""
    worse = _RANK[finding.level.value] < _RANK[alert.level]
    alert = replace(alert, project_name=finding.project_name, clear_since=None)
    if finding.level.value != alert.level:
        alert = replace(alert, level=finding.level.value, message=finding.message)
    if alert.state is AlertState.PENDING and now - alert.since >= finding.hold_seconds:
        return replace(alert, state=AlertState.OPEN, opened_at=now, message=finding.message)
    return replace(alert, sent_at=None) if worse and alert.state is AlertState.OPEN else alert


# The decision table ---------------------------------------------------------------------------------------------------


def _failed(facts: ProjectFacts, _: float | None) -> str:
    return facts.error or "the project has failed" if facts.status is ProjectStatus.FAILED else ""


def _latency(facts: ProjectFacts, most: float | None) -> str:
    latency = facts.latency_seconds
    if latency is None or most is None or latency <= most:
        return ""
    return f"the target is {latency:.0f} s behind the source (more than {most:.0f} s)"


def _differences(facts: ProjectFacts, _: float | None) -> str:
    return f"verification has found {facts.mismatches:,} differences" if facts.mismatches else ""


def _worker_lost(facts: ProjectFacts, _: float | None) -> str:
    return f"no living process works on {', '.join(facts.lost_steps)}" if facts.lost_steps else ""


def _stray_worker(facts: ProjectFacts, _: float | None) -> str:
    if not facts.stray_tasks:
        return ""
    return f"the project is {facts.status.value}, but {', '.join(facts.stray_tasks)} still runs"


def _log_store_full(facts: ProjectFacts, most: float | None) -> str:
    if most is None or facts.log_store_percent <= most:
        return ""
    return f"the log store is at {facts.log_store_percent:.0f} % of its limit"


def _source_log_expires(facts: ProjectFacts, least: float | None) -> str:
    left = facts.log_left_seconds
    if left is None or least is None or left >= least:
        return ""
    return f"the source deletes log that is not captured yet in {max(left, 0):.0f} s"


def _dead_letters(facts: ProjectFacts, most: float | None) -> str:
    if most is None or facts.dead_letters <= most:
        return ""
    return f"{facts.dead_letters:,} changes were put aside instead of applied"


def _disk_low(facts: ServiceFacts, least: float | None) -> str:
    free = facts.disk_free_percent
    if free is None or least is None or free >= least:
        return ""
    return f"the disk of the data directory has {free:.1f} % free (less than {least:g} %)"


def _delivery_failed(facts: ServiceFacts, _: float | None) -> str:
    if not facts.failed_channels:
        return ""
    return f"notices could not be delivered through {', '.join(facts.failed_channels)}"


_PROJECT_TESTS: dict[RuleName, ProjectTest] = {
    RuleName.PROJECT_FAILED: _failed,
    RuleName.LATENCY: _latency,
    RuleName.DIFFERENCES: _differences,
    RuleName.WORKER_LOST: _worker_lost,
    RuleName.STRAY_WORKER: _stray_worker,
    RuleName.LOG_STORE_FULL: _log_store_full,
    RuleName.SOURCE_LOG_EXPIRES: _source_log_expires,
    RuleName.DEAD_LETTERS: _dead_letters,
}
_SERVICE_TESTS: dict[RuleName, ServiceTest] = {
    RuleName.DISK_LOW: _disk_low,
    RuleName.DELIVERY_FAILED: _delivery_failed,
}
