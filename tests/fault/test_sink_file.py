"""Files as a sink: whatever is killed, the lines that count rebuild every table, each change once (I1, I8)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import sink_stage
from ferryman.connectors.file.journal import read_state
from ferryman.embedded import MariaDb
from ferryman.model.project import Endpoint, PublishOptions

SEED = int(os.environ.get("FERRYMAN_SEED", random.SystemRandom().randrange(10**9)))
KILLS = int(os.environ.get("FERRYMAN_KILLS", "2"))


class Files:
    """A directory, read as far as its journals say; the load's files come before those of the changes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.endpoint = Endpoint(scheme="file", host="", port=0, options={"path": str(directory)})

    def disturb(self) -> None:
        """Nothing serves files."""

    def partitions(self) -> list[list[bytes]]:
        return [self._lines(topic) for topic in sorted(self.directory.iterdir()) if topic.name != "_ferryman"]

    def _lines(self, topic: Path) -> list[bytes]:
        counted: dict[str, int] = {}
        for journal in (self.directory / "_ferryman").rglob("*.journal"):
            lane = journal.stem.removeprefix("load-")
            prefix = f"full-{lane}" if "load" in journal.stem else "incremental"
            for name, (number, size) in read_state(journal).files.items():
                if name == topic.name:
                    counted[f"{prefix}-{number:06d}.jsonl"] = size
        found = []
        for file in sorted(topic.glob("*.jsonl")):
            found += file.read_bytes()[: counted.get(file.name)].splitlines()
        return found


@pytest.mark.mariadb
def test_files_rebuild_every_table(mariadb: MariaDb, tmp_path: Path, database_name: str) -> None:
    files = Files(tmp_path / "out")
    stage = sink_stage.Stage(mariadb, files, tmp_path / "project", database_name, PublishOptions())
    sink_stage.check(stage, kills=KILLS, seed=SEED, exactly_once=True)
