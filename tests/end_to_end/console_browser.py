"""A service of its own and a real Chromium, for the tests and the pictures of the console."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from ferryman.embedded import Server
from ferryman.embedded.server import free_port

PASSWORD = "tr0ub4dor and a horse"
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
_AT_REST = """new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
  .then(() => Promise.all(document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime !== Infinity)
    .map((each) => each.finished.catch(() => null)))).then(() => null)"""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """Return where Chromium is, or `None`."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


NEEDS_CHROMIUM = pytest.mark.skipif(
    chromium_path() is None and os.environ.get("CI") != "true", reason="Chromium is missing"
)
NEEDED = [pytest.mark.mariadb, pytest.mark.oceanbase, NEEDS_CHROMIUM]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS, headless=True)
        try:
            yield browser
        finally:
            browser.close()


class ConsoleService:
    """``ferryman serve`` at a port that stays the same over a restart."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.settings = settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "ferryman",
            "serve",
            "--port",
            str(self.port),
            "--data-dir",
            str(self.directory),
        ]
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD} | self.settings
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        assert re.search(r"http://\S+", self.process.stdout.readline()), "the service did not come up"

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        login = b64encode(f"admin:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{method} {path}: {refused.read().decode()}") from refused
        return json.loads(text) if text else None


def open_page(browser: Browser, service: ConsoleService, *, width: int = 1280, **options: Any) -> Page:
    """A page in a context of its own, which fails the test when a script of the console fails."""
    # Without motion: a dialog that zooms in is whole for a moment before it begins, and a click of that moment meets nothing.
    options.setdefault("reduced_motion", "reduce")
    context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB", **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.defects = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.defects.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda said: _note_policy(page, said.text))
    page.goto(f"{service.url}/")
    return page


def opened(browser: Browser, service: ConsoleService, place: str, *login: str) -> Page:
    """A page of the console, logged in: as the admin, or by user and password."""
    page = open_page(browser, service)
    log_in(page, *login)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto(f"{service.url}/console/{place}")
    return page


def started(
    service: ConsoleService, source: Server, target: Server, database: str, *, types: list[str], name: str
) -> str:
    """Return a project that has been started."""
    asked = {"name": name, "source": source.url, "target": target.url, "objects": [f"{database}.*"], "types": types}
    project = str(service.call("POST", "/api/v1/projects", asked)["id"])
    service.call("POST", f"/api/v1/projects/{project}/start")
    return project


def _note_policy(page: Page, text: str) -> None:
    if "Content Security Policy" in text:
        page.defects.append(text)  # type: ignore[attr-defined]


def log_in(page: Page, user: str = "admin", password: str = PASSWORD) -> None:
    page.get_by_label("User", exact=True).fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def choose(page: Page, box: Locator, text: str) -> None:
    """Open a select and choose by its text."""
    box.click()
    page.locator(
        ".ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option", has_text=text
    ).first.click()


def add_endpoint(page: Page, name: str, kind: str, url: str) -> None:
    """Fill the open form of an endpoint, test it, and keep it."""
    parts = urlsplit(url)
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill(name)
    choose(page, form.locator(".ant-select").first, kind)
    form.get_by_label("Host").fill(parts.hostname or "")
    form.get_by_label("Port").fill(str(parts.port))
    form.get_by_label("User").fill(parts.username or "")
    form.get_by_label("Password", exact=True).fill(parts.password or "")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("Connected in")).to_be_visible(timeout=PATIENCE_MS)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden(timeout=PATIENCE_MS)


def barriers(page: Page) -> list[str]:
    """What keeps people out, as axe-core sees the page: serious and critical ones."""
    page.evaluate(_AT_REST)
    page.evaluate(AXE.read_text("utf-8") + "\n;0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


def run(server: Server, *statements: str) -> None:
    with closing(connection(server)) as opened, opened.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def connection(server: Server) -> pymysql.connections.Connection:
    end = server.endpoint
    return pymysql.connect(
        host=end.host, port=end.port, user=end.username, password=end.password, autocommit=True, charset="utf8mb4"
    )


def rows(server: Server, table: str) -> list:
    with closing(connection(server)) as opened, opened.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return list(cursor.fetchall())


def check(page: Page) -> None:
    """Look at the page as it is now: what keeps people out is told at the end, all at once.

    axe-core comes with what `make console-test` installs, which CI runs first.
    """
    if AXE.exists():
        # A notice that fades out is paler than the eye or axe would have it.
        expect(page.locator('[class*="-message-notice"]')).to_have_count(0, timeout=PATIENCE_MS)
        page.defects.extend(f"{page.url}: {each}" for each in barriers(page))  # type: ignore[attr-defined]


def sound(page: Page) -> None:
    """No script has failed, nothing has broken the policy, nothing keeps people out."""
    assert page.defects == [], "\n".join(page.defects)  # type: ignore[attr-defined]
