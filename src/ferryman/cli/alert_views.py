"""Alerts as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ferryman.cli.project_views import columns
from ferryman.foundation.errors import UsageError

_LEVELS = ("high", "medium", "low")


def alerts(page: dict[str, Any]) -> str:
    """Return a page of alerts."""
    if not page["items"]:
        return "no alerts\n"
    rows = [("LEVEL", "STATE", "OPENED", "PROJECT", "RULE", "MESSAGE")]
    rows += [
        (each["level"], each["state"], each["opened_at"] or "", each["project"], each["rule"], each["message"])
        for each in page["items"]
    ]
    shown = len(page["items"])
    more = f"{shown} of {page['total']} (--page {page['page'] + 1} shows more)\n" if page["total"] > shown else ""
    return columns(rows) + more


def rules(found: Sequence[dict[str, Any]]) -> str:
    """Return rules; figures are those of HIGH, MEDIUM and LOW."""
    rows = [("RULE", "ON", "LEVEL", "THRESHOLD", "UNIT", "HOLD s", "REPEAT min", "MEANING")]
    for each in found:
        figures_ = [_shown(each[name]) for name in ("threshold", "hold_seconds", "repeat_minutes")]
        level = each["level"] or ("worst" if each["of_service"] else "project's")
        on = "yes" if each["enabled"] else "no"
        rows.append((each["name"], on, level, figures_[0], each["unit"], figures_[1], figures_[2], each["title"]))
    return columns(rows)


def silences(found: Sequence[dict[str, Any]]) -> str:
    """Return silences."""
    if not found:
        return "no silences\n"
    rows = [("ID", "PROJECT", "RULE", "LABEL", "UNTIL", "BY", "REASON")]
    for each in found:
        about = [each[name] or "all" for name in ("project_id", "rule", "label")]
        rows.append((each["id"], *about, each["until"], each["account"], each["reason"]))
    return columns(rows)


def channels(found: Sequence[dict[str, Any]]) -> str:
    """Return channels."""
    if not found:
        return "no channels. `ferryman alerts add-channel` sets one up\n"
    rows = [("NAME", "ID", "KIND", "ON", "TO")]
    for each in found:
        settings = each["settings"]
        goal = settings.get("url") or ", ".join(settings.get("recipients", ()))
        rows.append((each["name"], each["id"], each["kind"], "yes" if each["enabled"] else "no", goal))
    return columns(rows)


def figures(option: str, text: str) -> dict[str, float]:
    """Read three numbers: for HIGH, MEDIUM and LOW."""
    try:
        high, medium, low = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError("usage.wrong_option", f"{option} takes three numbers: HIGH,MEDIUM,LOW") from None
    return {"high": high, "medium": medium, "low": low}


def _shown(figures_: dict[str, float] | None) -> str:
    return "/".join(f"{figures_[level]:g}" for level in _LEVELS) if figures_ else ""
