"""The page of errors is the register in the code."""

from __future__ import annotations

from pathlib import Path

from ferryman.foundation.codes import CODES
from ferryman.foundation.codes_page import as_page

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == as_page(), "the register has changed: run `make errors`"


def test_every_code_has_its_line():
    lines = [line for line in as_page().splitlines() if line.startswith("| `")]
    assert len(lines) == len(CODES)
    assert list(CODES) == sorted(CODES)
