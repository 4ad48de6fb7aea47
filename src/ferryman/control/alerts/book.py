"""What people may ask of alerts: list them, set rules, keep silence, set up channels. Thread-safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ferryman.control import trail
from ferryman.control.alerts.channels import ChannelKind, settings_of, with_kept_secrets
from ferryman.control.alerts.evaluation import title
from ferryman.control.alerts.rules import DEFAULTS, Rule, RuleName, check
from ferryman.control.alerts.sending import send
from ferryman.control.views import Page
from ferryman.foundation.clock import as_datetime, unix_now
from ferryman.foundation.errors import UsageError
from ferryman.foundation.identifiers import new_id
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import alert_settings, alerts, labels, outbox, projects
from ferryman.metadb.alert_settings import ChannelRow, SilenceRow
from ferryman.metadb.alerts import AlertFilter, AlertRow
from ferryman.metadb.database import Transaction
from ferryman.metadb.outbox import DeliveryRow
from ferryman.metadb.store import MetaDb
from ferryman.model.serial import from_json, to_json

MOST_SILENCE_SECONDS = 366 * 86_400.0
MOST_CHANNELS = 50
_NAME_LETTERS = 50


class Alerts:
    """The alerts of a service, and what is set about them."""

    def __init__(self, metadb: MetaDb) -> None:
        self.metadb = metadb

    def find(self, wanted: AlertFilter, *, page: int = 1, size: int = 50) -> Page:
        """List alerts (`AlertRow`), youngest first."""
        with self.metadb.reading() as tx:
            total, rows = alerts.page(tx, wanted, (page - 1) * size, size)
        return Page(items=tuple(rows), total=total, number=page, size=size)

    def show(self, alert_id: str) -> tuple[AlertRow, list[DeliveryRow]]:
        """Return an alert and its deliveries; ``alert.unknown``."""
        with self.metadb.reading() as tx:
            row = alerts.get(tx, alert_id)
            if row is None:
                raise UsageError("alert.unknown", f"there is no alert {alert_id!r}")
            return row, outbox.of_alert(tx, alert_id)

    def rules(self) -> list[Rule]:
        """Return all rules."""
        with self.metadb.reading() as tx:
            return list(rules_now(tx).values())

    def set_rule(self, rule: Rule) -> Rule:
        """Set a rule; ``alert.invalid``."""
        check(rule)
        with self.metadb.writing() as tx:
            old = rules_now(tx)[rule.name]
            trail.changed(f"alert rule {rule.name.value}", to_json(old), to_json(rule))
            alert_settings.put_rule(tx, rule.name.value, to_json(rule), unix_now())
        return rule

    # Silences -----------------------------------------------------------------------------------------------------

    def silences(self) -> Sequence[SilenceRow]:
        """Return the silences that have not ended."""
        with self.metadb.reading() as tx:
            return alert_settings.silences(tx, unix_now())

    def silence(
        self, *, project_id: str, rule: RuleName | None, label_id: str, ends_at: float, reason: str, account: str
    ) -> SilenceRow:
        """Keep silence until then about what matches all that is given.

        Raises:
            UsageError: ``alert.invalid``, ``project.unknown``, ``label.unknown``.
        """
        now = unix_now()
        if not now < ends_at <= now + MOST_SILENCE_SECONDS:
            raise UsageError("alert.invalid", "a silence ends in the future, within a year")
        if len(reason) > 300:
            raise UsageError("alert.invalid", "the reason has at most 300 letters")
        row = SilenceRow(
            id=new_id("as_"),
            project_id=project_id,
            rule=rule.value if rule else "",
            label_id=label_id,
            reason=reason,
            account=account[:64],
            created_at=now,
            ends_at=ends_at,
        )
        with self.metadb.writing() as tx:
            _require(tx, project_id, [label_id] if label_id else [])
            alert_settings.insert_silence(tx, row)
        return row

    def end_silence(self, silence_id: str) -> None:
        """End a silence now; ``alert.unknown``."""
        with self.metadb.writing() as tx:
            if not alert_settings.delete_silence(tx, silence_id):
                raise UsageError("alert.unknown", f"there is no silence {silence_id!r}")

    # Channels -----------------------------------------------------------------------------------------------------

    def channels(self) -> Sequence[ChannelRow]:
        """Return all channels, secrets in clear: for `channels.shown`."""
        with self.metadb.reading() as tx:
            return alert_settings.channels(tx, self.metadb.box)

    def create_channel(
        self, name: str, kind: ChannelKind, settings: dict[str, Any], *, enabled: bool = True
    ) -> ChannelRow:
        """Set up a channel; ``alert.invalid``, ``alert.name_taken``."""
        _check_name(name)
        checked = settings_of(kind, settings)
        now = unix_now()
        row = ChannelRow(
            id=new_id("ac_"),
            name=name,
            kind=kind.value,
            enabled=enabled,
            settings=to_json(checked),
            created_at=now,
            changed_at=now,
        )
        with self.metadb.writing() as tx:
            _require(tx, "", checked.taking.labels)
            _require_free(tx, name)
            if len(alert_settings.channels(tx, self.metadb.box)) >= MOST_CHANNELS:
                raise UsageError("alert.invalid", f"there are already {MOST_CHANNELS} channels")
            alert_settings.insert_channel(tx, self.metadb.box, row)
        return row

    def change_channel(
        self,
        channel_id: str,
        *,
        name: str | None = None,
        enabled: bool | None = None,
        settings: dict[str, Any] | None = None,
    ) -> ChannelRow:
        """Change a channel; secrets sent as they were shown stay. ``alert.unknown``, ``alert.invalid``, ``alert.name_taken``."""
        with self.metadb.writing() as tx:
            old = row = self._channel(tx, channel_id)
            if name is not None and name != row.name:
                _check_name(name)
                _require_free(tx, name)
                row = replace(row, name=name)
            if settings is not None:
                checked = settings_of(ChannelKind(row.kind), with_kept_secrets(settings, row.settings))
                _require(tx, "", checked.taking.labels)
                row = replace(row, settings=to_json(checked))
            row = replace(row, enabled=row.enabled if enabled is None else enabled, changed_at=unix_now())
            alert_settings.update_channel(tx, self.metadb.box, row)
            new = {"settings": "(new)"} if old.settings != row.settings else {}
            trail.changed(f"channel {channel_id}", _facts(old), _facts(row) | new)
        return row

    def delete_channel(self, channel_id: str) -> None:
        """Remove a channel and what was to be sent through it; ``alert.unknown``."""
        with self.metadb.writing() as tx:
            row = self._channel(tx, channel_id)
            alert_settings.delete_channel(tx, channel_id)
            trail.changed(f"channel {channel_id}", _facts(row), {})

    def test_channel(self, channel_id: str) -> None:
        """Send a test now; ``alert.unknown``, ``alert.not_delivered``, ``network.forbidden``, ``network.unknown_host``."""
        with self.metadb.reading() as tx:
            row = self._channel(tx, channel_id)
        send(settings_of(ChannelKind(row.kind), row.settings), _test_document(), f"{new_id('test-')}")

    def _channel(self, tx: Transaction, channel_id: str) -> ChannelRow:
        row = alert_settings.channel(tx, self.metadb.box, channel_id)
        if row is None:
            raise UsageError("alert.unknown", f"there is no channel {channel_id!r}")
        return row


def _facts(row: ChannelRow) -> dict[str, object]:
    return {"name": row.name, "enabled": row.enabled}


def rules_now(tx: Transaction) -> dict[RuleName, Rule]:
    """Return every rule as it is set."""
    changed = alert_settings.rules(tx)
    return {
        name: from_json(Rule, changed[name.value]) if name.value in changed else rule for name, rule in DEFAULTS.items()
    }


def silenced(alert: AlertRow, labels_: Sequence[str], silences: Sequence[SilenceRow]) -> bool:
    """Whether a silence covers an alert."""
    return any(
        (not silence.project_id or silence.project_id == alert.project_id)
        and (not silence.rule or silence.rule == alert.rule)
        and (not silence.label_id or silence.label_id in labels_)
        for silence in silences
    )


def takers(tx: Transaction, box: SecretBox, alert: AlertRow, labels_: Sequence[str]) -> list[ChannelRow]:
    """Return the channels that take an alert."""
    return [
        row
        for row in alert_settings.channels(tx, box)
        if row.enabled
        and settings_of(ChannelKind(row.kind), row.settings).taking.takes(alert.rule, alert.level, labels_)
    ]


def notice_document(alert: AlertRow, event: str) -> dict[str, Any]:
    """Return what is told of an alert."""
    return {
        "event": event,
        "alert_id": alert.id,
        "level": alert.level,
        "rule": alert.rule,
        "title": title(RuleName(alert.rule)),
        "message": alert.message,
        "state": alert.state.value,
        "project": alert.project_name,
        "project_id": alert.project_id,
        "opened_at": _iso(alert.opened_at),
        "recovered_at": _iso(alert.recovered_at),
    }


def _test_document() -> dict[str, Any]:
    return {
        "event": "test",
        "alert_id": "",
        "level": "LOW",
        "rule": "test",
        "title": "a test of this channel",
        "message": "nothing has happened",
        "state": "OPEN",
        "project": "",
        "project_id": "",
        "opened_at": _iso(unix_now()),
        "recovered_at": None,
    }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else as_datetime(seconds).isoformat(timespec="seconds")


def _require(tx: Transaction, project_id: str, label_ids: Sequence[str]) -> None:
    if project_id and projects.status(tx, project_id) is None:
        raise UsageError("project.unknown", f"there is no project {project_id!r}")
    known = labels.names(tx) if label_ids else {}
    for label_id in label_ids:
        if label_id not in known:
            raise UsageError("label.unknown", f"there is no label {label_id!r}")


def _require_free(tx: Transaction, name: str) -> None:
    if alert_settings.channel_of_name(tx, name) is not None:
        raise UsageError("alert.name_taken", f"a channel is called {name!r} already")


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _NAME_LETTERS or not name.replace("_", "").replace("-", "").isalnum():
        raise UsageError("alert.invalid", f"a channel's name has 1 to {_NAME_LETTERS} letters, digits, _ and -")
