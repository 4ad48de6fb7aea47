"""Apply against a source and a target in memory: whatever happens, the target ends as the source."""

from __future__ import annotations

import pytest
from apply_model import run
from hypothesis import given, note, settings
from hypothesis import strategies as st


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_target_equals_source_whatever_happens(seed: int):
    note(f"seed {seed}")
    run(seed)


@pytest.mark.parametrize("seed", range(60))
def test_known_seeds_end_equal(seed: int):
    run(seed)
