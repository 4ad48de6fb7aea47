"""The routes of alerts: what is open and was, rules, silences, channels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from ferryman.api.callers import PRINCIPAL
from ferryman.api.native import alert_documents as documents
from ferryman.api.native.naming import project_id_of
from ferryman.api.native.routes import PageNumber, PageSize
from ferryman.control.alerts.book import Alerts
from ferryman.control.alerts.rules import RuleName
from ferryman.control.service import Service
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.metadb.alerts import AlertFilter, AlertState
from ferryman.model.project import Importance

_STATES = {
    "open": (AlertState.OPEN,),
    "recovered": (AlertState.RECOVERED,),
    "all": (AlertState.OPEN, AlertState.RECOVERED),
}


def alert_router(service: Service, alerts: Alerts) -> APIRouter:
    """Return all routes of alerts."""
    router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
    _add_rule_routes(router, alerts)
    _add_silence_routes(router, service, alerts)
    _add_channel_routes(router, alerts)
    _add_alert_routes(router, service, alerts)
    return router


def _add_alert_routes(router: APIRouter, service: Service, alerts: Alerts) -> None:
    @router.get("")
    def list_alerts(
        state: Literal["open", "recovered", "all"] = "open",
        project: Annotated[str, Query(description="Name or id.")] = "",
        rule: RuleName | None = None,
        level: Importance | None = None,
        search: Annotated[str, Query(max_length=200)] = "",
        since: datetime | None = None,
        page: PageNumber = 1,
        size: PageSize = 50,
    ) -> documents.AlertPage:
        """List alerts, youngest first; `since`: only those opened at or after that time."""
        wanted = AlertFilter(
            states=_STATES[state],
            project_id=project_id_of(service, project) if project else "",
            rule=rule.value if rule else "",
            level=level.value if level else "",
            search=search.strip(),
            opened_after=_seconds(since) if since else 0.0,
        )
        found = alerts.find(wanted, page=page, size=size)
        items = [documents.alert_document(row) for row in found.items]
        return documents.AlertPage(items=items, total=found.total, page=found.number, size=found.size)

    @router.get("/{alert_id}")
    def show_alert(alert_id: str) -> documents.AlertDetail:
        """Show an alert, and what became of its notices."""
        return documents.alert_detail(*alerts.show(alert_id))


def _add_rule_routes(router: APIRouter, alerts: Alerts) -> None:
    @router.get("/rules")
    def list_rules() -> list[documents.RuleDocument]:
        """List the rules as they are set."""
        return [documents.rule_document(rule) for rule in alerts.rules()]

    @router.put("/rules/{name}")
    def set_rule(name: RuleName, asked: documents.RuleChange) -> documents.RuleDocument:
        """Set a rule; an empty object sets it back to what it was at first."""
        return documents.rule_document(alerts.set_rule(documents.rule_of(name, asked)))


def _add_silence_routes(router: APIRouter, service: Service, alerts: Alerts) -> None:
    @router.get("/silences")
    def list_silences() -> list[documents.SilenceDocument]:
        """List the silences that have not ended."""
        return [documents.silence_document(row) for row in alerts.silences()]

    @router.post("/silences", status_code=201)
    def create_silence(asked: documents.NewSilence, request: Request) -> documents.SilenceDocument:
        """Send no notices for a time; alerts are recorded all the same."""
        row = alerts.silence(
            project_id=project_id_of(service, asked.project) if asked.project else "",
            rule=asked.rule,
            label_id=asked.label,
            ends_at=_end(asked),
            reason=asked.reason,
            account=request.scope[PRINCIPAL].account,
        )
        return documents.silence_document(row)

    @router.delete("/silences/{silence_id}", status_code=204)
    def end_silence(silence_id: str) -> None:
        """End a silence now."""
        alerts.end_silence(silence_id)


def _add_channel_routes(router: APIRouter, alerts: Alerts) -> None:
    @router.get("/channels")
    def list_channels() -> list[documents.ChannelDocument]:
        """List channels; secrets are masked."""
        return [documents.channel_document(row) for row in alerts.channels()]

    @router.post("/channels", status_code=201)
    def create_channel(asked: documents.NewChannel) -> documents.ChannelDocument:
        """Set up a channel."""
        row = alerts.create_channel(asked.name, asked.kind, asked.settings, enabled=asked.enabled)
        return documents.channel_document(row)

    @router.patch("/channels/{channel_id}")
    def change_channel(channel_id: str, asked: documents.ChannelChange) -> documents.ChannelDocument:
        """Change a channel; members left out stay as they are."""
        row = alerts.change_channel(channel_id, name=asked.name, enabled=asked.enabled, settings=asked.settings)
        return documents.channel_document(row)

    @router.delete("/channels/{channel_id}", status_code=204)
    def delete_channel(channel_id: str) -> None:
        """Remove a channel, and what was to be sent through it."""
        alerts.delete_channel(channel_id)

    @router.post("/channels/{channel_id}/test")
    def test_channel(channel_id: str) -> documents.TestOutcome:
        """Send a test through a channel now."""
        try:
            alerts.test_channel(channel_id)
        except UsageError:
            raise
        except FerrymanError as problem:
            return documents.TestOutcome(ok=False, error=problem.to_json())
        return documents.TestOutcome(ok=True)


def _end(asked: documents.NewSilence) -> float:
    if (asked.until is None) == (asked.minutes is None):
        raise UsageError("alert.invalid", "say when the silence ends: until, or minutes")
    return _seconds(asked.until) if asked.until else unix_now() + 60 * (asked.minutes or 0.0)


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise UsageError("alert.invalid", "a time needs its zone, as in 2030-01-01T00:00:00Z")
    return moment.timestamp()
