"""Notices on their way to channels. They are kept in the transaction that opens or ends an alert, and sent afterwards.

So a notice is sent at least once: a service that dies between sending and writing that down sends it again, under the
same delivery id.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from ferryman.metadb.database import Row, Transaction
from ferryman.metadb.documents import pack, unpack

KEPT_SECONDS = 30 * 86_400
"""What has been sent, or given up, stays so long."""


class DeliveryState(enum.Enum):
    """How a delivery stands."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    """Given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One notice to one channel; times in Unix seconds.

    Attributes:
        event: ``opened``, ``repeated`` or ``recovered``.
        document: What is told, without secrets.
        next_at: When it is tried next.
        error: Why the last attempt failed.
    """

    id: int = 0
    channel_id: str
    alert_id: str
    event: str
    state: DeliveryState = DeliveryState.PENDING
    document: dict[str, Any]
    created_at: float
    attempts: int = 0
    next_at: float
    sent_at: float | None = None
    error: str = ""


def add(tx: Transaction, row: DeliveryRow) -> None:
    """Keep a notice to be sent."""
    tx.execute(
        "INSERT INTO alert_outbox (channel_id, alert_id, event, state, document, created_at, attempts, next_at, error)"
        " VALUES (:channel, :alert, :event, 'PENDING', :document, :created, 0, :next, '')",
        channel=row.channel_id,
        alert=row.alert_id,
        event=row.event,
        document=pack(row.document),
        created=row.created_at,
        next=row.next_at,
    )


def due(tx: Transaction, now: float, limit: int) -> list[DeliveryRow]:
    """Return what is to be sent now, oldest first."""
    rows = tx.rows(
        "SELECT * FROM alert_outbox WHERE state = 'PENDING' AND next_at <= :now ORDER BY next_at, id LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [_row(row) for row in rows]


def claim(tx: Transaction, row: DeliveryRow, until: float) -> bool:
    """Take a delivery for ourselves until then; returns whether nobody else has."""
    taken = tx.execute(
        "UPDATE alert_outbox SET attempts = attempts + 1, next_at = :until"
        " WHERE id = :id AND state = 'PENDING' AND attempts = :attempts",
        id=row.id,
        attempts=row.attempts,
        until=until,
    )
    return taken == 1


def settle(
    tx: Transaction, delivery_id: int, state: DeliveryState, now: float, *, next_at: float = 0.0, error: str = ""
) -> None:
    """Write how an attempt ended."""
    tx.execute(
        "UPDATE alert_outbox SET state = :state, next_at = :next, error = :error,"
        " sent_at = CASE WHEN :state = 'SENT' THEN :now ELSE NULL END WHERE id = :id",
        id=delivery_id,
        state=state.value,
        next=next_at,
        error=error,
        now=now,
    )


def of_alert(tx: Transaction, alert_id: str) -> list[DeliveryRow]:
    """Return the deliveries of an alert, oldest first."""
    return [_row(row) for row in tx.rows("SELECT * FROM alert_outbox WHERE alert_id = :id ORDER BY id", id=alert_id)]


def counts(tx: Transaction) -> dict[str, int]:
    """Return how many deliveries there are, by state."""
    return {row["state"]: row["n"] for row in tx.rows("SELECT state, count(*) AS n FROM alert_outbox GROUP BY state")}


def failed_since(tx: Transaction, since: float) -> dict[str, int]:
    """Return how many deliveries were given up since then, by channel."""
    rows = tx.rows(
        "SELECT channel_id, count(*) AS n FROM alert_outbox WHERE state = 'FAILED' AND created_at >= :since"
        " GROUP BY channel_id",
        since=since,
    )
    return {row["channel_id"]: row["n"] for row in rows}


def prune(tx: Transaction, now: float) -> None:
    """Remove old deliveries that are over."""
    tx.execute("DELETE FROM alert_outbox WHERE state <> 'PENDING' AND created_at < :border", border=now - KEPT_SECONDS)


def _row(row: Row) -> DeliveryRow:
    return DeliveryRow(
        id=row["id"],
        channel_id=row["channel_id"],
        alert_id=row["alert_id"],
        event=row["event"],
        state=DeliveryState(row["state"]),
        document=unpack(row["document"]),
        created_at=row["created_at"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        sent_at=row["sent_at"],
        error=row["error"],
    )
