"""`--atomic`: whoever reads at the target sees each source transaction whole or not at all, whatever is killed."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Database, Running, until

from ferryman.embedded import MariaDb, OceanBase, Postgres

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(600)]
ROWS = 12_000
"""More than two windows: one UPDATE of all of them comes in parts."""
SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "2"))
SUMS = "SELECT (SELECT SUM(balance) FROM {db}.account), (SELECT SUM(amount) FROM {db}.journal), (SELECT MAX(n) FROM {db}.mark)"


class Bank(threading.Thread):
    """Moves money in small and, now and then, giant transactions: the sums stay."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.database, self.chance = database, chance
        self.ended = threading.Event()
        self.transfers = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ended.wait(0.01):
                self._transfer()
        except BaseException as error:
            self.failure = error

    def _transfer(self) -> None:
        db, amount = self.database.name, self.chance.randrange(1, 100)
        self.database.run("BEGIN")
        if self.transfers % 40 == 20:
            self.database.run(f"UPDATE {db}.account SET balance = balance + IF(id % 2, {amount}, -{amount})")
        one, other = self.chance.sample(range(1, ROWS + 1), 2)
        self.transfers += 1
        self.database.run(
            f"UPDATE {db}.account SET balance = balance - {amount} WHERE id = {one}",
            f"INSERT INTO {db}.journal VALUES ({amount}, 'in')",
            f"UPDATE {db}.account SET balance = balance + {amount} WHERE id = {other}",
            f"INSERT INTO {db}.journal VALUES (-{amount}, 'out')",
            f"INSERT INTO {db}.mark VALUES ({self.transfers})",
            "COMMIT",
        )


class Auditor(threading.Thread):
    """Looks at the target nearly all the time."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.database = database
        self.ended = threading.Event()
        self.seen: set[tuple[int, int]] = set()
        self.last = -1
        self.looks = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ended.wait(0.002):
                balance, amount, self.last = map(int, self.database.rows(SUMS.format(db=self.database.name))[0])
                self.seen.add((balance, amount))
                self.looks += 1
        except BaseException as error:
            self.failure = error


@pytest.fixture(params=["mariadb", "oceanbase", "postgres"])
def ends(request: pytest.FixtureRequest, mariadb: MariaDb, database_name: str) -> Iterator[tuple[Database, Any]]:
    server: MariaDb | OceanBase | Postgres = request.getfixturevalue(request.param)
    source = Database(mariadb, database_name)
    opened = [source]

    def target() -> Database:
        opened.append(
            Database(server, f"{database_name}_t", database="postgres" if request.param == "postgres" else "")
        )
        return opened[-1]

    yield source, target
    for each in opened:
        each.close()


def test_a_reader_at_the_target_sees_source_transactions_whole(ends: tuple[Database, Any], tmp_path: Path) -> None:
    print(f"\nFERRYMAN_SEED={SEED} FERRYMAN_KILLS={KILLS}")
    chance, (source, open_target) = random.Random(SEED), ends
    db = source.name
    source.run(
        f"CREATE DATABASE {db}",
        f"CREATE TABLE {db}.account (id INT PRIMARY KEY, balance BIGINT NOT NULL)",
        f"CREATE TABLE {db}.journal (amount INT NOT NULL, what VARCHAR(10))",
        f"CREATE TABLE {db}.mark (n INT PRIMARY KEY)",
        f"INSERT INTO {db}.account SELECT seq, 1000 FROM {db}.seq_1_to_{ROWS}",
        f"INSERT INTO {db}.journal VALUES (0, 'first')",
        f"INSERT INTO {db}.mark VALUES (0)",
    )
    target = open_target()
    project = Running(
        tmp_path, "whole", source.url, target.url, "--objects", f"{db}.*", "--map", f"{db}={target.name}",
        "--types", "schema,full,incremental", "--atomic",
    )  # fmt: skip
    project.to_the_end()
    bank, auditor = Bank(source, chance), Auditor(open_target())
    try:
        bank.start()
        auditor.start()
        project.start()
        for _ in range(KILLS):
            before = auditor.last
            until(
                lambda low=before: auditor.failure or auditor.last > low, "more transfers at the target", project.news
            )
            project.kill(chance)
        least = bank.transfers + 45  # one giant among them
        until(lambda: bank.failure or bank.transfers > least, "more transfers at the source", project.news)
        bank.ended.set()
        bank.join()
        until(lambda: auditor.failure or auditor.last == bank.transfers, "the last transfer", project.news)
    finally:
        bank.ended.set()
        auditor.ended.set()
        auditor.join()
        project.close()
    assert (bank.failure, auditor.failure) == (None, None)
    assert auditor.seen == {(1000 * ROWS, 0)}, f"parts of transactions were seen in {auditor.looks} looks"
    everything = "SELECT * FROM {}.account ORDER BY id"
    assert source.rows(everything.format(db)) == target.rows(everything.format(target.name))
    counted = "SELECT amount, COUNT(*) FROM {}.journal GROUP BY amount ORDER BY amount"
    assert source.rows(counted.format(db)) == target.rows(counted.format(target.name))
