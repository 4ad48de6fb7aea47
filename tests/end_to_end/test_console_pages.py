"""Every page of the console: by keyboard alone, for axe-core in both looks, and live without a reload. No database is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright")

from console_browser import NEEDS_CHROMIUM, PATIENCE_MS, ConsoleService, check, log_in, open_page, opened, sound
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = NEEDS_CHROMIUM

NOWHERE = {"source": "mysql://u:p@127.0.0.1:9/", "target": "oceanbase://u:p@127.0.0.1:9/"}
PROJECT = "lost-<i>🧭</i>"
PLACES = ("", "migration", "sync", "new", "endpoints", "accounts", "audit", "settings", "no-such-page")
ALERTS = ("alerts", "alerts/rules", "alerts/silences", "alerts/channels")
TABS = ("flow", "tables", "schema", "verify", "behind", "letters", "log", "components", "details")
STOP = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  const drawn = (each) => { const look = getComputedStyle(each);
    return (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0) || look.boxShadow !== 'none'; };
  const around = [here, here.parentElement, here.parentElement?.parentElement,
    here.closest('label'), here.closest('.ant-select')];
  here.dataset.visited = 'yes';
  return { shown: around.some((each) => each && drawn(each)), place: here.outerHTML.slice(0, 160) };
}"""
"""Where the focus is: whether it can be seen, on the element or on what is drawn around it."""
MISSED = """() => [...document.querySelectorAll('a[href], button, input, textarea, select, [tabindex="0"]')]
  .filter((each) => !each.dataset.visited && !each.disabled && each.tabIndex >= 0 && each.getClientRects().length
    && !each.closest('[aria-hidden=true]') && !['radio', 'file'].includes(each.type))
  .map((each) => each.outerHTML.slice(0, 160))"""


HEARD = """const parse = JSON.parse; window.heard = '';
JSON.parse = (text, ...more) => { window.heard += text; return parse(text, ...more); }"""
"""Tells what has reached the page, shown or not."""
DRAWN = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@pytest.fixture(scope="module")
def lost(service: ConsoleService) -> str:
    """A project that has failed, for its endpoints are not there; and something on every page."""
    project = str(service.call("POST", "/api/v1/projects", {"name": PROJECT, **NOWHERE})["id"])
    service.call("POST", f"/api/v1/projects/{project}/start")
    service.call("POST", "/api/v1/endpoints", {"name": "nowhere", "url": f"file://{service.directory}"})
    service.call("POST", "/api/v1/labels", {"name": "night"})
    service.call("POST", "/api/v1/keys", {"name": "a-key", "role": "viewer"})
    service.call("POST", "/api/v1/alerts/silences", {"minutes": 60, "reason": "<b>quiet</b>"})
    settings = {"url": "http://127.0.0.1:9/"}
    service.call("POST", "/api/v1/alerts/channels", {"name": "nobody", "kind": "webhook", "settings": settings})
    return project


@pytest.fixture(scope="module")
def places(lost: str) -> list[str]:
    return [*PLACES, *ALERTS, *(f"projects/{lost}/{tab}" for tab in TABS)]


@pytest.fixture
def page(browser: Browser, service: ConsoleService, lost: str) -> Iterator[Page]:
    """The page of a project that has failed: whatever else is looked at, it has something to show."""
    page = opened(browser, service, f"projects/{lost}/flow")
    expect(page.locator(".head .status")).to_have_text("Failed", timeout=PATIENCE_MS)
    yield page
    sound(page)
    page.context.close()


def at(page: Page, service: ConsoleService, place: str) -> None:
    page.goto(f"{service.url}/console/{place}")
    page.locator("#content h1").wait_for()
    expect(page.locator(".spinner")).to_have_count(0)


def test_every_page_can_be_walked_by_keyboard(page: Page, service: ConsoleService, places: list[str]) -> None:
    for place in places:
        at(page, service, place)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        unseen = walk(page)
        assert unseen == [], f"{place}: the focus cannot be seen"
        assert page.evaluate(MISSED) == [], f"{place}: Tab never comes there"
        assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0, place


def walk(page: Page) -> list[str]:
    """Press Tab until the page has been gone through; returns where the focus was and could not be seen."""
    unseen: list[str] = []
    for _ in range(150):
        stop: dict[str, Any] | None = page.evaluate(STOP)
        if stop is None:
            return unseen
        if not stop["shown"]:
            unseen.append(stop["place"])
        page.keyboard.press("Tab")
    raise AssertionError("Tab never leaves the page")


DIALOGS = (
    ("endpoints", "New endpoint"),
    ("endpoints", "Edit “nowhere”"),
    ("endpoints", "Remove “nowhere”?"),
    ("accounts", "New user"),
    ("accounts", "New key"),
    ("accounts", "Remove"),
    ("settings", "New label"),
    ("settings", "Rename “night”"),
    ("settings", "Remove “night”?"),
    ("details", "As YAML"),
    ("alerts/channels", "New channel"),
    ("alerts/silences", "New silence"),
    ("alerts/rules", "Change: A project has failed"),
    ("details", "Give away"),
    ("flow", "Release"),
)


def test_dialogs_keep_the_focus_and_give_it_back(page: Page, service: ConsoleService, lost: str) -> None:
    for place, name in DIALOGS:
        at(page, service, f"projects/{lost}/{place}" if place in TABS else place)
        opener = page.get_by_role("button", name=name).first
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        page.wait_for_function("() => document.activeElement?.closest('[role=dialog], .ant-drawer')", timeout=20_000)
        for _ in range(25):
            page.keyboard.press("Tab")
            assert page.evaluate("() => !!document.activeElement?.closest('[role=dialog], .ant-drawer')"), (
                f"{name}: Tab leaves it"
            )
        check(page)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(opener, name).to_be_focused()


def test_a_press_meets_what_was_aimed_at(browser: Browser, service: ConsoleService, page: Page) -> None:
    """Between press and release the page stays as it is, whatever the service has to say."""
    names = ["short", "w" * 64]
    project = service.call("POST", "/api/v1/projects", {"name": names[0], **NOWHERE})["id"]
    at(page, service, f"projects/{project}/flow")
    here = open_page(browser, service, width=390)
    log_in(here)
    expect(here.get_by_role("heading", name="Overview")).to_be_visible()
    here.add_init_script(HEARD)
    here.goto(f"{service.url}/console/projects/{project}/flow")
    start, dialog = here.get_by_role("button", name="Start", exact=True), here.get_by_role("dialog")
    for attempt in range(4):  # news that takes more than three seconds to come is not waited for
        expect(here.get_by_role("heading", name=names[attempt % 2])).to_be_visible()
        here.evaluate("window.heard = ''")
        before = start.bounding_box()
        assert before
        here.mouse.move(before["x"] + 8, before["y"] + 8)
        here.mouse.down()
        new = names[(attempt + 1) % 2]
        service.call("PATCH", f"/api/v1/projects/{project}/settings", {"name": new})
        here.wait_for_function("(name) => window.heard.includes(name)", arg=f'"{new}"')
        here.evaluate(DRAWN)
        held = here.get_by_role("heading", name=new).count() == 0
        here.mouse.up()
        if held:
            expect(dialog).to_be_visible()
            expect(here.get_by_role("heading", name=new)).to_be_visible()  # what was held back has come
            break
    assert held
    sound(here)
    here.context.close()


@pytest.mark.parametrize(("look", "width"), [("light", 1280), ("dark", 390)])
def test_nothing_keeps_people_out(
    browser: Browser, service: ConsoleService, places: list[str], look: str, width: int
) -> None:
    page = open_page(browser, service, width=width, color_scheme=look)
    check(page)
    log_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    for place in places:
        at(page, service, place)
        check(page)
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{place} is {wide} pixels wider than the window"
    sound(page)


def test_what_the_service_says_is_said_in_chinese(page: Page, service: ConsoleService, lost: str) -> None:
    page.get_by_role("button", name="中文").click()
    trouble = page.locator(".trouble")
    expect(trouble).to_contain_text("项未通过")
    expect(trouble).to_contain_text("无法连接")
    for said in page.locator(".trouble p, .trouble li, .trouble .ant-alert-message").all_inner_texts():
        assert re.search("[\u4e00-\u9fff]", said) or not re.search(r"[a-z]{3} [a-z]{2,} ", said), said
    at(page, service, f"projects/{lost}/log")
    expect(page.get_by_text("项目已创建")).to_be_visible()
    expect(page.get_by_text("项目运行中：已收到启动指令")).to_be_visible()
    check(page)


def test_what_others_change_is_seen_without_a_reload(page: Page, service: ConsoleService) -> None:
    at(page, service, "endpoints")
    page.evaluate("window.same = true")
    made = service.call("POST", "/api/v1/endpoints", {"name": "<s>other</s>", "url": f"file://{service.directory}"})
    expect(page.get_by_role("rowheader", name="<s>other</s>")).to_be_visible()
    service.call("DELETE", f"/api/v1/endpoints/{made['id']}")
    expect(page.get_by_role("rowheader", name="<s>other</s>")).to_have_count(0)
    page.get_by_role("link", name="Users and keys").click()
    service.call("POST", "/api/v1/accounts", {"name": "grace", "password": "only-her-own-1", "role": "operator"})
    expect(page.get_by_role("rowheader", name="grace")).to_be_visible()
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_text("Add a user").first).to_be_visible()
    page.get_by_role("link", name="Alerts", exact=True).click()
    page.get_by_role("tab", name="Rules").click()
    rule = page.locator("tr[data-rule=project_failed]")
    expect(rule).to_contain_text("yes")
    levels = {"high": 1, "medium": 2, "low": 3}
    service.call("PUT", "/api/v1/alerts/rules/project_failed", {"enabled": False, "repeat_minutes": levels})
    expect(rule).to_contain_text("1 / 2 / 3")
    service.call("PUT", "/api/v1/alerts/rules/project_failed", {})
    assert page.evaluate("window.same")


def test_a_project_is_given_away(page: Page, browser: Browser, service: ConsoleService) -> None:
    service.call("POST", "/api/v1/accounts", {"name": "hedy", "password": "only-her-own-1", "role": "operator"})
    project = service.call("POST", "/api/v1/projects", {"name": "a-present", **NOWHERE})["id"]
    theirs = opened(browser, service, f"projects/{project}/details", "hedy", "only-her-own-1")
    expect(theirs.get_by_text("Belongs to admin: you may look on")).to_be_visible()
    at(page, service, f"projects/{project}/details")
    give(page, "nobody-here")
    expect(page.get_by_role("dialog")).to_contain_text("account.unknown")
    page.get_by_label("Name of the account").fill("hedy")
    press(page.get_by_role("dialog").get_by_role("button", name="Give away"))
    expect(theirs.get_by_role("button", name="Start")).to_be_visible()  # live: it is hers
    expect(page.locator("dl.facts")).to_contain_text("hedy")
    give(theirs, "")
    expect(theirs.locator("dl.facts")).to_contain_text("every operator")
    sound(theirs)
    theirs.context.close()


def give(page: Page, account: str) -> None:
    page.get_by_role("button", name="Give away").click()
    dialog = page.get_by_role("dialog")
    if account:
        dialog.get_by_label("Name of the account").fill(account)
    else:
        dialog.get_by_label("every operator").check()
    yes = dialog.get_by_role("button", name="Give away")
    expect(yes).to_be_disabled()
    dialog.get_by_label("Type the name to confirm").fill("a-present")
    press(yes)


def press(button: Locator) -> None:
    expect(button).to_be_enabled()
    button.click()
