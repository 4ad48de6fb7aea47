"""``ferryman rotate-secret-key``."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ferryman.control.service import Service
from ferryman.metadb.sealing import rotate as seal_again
from ferryman.metadb.store import URL_VARIABLE


def rotate(data_dir: Path) -> int:
    """Rotate the key of a data directory that no service uses; ``service.data_dir_in_use``."""
    with contextlib.closing(Service(data_dir, metadb_url=os.environ.get(URL_VARIABLE, ""), alone=True)) as service:
        count = seal_again(service.metadb)
        path = service.metadb.box.path
    sys.stdout.write(f"{count} secrets are sealed with a new key; the old one is forgotten ({path})\n")
    return 0
