"""The metadb of a data directory: its file, its key, and how both are opened."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Database, Transaction

DATABASE_FILE = "ferryman.db"
KEY_FILE = "secret.key"


@dataclass(frozen=True, slots=True)
class MetaDb:
    """The state of one data directory: its database and the key to what is sealed in it."""

    data_dir: Path
    database: Database
    box: SecretBox

    @classmethod
    def open(cls, data_dir: Path) -> MetaDb:
        """Open what is there; the tables are made by `migration.upgrade`."""
        return cls(data_dir, Database(data_dir / DATABASE_FILE), SecretBox(data_dir / KEY_FILE))

    def writing(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """Write in one transaction, see `Database.writing`."""
        return self.database.writing(durable=durable)

    def reading(self) -> AbstractContextManager[Transaction]:
        """Read in one transaction, see `Database.reading`."""
        return self.database.reading()

    def close(self) -> None:
        """Close the idle connections."""
        self.database.close()
