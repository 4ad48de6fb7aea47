"""How many streams a load uses, by how long the target takes to begin a transaction."""

from __future__ import annotations

import pytest

from ferryman.pipeline.load.distance import FAR_STREAMS, NEAR_STREAMS, SAMPLES, Distance


def told(*seconds: float) -> Distance:
    sut = Distance()
    for one in seconds:
        sut.began(one)
    return sut


@pytest.mark.parametrize(
    ("seconds", "streams"),
    [(0.0005, NEAR_STREAMS), (0.02, NEAR_STREAMS), (0.06, 10), (0.1, FAR_STREAMS), (9.0, FAR_STREAMS)],
)
def test_the_farther_the_target_the_more_streams(seconds: float, streams: int) -> None:
    assert told(*[seconds] * SAMPLES).streams == pytest.approx(streams, abs=1)


def test_a_few_transactions_prove_nothing() -> None:
    assert told(*[1.0] * (SAMPLES - 1)).streams == NEAR_STREAMS


def test_a_busy_target_that_answers_once_at_once_is_near() -> None:
    assert told(0.5, 0.8, 0.001, *[0.9] * 100).streams == NEAR_STREAMS


def test_streams_never_come_back() -> None:
    sut = told(*[0.2] * SAMPLES)
    counts = []
    for seconds in (0.09, 0.3, 0.07, 0.2, 0.05, 0.1, 0.01, 0.2):
        sut.began(seconds)
        counts.append(sut.streams)
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == NEAR_STREAMS
