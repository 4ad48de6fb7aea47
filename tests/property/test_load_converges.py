"""Load under a writer, with kills and lost connections, then the log replayed: the target equals the source."""

from __future__ import annotations

import functools
import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.foundation.backoff import Backoff
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import LoadOptions, StepName
from ferryman.model.serial import from_json
from ferryman.model.types import Kind
from ferryman.pipeline.load import work
from ferryman.pipeline.load.step import Load
from memory_endpoints import (
    Killed,
    MemoryContext,
    MemoryDatabase,
    MemorySource,
    MemoryTarget,
    make_table,
    note_plan,
    plan_of,
    spec_of,
)


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "Backoff", functools.partial(Backoff, first=0.001))
        yield


USERS = make_table("users", {"id": Kind.INTEGER, "mail": Kind.VARCHAR, "n": Kind.INTEGER}, ["id"], unique=[["mail"]])
BAG = make_table("bag", {"a": Kind.INTEGER, "b": Kind.VARCHAR})


class World:
    """A source that is written to, its log, and a target that fails."""

    def __init__(self, chance: random.Random, failures: int, trouble: float) -> None:
        self.chance, self.failures, self.trouble = chance, failures, trouble
        self.source, self.target = MemoryDatabase(USERS, BAG), MemoryDatabase(USERS, BAG)
        self.log: list[tuple[int, TableName, tuple | None, tuple | None]] = []
        self.notes: dict[str, str] = {}
        self.epoch = 0
        self.dead = threading.Event()
        self.changes = 150
        for n in range(chance.randrange(60)):
            self.source.rows[USERS.name].append((b"%d" % n, b"m%d" % n, b"0"))
        for _ in range(chance.randrange(40)):
            self.source.rows[BAG.name].append((b"%d" % chance.randrange(3), b"x"))
        self.start = self.source.log_end
        note_plan(MemoryContext(spec_of(), StepName.LOAD, self.notes), self.source, plan_of(self.source, self.target))
        self.source.fault = self.target.fault = self.fault
        self.lock = threading.RLock()

    def fault(self, event: str) -> None:
        with self.lock:
            if self.dead.is_set():
                raise Killed
            if self.changes and self.chance.random() < 0.4:
                self.changes -= 1
                self.write()
            if self.failures and self.chance.random() < self.trouble:
                self.failures -= 1
                if self.chance.random() < 0.5:
                    self.dead.set()
                    raise Killed
                raise FerrymanError("endpoint.connection_lost", "gone")

    def write(self) -> None:
        """One transaction: sometimes two users swap their mail."""
        with self.source.lock:
            self.source.log_end += 1
            users, bag = self.source.rows[USERS.name], self.source.rows[BAG.name]
            kind = self.chance.randrange(6)
            if kind == 0 and len(users) > 1:
                one, two = self.chance.sample(range(len(users)), 2)
                first, second = users[one], users[two]
                self.log_change(USERS.name, first, None)
                self.log_change(USERS.name, second, (second[0], first[1], second[2]))
                self.log_change(USERS.name, None, (first[0], second[1], first[2]))
                users[one], users[two] = (first[0], second[1], first[2]), (second[0], first[1], second[2])
            elif kind == 1 and users:
                row = users.pop(self.chance.randrange(len(users)))
                self.log_change(USERS.name, row, None)
            elif kind == 2:
                n = self.chance.randrange(1000, 10**6)
                if all(row[0] != b"%d" % n for row in users):
                    users.append((b"%d" % n, b"m%d" % n, b"1"))
                    self.log_change(USERS.name, None, users[-1])
            elif kind == 3 and users:
                place = self.chance.randrange(len(users))
                before = users[place]
                n = self.chance.randrange(-1000, 10**6)
                if all(row[0] != b"%d" % n for row in users):
                    users[place] = (b"%d" % n, *before[1:])
                    self.log_change(USERS.name, before, users[place])
            elif kind == 4:
                bag.append((b"%d" % self.chance.randrange(3), b"x"))
                self.log_change(BAG.name, None, bag[-1])
            elif bag:
                row = bag.pop(self.chance.randrange(len(bag)))
                self.log_change(BAG.name, row, None)

    def log_change(self, name: TableName, before: tuple | None, after: tuple | None) -> None:
        self.log.append((self.source.log_end, name, before, after))

    def load(self) -> MemoryContext:
        """Start the task again and again, as control does."""
        while True:
            self.epoch += 1
            self.dead.clear()
            options = LoadOptions(streams=self.chance.randrange(1, 4), chunk_rows=10)
            context = MemoryContext(spec_of(load=options), StepName.LOAD, self.notes, self.epoch)
            try:
                Load(context, MemorySource(self.source), MemoryTarget(self.target), give_up_seconds=60).run()
            except Killed:
                continue
            return context

    def replay(self, context: MemoryContext) -> None:
        """What apply will do: keyed rows from before the load on, bags from their snapshot on."""
        keyless = from_json(dict[TableName, Position], context.note("load.keyless"))
        for position, name, before, after in self.log:
            rows = self.target.rows[name]
            if name == BAG.name:
                if position > keyless[name].order[1]:
                    if before is not None:
                        rows.remove(before)
                    if after is not None:
                        rows.append(after)
                continue
            gone = {row[0] for row in (before, after) if row is not None}
            rows[:] = [r for r in rows if r[0] not in gone and (after is None or r[1] != after[1])]
            if after is not None:
                rows.append(after)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), failures=st.integers(0, 6))
def test_load_and_log_give_the_source(seed: int, failures: int) -> None:
    world = World(random.Random(seed), failures, trouble=0.05)
    context = world.load()
    world.replay(context)
    for table in (USERS, BAG):
        assert sorted(world.target.rows[table.name]) == sorted(world.source.rows[table.name]), f"seed {seed}"


def test_the_model_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the position of the snapshot taken too early, rows without a key would come twice."""
    early = Position(kind="binlog", token={"file": "b.1", "offset": "0"}, order=(1, 0))
    plain = MemorySource.consistent_reader
    monkeypatch.setattr(MemorySource, "consistent_reader", lambda self, tables: (plain(self, tables)[0], early))
    world = World(random.Random(5), 0, 0.0)
    world.changes = 0
    world.source.rows[BAG.name].append((b"9", b"x"))
    world.log_change(BAG.name, None, (b"9", b"x"))
    world.replay(world.load())
    assert sorted(world.target.rows[BAG.name]) != sorted(world.source.rows[BAG.name])
