"""How quick the console is with 10,000 projects and with 10,000 tables, in Chromium: ``make console-load``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from console_browser import ConsoleService, log_in, open_page, running_browser
from playwright.sync_api import Page

from ferryman.control import lifecycle
from ferryman.foundation.clock import unix_now
from ferryman.metadb import projects, steps
from ferryman.metadb.store import MetaDb
from ferryman.model.project import StepName, TableProgress

MANY = 10_000
NOWHERE = "127.0.0.1:9/"
FRAMES = """(box, pixels) => new Promise((done) => {
  const times = []; let before = performance.now(); let step = 0;
  const frame = (now) => {
    times.push(now - before); before = now;
    box.scrollTop = pixels ? pixels * step : box.scrollHeight * (step / 120);
    if (step++ < 120) requestAnimationFrame(frame); else done(times.slice(1).sort((a, b) => a - b));
  };
  requestAnimationFrame(frame);
})"""
"""Scroll 120 frames, from the top to the end or so many pixels each; how long each took, in ms, the shortest first."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fm-") as text:
        service = ConsoleService(Path(text) / "data")
        try:
            asked = {"name": "large", "source": f"mysql://u:p@{NOWHERE}", "target": f"oceanbase://u:p@{NOWHERE}"}
            project = str(service.call("POST", "/api/v1/projects", asked)["id"])
            service.end()
            fill(Path(text) / "data", project)
            service.start()
            with running_browser() as browser:
                page = open_page(browser, service)
                say("login page", "interactive", lambda: reach(page, service.url, "input[type=password]"))
                log_in(page)
                page.locator("#content h1").wait_for()
                measure(page, service, project)
        finally:
            service.end()


def measure(page: Page, service: ConsoleService, project: str) -> None:
    console = f"{service.url}/console"
    say("overview", "interactive", lambda: reach(page, f"{console}/", "#content .figure-card"))
    say(f"{MANY} projects", "first page", lambda: reach(page, f"{console}/migration", "tbody tr[data-status]"))
    scroll(page, "projects")
    page.locator(".windowed").evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    began = time.monotonic()
    page.locator("tbody tr[data-status]", has_text="copy-1").last.wait_for()  # the oldest but one is a copy
    print(
        f"{MANY} projects: the last ones {1000 * (time.monotonic() - began):.0f} ms after scrolling there", flush=True
    )
    say(
        f"{MANY} projects",
        "one by name",
        lambda: reach(page, f"{console}/migration?search=copy-77", "tbody tr[data-status]"),
    )
    say(f"{MANY} tables", "open", lambda: reach(page, f"{console}/projects/{project}/tables", "tr[data-table]"))
    scroll(page, "tables")


def scroll(page: Page, what: str) -> None:
    for how, pixels in (("by the wheel", 100), ("to the end", 0)):
        times = page.locator(".windowed").evaluate(FRAMES, pixels)
        middle, slow = times[len(times) // 2], times[int(len(times) * 0.95)]
        print(f"{MANY} {what}: {len(times)} frames {how}, median {middle:.0f} ms, 95 % {slow:.0f} ms", flush=True)


def reach(page: Page, address: str, wanted: str) -> None:
    page.goto(address)
    page.wait_for_function("(wanted) => document.querySelector(wanted)", arg=wanted)  # looks at every frame


def say(what: str, how: str, act: Callable[[], None]) -> None:
    """Do it three times; tell the first and the best."""
    taken = []
    for _ in range(3):
        began = time.monotonic()
        act()
        taken.append(time.monotonic() - began)
    print(f"{what}: {how} after {1000 * taken[0]:.0f} ms at first, {1000 * min(taken):.0f} ms at best", flush=True)


def fill(directory: Path, project: str) -> None:
    """Copy the project, and let its load have reported of many tables."""
    metadb = MetaDb.open(directory)
    tables = [
        TableProgress(table=f"shop.table_{number}", rows=number, rows_total=2 * number, bytes=99)
        for number in range(MANY)
    ]
    try:
        with metadb.writing() as tx:
            row = projects.get(tx, metadb.box, project)
            assert row is not None
            for number in range(1, MANY):
                spec = replace(row.spec, name=f"copy-{number}")
                copy = replace(row, id=f"np_{number:012x}", spec=spec, created_at=unix_now())
                lifecycle.create(tx, metadb.box, copy)
            steps.report_tables(tx, project, StepName.LOAD, tables)
    finally:
        metadb.close()


if __name__ == "__main__":
    main()
