"""A private OceanBase: the real engine, as `pylibseekdb` carries it, run as a server of its own on TCP."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import pymysql

from ferryman.embedded.server import Server, login
from ferryman.foundation.errors import FerrymanError

PARAMETERS = {
    "memory_budget": "2G",
    "datafile_size": "256M",
    "datafile_maxsize": "20G",
    "log_disk_size": "4G",
    "syslog_level": "ERROR",
}
"""`syslog_level`: the default wrote 450 MB of logs in ten minutes under load."""

LOG_AT_COMMIT = "ALTER SYSTEM SET _private_buffer_size = '0B'"
"""Keeps a transaction out of the log until it commits.

seekdb 1.4 never rolls back a transaction that was partly logged when the server was killed: its row locks survive every
restart, and all later writes to these rows end in error 1205. Seen with transactions from 100 rows on.
"""


class OceanBase(Server):
    """The OceanBase engine (`seekdb`) from the extra ``ferryman[embedded]``."""

    kind = "OceanBase"
    scheme = "oceanbase"
    user = "root"

    def __init__(
        self,
        directory: Path | str,
        *,
        port: int = 0,
        outlive: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a server; `parameters` override `PARAMETERS` and are kept by the server from the first start on."""
        super().__init__(directory, port=port, outlive=outlive)
        self._parameters = {**PARAMETERS, **(parameters or {})}

    def _install(self) -> None:
        (self.directory / "base").mkdir(exist_ok=True)

    def _command(self) -> list[str]:
        base = self.directory / "base"
        command = [engine(), f"--base-dir={base}", "--nodaemon", "--port", str(self.port)]
        if not (base / "store").exists():
            for name, value in self._parameters.items():
                command += ["--parameter", f"{name}={value}"]
        return command

    def _is_ready(self) -> bool:
        """Log in; at the first start the server opens with no password: set ours at once."""
        try:
            with login(self.port, self.user, self.password) as connection:
                connection.cursor().execute(LOG_AT_COMMIT)  # type: ignore[attr-defined]
                return True
        except (OSError, pymysql.Error):
            pass
        try:
            with login(self.port, self.user, "") as connection:
                connection.cursor().execute(f"ALTER USER root IDENTIFIED BY '{self.password}'")  # type: ignore[attr-defined]
        except (OSError, pymysql.Error):
            pass
        return False


def engine() -> str:
    """Return the path of the engine's program.

    Raises:
        FerrymanError: ``embedded.missing`` when the extra is not installed.
    """
    spec = importlib.util.find_spec("pylibseekdb")
    if spec is None or spec.origin is None:
        raise FerrymanError(
            "embedded.missing", "the OceanBase engine is not installed", hint="pip install 'ferryman[embedded]'"
        )
    return str(Path(spec.origin).parent / "seekdb")
