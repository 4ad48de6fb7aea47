"""Every invariant is cited in the code and by each test that docs/guarantees.md names for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (I\d) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "guarantees.md").read_text(), re.MULTILINE)


def test_nine_invariants_are_listed() -> None:
    assert [name for name, _ in ROWS] == [f"I{number}" for number in range(1, 10)]


@pytest.mark.parametrize(("name", "tests"), ROWS)
def test_invariant_is_cited_in_code_and_tests(name: str, tests: str) -> None:
    cited = re.compile(rf"\b{name}\b")
    assert any(cited.search(path.read_text()) for path in (ROOT / "src").rglob("*.py"))
    files = re.findall(r"`([\w/]+)`", tests)
    assert files
    for file in files:
        assert cited.search((ROOT / "tests" / f"{file}.py").read_text()), f"{file} does not cite {name}"
