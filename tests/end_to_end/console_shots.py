"""Pictures of every page of the console, light and dark, wide and narrow: ``make console-shots``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from console_browser import ConsoleService, log_in, open_page, running_browser
from playwright.sync_api import Browser

from ferryman.demo import shop
from ferryman.embedded import MariaDb, OceanBase

LIMIT_SECONDS = 900


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fm-") as text:
        directory = Path(text)
        directory.chmod(0o755)
        source, target = MariaDb(directory / "m").start(), OceanBase(directory / "o").start()
        shop.fill(source)
        service = ConsoleService(directory / "data")
        try:
            project = moved(service, source, target)
            with running_browser() as browser:
                for look in ("light", "dark"):
                    for width in (1280, 390):
                        shoot(browser, service, project, look, width, folder)
        finally:
            service.end()
            source.remove()
            target.remove()


def moved(service: ConsoleService, source: MariaDb, target: OceanBase) -> str:
    """Move the shop, so that every page has something to show."""
    ends = [
        service.call("POST", "/api/v1/endpoints", {"name": name, "url": server.url})["id"]
        for name, server in (("shop", source), ("oceanbase", target))
    ]
    asked = {"name": "shop", "source": ends[0], "target": ends[1], "objects": ["shop.*"]}
    project = str(service.call("POST", "/api/v1/projects", asked)["id"])
    service.call("POST", f"/api/v1/projects/{project}/start")
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        steps = {step["name"]: step["status"] for step in service.call("GET", f"/api/v1/projects/{project}")["steps"]}
        if steps["verify"] == "FINISHED":
            return project
        time.sleep(1)
    raise SystemExit("the shop has not arrived")


def shoot(browser: Browser, service: ConsoleService, project: str, look: str, width: int, folder: Path) -> None:
    page = open_page(browser, service, width=width, color_scheme=look)
    page.get_by_role("button", name="Log in").wait_for()
    page.screenshot(path=folder / f"{look}-{width}-login.png", full_page=True)
    log_in(page)
    page.get_by_role("heading", name="Overview").wait_for()
    tabs = [f"projects/{project}/{tab}" for tab in ("flow", "tables", "schema", "verify", "behind", "log", "details")]
    for place in (
        "",
        "migration",
        "sync",
        *tabs,
        "new",
        "endpoints",
        "accounts",
        "audit",
        "settings",
        "alerts",
        "alerts/rules",
        "alerts/silences",
        "alerts/channels",
    ):
        page.goto(f"{service.url}/console/{place}")
        page.locator("#content h1").wait_for()
        page.wait_for_timeout(1500)  # pictures only: charts and lists fill in
        name = place.replace(f"projects/{project}", "project").replace("/", "-") or "overview"
        page.screenshot(path=folder / f"{look}-{width}-{name}.png", full_page=True)
    page.context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
