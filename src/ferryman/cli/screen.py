"""How a run is shown while it goes on: live in a terminal, as plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from ferryman.cli import words
from ferryman.cli.rates import Rates
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import StepName, StepStatus, TableProgress

STEP_WORDS = {
    StepName.PRECHECK: "precheck",
    StepName.SCHEMA: "schema",
    StepName.CAPTURE: "record log",
    StepName.LOAD: "copy rows",
    StepName.INDEX: "indexes",
    StepName.APPLY: "apply changes",
    StepName.VERIFY: "compare rows",
}
STATUS_WORDS = {
    StepStatus.INIT: "waiting",
    StepStatus.RUNNING: "running",
    StepStatus.MONITORING: "following",
    StepStatus.SUSPEND: "paused",
    StepStatus.FAILED: "failed",
    StepStatus.FINISHED: "done",
}
STYLES = {
    StepStatus.INIT: "dim",
    StepStatus.RUNNING: "cyan",
    StepStatus.MONITORING: "green",
    StepStatus.SUSPEND: "yellow",
    StepStatus.FAILED: "red",
    StepStatus.FINISHED: "green",
}
UNDER_WAY = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})
WITH_TABLES = (StepName.VERIFY, StepName.LOAD)
PLAIN_SECONDS = 3.0
SAME_SECONDS = 30.0


class Screen(Protocol):
    """Shows a project again and again."""

    @property
    def most_tables(self) -> int:
        """How many tables of a step it has room for."""
        ...

    def show(self, project: ProjectView) -> None:
        """Show how it stands."""
        ...

    def say(self, text: str) -> None:
        """Say something that stays."""
        ...


@contextmanager
def opened_screen(*, plain: bool, out: TextIO) -> Iterator[Screen]:
    """Return the screen that fits: live only in a terminal."""
    if plain or not out.isatty():
        yield PlainScreen(out)
        return
    from ferryman.cli.live import live_screen

    with live_screen() as screen:
        yield screen


class PlainScreen:
    """A line for each change of a step, and one every few seconds for what is under way and has moved."""

    most_tables = 0

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._seen: dict[StepName, StepStatus] = {}
        self._told: dict[StepName, tuple[str, float]] = {}
        self._last = 0.0

    def show(self, project: ProjectView) -> None:
        """Write what is new."""
        now = time.monotonic()
        changed = [step for step in project.steps if self._seen.get(step.name, StepStatus.INIT) is not step.status]
        due = now - self._last >= PLAIN_SECONDS
        shown = changed or [step for step in project.steps if due and worth_a_line(step)]
        for step in shown:
            self._seen[step.name] = step.status
            self._tell(step, now)
        if shown:
            self._last = now

    def _tell(self, step: StepView, now: float) -> None:
        """Say how a step stands; the very same words again only as a sign of life."""
        line = step_line(step)
        text, when = self._told.get(step.name, ("", 0.0))
        if line == text and now - when < SAME_SECONDS:
            return
        self._told[step.name] = (line, now)
        self.say(line)

    def say(self, text: str) -> None:
        """Write a line with the time of day."""
        self._out.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
        self._out.flush()


def worth_a_line(step: StepView) -> bool:
    """Whether a step under way has something new to say now and then; recording the log goes on by itself."""
    return step.status in UNDER_WAY and step.name is not StepName.CAPTURE


def step_line(step: StepView) -> str:
    """Return a step as one line."""
    facts = [f"{STEP_WORDS[step.name]:<13}", f"{STATUS_WORDS[step.status]:<9}", *step_facts(step)]
    if step.error:
        facts.append(f"[{step.error.code}] {step.error.message}")
    return "  ".join(facts).rstrip()


def step_facts(step: StepView) -> list[str]:
    """Return the figures of a step worth reading in its status."""
    progress, facts = step.progress, []
    if step.status is StepStatus.RUNNING and step.name not in {StepName.CAPTURE, StepName.APPLY}:
        facts.append(f"{min(progress.percent, 100):>3} %")
    if rows := rows_text(step):
        facts.append(rows)
    if step.status in UNDER_WAY and (rate := words.rate(progress.rows_per_second)):
        facts.append(rate)
    if step.name is StepName.APPLY and step.status in UNDER_WAY:
        facts.append(f"{words.latency(progress.latency_seconds)} behind")
    if step.status is StepStatus.FINISHED:
        facts.append(words.duration(step.seconds))
    return facts


def rows_text(step: StepView) -> str:
    """Return rows or changes done, of how many."""
    progress = step.progress
    if step.name is StepName.APPLY:
        return words.plural(progress.rows, "change") if progress.rows else ""
    if step.name not in WITH_TABLES or step.status is StepStatus.INIT:
        return ""
    if step.status is StepStatus.FINISHED or progress.rows_total <= progress.rows:
        return words.plural(progress.rows, "row")
    return f"{words.count(progress.rows)} of {words.count(progress.rows_total)} rows"


def tables_to_show(project: ProjectView, most: int) -> tuple[list[TableProgress], int]:
    """Return the tables of the step under way that are worth a line, those being worked on first, and how many more."""
    step = next((s for name in WITH_TABLES for s in project.steps if s.name is name and s.status in UNDER_WAY), None)
    if step is None:
        return [], 0
    ranks = {"failed": 0, "running": 1, "waiting": 2, "done": 3}
    ordered = sorted(step.tables, key=lambda table: (ranks.get(table.state, 2), -table.rows_total, table.table))
    return ordered[:most], max(0, len(ordered) + step.more_tables - most)


def table_facts(table: TableProgress, rates: Rates) -> dict[str, Any]:
    """Return the cells of a table's line."""
    left = rates.seconds_left(table)
    total = max(table.rows, table.rows_total)
    return {
        "table": table.table,
        "state": table.state,
        "rows": words.count(table.rows),
        "total": words.count(total),
        "rate": words.rate(rates.rate(table.table)),
        "left": words.duration(left) if left is not None else "",
        "share": 1.0 if table.state == "done" else (table.rows / total if total else 0.0),
    }


def standard_output() -> TextIO:
    """Return where people read."""
    return sys.stdout
