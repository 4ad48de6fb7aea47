"""Who changed what, from where, and how that ended: the youngest `KEPT` entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ferryman.metadb.database import Transaction
from ferryman.metadb.documents import pack, unpack

KEPT = 100_000
"""Entries kept."""

_PRUNE_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change, or one that was refused.

    Attributes:
        outcome: ``ok``, or the error's code.
        detail: What was asked for, without secrets.
    """

    id: int = 0
    happened_at: float
    account: str
    address: str
    action: str
    outcome: str
    detail: dict[str, Any] = field(default_factory=dict)


def add(tx: Transaction, entry: AuditEntry) -> None:
    """Append an entry; now and then the oldest ones go."""
    tx.execute(
        "INSERT INTO audit (happened_at, account, address, action, outcome, detail)"
        " VALUES (:at, :account, :address, :action, :outcome, :detail)",
        at=entry.happened_at,
        account=entry.account[:64],
        address=entry.address[:64],
        action=entry.action[:300],
        outcome=entry.outcome[:64],
        detail=pack(entry.detail),
    )
    newest: int = tx.value("SELECT MAX(id) FROM audit")
    if newest % _PRUNE_EVERY == 0:
        tx.execute("DELETE FROM audit WHERE id <= :border", border=newest - KEPT)


def before(tx: Transaction, before_id: int | None, limit: int, account: str = "") -> list[AuditEntry]:
    """Return entries older than an id (the youngest when `None`), youngest first."""
    rows = tx.rows(
        "SELECT * FROM audit WHERE (:border IS NULL OR id < :border) AND (:account = '' OR account = :account)"
        " ORDER BY id DESC LIMIT :limit",
        border=before_id,
        account=account,
        limit=limit,
    )
    return [
        AuditEntry(
            id=row["id"],
            happened_at=row["happened_at"],
            account=row["account"],
            address=row["address"],
            action=row["action"],
            outcome=row["outcome"],
            detail=unpack(row["detail"]),
        )
        for row in rows
    ]
