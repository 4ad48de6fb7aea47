"""kill -9 of service, task, source and target at every stage of a switchover, and of the one back: no write is lost (I8).

An application writes to the source, goes over when it is asked to, writes to the target, and goes back the same way. It
keeps a ledger: each of its transactions adds a number, and it knows which commits were acknowledged. At each end both
sides hold the same rows, every acknowledged number and none that was never written; and nothing has asked for a hand.

FERRYMAN_SEED replays a run (the instants; what they hit is up to the machine). FERRYMAN_KILLS is the number of kills on
a pair of servers: `make switchover-campaign` takes every pair, there and back.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from kill_stage import VICTIMS, Stage, until

from ferryman.client import Client
from ferryman.embedded import MariaDb, OceanBase, Postgres
from ferryman.foundation.errors import FerrymanError
from switch_databases import Database, MySqlDatabase, PostgresSchema

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "6"))
CAMPAIGN = KILLS > 6
PATIENCE = 300.0
PAIRS = {
    "mariadb": (MariaDb, MariaDb, MySqlDatabase),
    "oceanbase": (MariaDb, OceanBase, MySqlDatabase),
    "postgres": (Postgres, Postgres, PostgresSchema),
}
STAGES = (
    "follows",
    "precheck",
    "target-log",
    "confirm",
    "end",
    "drain",
    "still",
    "open",
    "prove",
    "still-again",
    "stop-forward",
    "objects",
    "reverse",
    "done",
)
FLOWS = len(STAGES)
"""Behind all stages: the application writes to the new side, and its changes flow back."""
THERE = ["schema", "full", "incremental", "verify", "reverse"]
BACK = ["incremental", "verify", "reverse"]
AWAY = (pymysql.Error, psycopg.Error, OSError)


class Ledger:
    """Numbers of the transactions whose commit was acknowledged, and of those of which nobody knows."""

    def __init__(self) -> None:
        self.last = 0
        self.sure: set[int] = set()
        self.unclear: set[int] = set()

    def check(self, database: Database) -> None:
        """Compare with what a side holds."""
        there = {n for (n,) in database.rows(f"SELECT n FROM {database.name}.ledger")}
        assert not self.sure - there, f"lost at {database.name}: {sorted(self.sure - there)[:20]}"
        assert not there - self.sure - self.unclear, f"never written: {sorted(there - self.sure - self.unclear)[:20]}"


class Application(threading.Thread):
    """Writes to one side, across its restarts, until it is stopped."""

    def __init__(self, database: Database, ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self.database, self.ledger, self.chance = database, ledger, random.Random(seed)
        self.ended = threading.Event()
        self.count = 0
        self.problem: Exception | None = None

    def run(self) -> None:
        """Write until told to end."""
        while not self.ended.wait(0.004) and self.problem is None:
            self.ledger.last += 1
            number, database = self.ledger.last, self.database
            try:
                statement = database.statement(self.chance)
                database.run("BEGIN", statement, f"INSERT INTO {database.name}.ledger VALUES ({number})", "COMMIT")
            except AWAY as problem:
                self.ledger.unclear.add(number)
                self.note(problem)
            else:
                self.ledger.sure.add(number)
                self.count += 1

    def note(self, problem: Exception) -> None:
        """Go on with a new connection if the server was away; a statement that is refused is a failure."""
        with contextlib.suppress(*AWAY):
            self.database.close()
        if isinstance(problem, pymysql.err.IntegrityError | pymysql.err.ProgrammingError):
            self.problem = problem
        self.ended.wait(0.1)

    def has_written(self, times: int) -> bool:
        """Whether so many of its transactions were acknowledged, or it has failed."""
        return self.count >= times or self.problem is not None

    def stop(self) -> None:
        """End, with the last transaction over."""
        self.ended.set()
        self.join(90)
        assert not self.is_alive()
        assert self.problem is None, self.problem


class Killer:
    """Kills at instants that were drawn beforehand: a stage, and how long behind its beginning."""

    def __init__(self, stage: Stage, dice: random.Random, kills: int) -> None:
        self.stage, self.dice = stage, dice
        places = [*range(FLOWS), *[FLOWS] * 4]
        self.plan = sorted(dice.choice(places) for _ in range(kills))
        self.done: Counter[str] = Counter()

    def reached(self, place: int) -> None:
        """Kill what is due at a place, if anything is; at most one at a time, so that some happens in between."""
        if self.plan and self.plan[0] <= place:
            self.plan.pop(0)
            time.sleep(self.dice.uniform(0, 0.4))  # the instant is the point, not a wait for anything
            victim = self.dice.choice(VICTIMS)
            self.done[f"{victim} at {(*STAGES, 'flow')[place]}"] += 1
            self.stage.kill(victim)


class Journey:
    """An application that goes over, and back."""

    def __init__(self, stage: Stage, here: Database, there: Database) -> None:
        self.stage, self.here, self.there = stage, here, there
        self.client = Client(f"http://127.0.0.1:{stage.client.port}", password=stage.client.password)
        self.ledger = Ledger()
        self.project = ""

    def leg(self, types: list[str], killer: Killer, seed: int) -> None:
        """Go from here to there; afterwards there is here."""
        self.project = self.begin(types)
        self.wait(lambda: types is THERE or self.follows(), "the project follows")
        application = self.application(self.here, seed)
        self.wait(self.follows, "the project has caught up and is verified")
        if isinstance(self.there, PostgresSchema):
            self.there.keep_old_rows()
        killer.reached(0)
        self.wait(self.switch, "the switchover may begin")
        self.wait(lambda: self.at("confirm", killer), "the switchover asks for the application to be stopped")
        application.stop()
        self.client.decide_switchover(self.project, "confirm", {})
        self.wait(lambda: self.at("done", killer), "the switchover is done")
        self.stage.wait_awake()
        assert self.here.contents() == self.there.contents()
        application = self.application(self.there, seed + 1)
        while killer.plan:
            killer.reached(FLOWS)
            self.wait(partial(application.has_written, application.count + 20), "the application writes")
        self.wait(partial(application.has_written, 100), "the application writes")
        application.stop()
        self.stage.wait_awake()
        self.wait(lambda: self.here.contents() == self.there.contents(), "what was written there has flown back")
        self.ledger.check(self.here)
        self.ledger.check(self.there)
        self.release()
        self.here, self.there = self.there, self.here

    def begin(self, types: list[str]) -> str:
        after = "/postgres" if isinstance(self.here, PostgresSchema) else ""
        project = self.client.create_project(
            {
                "name": f"over-{self.here.name}",
                "source": self.here.server.url + after,
                "target": self.there.server.url + after,
                "objects": [f"{self.here.name}.*"],
                "rename": {self.here.name: self.there.name},
                "types": types,
            }
        )["id"]
        self.client.start(project)
        return project

    def application(self, database: Database, seed: int) -> Application:
        made = Application(database, self.ledger, seed)
        made.start()
        return made

    def switch(self) -> bool:
        try:
            self.client.begin_switchover(self.project, {})
        except FerrymanError as error:
            if error.code != "switchover.not_ready":
                raise
            return False
        return True

    def follows(self) -> bool:
        shown = self.client.show_project(self.project)
        assert shown["status"] == "RUNNING", f"{shown['status']}: {shown['error']}\n{self.stage.news()}"
        steps = self.statuses()
        return steps["apply"] == "MONITORING" and steps["verify"] == "FINISHED"

    def statuses(self) -> dict[str, str]:
        return {step["name"]: step["status"] for step in self.client.list_steps(self.project)}

    def at(self, wanted: str, killer: Killer) -> bool:
        """Look where the switchover is, and kill there."""
        shown = self.client.show_switchover(self.project)
        assert shown["error"] is None, f"it asks for a hand: {shown['error']}\n{self.stage.news()}"
        killer.reached(STAGES.index(shown["stage"]))
        return bool(shown["stage"] == wanted)

    def release(self) -> None:
        guest = self.client.show_switchover(self.project)["reverse_id"]
        self.wait(lambda: self.statuses()["reverse"] == "MONITORING", "the way back follows")
        self.client.stop(self.project)
        self.client.release(self.project)
        for project in (self.project, guest):
            self.wait(lambda p=project: self.client.show_project(p)["status"] == "RELEASED", "all is freed")

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        until(condition, PATIENCE, what, self.stage.news)


@pytest.fixture
def stage(servers_directory: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    directory = servers_directory / f"switch-{request.param}"
    directory.mkdir()
    source, target, _ = PAIRS[request.param]
    stage = Stage(directory, source, target)
    try:
        yield stage.open()
    finally:
        stage.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "stage",
    [
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("oceanbase"),
        pytest.param("postgres"),
    ],
    indirect=True,
)
@pytest.mark.skipif(not CAMPAIGN, reason="minutes of kills: make switchover-campaign")
def test_no_write_is_lost_on_the_way_there_and_back(stage: Stage, request: pytest.FixtureRequest) -> None:
    pair = request.node.callspec.params["stage"]
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS} pair={pair}")
    dice = random.Random(f"{SEED}/{pair}")
    random.seed(f"{SEED}/{pair}")
    make = PAIRS[pair][2]
    here, there = make(stage.source, "shop").fill(), make(stage.target, "moved")
    here.tables = there.tables = (*make.tables, "ledger")
    here.run("CREATE TABLE {db}.ledger (n BIGINT PRIMARY KEY)")
    journey = Journey(stage, here, there)
    stage.naps = (1.0, 3.0, 18.0) if CAMPAIGN else (1.0,)
    legs = (THERE, BACK) if CAMPAIGN else (THERE,)
    for types in legs:
        killer = Killer(stage, dice, KILLS // len(legs))
        journey.leg(types, killer, dice.randrange(10**9))
        print(
            f"{pair}: {dict(killer.done)}; {len(journey.ledger.sure)} transactions, {len(journey.ledger.unclear)} unclear"
        )
