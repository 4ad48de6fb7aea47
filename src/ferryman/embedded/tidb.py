"""A private TiDB of one process, its rows in memory: for tests only, built by ``make tidb`` (Apache-2.0)."""

from __future__ import annotations

import os
from pathlib import Path

import pymysql

from ferryman.embedded.server import Server, login
from ferryman.foundation.errors import FerrymanError

CHECKOUT = Path(__file__).parents[3]

SETTINGS = """\
store = "unistore"
path = ""
host = "127.0.0.1"
port = {port}
socket = ""
temp-dir = "{directory}/tmp"
lease = "0"
[log]
level = "warn"
[status]
report-status = false
[performance]
stats-lease = "3s"
"""

ADMINISTRATOR = (
    "INSERT IGNORE INTO mysql.tidb VALUES ('tikv_gc_safe_point', '20060102-15:04:05 -0700', '')",
    "ALTER USER 'root'@'%' IDENTIFIED BY '{password}'",
)
"""Run once the server answers. In a cluster the garbage collection writes the first; this server has none."""


class TiDb(Server):
    """TiDB 8.5 with its own storage engine for tests (``unistore``): what it holds is gone when it stops."""

    kind = "TiDB"
    scheme = "tidb"
    user = "root"

    def _install(self) -> None:
        (self.directory / "tmp").mkdir(exist_ok=True)
        (self.directory / "tidb.toml").write_text(SETTINGS.format(port=self.port, directory=self.directory))

    def _command(self) -> list[str]:
        return [str(tidb_server()), "--config", str(self.directory / "tidb.toml")]

    def _is_ready(self) -> bool:
        try:
            with login(self.port, self.user, self.password):
                return True
        except pymysql.Error as refusal:
            return refusal.args[0] == _ACCESS_DENIED and self._take_over()

    def _take_over(self) -> bool:
        try:
            with pymysql.connect(host="127.0.0.1", port=self.port, user=self.user) as connection:
                with connection.cursor() as cursor:
                    for sql in ADMINISTRATOR:
                        cursor.execute(sql.format(password=self.password))
                connection.commit()
        except pymysql.Error:
            return False
        return True


_ACCESS_DENIED = 1045


def tidb_server() -> Path:
    """Return the server's program: ``FERRYMAN_TIDB``, else in the checkout's ``.cache``.

    Raises:
        FerrymanError: ``embedded.missing`` when it is not there.
    """
    path = Path(os.environ.get("FERRYMAN_TIDB") or CHECKOUT / ".cache" / "tidb" / "tidb-server")
    if path.is_file():
        return path
    raise FerrymanError("embedded.missing", "TiDB is not built", hint="run make tidb, or set FERRYMAN_TIDB")
