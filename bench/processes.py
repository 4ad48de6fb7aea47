"""What the processes of `ferryman run` use, read from /proc while they run (Linux)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """Of one process: seconds of processor time so far, and its peak resident set in KiB."""

    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended well: wall seconds, and what each process used by the step it ran (``run`` is the parent)."""

    seconds: float
    uses: dict[str, Use]


def watched(command: Sequence[str]) -> Run:
    """Run a command of ours to its end, looking at its processes ten times a second."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    uses: dict[str, Use] = {}
    while process.poll() is None:
        uses |= dict(used(process.pid))
        time.sleep(0.1)
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(output)
    return Run(time.monotonic() - began, uses)


def tree_seconds(root: int) -> float:
    """Return the processor seconds of a server so far: its process, its children, and those that have ended."""
    ticks = 0
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            times = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(directory.name) == root:
            ticks += sum(int(each) for each in times[11:15])
        elif int(times[1]) == root:
            ticks += int(times[11]) + int(times[12])
    return ticks / TICKS


def used(parent: int) -> Iterator[tuple[str, Use]]:
    """Yield what a process and its children have used, by the step they run."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in fields if ":\t" in line)
            words = (directory / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            times = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if "VmHWM" not in status:  # it is just ending
            continue
        use = Use((int(times[11]) + int(times[12])) / TICKS, int(status["VmHWM"].split()[0]))
        if int(directory.name) == parent:
            yield "run", use
        elif status.get("PPid", "").strip() == str(parent):
            yield next((word.rpartition("/")[2] for word in words if word.startswith("--task=")), "other"), use
