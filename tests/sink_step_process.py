"""One step of a project in a process of its own, to be killed: notes are files, a file named ``stop`` ends it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.serial import from_json


class FileContext:
    """A task's surroundings on disk."""

    def __init__(self, directory: Path, spec: ProjectSpec, step: StepName, epoch: int) -> None:
        self.project_id, self.spec, self.step, self.epoch = f"np_{spec.name}", spec, step, epoch
        self.data_dir = directory
        self.notes = directory / "notes"
        self.notes.mkdir(exist_ok=True)

    def stop_requested(self) -> bool:
        return (self.data_dir / "stop").exists()

    def wait(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.2))
        return self.stop_requested()

    def report(self, progress: Any, tables: Any = ()) -> None:
        self.progress = progress

    def event(self, level: str, message: str, **fields: object) -> None:
        print(level, message, fields, flush=True)

    def note(self, name: str) -> Any:
        try:
            return json.loads((self.notes / quote(name, safe="")).read_text())
        except FileNotFoundError:
            return None

    def set_note(self, name: str, document: Any) -> None:
        path = self.notes / quote(name, safe="")
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(document))
        fresh.replace(path)


def main(directory: Path, step: str, epoch: int) -> None:
    from ferryman.pipeline.runner import run_step

    spec = from_json(ProjectSpec, json.loads((directory / "spec.json").read_text()))
    run_step(FileContext(directory, spec, StepName(step), epoch))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
