"""Alerts: what rules have found, while it lasts (PENDING, OPEN) and for a time afterwards (RECOVERED)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from ferryman.metadb.database import Row, Transaction

KEPT_SECONDS = 92 * 86_400
"""Recovered alerts stay so long."""

KEPT = 20_000
"""At most so many recovered alerts stay."""

RECENT_SECONDS = 7 * 86_400
"""What counts as recent in a project's summary."""


class AlertState(enum.Enum):
    """Where an alert stands in its life."""

    PENDING = "PENDING"
    """Seen, but not for as long as its rule asks."""
    OPEN = "OPEN"
    RECOVERED = "RECOVERED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert; times in Unix seconds.

    Attributes:
        key: What it is about: rule and project. Nothing is PENDING or OPEN twice.
        since: When it was first seen.
        clear_since: Since when it is no longer seen; `None` while it is.
        sent_at: When notices of it were last handed to the channels; `None`: never.
    """

    id: str
    key: str
    rule: str
    project_id: str = ""
    project_name: str = ""
    level: str
    state: AlertState = AlertState.PENDING
    message: str
    since: float
    opened_at: float | None = None
    clear_since: float | None = None
    recovered_at: float | None = None
    sent_at: float | None = None
    sent_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts to list; empty members ask for nothing. `search`: part of id, message or project's name."""

    states: tuple[AlertState, ...] = (AlertState.OPEN, AlertState.RECOVERED)
    project_id: str = ""
    rule: str = ""
    level: str = ""
    search: str = ""
    opened_after: float = 0.0


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """The alerts of a project: how many are open, how many a rule has raised lately, and what the youngest open one says."""

    open: int = 0
    recent: dict[str, int] = field(default_factory=dict)
    message: str = ""


def insert(tx: Transaction, row: AlertRow) -> None:
    """Keep a new alert."""
    tx.execute(
        "INSERT INTO alert (id, living_key, rule, project_id, project_name, level, state, message, since, opened_at,"
        " clear_since, recovered_at, sent_at, sent_count) VALUES (:id, :living_key, :rule, :project_id, :project_name,"
        " :level, :state, :message, :since, :opened_at, :clear_since, :recovered_at, :sent_at, :sent_count)",
        **_params(row),
    )


def update(tx: Transaction, row: AlertRow) -> None:
    """Replace what changes of an alert."""
    tx.execute(
        "UPDATE alert SET living_key = :living_key, project_name = :project_name, level = :level, state = :state,"
        " message = :message, opened_at = :opened_at, clear_since = :clear_since, recovered_at = :recovered_at,"
        " sent_at = :sent_at, sent_count = :sent_count WHERE id = :id",
        **{name: value for name, value in _params(row).items() if name not in {"rule", "project_id", "since"}},
    )


def delete(tx: Transaction, alert_id: str) -> None:
    """Remove an alert."""
    tx.execute("DELETE FROM alert WHERE id = :id", id=alert_id)


def living(tx: Transaction) -> dict[str, AlertRow]:
    """Return what is PENDING or OPEN, by key."""
    rows = tx.rows("SELECT * FROM alert WHERE state IN ('PENDING', 'OPEN')")
    return {row["living_key"]: _row(row) for row in rows}


def get(tx: Transaction, alert_id: str) -> AlertRow | None:
    """Return one alert, or `None`."""
    row = tx.row("SELECT * FROM alert WHERE id = :id", id=alert_id)
    return None if row is None else _row(row)


def page(tx: Transaction, wanted: AlertFilter, first: int, size: int) -> tuple[int, list[AlertRow]]:
    """Return how many alerts match, and `size` of them from the `first`, youngest first."""
    where, params = _where(wanted)
    total: int = tx.value(f"SELECT count(*) FROM alert WHERE {where}", **params)
    rows = tx.rows(
        f"SELECT * FROM alert WHERE {where} ORDER BY since DESC, id LIMIT :size OFFSET :first",
        **params,
        size=size,
        first=first,
    )
    return total, [_row(row) for row in rows]


def open_counts(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many alerts are open, by rule and level."""
    rows = tx.rows("SELECT rule, level, count(*) AS n FROM alert WHERE state = 'OPEN' GROUP BY rule, level")
    return {(row["rule"], row["level"]): row["n"] for row in rows}


def alarming(tx: Transaction) -> frozenset[str]:
    """Return the ids of projects with an open alert."""
    return frozenset(row["project_id"] for row in tx.rows("SELECT project_id FROM alert WHERE state = 'OPEN'")) - {""}


def summary(tx: Transaction, project_id: str, now: float) -> AlertSummary:
    """Return the alerts of a project at a glance."""
    rows = tx.rows(
        "SELECT rule, state, message FROM alert WHERE project_id = :id AND opened_at >= :recent ORDER BY opened_at",
        id=project_id,
        recent=now - RECENT_SECONDS,
    )
    recent: dict[str, int] = {}
    for row in rows:
        recent[row["rule"]] = recent.get(row["rule"], 0) + 1
    messages = [row["message"] for row in rows if row["state"] == "OPEN"]
    opened: int = tx.value("SELECT count(*) FROM alert WHERE project_id = :id AND state = 'OPEN'", id=project_id)
    return AlertSummary(opened, recent, messages[-1] if messages else "")


def prune(tx: Transaction, now: float) -> None:
    """Remove recovered alerts that are old or too many."""
    border = tx.value(
        "SELECT recovered_at FROM alert WHERE state = 'RECOVERED' ORDER BY recovered_at DESC LIMIT 1 OFFSET :kept",
        kept=KEPT,
    )
    oldest = max(now - KEPT_SECONDS, border or 0.0)
    tx.execute("DELETE FROM alert WHERE state = 'RECOVERED' AND recovered_at <= :oldest", oldest=oldest)


def _where(wanted: AlertFilter) -> tuple[str, dict[str, Any]]:
    states = ", ".join(f"'{state.value}'" for state in wanted.states)
    parts = [f"state IN ({states})"]
    equal = {"project_id": wanted.project_id, "rule": wanted.rule, "level": wanted.level}
    parts += [f"{name} = :{name}" for name, value in equal.items() if value]
    params: dict[str, Any] = {name: value for name, value in equal.items() if value}
    if wanted.search:
        parts.append(
            "(id = :search OR LOWER(message) LIKE :pattern ESCAPE '!' OR LOWER(project_name) LIKE :pattern ESCAPE '!')"
        )
        params |= {"search": wanted.search, "pattern": f"%{_escaped(wanted.search.lower())}%"}
    if wanted.opened_after:
        parts.append("opened_at >= :opened_after")
        params["opened_after"] = wanted.opened_after
    return " AND ".join(parts), params


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _params(row: AlertRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "living_key": row.id if row.state is AlertState.RECOVERED else row.key,
        "rule": row.rule,
        "project_id": row.project_id,
        "project_name": row.project_name,
        "level": row.level,
        "state": row.state.value,
        "message": row.message,
        "since": row.since,
        "opened_at": row.opened_at,
        "clear_since": row.clear_since,
        "recovered_at": row.recovered_at,
        "sent_at": row.sent_at,
        "sent_count": row.sent_count,
    }


def _row(row: Row) -> AlertRow:
    return AlertRow(
        id=row["id"],
        key=row["living_key"],
        rule=row["rule"],
        project_id=row["project_id"],
        project_name=row["project_name"],
        level=row["level"],
        state=AlertState(row["state"]),
        message=row["message"],
        since=row["since"],
        opened_at=row["opened_at"],
        clear_since=row["clear_since"],
        recovered_at=row["recovered_at"],
        sent_at=row["sent_at"],
        sent_count=row["sent_count"],
    )
