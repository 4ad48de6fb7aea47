"""How a run is shown where there is no terminal: as plain lines."""

from __future__ import annotations

import time
from typing import TextIO

from ferryman.cli import words
from ferryman.cli.figures import STATUS_WORDS, STEP_WORDS, UNDER_WAY, rows_text
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import StepName, StepStatus

PLAIN_SECONDS = 3.0
SAME_SECONDS = 30.0


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
