"""The hand-over as an executable model: chunks read at different times, a log, windows compacted by key, crashes anywhere.

Nothing of the product runs here: this is the algorithm itself (design: hand-over, apply, checkpoint), small enough to read
in one go. Rows are (key, u, v), u unique where not None; beside them stands a bag of values without any key. Each rule
(I2, I3, I4) can be broken, and every broken rule loses or doubles something within a few hundred runs.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Row = tuple[int, int | None, float]
Change = tuple[Row | None, Row | None]


@dataclass(frozen=True)
class Rules:
    """What the algorithm holds to; each can be broken."""

    position_before_chunks: bool = True
    replace_in_load: bool = True
    intent: bool = True
    bag_with_checkpoint: bool = True
    deletes_first: bool = True
    key_change_leaves_delete: bool = True
    one_step_when_small: bool = True


class Died(Exception):  # noqa: N818 - no error
    """The task dies; what is committed stays."""


class Rows:
    """A table with two unique keys that the engine enforces."""

    def __init__(self) -> None:
        self.by_key: dict[int, Row] = {}

    def holder(self, u: int | None) -> Row | None:
        return next((row for row in self.by_key.values() if u is not None and row[1] == u), None)

    def replace(self, row: Row) -> None:
        if (other := self.holder(row[1])) is not None:
            del self.by_key[other[0]]
        self.by_key[row[0]] = row

    def insert(self, row: Row) -> None:
        other = self.holder(row[1])
        assert row[0] not in self.by_key, f"duplicate key {row}"
        assert other is None, f"duplicate u {row}"
        self.by_key[row[0]] = row

    def upsert(self, row: Row) -> None:
        """ON DUPLICATE KEY UPDATE rewrites whichever row is in the way, keeping that row's key."""
        other = self.holder(row[1])
        if row[0] not in self.by_key and other is not None:
            self.by_key[other[0]] = (other[0], row[1], row[2])
        else:
            assert other is None or other[0] == row[0], "duplicate u in an upsert"
            self.by_key[row[0]] = row


@dataclass
class Target:
    """What survives a crash."""

    rows: Rows = field(default_factory=Rows)
    bag: Counter[int] = field(default_factory=Counter)
    checkpoint: int = 0
    intent: int | None = None


class Source:
    """Random transactions; `past[n]` holds the rows after `n` of them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.rows, self.bag = rng, Rows(), Counter[int]()
        self.log: list[tuple[list[Change], list[tuple[int, int]]]] = []
        for key in range(rng.randrange(10)):
            self.rows.by_key[key] = (key, rng.choice([None, key]), 0.0)
        self.bag.update(rng.choices(range(3), k=rng.randrange(5)))
        self.past = [dict(self.rows.by_key)]

    def transact(self) -> None:
        changes: list[Change] = []
        counted: list[tuple[int, int]] = []
        for _ in range(self.rng.choice([1, 1, 2, 5])):
            if (change := self._change()) is not None:
                changes.append(change)
            value = self.rng.randrange(3)
            step = self.rng.choice([0, 1, -1])
            if step and self.bag[value] + step >= 0:
                self.bag[value] += step
                counted.append((value, step))
        self.log.append((changes, counted))
        self.past.append(dict(self.rows.by_key))

    def _change(self) -> Change | None:
        rng, rows = self.rng, self.rows.by_key
        old = rows.get(rng.randrange(10))
        new = (rng.randrange(10), rng.choice([None, *range(5)]), rng.random())
        kind = rng.choice(["insert", "update", "move", "delete"])
        if kind == "insert":
            old = None
        elif old is None:
            return None
        elif kind == "update":
            new = (old[0], *new[1:])
        if kind == "delete" and old is not None:
            del rows[old[0]]
            return old, None
        holder = self.rows.holder(new[1])
        if (new[0] in rows and (old is None or new[0] != old[0])) or (holder is not None and holder is not old):
            return None
        if old is not None:
            del rows[old[0]]
        rows[new[0]] = new
        return old, new


class HandOver:
    """One run: load, then apply, with crashes between any two steps."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.rng = random.Random(seed)
        self.rules = rules
        self.source, self.target = Source(self.rng), Target()
        self.consistent_from = 0
        self.quiet = False

    def tick(self) -> None:
        if not self.quiet and self.rng.random() < 0.5:
            self.source.transact()
        if self.rng.random() < 0.05:
            raise Died

    def run(self) -> None:
        self.load()
        for step in range(400):
            self.quiet = step > 60
            try:
                if self.target.checkpoint < len(self.source.log):
                    self.window()
                elif self.quiet:
                    break
                else:
                    self.tick()
            except Died:
                continue
        assert self.target.rows.by_key == self.source.rows.by_key
        assert +self.target.bag == +self.source.bag

    def load(self) -> None:
        start = len(self.source.log)
        self.target.bag = Counter(self.source.bag)  # one consistent snapshot at a known position
        waiting = [(0, 3), (3, 6), (6, 10)]
        while waiting:
            low, high = self.rng.choice(waiting)
            rows = [row for key, row in self.source.rows.by_key.items() if low <= key < high]
            if not self.rules.position_before_chunks and len(waiting) == 3:
                self.source.transact()
                start = len(self.source.log)
                self.target.bag = Counter(self.source.bag)
            try:
                for row in rows:
                    self.tick()
                    (self.target.rows.replace if self.rules.replace_in_load else self.target.rows.upsert)(row)
            except Died:
                continue
            waiting.remove((low, high))
        self.target.checkpoint = start
        self.consistent_from = len(self.source.log)

    def window(self) -> None:
        target, rules = self.target, self.rules
        fresh = target.intent is None
        if target.intent is None or not rules.intent:
            target.intent = min(len(self.source.log), target.checkpoint + self.rng.choice([1, 1, 3, 9]))
            self.tick()
        start, end = target.checkpoint, target.intent
        window = self.source.log[start:end]
        before, after = self.compact(window)
        consistent = start >= self.consistent_from
        together = rules.one_step_when_small and fresh and len(after) <= 2
        for lane in self.lanes(before, after):
            self.write(lane, before, after, fresh=fresh and consistent)
            if not together:
                self.check(start, end, consistent)
                self.tick()
        if not rules.bag_with_checkpoint:
            self.count(window)
            self.tick()
        else:
            self.count(window)
        target.checkpoint, target.intent = end, None
        self.check(end, end, consistent)
        self.tick()

    def compact(self, window) -> tuple[dict[int, Row | None], dict[int, Row | None]]:
        before: dict[int, Row | None] = {}
        after: dict[int, Row | None] = {}
        for changes, _ in window:
            for old, new in changes:
                if old is not None:
                    before.setdefault(old[0], old)
                    if new is None or new[0] != old[0]:
                        if new is None or self.rules.key_change_leaves_delete:
                            after[old[0]] = None
                        else:
                            after.pop(old[0], None)
                if new is not None:
                    before.setdefault(new[0], None)
                    after[new[0]] = new
        return before, after

    def lanes(self, before, after) -> list[list[int]]:
        """Keys that share a unique value, old or new, stay together."""
        group = {key: {key} for key in after}
        holder: dict[int, int] = {}
        for key, row in after.items():
            now = self.target.rows.by_key.get(key)
            for u in {each[1] for each in (row, before.get(key), now) if each is not None} - {None}:
                other = holder.setdefault(u, key)
                if group[other] is not group[key]:
                    group[other] |= group[key]
                    for member in group[other]:
                        group[member] = group[other]
        lanes = [sorted(keys) for keys in {id(keys): keys for keys in group.values()}.values()]
        self.rng.shuffle(lanes)
        return lanes

    def write(self, lane: list[int], before, after, *, fresh: bool) -> None:
        rows = self.target.rows
        for key in lane:
            if self.rules.deletes_first:
                rows.by_key.pop(key, None)
        for key in lane:
            if after[key] is None:
                rows.by_key.pop(key, None)
            elif fresh:
                rows.insert(after[key])
            else:
                rows.replace(after[key])

    def count(self, window) -> None:
        for _, counted in window:
            for value, step in counted:
                self.target.bag[value] += step

    def check(self, low: int, high: int, consistent: bool) -> None:
        """Once consistent, every row of the target is one that the source had between `low` and `high`."""
        if not consistent:
            return
        past = self.source.past[low : high + 1]
        there = self.target.rows.by_key
        for key in {*there, *(key for rows in past for key in rows)}:
            assert there.get(key) in [rows.get(key) for rows in past], f"key {key}: {there.get(key)}"


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**40))
def test_target_ends_as_the_source(seed: int):
    HandOver(seed, Rules()).run()


@pytest.mark.parametrize("rule", list(Rules.__dataclass_fields__)[:-1])
def test_every_rule_is_needed(rule: str):
    broken = Rules(**{rule: False})
    for seed in range(30_000):
        try:
            HandOver(seed, broken).run()
        except AssertionError:
            return
    pytest.fail(f"nothing fails without the rule {rule}")
