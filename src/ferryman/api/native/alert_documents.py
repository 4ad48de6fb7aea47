"""Alerts as the native API shows and takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ferryman.control.alerts.channels import ChannelKind, shown
from ferryman.control.alerts.rules import DEFAULTS, MEANINGS, ByLevel, Rule, RuleName
from ferryman.foundation.clock import as_datetime, as_optional_datetime
from ferryman.metadb.alert_settings import ChannelRow, SilenceRow
from ferryman.metadb.alerts import AlertRow
from ferryman.metadb.outbox import DeliveryRow
from ferryman.model.project import Importance


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AlertDocument(BaseModel):
    """An alert. `project_id` and `project` are empty for those of the service itself."""

    id: str
    rule: RuleName
    title: str
    level: Importance
    state: Literal["OPEN", "RECOVERED"]
    message: str
    project_id: str
    project: str
    since: datetime
    opened_at: datetime | None
    recovered_at: datetime | None
    notified_at: datetime | None
    notices: int


class AlertPage(BaseModel):
    """A page of alerts, youngest first."""

    items: list[AlertDocument]
    total: int
    page: int
    size: int


class DeliveryDocument(BaseModel):
    """One notice to one channel; `channel` is its id."""

    id: int
    channel: str
    event: Literal["opened", "repeated", "recovered"]
    state: Literal["PENDING", "SENT", "FAILED"]
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    error: str


class AlertDetail(AlertDocument):
    """An alert with its notices."""

    deliveries: list[DeliveryDocument]


class Figures(_Asked):
    """A figure for each level that has notices."""

    high: float
    medium: float
    low: float


class RuleChange(_Asked):
    """How a rule is to be set; members left out take what the rule was set to at first.

    `level` null: the alert level of the project; of the service: the worst whose threshold is crossed.
    """

    enabled: bool = True
    level: Importance | None = None
    threshold: Figures | None = None
    hold_seconds: Figures | None = None
    repeat_minutes: Figures | None = None


class RuleDocument(BaseModel):
    """A rule. `unit` is that of its threshold; without one the rule has none."""

    name: RuleName
    title: str
    of_service: bool
    unit: str
    enabled: bool
    level: Importance | None
    threshold: Figures | None
    hold_seconds: Figures
    repeat_minutes: Figures


class NewSilence(_Asked):
    """What to be silent about: all members that are given must match; until when."""

    project: str = Field(default="", description="Name or id of a project; empty: all.")
    rule: RuleName | None = None
    label: str = Field(default="", description="Id of a label; empty: all.")
    until: datetime | None = Field(default=None, description="With a time zone; this, or `minutes`.")
    minutes: float | None = Field(default=None, gt=0, le=527_040)
    reason: str = Field(default="", max_length=300)


class SilenceDocument(BaseModel):
    """A silence that has not ended."""

    id: str
    project_id: str
    rule: str
    label: str
    reason: str
    account: str
    created_at: datetime
    until: datetime


class NewChannel(_Asked):
    """A channel to set up; docs/operations.md lists the settings of each kind."""

    name: str
    kind: ChannelKind
    enabled: bool = True
    settings: dict[str, Any]


class ChannelChange(_Asked):
    """What to change of a channel; secrets sent as they were shown stay."""

    name: str | None = None
    enabled: bool | None = None
    settings: dict[str, Any] | None = None


class ChannelDocument(BaseModel):
    """A channel; secrets are masked, of a URL only the host is shown."""

    id: str
    name: str
    kind: ChannelKind
    enabled: bool
    settings: dict[str, Any]
    created_at: datetime
    changed_at: datetime


class TestOutcome(BaseModel):
    """How a test went; `error` says why not."""

    ok: bool
    error: dict[str, Any] | None = None


def alert_document(row: AlertRow) -> AlertDocument:
    """Show an alert."""
    return AlertDocument(**_alert_members(row))


def alert_detail(row: AlertRow, deliveries: list[DeliveryRow]) -> AlertDetail:
    """Show an alert with its notices."""
    return AlertDetail(**_alert_members(row), deliveries=[_delivery(each) for each in deliveries])


def _alert_members(row: AlertRow) -> dict[str, Any]:
    rule = RuleName(row.rule)
    return {
        "id": row.id,
        "rule": rule,
        "title": MEANINGS[rule].title,
        "level": Importance(row.level),
        "state": row.state.value,
        "message": row.message,
        "project_id": row.project_id,
        "project": row.project_name,
        "since": as_datetime(row.since),
        "opened_at": as_optional_datetime(row.opened_at),
        "recovered_at": as_optional_datetime(row.recovered_at),
        "notified_at": as_optional_datetime(row.sent_at),
        "notices": row.sent_count,
    }


def _delivery(row: DeliveryRow) -> DeliveryDocument:
    return DeliveryDocument(
        id=row.id,
        channel=row.channel_id,
        event=row.event,  # type: ignore[arg-type]
        state=row.state.value,
        attempts=row.attempts,
        created_at=as_datetime(row.created_at),
        sent_at=as_optional_datetime(row.sent_at),
        error=row.error,
    )


def rule_document(rule: Rule) -> RuleDocument:
    """Show a rule."""
    meaning = MEANINGS[rule.name]
    return RuleDocument(
        name=rule.name,
        title=meaning.title,
        of_service=meaning.of_service,
        unit=meaning.unit,
        enabled=rule.enabled,
        level=rule.level,
        threshold=_figures(rule.threshold) if rule.threshold else None,
        hold_seconds=_figures(rule.hold_seconds),
        repeat_minutes=_figures(rule.repeat_minutes),
    )


def rule_of(name: RuleName, asked: RuleChange) -> Rule:
    """Return the rule that is asked for."""
    first = DEFAULTS[name]
    return Rule(
        name=name,
        enabled=asked.enabled,
        level=asked.level if "level" in asked.model_fields_set else first.level,
        threshold=_by_level(asked.threshold) or first.threshold,
        hold_seconds=_by_level(asked.hold_seconds) or first.hold_seconds,
        repeat_minutes=_by_level(asked.repeat_minutes) or first.repeat_minutes,
    )


def silence_document(row: SilenceRow) -> SilenceDocument:
    """Show a silence."""
    return SilenceDocument(
        id=row.id,
        project_id=row.project_id,
        rule=row.rule,
        label=row.label_id,
        reason=row.reason,
        account=row.account,
        created_at=as_datetime(row.created_at),
        until=as_datetime(row.ends_at),
    )


def channel_document(row: ChannelRow) -> ChannelDocument:
    """Show a channel."""
    return ChannelDocument(
        id=row.id,
        name=row.name,
        kind=ChannelKind(row.kind),
        enabled=row.enabled,
        settings=shown(row.settings),
        created_at=as_datetime(row.created_at),
        changed_at=as_datetime(row.changed_at),
    )


def _figures(figures: ByLevel) -> Figures:
    return Figures(high=figures.high, medium=figures.medium, low=figures.low)


def _by_level(figures: Figures | None) -> ByLevel | None:
    return ByLevel(figures.high, figures.medium, figures.low) if figures else None
