"""How the process treats memory it has freed."""

from __future__ import annotations

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Source: glibc's ``malloc.h``."""

KEPT_BYTES = 64 << 20
LARGE_BYTES = 16 << 20

ARENAS = 2


def share_arenas() -> None:
    """Let all threads take memory from a few arenas; to be called before they are started.

    Messages are made in one thread and freed in another, one of a client's. With an arena a thread, glibc's default, what was
    freed stayed with the thread that had made it: a full synchronization of four streams held 245 MB instead of 180.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, up to 64 MB a thread, for the next buffers instead of giving it back to the system.

    Batches and statements of a megabyte come and go hundreds of times a second; each would have its pages mapped and
    cleared anew, which took a third of a load's CPU. Single blocks from 16 MB on are still given back. Where the C
    library is another one, nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        options = ctypes.CDLL(None).mallopt
        options(_M_MMAP_THRESHOLD, LARGE_BYTES)
        options(_M_TRIM_THRESHOLD, KEPT_BYTES)
