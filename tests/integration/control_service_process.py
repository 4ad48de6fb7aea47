"""A service in a process of its own, to be killed: opens the data directory, makes the project once, goes on for ever.

Usage: control_service_process.py DATA_DIR FAKE_TASK
"""

import sys
import time
from pathlib import Path

from ferryman.control import endings
from ferryman.control.service import Service
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StopWhen

NAME = "killed"


def main(data_dir, fake_task):
    endings.DELAYS = (0.0, 0.05)
    service = Service(Path(data_dir), task_command=(sys.executable, "-P", fake_task))
    service.start()
    if service.find_project(NAME) is None:
        spec = ProjectSpec(
            name=NAME,
            source=Endpoint(scheme="mysql"),
            target=Endpoint(scheme="oceanbase"),
            stop_when=StopWhen.CAUGHT_UP,
        )
        service.create_project(spec)
    project = service.find_project(NAME)
    if project.status is ProjectStatus.INIT:
        service.start_project(project.id)
    print("up", flush=True)
    while True:
        view = service.wait(project.id)
        print(view.status.value, flush=True)
        time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
