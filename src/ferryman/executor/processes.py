"""Processes of the operating system: dying with the parent, and telling one process from another of the same number."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent dies (Linux), and end at once when the parent is dead already.

    The system watches the *thread* that started us: the service starts tasks from a thread that lives as long as it.
    Elsewhere `parent_is_gone` is asked twice a second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_is_gone(parent):  # it died before we asked
        end_now()


def end_now() -> None:
    """End this process at once, without cleaning up: everything durable is in place at any instant (I8)."""
    os._exit(1)


def parent_is_gone(parent: int) -> bool:
    """Whether our parent is no longer the process that started us."""
    return os.getppid() != parent


def born(process_id: int) -> str:
    """Return when a process was started, in the system's own words; empty when it is gone or that cannot be told."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # the name in parentheses may hold blanks and parentheses; the state follows the last one
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def wait_unreaped(process_id: int) -> None:
    """Wait until a child has ended, and leave it to be reaped: until then nobody else gets its number."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOWAIT)


def kill_group(process_id: int) -> None:
    """Kill a process and all that it started; does nothing when they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


def kill_if_same(process_id: int, was_born: str, *, patience_seconds: float = 5.0) -> None:
    """Kill a process left over from a service that is gone, if it still is that process; wait until it is gone."""
    deadline = time.monotonic() + patience_seconds
    while was_born and born(process_id) == was_born and time.monotonic() < deadline:
        kill_group(process_id)
        time.sleep(0.01)
