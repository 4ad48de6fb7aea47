"""Labels of projects: id and name."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable

from ferryman.control.trail import changed
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.metadb import labels
from ferryman.metadb.database import Transaction
from ferryman.metadb.store import MetaDb

LIMIT = 100
"""Labels a service may have; the guide's number."""

OLD_FILE = "labels.json"
"""Where labels were before they came into the metadb."""


class Labels:
    """All labels, by id ``l_…``. Thread-safe."""

    def __init__(self, metadb: MetaDb) -> None:
        self._metadb = metadb
        self._take_old_file()

    def all(self) -> dict[str, str]:
        """Return every label, id → name, oldest first."""
        with self._metadb.reading() as tx:
            return labels.names(tx)

    def create(self, name: str) -> str:
        """Keep a new label and return its id; ``label.name_taken``, ``label.limit``."""
        label_id = f"l_{secrets.token_hex(6)}"
        with self._metadb.writing() as tx:
            known = _free(tx, name)
            if len(known) >= LIMIT:
                raise UsageError("label.limit", f"there are already {LIMIT} labels")
            labels.insert(tx, label_id, name, unix_now())
        return label_id

    def rename(self, label_id: str, name: str) -> None:
        """Give a label another name; ``label.unknown``, ``label.name_taken``."""
        with self._metadb.writing() as tx:
            _require(tx, [label_id])
            known = _free(tx, name)
            labels.rename(tx, label_id, name)
            changed(f"label {label_id}", {"name": known[label_id]}, {"name": name})

    def delete(self, label_id: str) -> None:
        """Remove a label; projects that had it show it no longer. ``label.unknown``."""
        with self._metadb.writing() as tx:
            _require(tx, [label_id])
            changed(f"label {label_id}", {"name": labels.names(tx)[label_id]}, {})
            labels.delete(tx, label_id)

    def known(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the ids, without doubles; ``label.unknown`` for one that is not there."""
        wanted = tuple(dict.fromkeys(ids))
        if wanted:
            with self._metadb.reading() as tx:
                _require(tx, wanted)
        return wanted

    def _take_old_file(self) -> None:
        place = self._metadb.data_dir / OLD_FILE
        if not place.exists():
            return
        old: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))["labels"]
        with self._metadb.writing() as tx:
            known = labels.names(tx)
            for label_id, name in old.items():
                if label_id not in known:
                    labels.insert(tx, label_id, name, unix_now())
        place.unlink()


def _require(tx: Transaction, ids: Iterable[str]) -> None:
    names = labels.names(tx)
    if missing := [label_id for label_id in ids if label_id not in names]:
        raise UsageError("label.unknown", f"there is no label {cited(missing[0])}")


def _free(tx: Transaction, name: str) -> dict[str, str]:
    known = labels.names(tx)
    if name in known.values():
        raise UsageError("label.name_taken", f"a label is already called {cited(name)}")
    return known
