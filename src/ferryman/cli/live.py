"""The live screen of a terminal: steps with bars, tables with rate and time left, the distance behind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ferryman.cli import words
from ferryman.cli.figures import (
    STATUS_WORDS,
    STEP_WORDS,
    STYLES,
    UNDER_WAY,
    WITH_TABLES,
    rows_text,
    table_facts,
    tables_to_show,
)
from ferryman.cli.rates import Rates
from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import StepName, StepStatus, TableProgress

FRAMES_PER_SECOND = 4
_TABLE_STYLES = {"running": "", "failed": "red"}


class LiveScreen:
    """Draws the project in place; what is said scrolls above it."""

    def __init__(self, live: Live, console: Console) -> None:
        self._live, self._console = live, console
        self._rates = Rates()

    @property
    def most_tables(self) -> int:
        """No more than the terminal has lines."""
        return max(3, self._console.height)

    def show(self, project: ProjectView) -> None:
        """Draw how it stands."""
        now = time.monotonic()
        for name in WITH_TABLES:
            step = project.step(name)
            if step is not None and step.status in UNDER_WAY:
                self._rates.see(step.tables, now)
        self._live.update(self._drawing(project))

    def say(self, text: str) -> None:
        """Write a line above the drawing."""
        self._console.print(Text(text))

    def _drawing(self, project: ProjectView) -> RenderableType:
        parts: list[RenderableType] = [steps_table(project)]
        most = max(3, self._console.height - len(project.steps) - 6)
        tables, more = tables_to_show(project, most)
        if tables:
            parts += [Text(""), self._tables(tables)]
        if more:
            parts.append(Text(f"… and {words.plural(more, 'table')} more", style="dim"))
        return Group(*parts)

    def _tables(self, tables: Sequence[TableProgress]) -> Table:
        compared = any(table.mismatches is not None for table in tables)
        grid = _grid("table", "", ">rows", ">of", ">rate", ">left", *([">differences"] if compared else []))
        for table in tables:
            cells = self._cells(table)
            grid.add_row(*(cells if compared else cells[:-1]), style=_TABLE_STYLES.get(table.state, "dim"))
        return grid

    def _cells(self, table: TableProgress) -> list[RenderableType]:
        facts = table_facts(table, self._rates)
        return [
            Text(facts["table"], overflow="ellipsis", no_wrap=True),
            ProgressBar(total=1.0, completed=facts["share"], width=16),
            facts["rows"],
            facts["total"],
            facts["rate"],
            facts["left"],
            Text(words.count(table.mismatches or 0), style="red" if table.mismatches else ""),
        ]


def steps_table(project: ProjectView) -> Table:
    """Return the steps as a table."""
    grid = _grid("step", "", "", ">rows", ">rate", ">time", "")
    for step in project.steps:
        grid.add_row(
            STEP_WORDS[step.name],
            _bar(step),
            Text(STATUS_WORDS[step.status], style=STYLES[step.status]),
            rows_text(step).removesuffix(" rows").removesuffix(" row"),
            words.rate(step.progress.rows_per_second) if step.status in UNDER_WAY else "",
            words.duration(step.seconds) if step.status is not StepStatus.INIT else "",
            _remark(step),
        )
    return grid


def _bar(step: StepView) -> RenderableType:
    if step.name in {StepName.CAPTURE, StepName.APPLY} and step.status in UNDER_WAY:
        return (
            Text("↻ follows the source", style="dim") if step.name is StepName.APPLY else Text("↻ records", style="dim")
        )
    done = 100 if step.status is StepStatus.FINISHED else min(100, step.progress.percent)
    return ProgressBar(total=100, completed=done, width=24)


def _remark(step: StepView) -> RenderableType:
    if step.error is not None:
        return Text(f"[{step.error.code}]", style="red")  # in full below, once the drawing stands still
    if step.name is StepName.APPLY and step.status in UNDER_WAY:
        return Text(f"{words.latency(step.progress.latency_seconds)} behind")
    if step.status is not StepStatus.RUNNING or step.name is StepName.CAPTURE:
        return Text("")
    return Text(step.progress.message, style="dim", no_wrap=True, overflow="ellipsis")


def _grid(*headers: str) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in headers:
        right = header.startswith(">")
        grid.add_column(escape(header.removeprefix(">")), justify="right" if right else "left", no_wrap=right)
    return grid


@contextmanager
def live_screen() -> Iterator[LiveScreen]:
    """Open the live screen; at its end the last drawing stays."""
    console = Console(highlight=False)
    with Live(console=console, refresh_per_second=FRAMES_PER_SECOND, vertical_overflow="crop") as live:
        yield LiveScreen(live, console)
