"""Reads the log files that `logs` writes and rotates: the last entries, and what has come since.

A cursor is ``inode:offset``: it holds though the file is put aside and a fresh one begun.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ferryman.foundation.logs import KEPT_FILES

MOST_BYTES = 1 << 20
"""So much is read at once."""

_ENTRY = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) (\S+): (.*)")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry; lines of no form of their own (a traceback) belong to the one before. `at` is in UTC."""

    at: str
    level: str
    logger: str
    message: str


def last_entries(path: Path, count: int) -> tuple[list[LogEntry], str]:
    """Return the last entries of a log, oldest first, and the cursor behind them."""
    text, cursor, place = "", "", _files(path)
    for each in reversed(place):
        with each.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(0, size - MOST_BYTES)
            file.seek(begin)
            data = file.read(size - begin)
            whole = data[: data.rfind(b"\n") + 1] if not cursor else data
            cursor = cursor or f"{os.fstat(file.fileno()).st_ino}:{begin + len(whole)}"
        text = whole.decode("utf-8", "replace") + text
        if text.count("\n") > count or begin:
            break
    return entries(text.splitlines())[-count:], cursor


def entries_after(path: Path, cursor: str) -> tuple[list[LogEntry], str]:
    """Return what stands behind a cursor, and the cursor behind that; begins at the oldest file when its own is gone."""
    files = _files(path)
    inode, offset = _parsed(cursor)
    place = next((index for index, each in enumerate(files) if each.stat().st_ino == inode), None)
    if place is None:
        place, offset = 0, 0
    text = ""
    for each in files[place:]:
        with each.open("rb") as file:
            file.seek(offset)
            data = file.read(MOST_BYTES)
            whole = data[: data.rfind(b"\n") + 1]
            text += whole.decode("utf-8", "replace")
            cursor, offset = f"{os.fstat(file.fileno()).st_ino}:{offset + len(whole)}", 0
        if len(text) >= MOST_BYTES // 2:
            break
    return entries(text.splitlines()), cursor


def entries(lines: Sequence[str]) -> list[LogEntry]:
    """Parse lines."""
    found: list[LogEntry] = []
    for line in lines:
        if match := _ENTRY.fullmatch(line):
            found.append(LogEntry(*match.groups()))
        elif found:
            found[-1] = replace(found[-1], message=f"{found[-1].message}\n{line}")
        elif line.strip():
            found.append(LogEntry("", "", "", line))
    return found


def _files(path: Path) -> list[Path]:
    """Return the files of a log, oldest first."""
    family = [path.with_name(f"{path.name}.{number}") for number in range(KEPT_FILES, 0, -1)]
    return [each for each in (*family, path) if each.is_file()]


def _parsed(cursor: str) -> tuple[int, int]:
    inode, _, offset = cursor.partition(":")
    return (int(inode), int(offset)) if inode.isdecimal() and offset.isdecimal() else (0, 0)
