"""What the tests of the console share. Not for a whole session: Playwright keeps an event loop in the thread it runs in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from console_browser import ConsoleService
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    from console_browser import running_browser

    with running_browser() as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleService]:
    """A service with an empty directory."""
    from console_browser import ConsoleService

    running = ConsoleService(tmp_path_factory.mktemp("console"))
    yield running
    running.end()
