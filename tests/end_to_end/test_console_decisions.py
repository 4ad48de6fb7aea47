"""The console where a person has to decide: a session that ends, an object that cannot be made, a change that is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")

from console_browser import (
    NEEDED,
    PATIENCE_MS,
    ConsoleService,
    check,
    log_in,
    opened,
    rows,
    run,
    sound,
    started,
)
from playwright.sync_api import Browser, Locator, Page, expect

from ferryman.embedded import MariaDb, OceanBase

pytestmark = NEEDED

NOWHERE = "127.0.0.1:9/"


def test_a_session_that_ends_loses_no_form(browser: Browser, service: ConsoleService) -> None:
    asked = {"name": "before", "source": f"mysql://u:p@{NOWHERE}", "target": f"oceanbase://u:p@{NOWHERE}"}
    project = service.call("POST", "/api/v1/projects", asked)["id"]
    page = opened(browser, service, f"projects/{project}/details")
    page.get_by_role("button", name="Change settings").click()
    page.get_by_label("Name", exact=True).fill("after")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    question = page.get_by_role("dialog", name="Your session has ended")
    expect(question.get_by_label("User", exact=True)).to_have_value("admin")
    check(page)
    log_in(page, password="wrong")
    expect(question.get_by_text("User or password is wrong.")).to_be_visible()
    log_in(page)
    expect(page.get_by_role("heading", name="after")).to_be_visible(timeout=PATIENCE_MS)  # saved, and live again
    assert service.call("GET", f"/api/v1/projects/{project}")["name"] == "after"
    sound(page)


def test_an_object_that_cannot_be_made_is_made_by_other_sql(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    run(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, a VARCHAR(5))",
    )
    run(
        oceanbase,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, a VARCHAR(4))",
    )
    project = started(service, mariadb, oceanbase, database_name, types=["schema"], name="refused")
    page = opened(browser, service, f"projects/{project}/flow")
    failed = page.locator(f"[data-failed='{database_name}.t']")
    expect(failed).to_be_visible(timeout=PATIENCE_MS)
    check(page)
    failed.get_by_role("link", name="Decide").click()
    expect(page.get_by_role("button", name="Run this instead and resume")).to_be_disabled()
    check(page)
    run(oceanbase, f"DROP TABLE {database_name}.t")
    made = f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, a VARCHAR(5)) COMMENT 'mine'"
    page.get_by_label("SQL that makes it at the target").fill(made)
    page.get_by_role("button", name="Run this instead and resume").click()
    expect(page.locator(".head .status")).to_have_text("Done", timeout=PATIENCE_MS)
    comment = f"information_schema.tables WHERE table_schema = '{database_name}' AND table_comment = 'mine'"
    assert len(rows(oceanbase, comment)) == 1
    sound(page)


def test_a_refused_change_is_overwritten_when_somebody_says_so(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    table = f"{database_name}.items"
    run(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {table} (id INT PRIMARY KEY, word VARCHAR(40))")
    project = started(service, mariadb, oceanbase, database_name, types=["schema", "incremental"], name="in-the-way")
    page = opened(browser, service, f"projects/{project}/flow")
    expect(page.locator("tr[data-step=apply]")).to_have_attribute("data-status", "MONITORING", timeout=PATIENCE_MS)
    run(oceanbase, f"ALTER TABLE {table} ADD UNIQUE (word)", f"INSERT INTO {table} VALUES (9, 'taken')")
    run(mariadb, f"INSERT INTO {table} VALUES (1, 'taken')")
    choice = page.get_by_text("Overwrite: remove the rows in its way")
    expect(choice).to_be_visible(timeout=PATIENCE_MS)
    check(page)
    choice.click()
    page.get_by_role("button", name="Decide and resume").click()
    question = page.get_by_role("dialog", name=f"Overwrite rows of {table}?")
    question.get_by_role("button", name="Decide and resume").click()
    expect(page.locator(".head .status")).to_have_text("Running", timeout=PATIENCE_MS)
    expect(page.get_by_text("Inserts 1")).to_be_visible(timeout=PATIENCE_MS)
    assert rows(oceanbase, table) == [(1, "taken")]
    sound(page)


def test_an_endpoint_is_changed_and_removed(browser: Browser, service: ConsoleService, mariadb: MariaDb) -> None:
    service.call("POST", "/api/v1/endpoints", {"name": "olden", "url": mariadb.url})
    page = opened(browser, service, "endpoints")
    page.get_by_role("button", name="Edit “olden”").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("Port")).to_have_value(str(mariadb.port))
    form.get_by_label("Name", exact=True).fill("golden")
    form.get_by_label("Description").fill("moved house")
    check(page)
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="golden")).to_be_visible()
    expect(form).to_be_hidden()
    page.get_by_role("row", name="golden").get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Connected in")).to_be_visible(timeout=PATIENCE_MS)  # its password is the one it had
    page.get_by_role("button", name="Remove “golden”?").click()
    question = page.get_by_role("dialog", name="Remove “golden”?")
    expect(question.get_by_role("button", name="Remove")).to_be_disabled()
    question.get_by_label("Type the name to confirm").fill("golden")
    check(page)
    question.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("rowheader", name="golden")).to_have_count(0)
    sound(page)


def test_a_project_is_made_by_keyboard_alone(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, database_name: str
) -> None:
    run(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY)")
    for name in ("from here", "to there"):
        service.call("POST", "/api/v1/endpoints", {"name": name, "url": mariadb.url})
    page = opened(browser, service, "new")
    walk(page, page.get_by_label("Project name"))
    page.keyboard.type("by-keyboard")
    for box, name in (("#wizard-source", "from here"), ("#wizard-target", "to there")):
        walk(page, page.locator(box))
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        expect(page.locator(".ant-select-selection-item", has_text=name)).to_be_visible()
    press(page, "Next")
    walk(page, page.get_by_label("Reverse incremental synchronization"))
    page.keyboard.press("Space")
    press(page, "Next")
    walk(page, page.get_by_role("radio", name="Choose from a tree"))
    page.keyboard.press("ArrowRight")
    walk(page, page.get_by_label("What moves, one pattern a line"))
    page.keyboard.type(f"{database_name}.*")
    press(page, "Next")
    press(page, "Next")
    press(page, "Save without starting")
    expect(page.get_by_role("heading", name="by-keyboard")).to_be_visible(timeout=PATIENCE_MS)
    made = service.call("GET", "/api/v1/projects/by-keyboard")
    assert (made["status"], made["objects"], "reverse" in made["types"]) == ("INIT", [f"{database_name}.*"], True)
    sound(page)


def walk(page: Page, goal: Locator) -> None:
    """Press Tab until the goal has the focus."""
    goal.wait_for(state="attached", timeout=PATIENCE_MS)  # some inputs are drawn by what is beside them
    for _ in range(80):
        if goal.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {goal}")


def press(page: Page, button: str) -> None:
    walk(page, page.get_by_role("button", name=button, exact=True))
    page.keyboard.press("Enter")


def test_a_long_list_of_projects_scrolls(browser: Browser, service: ConsoleService) -> None:
    ends = {"source": f"mysql://u:p@{NOWHERE}", "target": f"oceanbase://u:p@{NOWHERE}"}
    for number in range(120):
        service.call("POST", "/api/v1/projects", {"name": f"one-of-many-{number}", **ends})
    page = opened(browser, service, "migration?search=one-of-many&sort=created")
    box = page.get_by_role("region", name="Data migration")
    expect(page.get_by_role("link", name="one-of-many-119")).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        box.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
        expect(page.get_by_role("link", name="one-of-many-0", exact=True)).to_be_visible()
        assert page.locator("tr[data-status]").count() < 60  # those in sight, and a few around
        expect(page.get_by_role("link", name="one-of-many-119")).to_have_count(0)
        check(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_label("Select one-of-many-0", exact=True).check()
    box.evaluate("(box) => { box.scrollTop = 0 }")
    page.get_by_label("Select one-of-many-119").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    sound(page)
