"""Full disks: how they show, and the one error that says so."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from ferryman.foundation.errors import FerrymanError

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the operating system says when no more bytes fit."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception (or one of its causes) is the operating system's word for a full disk."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL_ERRNOS:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def free_bytes(path: Path) -> int:
    """Return the bytes an ordinary user may still write below `path`; -1 when that cannot be told."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return -1


def disk_full_error(path: Path) -> FerrymanError:
    """Make the ``disk.full`` error for a path: it names the path and the bytes that are left."""
    free = free_bytes(path)
    return FerrymanError("disk.full", f"no space left under {path} ({free} bytes free)", context={"free_bytes": free})
