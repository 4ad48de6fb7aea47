"""Log files of processes: plain lines in UTC on standard error, rotated while they are written."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from pathlib import Path

from ferryman.foundation.files import open_private

ROTATE_BYTES = 8 << 20
"""A log file longer than this is put aside."""

KEPT_FILES = 3
"""So many old log files are kept: ``x.log.1`` (youngest) … ``x.log.3``."""


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the process's log records to standard error, one line each, times in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def rotate(path: Path, limit: int = ROTATE_BYTES) -> bool:
    """Put a log file aside when it has grown beyond `limit` bytes; returns whether it was."""
    try:
        if path.stat().st_size <= limit:
            return False
        for number in range(KEPT_FILES, 0, -1):
            older = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number}"))
    except OSError:
        return False
    return True


def rotate_stderr(path: Path, limit: int = ROTATE_BYTES) -> None:
    """Rotate the file that standard error of this process goes to, and go on in a fresh one."""
    if not rotate(path, limit):
        return
    with contextlib.suppress(OSError), open_private(path) as fresh:
        os.dup2(fresh.fileno(), sys.stderr.fileno())


def last_line(path: Path, most_bytes: int = 8192) -> str:
    """Return the last line of a log file that is not blank; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most_bytes))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
