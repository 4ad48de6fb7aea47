"""Endpoints behind an SSH server, labels, and the assessment, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright")

from console_browser import NEEDS_CHROMIUM, PATIENCE_MS, ConsoleService, check, choose, opened, run, sound
from playwright.sync_api import Browser, expect

from bastion import PASSWORD, USER, Bastion
from ferryman.embedded import MariaDb

pytestmark = [NEEDS_CHROMIUM, pytest.mark.mariadb]


@pytest.fixture
def bastion() -> Iterator[Bastion]:
    with Bastion() as running:
        yield running


def test_the_key_of_an_ssh_server_is_confirmed(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, bastion: Bastion
) -> None:
    page = opened(browser, service, "endpoints")
    page.get_by_role("button", name="New endpoint").first.click()
    form, parts = page.get_by_role("dialog"), urlsplit(mariadb.url)
    form.get_by_label("Name", exact=True).fill("behind")
    choose(page, form.locator(".ant-select").first, "MariaDB")
    form.get_by_label("Host", exact=True).fill(parts.hostname or "")
    form.get_by_label("Port", exact=True).fill(str(parts.port))
    form.get_by_label("User", exact=True).fill(parts.username or "")
    form.get_by_label("Password", exact=True).fill(parts.password or "")
    form.get_by_label("Reach it through an SSH server").check()
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("This is needed.").first).to_be_visible()
    form.get_by_label("SSH host").fill("127.0.0.1")
    form.get_by_label("SSH port").fill(str(bastion.port))
    form.get_by_label("SSH user").fill(USER)
    form.get_by_label("SSH password").fill(PASSWORD)
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("Is this the key of the SSH server?")).to_be_visible(timeout=PATIENCE_MS)
    expect(form.get_by_text(bastion.fingerprint)).to_be_visible()
    check(page)
    form.get_by_role("button", name="Confirm this fingerprint").click()
    expect(form.get_by_text("Connected in")).to_be_visible(timeout=PATIENCE_MS)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden(timeout=PATIENCE_MS)
    kept = next(each for each in service.call("GET", "/api/v1/endpoints?size=500")["items"] if each["name"] == "behind")
    assert "ssh_host=127.0.0.1" in kept["url"]
    assert "ssh_password" not in kept["url"]
    page.get_by_role("button", name="Edit “behind”").click()
    expect(form.get_by_label("Reach it through an SSH server")).to_be_checked()
    expect(form.get_by_label("Fingerprint of the server’s key")).to_have_value(bastion.fingerprint)
    form.get_by_label("Description").fill("through the gate")
    form.get_by_role("button", name="Save").click()  # the secrets stay, for the way is the same
    expect(form).to_be_hidden(timeout=PATIENCE_MS)
    tested = service.call("POST", "/api/v1/endpoints/test", {"url": kept["id"]})
    assert tested["ok"], tested
    sound(page)
    page.context.close()


def test_a_project_is_assessed_and_its_log_kept(
    browser: Browser, service: ConsoleService, mariadb: MariaDb, database_name: str
) -> None:
    run(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY)")
    ends = {"source one": mariadb.url, "files one": f"file://{service.directory}/out"}
    ids = {
        name: service.call("POST", "/api/v1/endpoints", {"name": name, "url": url})["id"] for name, url in ends.items()
    }
    page = opened(browser, service, "")
    form = {"name": "judged", "source": ids["source one"], "target": ids["files one"], "sync": True, "mode": "rules"}
    page.evaluate(
        "(form) => sessionStorage.setItem('ferryman.wizard', JSON.stringify(form))",
        form | {"objects": f"{database_name}.*"},
    )
    page.goto(f"{service.url}/console/new")
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    page.get_by_label("Keep applied log for (hours)").fill("12")
    page.get_by_label("Keep applied log up to (GiB)").fill("2")
    check(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Estimate time, space and risks").click()
    expect(page.get_by_role("heading", name="Risks")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("rowheader", name=f"{database_name}.t")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Save without starting").click()
    expect(page.get_by_role("heading", name="judged")).to_be_visible(timeout=PATIENCE_MS)
    made = service.call("GET", "/api/v1/projects/judged")["id"]
    page.goto(f"{service.url}/console/projects/{made}/details")
    page.get_by_role("button", name="As YAML").click()
    expect(page.get_by_role("dialog")).to_contain_text("log_kept_hours: 12")
    sound(page)
    page.context.close()


def test_labels_get_other_names_and_go(browser: Browser, service: ConsoleService) -> None:
    page = opened(browser, service, "settings")
    page.get_by_role("button", name="New label").click()
    page.get_by_role("dialog").get_by_label("Name").fill("<b>night")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="<b>night")).to_be_visible()
    page.get_by_role("button", name="Rename “<b>night”").click()
    page.get_by_role("dialog").get_by_label("Name").fill("day")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="day")).to_be_visible()
    page.get_by_role("button", name="Remove “day”?").click()
    page.get_by_role("dialog").get_by_label("Type the name to confirm").fill("day")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No label yet.")).to_be_visible()
    sound(page)
    page.context.close()
