"""A full disk under the data directory: said with its own code, nothing lost, and the project goes on by itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("control_disk_full_process.py")
FAKE_TASK = Path(__file__).parents[1] / "unit" / "control" / "fake_task.py"
MOUNT = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'


def in_small_disk(disk, *command, **options):
    """Run a command that sees an almost empty disk of 3 MB at `disk`, which nobody else sees."""
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT, str(disk), *command], capture_output=True, text=True, **options
    )


@pytest.fixture
def small_disk(tmp_path):
    if shutil.which("unshare") is None or in_small_disk(tmp_path, "true").returncode != 0:
        pytest.skip("this machine does not allow mount namespaces")
    return tmp_path


def test_a_project_survives_a_full_disk(small_disk):
    environment = {**os.environ, "FERRYMAN_TEST_GOAL": "100"}
    run = in_small_disk(small_disk, sys.executable, "-P", str(SCRIPT), str(small_disk), str(FAKE_TASK), env=environment)
    assert run.returncode == 0, run.stderr[-4000:]
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["codes"] == ["disk.full"]
    assert answer["status"] == "FINISHED", (answer, run.stderr[-4000:])
    assert answer["steps"] == ["FINISHED"]
    assert answer["integrity"] == "ok"
