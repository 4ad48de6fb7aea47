"""Labels of projects: id and name, kept in the data directory."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path

from ferryman.foundation.errors import UsageError
from ferryman.foundation.files import write_private

LIMIT = 100
"""Labels a service may have; the guide's number."""


class Labels:
    """All labels, by id ``l_…``. Thread-safe."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "labels.json"
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        if self._path.exists():
            self._names = json.loads(self._path.read_text(encoding="utf-8"))["labels"]

    def all(self) -> dict[str, str]:
        """Return every label, id → name, oldest first."""
        with self._lock:
            return dict(self._names)

    def create(self, name: str) -> str:
        """Keep a new label and return its id; ``label.name_taken``, ``label.limit``."""
        with self._lock:
            if name in self._names.values():
                raise UsageError("label.name_taken", f"a label is already called {name}")
            if len(self._names) >= LIMIT:
                raise UsageError("label.limit", f"there are already {LIMIT} labels")
            label_id = f"l_{secrets.token_hex(6)}"
            names = {**self._names, label_id: name}
            write_private(self._path, f"{json.dumps({'version': 1, 'labels': names})}\n".encode())
            self._names = names
            return label_id

    def known(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the ids, without doubles; ``label.unknown`` for one that is not there."""
        names = self.all()
        wanted = tuple(dict.fromkeys(ids))
        if missing := [label_id for label_id in wanted if label_id not in names]:
            raise UsageError("label.unknown", f"there is no label {missing[0]}")
        return wanted
