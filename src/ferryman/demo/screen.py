"""What the demonstration shows: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

MEANING = {
    "TRANSFER_PRECHECK": "can this work at all? rights, settings, keys, space",
    "STRUCT_TRANSFER": "make the tables, keys and views in OceanBase",
    "TRANSFER_INCR_LOG_PULL": "record every change at the source, from now on",
    "FULL_TRANSFER": "copy the rows that are there, in chunks",
    "INDEX_TRANSFER": "foreign keys and views, now that the rows are there",
    "INCR_TRANSFER": "apply what changed meanwhile, then follow live",
    "FULL_VERIFIER": "compare every row of both sides",
}
COLOURS = {"FINISHED": "green", "MONITORING": "green", "RUNNING": "cyan", "FAILED": "red", "INIT": "dim"}


@dataclass(slots=True)
class Screen:
    """Says what happens, in words for a newcomer."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    started: float = field(default_factory=time.monotonic)
    _live: Live | None = None
    _said: dict[str, str] = field(default_factory=dict)

    def chapter(self, text: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{self._clock()} {text}[/bold]", soft_wrap=True)

    def say(self, text: str) -> None:
        """Add a line."""
        self.console.print(f"      {text}", soft_wrap=True)

    def open(self) -> None:
        """Begin the live picture (terminals only)."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=8, transient=False)
            self._live.start()

    def close(self) -> None:
        """Leave the last picture standing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def steps(self, steps: list[dict[str, Any]], shop: str) -> None:
        """Show the steps as the API tells them, and how the shop is doing."""
        if self._live is not None:
            self._live.update(Group(_picture(steps), Text(f"      {shop}", style="yellow")))
            return
        for step in steps:
            line = f"{step['name']}: {step['status']} {_measure(step)}".rstrip()
            stage = f"{step['status']} {step['progress'] // 25}"
            if step["status"] != "INIT" and self._said.get(step["name"]) != stage:
                self._said[step["name"]] = stage
                self.say(f"{self._clock()} {line}")

    def _clock(self) -> str:
        seconds = time.monotonic() - self.started
        return f"[{int(seconds // 60)}:{seconds % 60:04.1f}]".replace("[", "\\[")


def _picture(steps: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    for step in steps:
        colour = COLOURS.get(step["status"], "white")
        meaning = MEANING.get(step["name"], "")
        table.add_row("   ", step["name"], Text(step["status"], style=colour), _bar(step), Text(meaning, style="dim"))
        if (measure := _measure(step)) and step["status"] != "INIT":
            table.add_row("", "", "", Text(measure, style=colour), "")
    return table


def _bar(step: dict[str, Any]) -> Text:
    full = step["progress"] * 16 // 100
    return Text("━" * full, style="green") + Text("━" * (16 - full), style="dim") + Text(f" {step['progress']:3d} %")


def _measure(step: dict[str, Any]) -> str:
    info = step.get("stepInfo") or {}
    if info.get("processedRecords") is not None:
        rate = info.get("dstRps") or info.get("srcRps") or 0
        pace = f", {rate:,.0f} rows/s" if rate and step["status"] == "RUNNING" else ""
        return f"{info['processedRecords']:,} of {info.get('capacity') or 0:,} rows{pace}"
    if info.get("incrTimestampCheckpoint"):
        return f"{max(0, int(time.time()) - int(info['incrTimestampCheckpoint']))} s behind the source"
    return ""


def interactive() -> bool:
    """Whether somebody looks at a terminal."""
    return sys.stdout.isatty()
