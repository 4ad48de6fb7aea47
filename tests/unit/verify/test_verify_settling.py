from __future__ import annotations

from ferryman.pipeline.verify.settling import Settled, _settle


class Script:
    """Each look at a side shows the next state; apply has always passed."""

    patience_seconds = 5.0

    def __init__(self, source, target):
        self.states = {True: iter(source), False: iter(target)}

    def passed_now(self, deadline):
        return True

    def pause(self):
        return None

    def look(self, rows, source):
        value = next(self.states[source])
        return {} if value is None else dict.fromkeys(rows, value)

    def settle(self) -> Settled:
        return _settle([1], self.look, self, rounds=2)


def test_overtaken_once_is_not_different():
    """The row changed and was applied between the two looks: the target is younger than what was read."""
    assert Script([1, 2], [2, 2]).settle() == Settled()


def test_overtaken_each_time_is_not_different_either():
    assert Script([1, 2, 3, 4], [2, 3, 4, 4]).settle() == Settled()


def test_the_same_difference_twice_is_one():
    assert Script([1, 1], [2, 2]).settle().different == {1: (1, 2)}
    assert Script([1, 1], [None, None]).settle().different == {1: (1, None)}
    assert Script([None, None], [1, 1]).settle().different == {1: (None, 1)}


def test_two_different_differences_are_none_yet():
    assert Script([1, 1, 1], [2, 3, 3]).settle().different == {1: (1, 3)}
