"""Who uses a data directory: one service, or several that share a metadb on a server."""

from __future__ import annotations

from pathlib import Path

from ferryman.foundation.disk import disk_full_error, is_disk_full
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.files import FileLock, make_private_directory

LOCK_FILE = "service.lock"


def occupy(data_dir: Path, *, shared: bool) -> FileLock:
    """Take a data directory, made when missing; ``service.data_dir_in_use``.

    Args:
        data_dir: The directory.
        shared: Whether others that share it, too, may have it at the same time.
    """
    try:
        make_private_directory(data_dir)
        lock = FileLock(data_dir / LOCK_FILE)
        locked = lock.acquire(shared=shared)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full_error(data_dir) from error
        raise FerrymanError("metadb.failed", f"{data_dir} cannot be used: {error.strerror}") from error
    if not locked:
        raise FerrymanError("service.data_dir_in_use", f"process {lock.holder()} uses the data directory {data_dir}")
    return lock
