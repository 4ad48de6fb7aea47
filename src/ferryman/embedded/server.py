"""What every private server shares: a directory, a port, a password, and a process that can be stopped or killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint

START_SECONDS = 90.0
STOP_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


class Server(ABC):
    """A private server. Start, stop, kill and start again on the same disk; not thread-safe.

    Attributes:
        directory: All its files; made when missing.
        port: On loopback; chosen at the first start and kept.
        password: Of the administrator; random, kept in ``directory/password`` (0600).
    """

    kind: str
    scheme: str
    user: str

    def __init__(self, directory: Path | str, *, port: int = 0, outlive: bool = False) -> None:
        """Prepare a server.

        Args:
            directory: Where its files are or shall be.
            port: Listen here; 0 chooses a free port.
            outlive: Whether the server stays when the process that started it dies (``demo --keep``).
        """
        self.directory = Path(directory).absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._outlive = outlive
        self._process: subprocess.Popen[bytes] | None = None
        self.password = self._kept("password", lambda: secrets.token_hex(12))
        self.port = int(self._kept("port", lambda: str(port or free_port())))

    @property
    def pid(self) -> int | None:
        """The server's process, or `None` when it does not run."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def endpoint(self) -> Endpoint:
        """The server as an endpoint for its administrator."""
        return Endpoint(scheme=self.scheme, port=self.port, username=self.user, password=self.password)

    @property
    def url(self) -> str:
        """The same as a URL, with the password."""
        return f"{self.scheme}://{self.user}:{quote(self.password)}@127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start, and return when it answers.

        Raises:
            FerrymanError: ``embedded.missing`` when the program is not installed, ``embedded.not_started`` when it
                ends or does not answer within 90 seconds (the message names its log).
        """
        if not self.is_running:
            self._install()
            self._launch()
            self._until_ready()
        return self

    def stop(self) -> None:
        """Stop in good order, at the latest after 30 seconds by force."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill with SIGKILL, as a power cut would (the disk's cache survives)."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Stop and delete all files."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @abstractmethod
    def _install(self) -> None:
        """Make the data directory at the first start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the administrator can log in (and make it so, at the first start)."""

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _run_as(self) -> str | None:
        """The user to run as when we are root, for servers that refuse root."""
        return None

    def _launch(self) -> None:
        log = (self.directory / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
                user=self._run_as(),
                preexec_fn=None if self._outlive else die_with_parent,  # noqa: PLW1509 - one call into libc, no locks
            )
        (self.directory / "pid").write_text(str(self._process.pid))

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            if self._is_ready():
                return
            time.sleep(0.05)
        self._end(signal.SIGKILL)
        raise FerrymanError(
            "embedded.not_started", f"the private {self.kind} did not start; its log is {self.directory / 'server.log'}"
        )

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        children = _children(process.pid) if how is signal.SIGKILL else []
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _kill_all(children)  # a power cut spares nobody; PostgreSQL does not start again beside its old backends

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.directory / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(make())
        return path.read_text().strip()


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started (Linux; none elsewhere)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _kill_all(processes: list[int]) -> None:
    """Kill processes that are no children of ours, and wait until they are gone."""
    deadline = time.monotonic() + STOP_SECONDS
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, *, package: str) -> str:
    """Return the path of an installed program.

    Raises:
        FerrymanError: ``embedded.missing``, naming the package to install.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise FerrymanError("embedded.missing", f"{name} is not installed", hint=f"install the package {package}")
    return path


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that nothing is left running."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def login(port: int, user: str, password: str) -> Iterator[object]:
    """Open a MySQL-protocol connection for a moment; raises `OSError` or `pymysql.Error`."""
    import pymysql

    connection = pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, connect_timeout=5)
    try:
        yield connection
    finally:
        connection.close()
