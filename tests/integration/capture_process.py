"""Runs the capture step as a task process does, so that a test can kill it: ``capture_process.py CONFIG.json``."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ferryman.model.project import Endpoint, ProjectSpec, StepName, StepProgress
from ferryman.model.serial import from_json
from ferryman.pipeline import capture
from ferryman.pipeline.logstore import lease


class FileContext:
    """Notes from a file that the test writes; events and progress to standard output."""

    def __init__(self, config: dict[str, Any]) -> None:
        endpoint = from_json(Endpoint, config["endpoint"])
        self.project_id = config["project"]
        self.spec = ProjectSpec(name="p", source=endpoint, target=endpoint)
        self.epoch = config["epoch"]
        self.data_dir = Path(config["data_dir"])
        self._notes = Path(config["notes"])
        self._stop = threading.Event()

    @property
    def step(self) -> StepName:
        return StepName.CAPTURE

    def stop_requested(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)

    def report(self, progress: StepProgress, tables: Any = ()) -> None:
        print(f"{time.time():.1f} {progress.message} caught_up={progress.caught_up} bytes={progress.bytes}", flush=True)

    def record_mismatches(self, table: str, mismatches: Any) -> None:
        raise NotImplementedError

    def event(self, level: str, message: str, **fields: object) -> None:
        print(f"{time.time():.1f} {level}: {message}", flush=True)

    def note(self, name: str) -> Any | None:
        return json.loads(self._notes.read_text()).get(name)

    def set_note(self, name: str, document: Any) -> None:
        raise NotImplementedError


if __name__ == "__main__":
    config = json.loads(Path(sys.argv[1]).read_text())
    lease.STALE_SECONDS = config.get("stale_seconds", lease.STALE_SECONDS)
    capture.run(FileContext(config))
