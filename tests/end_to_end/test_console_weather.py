"""The console in bad weather: a slow network, a service that goes, two people at one project; and a login at a provider."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from console_browser import NEEDS_CHROMIUM, PATIENCE_MS, ConsoleService, check, log_in, open_page, opened, sound
from playwright.sync_api import Browser, Page, expect

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oidc_provider_mock

pytestmark = [NEEDS_CHROMIUM, pytest.mark.filterwarnings("ignore")]  # the provider's own

NOWHERE = {"source": "mysql://u:p@127.0.0.1:9/", "target": "oceanbase://u:p@127.0.0.1:9/"}
SLOW = {"offline": False, "latency": 1500, "downloadThroughput": 60_000, "uploadThroughput": 60_000}
PEOPLE = {
    "1": {"preferred_username": "ada", "groups": ["dba"]},
    "2": {"preferred_username": "eve", "groups": ["guests"]},
}


def throttle(page: Page, **network: object) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {**SLOW, **network})


def test_a_slow_network_shows_that_it_is_waited_for(browser: Browser, service: ConsoleService) -> None:
    page = opened(browser, service, "")
    expect(page.locator(".figure-card").first).to_be_visible()
    throttle(page)
    for place in ("Endpoints", "Audit", "Users and keys"):
        page.get_by_role("link", name=place, exact=True).click()
        expect(page.get_by_role("status", name="Loading").first).to_be_visible()
        check(page)
        expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=PATIENCE_MS)
    page.get_by_role("button", name="New user").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("slow")
    form.get_by_label("Password", exact=True).fill("only-her-own-1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method + request.url.removeprefix(service.url)))
    save = form.get_by_role("button", name="Save")
    save.dblclick()
    save.press("Enter")
    expect(form).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.get_by_role("rowheader", name="slow")).to_be_visible(timeout=PATIENCE_MS)
    assert asked.count("POST/api/v1/accounts") == 1  # clicked thrice, sent once
    sound(page)
    page.context.close()


def test_a_form_outlives_the_network_and_the_service(browser: Browser, service: ConsoleService) -> None:
    page = opened(browser, service, "accounts")
    page.get_by_role("button", name="New user").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("storm")
    form.get_by_label("Password", exact=True).fill("only-her-own-1")
    away = page.get_by_text("The service does not answer.")
    page.context.set_offline(True)
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("the service does not answer")
    check(page)
    page.context.set_offline(False)
    service.end()
    expect(away).to_be_visible(timeout=PATIENCE_MS)
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("the service does not answer")
    service.start()
    expect(away).to_be_hidden(timeout=PATIENCE_MS)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.get_by_role("rowheader", name="storm")).to_be_visible()
    sound(page)
    page.context.close()


def test_two_people_change_one_project(browser: Browser, service: ConsoleService) -> None:
    name = "both-<b>👯</b>"
    project = service.call("POST", "/api/v1/projects", {"name": name, **NOWHERE})["id"]
    pages = [opened(browser, service, f"projects/{project}/details") for _ in range(2)]
    for page, wanted in zip(pages, ("first", "second"), strict=True):
        page.get_by_role("button", name="Change settings").click()
        page.get_by_label("Name", exact=True).fill(wanted)
    mine, theirs = pages
    mine.get_by_role("button", name="Save").click()
    expect(mine.get_by_role("heading", name="first")).to_be_visible()
    expect(theirs.get_by_role("heading", name="first")).to_be_visible()  # live, above the form
    expect(theirs.get_by_label("Name", exact=True)).to_have_value("second")  # which keeps what was entered
    theirs.get_by_role("button", name="Save").click()
    expect(theirs.get_by_text("project.changed_meanwhile")).to_be_visible()
    check(theirs)
    assert service.call("GET", f"/api/v1/projects/{project}")["name"] == "first"
    theirs.get_by_role("button", name="Show the settings as they are now").click()
    expect(theirs.get_by_label("Name", exact=True)).to_have_value("first")
    for page in pages:
        sound(page)
        page.context.close()


@pytest.fixture
def with_provider(tmp_path: Path) -> Iterator[ConsoleService]:
    """A service that a provider of identities stands beside."""
    people = [oidc_provider_mock.User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=people) as provider:
        running = ConsoleService(
            tmp_path,
            FERRYMAN_OIDC_ISSUER=f"http://localhost:{provider.server_port}",
            FERRYMAN_OIDC_CLIENT_ID="ferryman",
            FERRYMAN_OIDC_CLIENT_SECRET="geheim",
            FERRYMAN_OIDC_OPERATORS="dba",
            FERRYMAN_OIDC_NAME="Company",
        )
        yield running
        running.end()


def test_a_login_at_a_provider(browser: Browser, with_provider: ConsoleService) -> None:
    page = open_page(browser, with_provider)
    way = page.get_by_role("link", name="Log in with Company")
    expect(way).to_be_visible()
    check(page)
    way.click()
    page.locator("input[name=sub]").fill("2")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("oidc.no_role")).to_be_visible()
    page.goto(f"{with_provider.url}/console/endpoints")
    page.get_by_role("link", name="Log in with Company").click()
    page.locator("input[name=sub]").fill("1")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("button", name="ada")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="New project").first).to_be_visible()
    expect(page.get_by_role("link", name="Audit")).to_have_count(0)  # an operator
    page.get_by_role("button", name="ada").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    log_in(page)
    expect(page.get_by_role("link", name="Audit")).to_be_visible()  # the password still opens
    sound(page)
