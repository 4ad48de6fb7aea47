"""The console lets an application go over: begun, given up, begun again, confirmed, and its changes flow back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from console_browser import (
    NEEDED,
    PATIENCE_MS,
    ConsoleService,
    check,
    opened,
    rows,
    run,
    sound,
    started,
)
from playwright.sync_api import Browser, Locator, Page, expect

from ferryman.embedded import MariaDb

pytestmark = [mark for mark in NEEDED if mark.name != "oceanbase"]
NAME = "go-over"


@pytest.fixture(scope="module")
def other_mariadb(servers_directory: Path) -> Iterator[MariaDb]:
    """A second server: the one that the application goes over to."""
    server = MariaDb(servers_directory / "gone-over").start()
    yield server
    server.remove()


def test_an_application_goes_over_in_the_page(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, other_mariadb: MariaDb, database_name: str
) -> None:
    table = f"{database_name}.items"
    run(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {table} (id INT PRIMARY KEY, word VARCHAR(40))")
    run(mariadb, f"INSERT INTO {table} VALUES (1, 'before')")
    types = ["schema", "full", "incremental", "verify", "reverse"]
    project = started(service, mariadb, other_mariadb, database_name, types=types, name=NAME)
    page = opened(browser, service, f"projects/{project}/flow")
    begin = page.get_by_role("button", name="Switch over")
    expect(begin).to_be_enabled(timeout=PATIENCE_MS)  # once it follows and its verification is over
    check(page)
    decide(page, "Switch over")
    expect(sub_step(page, "confirm")).to_have_attribute("data-status", "needs-you", timeout=PATIENCE_MS)
    expect(page.get_by_text("Stop the application at the source, then say so here.")).to_be_visible()
    check(page)
    decide(page, "Give it up")
    expect(begin).to_be_enabled(timeout=PATIENCE_MS)
    decide(page, "Switch over")
    run(mariadb, f"INSERT INTO {table} VALUES (2, 'until the end')")
    page.get_by_role("button", name="The application has stopped").wait_for(timeout=PATIENCE_MS)
    run(other_mariadb, f"INSERT INTO {table} VALUES (7, 'stray')")
    decide(page, "The application has stopped")
    page.get_by_role("link", name="Differences").click(timeout=PATIENCE_MS)
    decide(page, "Repair the target")
    page.goto(f"{service.url}/console/projects/{project}/flow")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Try again").click()
    expect(page.locator("[data-switchover=done]")).to_be_visible(timeout=PATIENCE_MS)
    expect(sub_step(page, "reverse")).to_have_attribute("data-status", "done")
    expect(page.get_by_text("its changes flow back to the source.")).to_be_visible()
    run(other_mariadb, f"INSERT INTO {table} VALUES (3, 'after')")
    wanted = [(1, "before"), (2, "until the end"), (3, "after")]
    for _ in range(600):
        if rows(mariadb, table) == wanted:
            break
        page.wait_for_timeout(100)
    assert rows(mariadb, table) == rows(other_mariadb, table) == wanted
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_text("应用写入目标端，变更会回流到源端")).to_be_visible()
    check(page)
    sound(page)


def sub_step(page: Page, name: str) -> Locator:
    return page.locator(f"tr[data-sub-step={name}]")


def decide(page: Page, button: str) -> None:
    """Press a button and confirm it by the project's name."""
    page.get_by_role("button", name=button).click()
    question = page.get_by_role("dialog")
    yes = question.get_by_role("button", name=button)
    expect(yes).to_be_disabled()  # wants the name
    question.get_by_label("Type the name to confirm").fill(NAME)
    check(page)
    yes.click()
    expect(question).to_be_hidden(timeout=PATIENCE_MS)


def test_who_does_not_own_a_project_is_not_offered_to_change_it(browser: Browser, service: ConsoleService) -> None:
    nowhere = {"source": "mysql://u:p@127.0.0.1:9/", "target": "oceanbase://u:p@127.0.0.1:9/"}
    project = service.call("POST", "/api/v1/projects", {"name": "not-hers", **nowhere})["id"]
    service.call("POST", "/api/v1/accounts", {"name": "olga", "password": "only-her-own-1", "role": "operator"})
    page = opened(browser, service, f"projects/{project}/details", "olga", "only-her-own-1")
    expect(page.get_by_text("Belongs to admin: you may look on")).to_be_visible()
    for button in ("Start", "Delete", "Change settings"):
        expect(page.get_by_role("button", name=button)).to_have_count(0)
    page.goto(f"{service.url}/console/migration")
    expect(page.get_by_label("Select not-hers")).to_be_disabled()
    expect(page.get_by_role("button", name="not-hers")).to_have_count(0)
    check(page)
    service.call("PUT", f"/api/v1/projects/{project}/owner", {"owner": ""})
    expect(page.get_by_label("Select not-hers")).to_be_enabled()  # live: it is everybody's now
    page.goto(f"{service.url}/console/projects/{project}/details")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    sound(page)
