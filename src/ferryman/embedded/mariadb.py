"""A private MariaDB: row-based binary log with full images and full metadata, GTIDs, loopback only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pymysql

from ferryman.embedded.server import Server, login, program

SETTINGS = {
    "bind-address": "127.0.0.1",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL",
    "gtid-strict-mode": "ON",
    "sync-binlog": "1",
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-buffer-pool-size": "256M",
    "innodb-log-file-size": "128M",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
    "max-allowed-packet": "256M",
    "max-connections": "300",
    "skip-name-resolve": "ON",
    "lower-case-table-names": "0",
}

ADMINISTRATOR = """\
ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host NOT IN ('localhost', '127.0.0.1');
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
FLUSH PRIVILEGES;
"""
"""Run at each start; names are not resolved, so loopback needs an account of its own."""


class MariaDb(Server):
    """MariaDB from the Debian package ``mariadb-server-core``."""

    kind = "MariaDB"
    scheme = "mysql"
    user = "root"

    def __init__(
        self,
        directory: Path | str,
        *,
        port: int = 0,
        outlive: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a server; `settings` override `SETTINGS` (a server variable's option name → value)."""
        super().__init__(directory, port=port, outlive=outlive)
        self._settings = {**SETTINGS, **(settings or {})}

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.directory / "s.sock"

    def _install(self) -> None:
        self._write_files()
        if (self.directory / "data" / "mysql").exists():
            return
        (self.directory / "data").mkdir(exist_ok=True)
        subprocess.run(
            [
                program("mariadb-install-db", package="mariadb-server-core"),
                f"--defaults-file={self.directory / 'server.cnf'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *self._user_option(),
            ],
            check=True,
            capture_output=True,
            cwd=self.directory,
        )

    def _write_files(self) -> None:
        lines = [f"{name}={value}" for name, value in self._settings.items()]
        head = ["[mysqld]", f"datadir={self.directory / 'data'}", f"socket={self.socket}", f"port={self.port}"]
        head += [f"pid-file={self.directory / 'mariadbd.pid'}", f"init-file={self.directory / 'init.sql'}"]
        # Of its own: a server that starts deletes other servers' temporary tables from a directory they share.
        head += [f"tmpdir={self.directory / 'tmp'}"]
        (self.directory / "tmp").mkdir(exist_ok=True)
        (self.directory / "server.cnf").write_text("\n".join([*head, *lines, ""]))
        init = self.directory / "init.sql"
        init.touch(mode=0o600)
        init.write_text(ADMINISTRATOR.format(password=self.password))

    def _command(self) -> list[str]:
        server = program("mariadbd", package="mariadb-server-core")
        return [server, f"--defaults-file={self.directory / 'server.cnf'}", *self._user_option()]

    def _user_option(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _is_ready(self) -> bool:
        try:
            with login(self.port, self.user, self.password):
                return True
        except (OSError, pymysql.Error):
            return False
