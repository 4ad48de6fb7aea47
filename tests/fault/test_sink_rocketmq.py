"""RocketMQ as a sink: tasks and servers killed under a writer; a consumer rebuilds every table, in spite of repetitions."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import sink_stage
from ferryman.embedded import MariaDb, RocketMq
from ferryman.model.project import PartitionRule, PublishOptions
from rocketmq_reading import queues_of

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "2"))


class Queues:
    """All topics of one database."""

    def __init__(self, server: RocketMq, database: str) -> None:
        self.server, self.database = server, database
        self.endpoint = server.endpoint

    def disturb(self) -> None:
        self.server.kill()
        self.server.start()

    def partitions(self) -> list[list[bytes]]:
        topics = [f"{self.database}-{table}" for table in ("account", "line", "bag")]
        return [[m.body for m in queue] for topic in topics for queue in queues_of(self.endpoint, topic)]


@pytest.mark.mariadb
@pytest.mark.rocketmq
@pytest.mark.parametrize("rule", list(PartitionRule) if KILLS > 10 else [PartitionRule.HASH])
def test_queues_rebuild_every_table(
    mariadb: MariaDb, rocketmq: RocketMq, tmp_path: Path, database_name: str, rule: PartitionRule
) -> None:
    queues = Queues(rocketmq, database_name)
    options = PublishOptions(exactly_once=False, topic="{database}-{table}", rule=rule)
    stage = sink_stage.Stage(mariadb, queues, tmp_path, database_name, options)
    sink_stage.check(stage, kills=KILLS, seed=SEED, exactly_once=False)
