"""A project on a small disk that is full for a while. Run in a mount namespace of its own.

Usage: control_disk_full_process.py SMALL_DISK FAKE_TASK; says what came of it as JSON on its last line.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError
from ferryman.metadb.store import DATABASE_FILE
from ferryman.model.project import Endpoint, ProjectSpec, StepName, StepStatus, StopWhen

SPEC = ProjectSpec(
    name="tight",
    source=Endpoint(scheme="mysql"),
    target=Endpoint(scheme="oceanbase"),
    stop_when=StopWhen.CAUGHT_UP,
)


def main(disk, fake_task):
    data_dir = Path(disk) / "data"
    service = Service(data_dir, task_command=(sys.executable, "-P", fake_task))
    service.start()
    project = service.create_project(SPEC).id
    service.start_project(project)
    until(lambda: service.project(project).step(StepName.LOAD).status is StepStatus.RUNNING)
    ballast = fill(data_dir)
    codes = {code for code in (refused(service) for _ in range(5)) if code}
    time.sleep(3)  # long enough for tasks and control to meet the full disk
    ballast.unlink()
    until(lambda: service.project(project, tables=False).status.value in {"FINISHED", "FAILED"})
    view = service.project(project)
    service.close()
    integrity = Service(data_dir)._metadb.database.raw_connection().execute("PRAGMA integrity_check").fetchone()[0]
    answer = {
        "codes": sorted(codes),
        "status": view.status.value,
        "error": view.error and view.error.code,
        "steps": sorted({step.status.value for step in view.steps}),
        "restarts": sum(step.restarts for step in view.steps),
        "integrity": integrity,
        "database": (data_dir / DATABASE_FILE).exists(),
    }
    print(json.dumps(answer), flush=True)


def fill(data_dir):
    """Take all the room there is."""
    path = data_dir / "ballast"
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")
    os.sync()
    return path


def refused(service):
    """Ask for something that needs room; returns the code of the refusal."""
    document = {"filler": os.urandom(200_000).hex()}
    try:
        service.create_endpoint(f"e{time.monotonic_ns()}", SPEC.source, api_document=document, check=False)
    except FerrymanError as error:
        return error.code if "bytes free" in error.message else f"{error.code} without the free bytes"
    return None


def until(condition):
    deadline = time.monotonic() + 90
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("waited too long")
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
