"""What is set about alerts: changed rules, silences, and channels, whose settings are sealed (they hold secrets)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRow:
    """No notices until `ends_at` (Unix seconds) for what matches all members that are not empty."""

    id: str
    project_id: str = ""
    rule: str = ""
    label_id: str = ""
    reason: str = ""
    account: str = ""
    created_at: float
    ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """A way to reach people; `settings` is what its kind needs, with secrets in clear (sealed only when stored)."""

    id: str
    name: str
    kind: str
    enabled: bool = True
    settings: dict[str, Any] = field(repr=False)
    created_at: float
    changed_at: float


def rules(tx: Transaction) -> dict[str, Any]:
    """Return the documents of rules that were changed, by name."""
    return {row["name"]: unpack(row["document"]) for row in tx.rows("SELECT name, document FROM alert_rule")}


def put_rule(tx: Transaction, name: str, document: Any, now: float) -> None:
    """Replace the document of a rule."""
    tx.execute("DELETE FROM alert_rule WHERE name = :name", name=name)
    tx.execute(
        "INSERT INTO alert_rule (name, document, changed_at) VALUES (:name, :document, :now)",
        name=name,
        document=pack(document),
        now=now,
    )


def silences(tx: Transaction, now: float) -> list[SilenceRow]:
    """Return the silences that have not ended, youngest first."""
    rows = tx.rows("SELECT * FROM alert_silence WHERE ends_at > :now ORDER BY created_at DESC, id", now=now)
    return [_silence(row) for row in rows]


def insert_silence(tx: Transaction, row: SilenceRow) -> None:
    """Keep a silence; those that have ended go."""
    tx.execute("DELETE FROM alert_silence WHERE ends_at <= :now", now=row.created_at)
    tx.execute(
        "INSERT INTO alert_silence (id, project_id, rule, label_id, reason, account, created_at, ends_at)"
        " VALUES (:id, :project_id, :rule, :label_id, :reason, :account, :created_at, :ends_at)",
        id=row.id,
        project_id=row.project_id,
        rule=row.rule,
        label_id=row.label_id,
        reason=row.reason,
        account=row.account,
        created_at=row.created_at,
        ends_at=row.ends_at,
    )


def delete_silence(tx: Transaction, silence_id: str) -> bool:
    """Remove a silence; returns whether it was there."""
    return tx.execute("DELETE FROM alert_silence WHERE id = :id", id=silence_id) > 0


def channels(tx: Transaction, box: SecretBox) -> list[ChannelRow]:
    """Return all channels, by name."""
    return [_channel(box, row) for row in tx.rows("SELECT * FROM alert_channel ORDER BY name")]


def channel(tx: Transaction, box: SecretBox, channel_id: str) -> ChannelRow | None:
    """Return one channel, or `None`."""
    row = tx.row("SELECT * FROM alert_channel WHERE id = :id", id=channel_id)
    return None if row is None else _channel(box, row)


def channel_of_name(tx: Transaction, name: str) -> str | None:
    """Return the id of the channel of that name, or `None`."""
    found: str | None = tx.value("SELECT id FROM alert_channel WHERE name = :name", name=name)
    return found


def insert_channel(tx: Transaction, box: SecretBox, row: ChannelRow) -> None:
    """Keep a new channel; the caller has looked whether the name is free."""
    tx.execute(
        "INSERT INTO alert_channel (id, name, kind, enabled, sealed, created_at, changed_at)"
        " VALUES (:id, :name, :kind, :enabled, :sealed, :created, :changed)",
        id=row.id,
        name=row.name,
        kind=row.kind,
        enabled=int(row.enabled),
        sealed=box.seal(json.dumps(row.settings)),
        created=row.created_at,
        changed=row.changed_at,
    )


def update_channel(tx: Transaction, box: SecretBox, row: ChannelRow) -> None:
    """Replace name, whether it is enabled, and settings."""
    tx.execute(
        "UPDATE alert_channel SET name = :name, enabled = :enabled, sealed = :sealed, changed_at = :now WHERE id = :id",
        id=row.id,
        name=row.name,
        enabled=int(row.enabled),
        sealed=box.seal(json.dumps(row.settings)),
        now=row.changed_at,
    )


def delete_channel(tx: Transaction, channel_id: str) -> None:
    """Remove a channel with what was to be sent through it."""
    tx.execute("DELETE FROM alert_outbox WHERE channel_id = :id", id=channel_id)
    tx.execute("DELETE FROM alert_channel WHERE id = :id", id=channel_id)


def _silence(row: Row) -> SilenceRow:
    return SilenceRow(
        id=row["id"],
        project_id=row["project_id"],
        rule=row["rule"],
        label_id=row["label_id"],
        reason=row["reason"],
        account=row["account"],
        created_at=row["created_at"],
        ends_at=row["ends_at"],
    )


def _channel(box: SecretBox, row: Row) -> ChannelRow:
    return ChannelRow(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        enabled=bool(row["enabled"]),
        settings=json.loads(box.open(row["sealed"])),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )
