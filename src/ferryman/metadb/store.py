"""The metadb of a data directory: its file or its server, its key, and how they are opened."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ferryman.foundation.errors import UsageError
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb.database import Database, Transaction
from ferryman.metadb.server_database import ServerDatabase
from ferryman.spi.ssh import ssh_server_of
from ferryman.spi.url import format_url, parse_url

DATABASE_FILE = "ferryman.db"
KEY_FILE = "secret.key"

URL_VARIABLE = "FERRYMAN_METADB"
"""Names the server that holds the state; the processes of tasks get it this way, too (no password in a process list)."""

PASSWORD_VARIABLE = "FERRYMAN_METADB_PASSWORD"
"""The password, where the URL has none."""


@dataclass(frozen=True, slots=True)
class MetaDb:
    """The state of one data directory: its database and the key to what is sealed in it."""

    data_dir: Path
    database: Database | ServerDatabase
    box: SecretBox
    url: str = field(default="", repr=False)

    @classmethod
    def open(cls, data_dir: Path, url: str = "") -> MetaDb:
        """Open what is there; the tables are made by `migration.upgrade`.

        Args:
            data_dir: Where the key lies, and the state, too, when there is no `url`.
            url: The server and database that hold the state; empty: a file in `data_dir`. ``usage.bad_url``.
        """
        box = SecretBox(data_dir / KEY_FILE)
        if not url:
            return cls(data_dir, Database(data_dir / DATABASE_FILE), box)
        endpoint = parse_url(url)
        if ssh_server_of(endpoint) is not None:
            raise UsageError("usage.bad_url", "the metadb is reached straight, not through an SSH server")
        if not endpoint.password:
            endpoint = replace(endpoint, password=os.environ.get(PASSWORD_VARIABLE, ""))
        return cls(data_dir, ServerDatabase(endpoint), box, format_url(endpoint, password=True))

    def writing(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """Write in one transaction, see `Database.writing`."""
        return self.database.writing(durable=durable)

    def reading(self) -> AbstractContextManager[Transaction]:
        """Read in one transaction, see `Database.reading`."""
        return self.database.reading()

    def close(self) -> None:
        """Close the idle connections."""
        self.database.close()
