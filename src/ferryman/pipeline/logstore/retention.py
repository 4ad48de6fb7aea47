"""What becomes of closed segments: compressed soon, deleted once nobody needs them and they are old or too many.

I1: a segment goes only behind the position that apply has committed at the target.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import zstandard

from ferryman.foundation.files import open_private, sync_directory
from ferryman.model.position import Position
from ferryman.pipeline.logstore.claims import Kept
from ferryman.pipeline.logstore.index import forget_index, read_index, rebuild
from ferryman.pipeline.logstore.segment import (
    CHUNK,
    borders,
    index_path,
    packed_path,
    read_header,
    segment_path,
    sequences,
    sparse,
)

LEVEL = 3
UNINDEXED_BYTES = 8 << 20
"""A closed segment with more bytes than this behind its last index entry gets a new index."""


def compress_closed(directory: Path, active: int, permitted: Callable[[], None]) -> int:
    """Compress segments before `active`; returns how many were.

    Args:
        directory: The store.
        active: The segment being written.
        permitted: Raises when we may write no more (I7); asked before each change.
    """
    done = 0
    for sequence in sequences(directory):
        if sequence < active and segment_path(directory, sequence).exists():
            permitted()
            _compress(directory, sequence, read_header(directory, sequence + 1)[0].previous_length)
            done += 1
    return done


def delete_passed(
    directory: Path,
    active: int,
    needed: Position | None,
    kept: Kept,
    permitted: Callable[[], None],
) -> int:
    """Delete the oldest segments that no reader needs; returns how many were.

    A segment goes when what follows `needed` begins behind it, and it is older or the store larger than `kept` says.
    Without a `needed` position nothing goes: need is stronger than either limit.
    """
    done = 0
    known = [sequence for sequence in sequences(directory) if sequence < active]
    total = sum(_size(directory, sequence) for sequence in known)
    for sequence in known:
        if needed is None or read_header(directory, sequence + 1)[0].start > needed:
            break
        if not _is_old(directory, sequence, kept.seconds) and total <= kept.bytes:
            break
        permitted()
        total -= _size(directory, sequence)
        _delete(directory, sequence)
        done += 1
    return done


def store_bytes(directory: Path) -> int:
    """Return what a store takes on disk, about: segments come, are compressed and go meanwhile."""
    return sum(_size(directory, sequence) for sequence in sequences(directory))


def _compress(directory: Path, sequence: int, length: int) -> None:
    plain, packed = segment_path(directory, sequence), packed_path(directory, sequence)
    _mend_index(directory, sequence, length)
    draft = packed.with_name(packed.name + ".new")
    _write_packed(plain, draft, length)
    times = plain.stat()
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    draft.replace(packed)
    sync_directory(directory)
    plain.unlink()


def _write_packed(plain: Path, draft: Path, length: int) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with plain.open("rb") as source, open_private(draft, os.O_TRUNC) as target:
        with compressor.stream_writer(target, closefd=False) as stream:
            left = length
            while left and (data := source.read(min(CHUNK, left))):
                stream.write(data)
                left -= len(data)
        os.fsync(target.fileno())


def _mend_index(directory: Path, sequence: int, length: int) -> None:
    path = index_path(directory, sequence)
    entries = read_index(path, read_header(directory, sequence)[0].start.kind)
    inside = [entry for entry in entries if entry.offset <= length]
    if len(inside) < len(entries) or length - (inside[-1].offset if inside else 0) > UNINDEXED_BYTES:
        found = (entry for entry in borders(directory, sequence) if entry.offset <= length)
        rebuild(path, sparse(found))


def _size(directory: Path, sequence: int) -> int:
    for path in (segment_path(directory, sequence), packed_path(directory, sequence)):
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_size
    return 0


def _is_old(directory: Path, sequence: int, kept_seconds: float) -> bool:
    for path in (segment_path(directory, sequence), packed_path(directory, sequence)):
        with contextlib.suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > kept_seconds
    return False


def _delete(directory: Path, sequence: int) -> None:
    segment_path(directory, sequence).unlink(missing_ok=True)
    packed_path(directory, sequence).unlink(missing_ok=True)
    forget_index(index_path(directory, sequence))
