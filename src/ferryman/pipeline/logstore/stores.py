"""Which store a project reads: one of its own, or one that it shares with others on the same source (ADR 0112).

Names under ``<data_dir>/log/``: ``<project id>`` for a log of one project's, ``source-<digest>-<n>`` for one that any
project on that source may read. A source has more than one only where the first cannot serve: it begins too late, or
holds another log than the source has now.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, takewhile
from pathlib import Path

from ferryman.model.position import Position
from ferryman.pipeline.logstore.claims import (
    Claim,
    claim_path,
    drop_claim,
    first_needed,
    held_still,
    read_claims,
    readers_of,
    write_claim,
)
from ferryman.pipeline.logstore.segment import borders, position_at, read_header, segment_of, sequences, tail_border
from ferryman.pipeline.logstore.writer import LogWriter

SHARED = "source-"
IDENTITY = ("gtid", "server", "begun")
"""Members of a position's token that tell one log from another; compared where both places have them."""
SERVER = ("server", "server_id")
"""Those that tell whose files hold a place: the era of a place at another server is not known yet (ADR 0115)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A project that is to read a store.

    Attributes:
        log_name: Where the source's log is, and who reads it there; `None`: it is this project's alone.
        is_of_source: Whether a place is one of the log the source has now; asks the source.
    """

    data_dir: Path
    project_id: str
    log_name: tuple[str, str] | None
    is_of_source: Callable[[Position], bool]


def store_directory(data_dir: Path, project_id: str) -> Path:
    """Return where the log of a project lies: the store it has a claim on, else the one of its own name."""
    own = data_dir / "log" / project_id
    if claim_path(own, project_id).exists():
        return own
    return next((each for each in _stores(data_dir) if claim_path(each, project_id).exists()), own)


def located(data_dir: Path, project_id: str, last: Path) -> Path:
    """Return `store_directory`, quickly where it is still the one it was."""
    return last if claim_path(last, project_id).exists() else store_directory(data_dir, project_id)


def store_directories(data_dir: Path) -> dict[str, Path]:
    """Return where the logs of all projects lie that have one."""
    found = {each.name: each for each in _stores(data_dir)}
    return found | {project: each for each in _stores(data_dir) for project in readers_of(each)}


def join(reader: Reader, claim: Claim) -> Path:
    """Make a project a reader of the store that has, or will have, what it needs; returns the store.

    A reader stays where it is as long as that store has its place. Else it takes the youngest shared one that has, and
    whose log is still the source's; or it begins another one.
    """
    here = store_directory(reader.data_dir, reader.project_id)
    assert claim.needed is not None
    if reader.log_name is None or (_is_of(here, reader) and _stays(here, reader.project_id, claim.needed)):
        with held_still(here):
            write_claim(here, reader.project_id, claim)
        return here
    chosen = next(
        each for each in _shared(reader) if _serves(each, reader, claim.needed) and _take(each, reader, claim)
    )
    if chosen != here:
        _leave(here, reader.project_id)
    return chosen


def join_at(reader: Reader, unix_seconds: float, claim: Claim) -> Position | None:
    """Become a reader from the last border at or before that second on, if a shared store still has it: the border."""
    for directory in takewhile(Path.exists, _shared(reader)):
        end = _end(directory)
        if end is None or not reader.is_of_source(end):
            continue
        with held_still(directory):
            position = position_at(directory, unix_seconds)
            if position is not None:
                write_claim(directory, reader.project_id, replace(claim, needed=position))
                return position
    return None


def leave(data_dir: Path, project_id: str) -> None:
    """Take a project's claim away (release, `--fresh`); the last one takes the store with it. None is no error."""
    _leave(store_directory(data_dir, project_id), project_id)


def open_writer(directory: Path, epoch: int) -> LogWriter:
    """Become the writer of a store under an epoch; an empty one begins where the first of its readers does.

    Raises:
        FerrymanError: As `LogWriter.open`; `LeaseLostError` when a higher epoch stands there.
    """
    with held_still(directory):
        needed = [claim.needed for claim in read_claims(directory).values() if claim and claim.needed]
        start = min(needed) if needed else read_header(directory, sequences(directory)[-1])[0].start
        return LogWriter.open(directory, epoch, start)


def _stores(data_dir: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [each for each in (data_dir / "log").iterdir() if not each.name.startswith(".")]
    return []


def _shared(reader: Reader) -> Iterator[Path]:
    """Yield the shared stores of a source, the youngest first, then the place of the next one."""
    assert reader.log_name is not None
    where, who = reader.log_name
    stem = f"{SHARED}{_digest(where, 12)}{_digest(who, 4)}-"
    numbers = sorted(
        int(each.name.removeprefix(stem)) for each in _stores(reader.data_dir) if each.name.startswith(stem)
    )
    for number in chain(reversed(numbers), count((numbers or [0])[-1] + 1)):
        yield reader.data_dir / "log" / f"{stem}{number}"


def _is_of(directory: Path, reader: Reader) -> bool:
    """Whether a store is of the place where the project's source is now, whoever it is there (users may change)."""
    where = f"{SHARED}{_digest(reader.log_name[0], 12)}" if reader.log_name else ""
    return not directory.name.startswith(SHARED) or directory.name.startswith(where)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _stays(directory: Path, project_id: str, needed: Position) -> bool:
    """Whether the store a project reads has its place; one that is to be begun, if nobody else has a say in it."""
    if not directory.exists():
        return False
    with held_still(directory):
        end = _end(directory)
        if end is None:
            return readers_of(directory) == [project_id]
        if not needed.token:  # where a prepared transaction began: only this store can have it
            return True
        found = _border(directory, needed) if needed <= end else None
        return segment_of(directory, needed) is not None and needed <= end and (found is None or _same(found, needed))


def _serves(directory: Path, reader: Reader, needed: Position) -> bool:
    """Whether a store has a place, or comes to it, of the log that the source has now.

    Of a place it has, its own words tell; of one that it will come to, the source: it has both that place and the end.
    """
    with held_still(directory):
        last, first = _end(directory), first_needed(directory)
        found = _border(directory, needed) if last is not None and needed <= last else None
        is_empty = last is None and not readers_of(directory)
    if found is not None:
        return _same(found, needed) and last is not None and reader.is_of_source(last)
    if is_empty:  # nobody has begun it
        return True
    end = last or first
    if end is None or (last is not None and needed <= last):
        return False
    moved = any(name in end.token and end.token[name] != needed.token.get(name, end.token[name]) for name in SERVER)
    return not moved and reader.is_of_source(end) and reader.is_of_source(needed)


def _border(directory: Path, place: Position) -> Position | None:
    """Return the border that a store has at a place."""
    sequence = segment_of(directory, place)
    if sequence is None:
        return None
    behind = (each.position for each in borders(directory, sequence, before=place))
    found = next((position for position in behind if position >= place), None)
    return found if found == place else None


def _same(found: Position, place: Position) -> bool:
    """Whether two places of one name are of one log: names and offsets come again after a reset."""
    shared = [name for name in IDENTITY if name in found.token and name in place.token]
    return all(set(found.token[name].split(",")) == set(place.token[name].split(",")) for name in shared)


def _take(directory: Path, reader: Reader, claim: Claim) -> bool:
    """Write the claim if the store, looked at once more while it is held still, has not been trimmed meanwhile."""
    assert claim.needed is not None
    with held_still(directory):
        if sequences(directory) and segment_of(directory, claim.needed) is None:
            return False
        write_claim(directory, reader.project_id, claim)
    return True


def _end(directory: Path) -> Position | None:
    """Return a store's last border; `None` while it has no segment."""
    known = sequences(directory)
    return tail_border(directory, known[-1]).position if known else None


def _leave(directory: Path, project_id: str) -> None:
    if not directory.exists():
        return
    gone = directory.with_name(f".{directory.name}.removed")
    with held_still(directory):
        drop_claim(directory, project_id)
        if readers_of(directory):
            return
        shutil.rmtree(gone, ignore_errors=True)
        directory.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
