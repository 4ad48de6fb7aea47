"""The command line around a service in memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))  # FakeService lives beside the tests of the API

from fake_service import FakeService


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in (
        "FERRYMAN_DEBUG",
        "FERRYMAN_SOURCE_PASSWORD",
        "FERRYMAN_TARGET_PASSWORD",
        "FERRYMAN_URL",
        "FERRYMAN_PASSWORD",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> FakeService:
    return FakeService()
