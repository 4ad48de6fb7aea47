"""What a run shows: words, rates, plain lines, the live drawing."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli import project_views, words
from ferryman.cli.figures import tables_to_show
from ferryman.cli.live import LiveScreen
from ferryman.cli.plain import PlainScreen
from ferryman.cli.rates import Rates
from ferryman.model.project import ProjectStatus, StepName, StepProgress, StepStatus, TableProgress
from ferryman.spi.url import parse_url


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 m 00 s"), (185, "3 m 05 s"), (7380, "2 h 03 m")]
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (5e15, "5000 TB")]
)
def test_sizes(value, text):
    assert words.size(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.0123, "12 ms"), (0.9999, "1.0 s"), (75, "1 m 15 s")])
def test_latency(value, text):
    assert words.latency(value) == text


def test_rates_of_tables():
    rates = Rates()
    for now, rows in ((0.0, 0), (1.0, 100), (2.0, 200)):
        table = TableProgress(table="t", rows=rows, rows_total=1000, state="running")
        rates.see([table], now)
    assert rates.rate("t") == 100
    assert rates.seconds_left(table) == 8
    rates.see([TableProgress(table="t", rows=1000, rows_total=1000, state="done")], 3.0)
    assert rates.rate("t") == 0


@pytest.fixture
def project(service):
    wish = Wish(name="shop", source=parse_url("mysql://u:pw@a"), target=parse_url("oceanbase://r:pw@b"))
    found = service.create_project(spec_of(wish))
    tables = tuple(
        TableProgress(table=f"shop.t{n}", rows=n * 10, rows_total=100, state="running" if n % 2 else "waiting")
        for n in range(60)
    )
    progress = StepProgress(percent=37, rows=162_000, rows_total=430_000, rows_per_second=54_000)
    service.put_step(found.id, StepName.LOAD, status=StepStatus.RUNNING, progress=progress, tables=tables)
    behind = StepProgress(rows=12, latency_seconds=0.25)
    service.put_step(found.id, StepName.APPLY, status=StepStatus.MONITORING, progress=behind)
    return service.put(found.id, status=ProjectStatus.RUNNING)


def test_plain_lines(project):
    out = io.StringIO()
    shown = PlainScreen(out)
    shown.show(project)
    lines = [line[10:] for line in out.getvalue().splitlines()]
    assert lines == [
        "copy rows      running     37 %  162,000 of 430,000 rows  54,000/s",
        "apply changes  following  12 changes  250 ms behind",
    ]
    shown.show(project)
    assert len(out.getvalue().splitlines()) == 2, "nothing new, nothing said"


def test_tables_being_worked_on_come_first(project):
    tables, more = tables_to_show(project, 10)
    assert [table.state for table in tables] == ["running"] * 10
    assert more == 50
    load = replace(project.step(StepName.LOAD), more_tables=940)
    assert tables_to_show(replace(project, steps=(load,)), 10)[1] == 990, "those not asked for count as well"


class _NoLive:
    def update(self, drawing):
        self.drawing = drawing


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 10)])
def test_the_live_drawing_fits(project, size):
    console = Console(width=size[0], height=size[1], file=io.StringIO(), force_terminal=False)
    live = _NoLive()
    LiveScreen(live, console).show(project)
    console.print(live.drawing)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= size[0]
    if size[0] >= 80:
        assert "copy rows" in text
        assert "shop.t1 " in text
        assert "behind" in text


def test_names_cannot_command_the_terminal():
    rows = [("NAME", ">N"), ("a\x1b[31m\n", "1"), ("b", "20")]
    text = project_views.columns(rows)
    assert "\x1b" not in text
    assert text.splitlines()[1].startswith("a\\x1b[31m\\n")
    assert text.splitlines()[2].endswith("20")
