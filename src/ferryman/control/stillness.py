"""Projects that are held still: while the target is mended by hand, nothing may start that writes there too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ferryman.foundation.errors import UsageError


class Stillness:
    """Which projects are held still. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[str] = set()

    @contextmanager
    def hold(self, project_id: str) -> Iterator[None]:
        """Hold a project still; ``project.being_repaired`` when it is held already."""
        with self._lock:
            self._refuse(project_id)
            self._held.add(project_id)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(project_id)

    @contextmanager
    def free(self, project_id: str) -> Iterator[None]:
        """Do what sets a project going, or ends it; nobody can hold it meanwhile. ``project.being_repaired``."""
        with self._lock:
            self._refuse(project_id)
            yield

    def _refuse(self, project_id: str) -> None:
        if project_id in self._held:
            raise UsageError("project.being_repaired", f"the target of project {project_id} is being repaired")
