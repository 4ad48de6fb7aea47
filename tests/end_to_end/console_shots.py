"""Pictures of every page of the console, and of what goes wrong, in both languages: ``make console-shots``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from console_browser import ConsoleService, log_in, open_page, run, running_browser
from playwright.sync_api import Browser, Page

from ferryman.demo import shop
from ferryman.embedded import MariaDb, OceanBase, Server

LIMIT_SECONDS = 900
LOOKS = [("light", 1280), ("light", 390), ("dark", 1280), ("dark", 390)]
CHINESE = [("light", 1280), ("dark", 390)]
TABS = ("flow", "tables", "schema", "verify", "behind", "letters", "log", "components", "details")
PLACES = (
    "", "migration", "sync", "new", "endpoints", "accounts", "audit", "settings",
    "alerts", "alerts/rules", "alerts/silences", "alerts/channels",
)  # fmt: skip
EMPTY = ("", "migration", "endpoints", "alerts", "new")
TYPES = ["schema", "full", "incremental", "verify"]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fm-") as text:
        directory = Path(text)
        directory.chmod(0o755)
        servers: list[Server] = [MariaDb(directory / "m").start(), MariaDb(directory / "n").start()]
        servers.append(OceanBase(directory / "o").start())
        service = ConsoleService(directory / "data")
        try:
            with running_browser() as browser:
                shoot(browser, service, {f"empty-{place or 'overview'}": place for place in EMPTY}, LOOKS, "en", folder)
                places = dict(zip(map(name_of, PLACES), PLACES, strict=True)) | states(service, *servers)
                shoot(browser, service, places, LOOKS, "en", folder)
                shoot(browser, service, places, CHINESE, "zh", folder)
        finally:
            service.end()
            for server in servers:
                server.remove()


def name_of(place: str) -> str:
    return place.replace("/", "-") or "overview"


def states(service: ConsoleService, source: Server, other: Server, target: Server) -> dict[str, str]:
    """Make projects in every state that looks different; returns what to call a picture → where it is taken."""
    shop.fill(source)
    for name, server in (("shop", source), ("oceanbase", target), ("mariadb", other)):
        service.call("POST", "/api/v1/endpoints", {"name": name, "url": server.url})
    done = follow(service, source, target, "shop", "shop.*")
    until(service, done, lambda project: steps_of(project)["verify"] == "FINISHED")
    places = {f"project-{tab}": f"projects/{done}/{tab}" for tab in TABS}
    run(source, "CREATE DATABASE odd", "CREATE TABLE odd.t (id INT PRIMARY KEY, a VARCHAR(5))")
    run(source, "INSERT INTO odd.t VALUES (1, 'one'), (2, 'two'), (3, '<b>3')")
    run(target, "CREATE DATABASE odd", "CREATE TABLE odd.t (id INT PRIMARY KEY, a VARCHAR(5))")
    run(target, "INSERT INTO odd.t VALUES (2, 'zwei'), (9, 'nine')")
    different = project(service, source, target, "different", "odd.*", types=["verify"])
    until(service, different, lambda each: each["status"] == "FINISHED")
    run(target, "CREATE DATABASE shut", "CREATE TABLE shut.t (id INT PRIMARY KEY)")
    run(source, "CREATE DATABASE shut", "CREATE TABLE shut.t (id INT PRIMARY KEY, a VARCHAR(5))")
    failed = project(service, source, target, "failed 🛑 <b>", "shut.*", types=["schema"])
    until(service, failed, lambda each: each["status"] == "FAILED")
    service.call("POST", f"/api/v1/projects/{done}/stop")
    switching = follow(service, source, other, "goes over", "odd.*", types=[*TYPES, "reverse"])
    until(service, switching, lambda each: steps_of(each)["verify"] == "FINISHED")
    places["switch-offered"] = f"projects/{switching}/flow"
    over = follow(service, source, other, "went over", "shop.*", types=[*TYPES, "reverse"])
    until(service, over, lambda each: steps_of(each)["verify"] == "FINISHED")
    service.call("POST", f"/api/v1/projects/{over}/switchover", {})
    until(service, over, lambda each: each["switchover"]["stage"] == "confirm")
    return places | {
        "switch-confirm": f"projects/{over}/flow",
        "different-verify": f"projects/{different}/verify",
        "different-tables": f"projects/{different}/tables",
        "failed-flow": f"projects/{failed}/flow",
        "failed-schema": f"projects/{failed}/schema?only=failed",
    }


def project(service: ConsoleService, source: Server, target: Server, name: str, objects: str, **more: Any) -> str:
    asked = {"name": name.replace(" ", "-"), "source": source.url, "target": target.url, "objects": [objects], **more}
    made = str(service.call("POST", "/api/v1/projects", asked | {"allow_not_empty": True})["id"])
    service.call("POST", f"/api/v1/projects/{made}/start")
    return made


def follow(service: ConsoleService, source: Server, target: Server, name: str, objects: str, **more: Any) -> str:
    return project(service, source, target, name, objects, **({"types": TYPES} | more))


def steps_of(document: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in document["steps"]}


def until(service: ConsoleService, found: str, true: Callable[[Any], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        document = service.call("GET", f"/api/v1/projects/{found}")
        if true(document):
            return
        time.sleep(0.5)
    raise SystemExit(f"{document['name']} has not come so far: {document['status']}, {steps_of(document)}")


def shoot(
    browser: Browser,
    service: ConsoleService,
    places: Mapping[str, str],
    looks: list[tuple[str, int]],
    language: str,
    folder: Path,
) -> None:
    for look, width in looks:
        page = open_page(browser, service, width=width, color_scheme=look)
        picture = folder / f"{language}-{look}-{width}"
        page.get_by_role("button", name="Log in").wait_for()
        page.screenshot(path=f"{picture}-login.png", full_page=True)
        log_in(page)
        page.get_by_role("heading", name="Overview").wait_for()
        if language == "zh":
            page.evaluate("localStorage.setItem('ferryman.language', 'zh')")
        for name, place in places.items():
            take(page, f"{service.url}/console/{place}", f"{picture}-{name}.png")
        page.context.close()


def take(page: Page, address: str, path: str) -> None:
    page.goto(address)
    page.locator("#content h1").wait_for()
    page.wait_for_timeout(1200)  # pictures only: charts and lists fill in
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
