"""What the projects that read a store still need of it, and how much they ask to be kept: one file a project.

A claim is a project's membership. The store goes with its last claim, and a segment only once every claim has passed it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferryman.foundation.errors import FerrymanError, Retry
from ferryman.foundation.files import PRIVATE_FILE, make_private_directory, write_private
from ferryman.model.position import Position
from ferryman.model.project import LOG_KEPT_BYTES, LOG_KEPT_HOURS
from ferryman.model.serial import from_json, to_json

READERS = "readers"
LOCK_SECONDS = 60.0
"""Longest wait for another process that joins, leaves or deletes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One project's.

    Attributes:
        needed: The log behind this place is still to be applied; `None`: nothing is, the project has come to its end.
        hours: How long it asks to keep what is applied (`log_kept_hours`).
        bytes: How large a store of applied log it allows (`log_kept_bytes`).
    """

    needed: Position | None
    hours: int = LOG_KEPT_HOURS
    bytes: int = LOG_KEPT_BYTES


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is kept of what every reader has passed: nothing older than `seconds`, and about `bytes` at most."""

    seconds: float
    bytes: int


def claim_path(directory: Path, project_id: str) -> Path:
    """Return where a project's claim on a store stands."""
    return directory / READERS / f"{project_id}.json"


def write_claim(directory: Path, project_id: str, claim: Claim) -> None:
    """Put a claim there, durably, or replace it. Within `held_still`."""
    make_private_directory(directory / READERS)
    write_private(claim_path(directory, project_id), json.dumps(to_json(claim)).encode())


def renew_claim(directory: Path, project_id: str, claim: Claim) -> None:
    """Replace the claim of a project that still has one: who was released meanwhile gets none again."""
    if _read(claim_path(directory, project_id)) == claim:
        return
    with held_still(directory):
        if claim_path(directory, project_id).exists():
            write_claim(directory, project_id, claim)


def drop_claim(directory: Path, project_id: str) -> None:
    """Take a claim away. Within `held_still`."""
    claim_path(directory, project_id).unlink(missing_ok=True)


def read_claims(directory: Path) -> dict[str, Claim | None]:
    """Return all claims on a store by project; `None` for one that cannot be read: it needs everything."""
    return {project: _read(claim_path(directory, project)) for project in readers_of(directory)}


def readers_of(directory: Path) -> list[str]:
    """Return the projects that have a claim on a store."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(path.stem for path in (directory / READERS).iterdir() if path.suffix == ".json")
    return []


def first_needed(directory: Path) -> Position | None:
    """Return the earliest place that anybody still needs; `None` when that is not known, or nobody needs any."""
    claims = read_claims(directory).values()
    if None in claims:
        return None
    return min((claim.needed for claim in claims if claim and claim.needed), default=None)


def kept_for(directory: Path) -> Kept:
    """Return the most that any project still at work asks to be kept; the defaults where none is."""
    claims = [claim for claim in read_claims(directory).values() if claim and claim.needed] or [Claim(needed=None)]
    return Kept(3600.0 * max(claim.hours for claim in claims), max(claim.bytes for claim in claims))


@contextlib.contextmanager
def held_still(directory: Path) -> Iterator[None]:
    """Keep others from joining, leaving, beginning or trimming a store meanwhile; makes it when it is missing.

    Raises:
        FerrymanError: ``logstore.failed``: another process has held it for `LOCK_SECONDS`.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while (place := _locked(directory / "readers.lock")) is None:
        if time.monotonic() > deadline:
            raise FerrymanError(
                "logstore.failed",
                f"another process has held {directory} for {LOCK_SECONDS:.0f} s",
                hint="it goes on by itself once that process goes on, or is killed for standing still",
                retry=Retry.AUTO,
            )
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(place)


def _locked(path: Path) -> int | None:
    """Lock a file; `None` when it is held, or went with its store before we had it."""
    with contextlib.ExitStack() as undo:
        make_private_directory(path.parent)
        try:
            place = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
            undo.callback(os.close, place)
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino != os.fstat(place).st_ino:
                return None
        except (BlockingIOError, FileNotFoundError):
            return None
        undo.pop_all()
        return place


def _read(path: Path) -> Claim | None:
    try:
        claim: Claim = from_json(Claim, json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return claim
