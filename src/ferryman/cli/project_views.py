"""What the service answers, as text: columns that line up, nothing that a terminal would take for a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ferryman.cli import words

TABLES_SHOWN = 40


def listing(page: dict[str, Any]) -> str:
    """Return a page of projects."""
    if not page["items"]:
        return "no projects. `ferryman projects create` makes one\n"
    rows = [("NAME", "ID", "STATUS", "STEP", "BEHIND", "FROM", "TO")]
    rows += [
        (
            item["name"],
            item["id"],
            item["status"],
            item["current_step"] or "",
            _behind(item),
            item["source"],
            item["target"],
        )
        for item in page["items"]
    ]
    text = columns(rows)
    shown = len(page["items"])
    return (
        text
        if page["total"] <= shown
        else text + f"{shown} of {page['total']} (--page {page['page'] + 1} shows more)\n"
    )


def object_changes(items: Sequence[dict[str, Any]]) -> str:
    """Return the changes of a project's objects."""
    if not items:
        return "no objects were added or removed\n"
    kinds = {"INCREASE_OBJECT": "add", "DECREASE_OBJECT": "remove"}
    rows = [("CHANGE", "WHAT", "STATUS", "OBJECTS", "WHY")]
    rows += [
        (
            item["id"],
            kinds[item["kind"]],
            item["status"],
            ", ".join(item["objects"]),
            _clean(item["error"]["message"]) if item["error"] else "",
        )
        for item in items
    ]
    return columns(rows)


def project(item: dict[str, Any]) -> str:
    """Return a project with its steps and tables."""
    lines = [
        f"{item['name']}  {item['status']}  ({item['id']}, {item['type'].lower()})\n",
        f"  from {item['source']}\n  to   {item['target']}\n",
    ]
    if item["error"]:
        lines.append(f"  error [{item['error']['code']}] {_clean(item['error']['message'])}\n")
        lines.append(f"    → {_clean(item['error']['hint'])}\n" if item["error"]["hint"] else "")
    rows = [("STEP", "STATUS", "%", ">ROWS", ">TIME", "BEHIND")]
    rows += [
        (
            step["name"],
            step["status"],
            f"{100 if step['status'] == 'FINISHED' else step['percent']}",
            words.count(step["rows"]) if step["rows"] else "",
            words.duration(step["seconds"]) if step["status"] != "INIT" else "",
            words.latency(step["latency_seconds"]) if step["name"] == "apply" else "",
        )
        for step in item["steps"]
    ]
    return "".join(lines) + "\n" + columns(rows) + _tables(item)


def events(found: Sequence[dict[str, Any]]) -> str:
    """Return events, one a line."""
    return "".join(
        f"{event['at'][:19]}  {event['level']:<7}  {event.get('step') or '':<9}  {_clean(event['message'])}\n"
        for event in found
    )


def mismatches(page: dict[str, Any]) -> str:
    """Return rows that differ."""
    if not page["items"]:
        return "no differences\n"
    rows = [("TABLE", "KIND", "KEY", "COLUMNS")]
    rows += [
        (
            item["table"],
            item["kind"],
            ", ".join(f"{name}={value}" for name, value in item["key"].items()),
            ", ".join(dict.fromkeys([*item["source"], *item["target"]])),
        )
        for item in page["items"]
    ]
    return columns(rows) + f"{len(page['items'])} of {page['total']}\n"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Line up rows; a header that begins with ``>`` is for numbers."""
    cleaned = [[_clean(str(cell)) for cell in row] for row in rows]
    right = [cell.startswith(">") for cell in cleaned[0]]
    cleaned[0] = [cell.removeprefix(">") for cell in cleaned[0]]
    widths = [max(len(row[place]) for row in cleaned) for place in range(len(right))]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        for row in cleaned
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def _tables(item: dict[str, Any]) -> str:
    steps = {step["name"]: step["tables"] for step in item["steps"] if step["tables"]}
    tables = steps.get("verify") or steps.get("load") or []
    if not tables:
        return ""
    rows = [("TABLE", "STATE", ">ROWS", ">DIFFERENCES")]
    rows += [
        (
            t["table"],
            t["state"],
            words.count(t["rows"]),
            "" if t["mismatches"] is None else words.count(t["mismatches"]),
        )
        for t in tables[:TABLES_SHOWN]
    ]
    more = len(tables) - TABLES_SHOWN
    return "\n" + columns(rows) + (f"… and {more} more (--json shows all)\n" if more > 0 else "")


def _behind(item: dict[str, Any]) -> str:
    apply = next((step for step in item["steps"] if step["name"] == "apply"), None)
    return words.latency(apply["latency_seconds"]) if apply and apply["latency_seconds"] is not None else ""


def _clean(text: str) -> str:
    """Show control characters as escapes: names come from databases, and a terminal obeys them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
