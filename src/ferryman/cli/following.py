"""``ferryman explain-lag``: how far a project is behind, and why."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ferryman.cli.client import client_of
from ferryman.cli.report import as_text
from ferryman.control.lag import explain
from ferryman.control.presentation import project_view
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError
from ferryman.metadb import projects
from ferryman.metadb.store import URL_VARIABLE, MetaDb
from ferryman.model.serial import to_json

Login = tuple[str | None, str | None, str | None]


def print_lag(name: str, data_dir: Path | None, login: Login, *, json: bool) -> int:
    """Ask the service, or read the state of a run in this directory beside it."""
    found = local_lag(data_dir, name) if data_dir is not None else client_of(*login).get("projects", name, "lag")
    sys.stdout.write(as_text(found) if json else lag_text(name, found))
    return 0


def local_lag(data_dir: Path, name: str) -> dict[str, Any]:
    """Read what the tasks of a run have reported; takes no lock, changes nothing."""
    if not data_dir.is_dir():
        raise UsageError("project.unknown", f"there is no data directory {data_dir}")
    metadb = MetaDb.open(data_dir, os.environ.get(URL_VARIABLE, ""))
    try:
        with metadb.reading() as tx:
            row = projects.get(tx, metadb.box, projects.name_holder(tx, name) or name)
            if row is None:
                raise UsageError("project.unknown", f"there is no project {name!r} in {data_dir}")
            lag = explain(project_view(tx, row, tables=False), unix_now())
    finally:
        metadb.close()
    document: dict[str, Any] = to_json(lag)
    return document


def lag_text(name: str, lag: dict[str, Any]) -> str:
    """Write it for people: the verdict, then what it rests on."""
    lines = [f"{name}: {lag['reason']}", f"  {lag['message']}"]
    lines += [f"  {label:<28}{text}" for label, text in _figures(lag) if text]
    for label, member in (("apply spends its time", "stages"), ("capture spends its time", "capture_stages")):
        if spent := lag["evidence"].get(member):
            lines.append(f"  {label:<28}{_shares(spent)}")
    return "\n".join(lines) + "\n"


def _figures(lag: dict[str, Any]) -> list[tuple[str, str]]:
    latency = lag["latency"]
    recent = (
        f"p50 {latency['p50']} s, p99 {latency['p99']} s of {latency['changes']} changes in 5 minutes"
        if latency
        else ""
    )
    return [
        ("behind the source", _seconds(lag["latency_seconds"])),
        ("recent latencies", recent),
        ("source -> log store", _seconds(lag["capture_seconds"])),
        ("log store -> target", _seconds(lag["apply_seconds"])),
        ("log waiting at the source", _bytes(lag["source_bytes_waiting"])),
        ("log waiting for apply", _bytes(lag["log_bytes_waiting"])),
        ("log store", _store(lag["evidence"].get("log_store"))),
    ]


def _store(found: dict[str, Any] | None) -> str:
    if found is None or found["projects"] < 2:
        return ""
    return f"{found['name']}, read by {found['projects']} projects, captured by {found['captured_by']}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _bytes(value: int | None) -> str:
    return "" if value is None else f"{value} bytes"


def _shares(spent: dict[str, float]) -> str:
    whole = spent.get("all") or 1.0
    parts = sorted(((seconds, stage) for stage, seconds in spent.items() if stage != "all"), reverse=True)
    return ", ".join(f"{stage} {seconds / whole:.0%}" for seconds, stage in parts)
