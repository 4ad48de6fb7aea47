"""The console in a real Chromium, against a running service and real databases."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright")

from console_browser import (
    NEEDED,
    PATIENCE_MS,
    ConsoleService,
    add_endpoint,
    check,
    choose,
    log_in,
    open_page,
    rows,
    run,
    sound,
)
from playwright.sync_api import Browser, Page, expect

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = NEEDED

PROJECT = "move-<b>🛒</b>"


def fill(source: Server, target: Server, database: str) -> None:
    made = f"CREATE TABLE {database}.orders (id INT PRIMARY KEY, word VARCHAR(40))"
    run(source, f"CREATE DATABASE {database} CHARACTER SET utf8mb4", made)
    values = ", ".join(f"({number}, 'word {number} 🛒')" for number in range(2000))
    run(source, f"INSERT INTO {database}.orders VALUES {values}")
    run(target, f"CREATE DATABASE {database}", made, f"INSERT INTO {database}.orders VALUES (1, 'in the way')")


def test_from_the_login_to_zero_differences(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    fill(mariadb, oceanbase, database_name)
    page = open_page(browser, service)
    log_in(page, password="wrong")
    expect(page.get_by_text("User or password is wrong.")).to_be_visible()
    check(page)
    log_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    check(page)
    start_by_wizard(page, mariadb, oceanbase, database_name)
    pause_and_resume(page)
    run(mariadb, f"INSERT INTO {database_name}.orders VALUES (5000, 'while it runs')")
    apply = page.locator("tr[data-step=apply]")
    expect(apply).to_have_attribute("data-status", "MONITORING", timeout=PATIENCE_MS)
    expect(page.locator("tr[data-step=verify]")).to_have_attribute("data-status", "FINISHED", timeout=PATIENCE_MS)
    check(page)
    for name in (
        "Tables",
        "Schema",
        "Why is it behind?",
        "Dead letters",
        "Log",
        "Component logs",
        "Settings",
        "Verification",
    ):
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.get_by_role("tabpanel").locator("section.panel").first).to_be_visible()
        check(page)
    expect(page.get_by_text("Equal: every compared row")).to_be_visible()
    wait_for_row(page, oceanbase, database_name)
    assert rows(mariadb, f"{database_name}.orders") == rows(oceanbase, f"{database_name}.orders")
    page.get_by_role("link", name="Migration", exact=True).click()
    expect(page.get_by_role("link", name=PROJECT)).to_be_visible()  # as text: no element of the name has been made
    assert page.locator("th b").count() == 0
    check(page)
    the_service_goes_and_comes_back(page, service)
    sound(page)


def start_by_wizard(page: Page, source: Server, target: Server, database: str) -> None:
    page.get_by_role("button", name="New project").first.click()
    page.get_by_label("Project name").fill(PROJECT)
    page.get_by_role("button", name="New endpoint").first.click()
    check(page)
    add_endpoint(page, "the source", "MariaDB", source.url)
    page.get_by_role("button", name="New endpoint").last.click()
    add_endpoint(page, "the target", "OceanBase", target.url)
    forward(page)
    expect(page.get_by_label("Full verification")).to_be_checked()
    forward(page)
    page.get_by_label("Table or database").fill(database)
    page.get_by_role("treeitem", name=f"{database} (1)").locator(".ant-tree-checkbox").click()
    forward(page)
    forward(page)
    in_the_way = page.locator("li[data-item=DB_TABLE_NOT_EMPTY][data-verdict=FAILED]")
    expect(in_the_way).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Create and start")).to_be_disabled()
    check(page)
    run(target, f"DELETE FROM {database}.orders")
    page.get_by_role("button", name="Check again").click()
    expect(in_the_way).to_be_hidden(timeout=PATIENCE_MS)
    look_at_yaml(page, f"{database}.*")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", name=PROJECT)).to_be_visible(timeout=PATIENCE_MS)


def look_at_yaml(page: Page, text: str) -> None:
    page.get_by_role("button", name="As YAML").click()
    expect(page.get_by_role("dialog").get_by_text(text)).to_be_visible()
    check(page)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()


def forward(page: Page) -> None:
    check(page)
    page.get_by_role("button", name="Next").click()


def pause_and_resume(page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_text(f"Pause “{PROJECT}”?")).to_be_visible()
    question.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .status")).to_have_text("Paused", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Release")).to_be_disabled()  # wants the name
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator(".head .status")).to_have_text("Running", timeout=PATIENCE_MS)


def wait_for_row(page: Page, target: Server, database: str) -> None:
    for _ in range(600):
        if any(row[0] == 5000 for row in rows(target, f"{database}.orders")):
            return
        page.wait_for_timeout(200)
    pytest.fail("the row written meanwhile has not arrived")


def the_service_goes_and_comes_back(page: Page, service: ConsoleService) -> None:
    service.end()
    away = page.get_by_text("The service does not answer.")
    expect(away).to_be_visible(timeout=PATIENCE_MS)
    service.start()
    expect(away).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.get_by_role("link", name=PROJECT)).to_be_visible()


def test_a_viewer_looks_and_changes_nothing(browser: Browser, service: ConsoleService) -> None:
    service.call("POST", "/api/v1/accounts", {"name": "eve", "password": "only-looking-1", "role": "viewer"})
    page = open_page(browser, service, width=390, color_scheme="dark")
    page.get_by_role("button", name="中文").click()
    page.get_by_label("用户名").fill("eve")
    page.get_by_label("密码", exact=True).fill("only-looking-1")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="概览")).to_be_visible()
    check(page)
    assert page.get_by_role("button", name="新建项目").count() == 0
    page.goto(f"{service.url}/console/new")
    expect(page.get_by_text("您可以查看，但不能修改")).to_be_visible()
    page.goto(f"{service.url}/console/audit")
    expect(page.get_by_text("只有管理员可以查看此页。")).to_be_visible()
    status = page.evaluate(
        "async () => { const s = await (await fetch('/api/v1/session')).json();"
        " return (await fetch('/api/v1/projects/x/start', {method: 'POST', headers: {'X-CSRF-Token': s.csrf}})).status }"
    )
    assert status == 403
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    check(page)
    sound(page)


def test_a_difference_is_found_shown_and_repaired(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    made = f"CREATE TABLE {database_name}.items (id INT PRIMARY KEY, word VARCHAR(40))"
    for server in (mariadb, oceanbase):
        run(server, f"CREATE DATABASE {database_name} CHARACTER SET utf8mb4", made)
    run(mariadb, f"INSERT INTO {database_name}.items VALUES (1, 'one'), (2, 'two')")
    run(oceanbase, f"INSERT INTO {database_name}.items VALUES (7, '<i>only here</i>')")
    asked = {"name": "mend", "source": mariadb.url, "target": oceanbase.url, "objects": [f"{database_name}.*"]}
    asked |= {"types": ["full", "verify"], "allow_not_empty": True}
    project = service.call("POST", "/api/v1/projects", asked)["id"]
    page = open_page(browser, service)
    log_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    change_settings(page, service, project)
    service.call("POST", f"/api/v1/projects/{project}/start")
    page.goto(f"{service.url}/console/projects/{project}/verify")
    expect(page.get_by_text("Rows that differ: 1, in tables: 1")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("<i>only here</i>").first).to_be_visible()
    page.get_by_role("button", name="Repair the target").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("button", name="Repair the target")).to_be_disabled()  # wants the name
    question.get_by_label("Type the name to confirm").fill("mended")
    check(page)
    question.get_by_role("button", name="Repair the target").click()
    expect(page.get_by_text("Equal: every compared row")).to_be_visible(timeout=PATIENCE_MS)
    assert rows(oceanbase, f"{database_name}.items") == [(1, "one"), (2, "two")]
    sound(page)


def change_settings(page: Page, service: ConsoleService, project: str) -> None:
    """Rename and slow down in the page; somebody else's change meanwhile is told, and nothing typed is lost."""
    page.goto(f"{service.url}/console/projects/{project}/details")
    page.get_by_role("button", name="Change settings").click()
    page.get_by_label("Name", exact=True).fill("mended")
    page.get_by_label("Load: most rows per second").fill("100000")
    check(page)
    service.call("PATCH", f"/api/v1/projects/{project}/settings", {"importance": "LOW"})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("somebody else has changed")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_label("Name", exact=True)).to_have_value("mended")
    page.get_by_role("button", name="Show the settings as they are now").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("mend")
    page.get_by_label("Name", exact=True).fill("mended")
    page.get_by_label("Load: most rows per second").fill("100000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="mended")).to_be_visible(timeout=PATIENCE_MS)
    now = service.call("GET", f"/api/v1/projects/{project}/settings")
    assert (now["name"], now["importance"], now["load_rows_per_second"]) == ("mended", "LOW", 100_000)


def test_a_change_set_aside_is_told_silenced_and_tried_again(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, oceanbase: OceanBase, database_name: str
) -> None:
    made = f"CREATE TABLE {database_name}.items (id INT PRIMARY KEY, word VARCHAR(40))"
    run(mariadb, f"CREATE DATABASE {database_name}", made)
    asked = {"name": "aside", "source": mariadb.url, "target": oceanbase.url, "objects": [f"{database_name}.*"]}
    asked |= {"types": ["schema", "incremental"], "conflicts": "skip-to-dead-letters", "importance": "LOW"}
    project = service.call("POST", "/api/v1/projects", asked)["id"]
    service.call("POST", f"/api/v1/projects/{project}/start")
    page = open_page(browser, service)
    log_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    raise_level(page, service)
    page.goto(f"{service.url}/console/projects/{project}/flow")
    expect(page.locator("tr[data-step=apply]")).to_have_attribute("data-status", "MONITORING", timeout=PATIENCE_MS)
    narrower = f"ALTER TABLE {database_name}.items ADD UNIQUE (word)"
    run(oceanbase, narrower, f"INSERT INTO {database_name}.items VALUES (9, 'in the way')")
    run(mariadb, f"INSERT INTO {database_name}.items VALUES (1, 'in the way')")
    page.goto(f"{service.url}/console/alerts")
    alert = page.locator("tr[data-rule=dead_letters]")
    expect(alert).to_contain_text("High", timeout=PATIENCE_MS)
    check(page)
    silence(page)
    page.goto(f"{service.url}/console/projects/{project}/letters")
    expect(page.locator("tr[data-letter][data-state=open]")).to_have_count(1)
    check(page)
    run(oceanbase, f"DELETE FROM {database_name}.items")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No change waits for a decision.")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Also those that are settled").check()
    expect(page.locator("tr[data-letter][data-state=applied]")).to_have_count(1)
    assert rows(oceanbase, f"{database_name}.items") == [(1, "in the way")]
    sound(page)


def raise_level(page: Page, service: ConsoleService) -> None:
    page.goto(f"{service.url}/console/alerts/rules")
    page.locator("tr", has_text="Changes were put aside").get_by_role("button", name="Change").click()
    choose(page, page.get_by_role("dialog").locator(".ant-select"), "High")
    check(page)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator("tr", has_text="Changes were put aside")).to_contain_text("High")


def silence(page: Page) -> None:
    page.get_by_role("tab", name="Silences").click()
    page.get_by_role("button", name="New silence").click()
    page.get_by_label("Reason").fill("it is being mended")
    check(page)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("it is being mended")).to_be_visible()
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
    page.get_by_role("tab", name="Channels").click()
    page.get_by_role("button", name="New channel").click()
    page.get_by_role("dialog").get_by_label("Name").fill("pager")
    page.get_by_role("dialog").get_by_label("Address").fill("https://hooks.example/token-1")
    check(page)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="pager")).to_be_visible()
    assert "token-1" not in page.content()


def test_a_synchronization_into_files(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, database_name: str, tmp_path: Path
) -> None:
    run(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY)")
    run(mariadb, f"INSERT INTO {database_name}.t VALUES (1), (2)")
    for name, url in (("sync source", mariadb.url), ("sync files", f"file://{tmp_path}/out")):
        service.call("POST", "/api/v1/endpoints", {"name": name, "url": url})
    page = open_page(browser, service)
    log_in(page)
    page.get_by_role("button", name="New project").first.click()
    page.get_by_label("Project name").fill("publish")
    choose(page, page.locator(".ant-select", has=page.locator("#wizard-source")), "sync source")
    choose(page, page.locator(".ant-select", has=page.locator("#wizard-target")), "sync files")
    expect(page.get_by_text("this becomes a synchronization")).to_be_visible()
    forward(page)
    expect(page.get_by_label("Full verification")).to_have_count(0)
    forward(page)
    page.get_by_text("By rules").click()
    page.get_by_label("What moves, one pattern a line").fill(f"{database_name}.*")
    forward(page)
    choose(page, page.locator(".ant-select", has=page.locator("#publish-format")), "CANAL")
    page.get_by_label("Topic").fill("changes")
    page.get_by_label("end", exact=True).check()
    forward(page)
    page.get_by_role("button", name="Create and start").click(timeout=PATIENCE_MS)
    expect(page.locator(".head .status")).to_have_text("Done", timeout=PATIENCE_MS)
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_text("CANAL")).to_be_visible()
    check(page)
    said = "".join(
        file.read_text() for file in (tmp_path / "out").rglob("*") if file.is_file() and "changes" in str(file)
    )
    assert said.count('"INSERT"') >= 2
    sound(page)
